"""Stage 4: in which order candidates answer cases, and who may stop early.

Cases come in blocks, in a random order that is the same for all. After each block `verdict.racing` says who can still win.
Those that must be trained may enter later than others (see `climbing`). Everything is answered where the cases are few, or
the person wants it so; a budget ends it at any block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.errors import BudgetEnded
from rung.pipeline.answering import answered, as_far_as_known, time_live
from rung.pipeline.batch_pass import answered_in_batches, asks_in_batches
from rung.pipeline.billing import prices_in
from rung.pipeline.budget import Meter, spent_usd
from rung.pipeline.candidates import Candidate, evaluation_of
from rung.pipeline.evaluate import measure
from rung.pipeline.grading import asks_judge, score_answers
from rung.pipeline.limits import bar_in
from rung.pipeline.live_feed import SHOWN, Feed
from rung.pipeline.prepare import Prepared
from rung.pipeline.publishing import last_choice
from rung.pipeline.spending import from_memory
from rung.records import Case, Coverage, Estimate, Evaluation, Outcome, Stop, kind_of
from rung.records.run_state import State
from rung.runtime.batch import Tally
from rung.runtime.runner import StepRunner
from rung.scoring import ScoringContext
from rung.stats.estimates import estimates
from rung.verdict.bar import MAIN, OF_RUNS
from rung.verdict.choice import Contender
from rung.verdict.clusters import clusters
from rung.verdict.costs import Prices
from rung.verdict.eligible import barred, held_against
from rung.verdict.gaps import CLOSED_BOOK, ORACLE
from rung.verdict.judging import provisional
from rung.verdict.racing import (
    ERROR,
    Standing,
    always_valid,
    broken_for_good,
    enough_for_gaps,
    is_settled,
    order,
)
from rung.verdict.racing import standing as stand

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MAX_UNRACED = 40  # cases: up to so many, all are answered by everyone
FIRST = 20  # cases that every candidate answers, whoever wins
TASTE = 3  # of these, where there is a budget, so many come first: they tell what one costs
GROWTH, LEAST = 0.25, 10  # a block: a quarter of what was answered, and never fewer than so many


@dataclass(frozen=True)
class Raced:
    """All rungs that were to be weighed, built or not, each with its outcomes in the order of the cases, and what they
    took."""

    evaluations: tuple[Evaluation, ...]
    coverage: Coverage


@dataclass
class Racer:
    """A rung in the race: its record so far, and what its answers of today took, None before the first. `is_barred`: whether
    it broke a hard limit for good, None where that is not told of all that it has answered."""

    evaluation: Evaluation
    cost: Tally | None = None
    minutes: float = 0.0
    is_barred: bool | None = None

    @property
    def done(self) -> int:
        """Cases that it has answered."""
        return len(self.evaluation.outcomes)


@dataclass
class Course:
    """A race under way. `order`: the cases as they come. `entrants`: rungs that take part in all, later ones included;
    `more_enter`: whether some of them are still to be built."""

    runner: StepRunner
    prepared: Prepared
    meter: Meter
    entrants: int = 0
    more_enter: bool = False
    racers: dict[str, Racer] = field(default_factory=dict)
    prices: dict[str, Prices] = field(default_factory=dict)  # by rung, of the model that it asks

    def __post_init__(self) -> None:
        cases, settings = self.prepared.cases, self.runner.project.settings
        self.total = len(cases)
        self.pairwise = settings.judge.mode == "pairwise"  # needs its rival's answer to every case
        self.by_cost = settings.prefer == "cost"  # then every rung that is good enough counts
        at_once = self.pairwise or self.by_cost or asks_in_batches(self.runner.engines)  # there a block takes as long as all
        self.whole = self.meter.allowed.exhaustive or self.total <= MAX_UNRACED or at_once
        self.order: tuple[Case, ...] = tuple(cases[index] for index in order(self.total, seed=settings.seed))
        self.by_id = {case.id: case for case in cases}
        self.clusters = clusters(self.order)
        self.cluster_of = {
            case.id: group for case, group in zip(self.order, self.clusters or (), strict=bool(self.clusters))
        }
        self.incumbent = last_choice(self.runner.project)
        self.scoring_context: ScoringContext = measure(self.runner.project, self.prepared)
        # A judge costs as answering does: where there is a budget, its part must be known block by block.
        judged = asks_judge(self.runner.project) or self.pairwise
        self.feed = Feed(
            self.meter,
            bar_in(self.runner.project),
            self.prices,
            self.total,
            estimates=self.estimates_so_far,
            score=(lambda evaluation: evaluation) if judged else self._scored,
        )
        self.scored_on_the_way = (
            not self.whole or (self.meter.allowed.limited and judged) or (self.feed.is_on and not judged)
        )

    def enter(self, candidates: Sequence[Candidate]) -> None:
        """Let those that could be built take part from now on."""
        project = self.runner.project
        entered = {c.label: Racer(evaluation_of(project, c)) for c in candidates if c.strategy is not None}
        self.racers |= entered
        self.prices |= {label: prices_in(self._project_of(racer)) for label, racer in entered.items()}
        for candidate in candidates:
            state: State = "left out" if candidate.strategy is None else "waiting"
            self.feed.tell(candidate.label, state, why=candidate.why)

    def drive(self) -> str:
        """Run until it is settled among those that have entered; returns why it ended before, "" where it did not."""
        with suppress(BudgetEnded):  # which is looked at below
            new = [racer.evaluation for racer in self.racers.values() if not racer.done]
            answered_in_batches(self.runner, new, self.order, one_by_one=self.meter.allowed.usd is not None)
        if self.meter.allowed.limited and asks_in_batches(self.runner.engines):
            self._take_what_is_paid()
        if self.whole and not self.meter.allowed.limited:
            for label in list(self.racers):
                self._extend(label, self.total)
            return ""
        while True:
            now = self._standing()
            for label, stop in now.stopped.items():
                self.feed.stopped(self.racers[label].evaluation, stop)
            if not now.next and (self.whole or not self._timed_anew()):
                return ""
            for label in now.next:
                done = self.racers[label].done
                requested = min(FIRST - done if done < FIRST else max(LEAST, int(done * GROWTH)), self.total - done)
                if self.meter.allowed.limited and self.racers[label].cost is None:  # nobody knows what it costs today
                    requested = min(requested, TASTE)
                fits = self.meter.affordable(self._per_answer(label), requested) if self.meter.allowed.limited else requested
                if fits:  # what it takes is known better then: more may fit
                    self._extend(label, done + fits)
                if not fits or self.racers[label].done < done + fits:
                    return self.meter.said()

    def so_far(self, label: str) -> Evaluation:
        """A rung with all that it has answered by now scored."""
        racer = self.racers[label]
        racer.evaluation = self._scored(racer.evaluation)
        return racer.evaluation

    def _scored(self, evaluation: Evaluation) -> Evaluation:
        return score_answers(self.runner, self.scoring_context, evaluation, self.by_id, self._rival())

    def estimate_so_far(self, label: str) -> Estimate | None:
        """Its main score, as the table would have it if it stopped now; None where it is not judged."""
        return self.estimates_so_far(self.so_far(label)).get(MAIN)

    def estimates_so_far(self, evaluation: Evaluation) -> dict[str, Estimate]:
        """The scores of a rung as the table would have them if it stopped now, of `SHOWN` and what is limited; none where
        none of its answers is scored."""
        column = evaluation.values.get(MAIN)
        if column is None:
            return {}
        names = [name for name in dict.fromkeys((*SHOWN, *self.feed.bar.limits)) if name in evaluation.values]
        clusters = None if self.clusters is None else [self.cluster_of[outcome.case] for outcome in evaluation.outcomes]
        columns = {name: evaluation.values[name] for name in names}
        scores = estimates(columns, amounts=evaluation.scorecard.amounts, clusters=clusters)
        if len(column) < self.total:
            low, high = self._interval(column)
            scores[MAIN] = replace(scores[MAIN], low=low, high=high)
        return scores

    def _interval(self, column: Floats) -> tuple[float, float]:
        """Of the mean over all cases, where only these are answered: one that holds whenever one stops."""
        import numpy as np

        observed = column[~np.isnan(column)]
        return always_valid(observed, total=self.total - len(column) + len(observed))

    def ended(self, candidates: Sequence[Candidate], *, partial: str = "", searched: str = "") -> Raced:
        """What the race came to; `candidates`: all that were to be weighed. The pace is kept for the next forecast."""
        if not self.whole:
            self._stop(self._standing())
        self.feed.catch_up(wholly=True)
        for label, racer in self.racers.items():
            if racer.evaluation.stop is None or racer.evaluation.is_reference:
                self.feed.tell(label, "done")
        self._note_pace()
        indexes = {case.id: index for index, case in enumerate(self.prepared.cases)}
        ran = {label: _in_order(racer.evaluation, indexes) for label, racer in self.racers.items()}
        answers = sum(len(e.outcomes) for e in ran.values())
        unbuilt = sum(kind_of(c.why) in ("not_built", "not_needed") for c in candidates)
        everything = len(self.prepared.cases) * (len(ran) + unbuilt)
        stopped = any(e.stop for e in ran.values())
        coverage = Coverage(answers, everything, ERROR if stopped else 0.0, partial, searched)
        return Raced(tuple(ran.get(c.label) or evaluation_of(self.runner.project, c) for c in candidates), coverage)

    def leader(self) -> tuple[Evaluation, bool] | None:
        """The choice that no rung above it could change, and whether it clears the bar; None where there is none yet, or the
        person wants everything judged.

        It has answered all cases, and keeps every limit.
        """
        if self.meter.allowed.exhaustive or self.pairwise or self.by_cost or not self.racers:
            return None
        self._timed_anew()
        bar, now = bar_in(self.runner.project), self._standing_of_rungs()
        if now.next or now.choice is None:
            return None
        leader = self.racers[now.choice.name].evaluation
        if not is_settled(now.choice, _column(leader), bar, clusters=self.clusters):
            return None
        return leader, bar.correct is not None

    def _standing_of_rungs(self) -> Standing:
        """Where the rungs that have entered stand, arms left out."""
        rungs = sorted(
            (r for r in self.racers.values() if not r.evaluation.is_reference), key=lambda r: r.evaluation.result.order
        )
        for racer in rungs:
            self.so_far(racer.evaluation.name)
        columns = [
            Contender(r.evaluation.name, _column(r.evaluation), not self._is_barred(r), r.evaluation.result.rung)
            for r in rungs
        ]
        # A budget may end before the others are there: what is affordable is answered at once.
        waits = self.more_enter and not self.meter.allowed.limited
        return stand(
            columns,
            total=self.total,
            bar=bar_in(self.runner.project),
            clusters=self.clusters,
            of=self.entrants,
            incumbent=self.incumbent,
            more_enter=waits,
        )

    def _standing(self) -> Standing:
        begun = [label for label, racer in self.racers.items() if racer.done < min(FIRST, self.total)]
        if begun:
            return Standing(self._rival_first(begun))
        if self.whole:
            fewest = min((racer.done for racer in self.racers.values()), default=self.total)
            behind = [label for label, racer in self.racers.items() if racer.done == fewest < self.total]
            return Standing(self._rival_first(behind))
        now = self._standing_of_rungs()
        columns = {label: _column(self.so_far(label)) for label in (CLOSED_BOOK, ORACLE) if label in self.racers}
        if enough_for_gaps(columns.get(CLOSED_BOOK), columns.get(ORACLE)):
            return now
        short = tuple(label for label, column in columns.items() if len(column) < self.total)
        return replace(now, next=(*now.next, *short))

    def _rival_first(self, labels: Sequence[str]) -> tuple[str, ...]:
        """In pairs, an answer is judged against the closed book's, which must be there."""
        return tuple(sorted(labels, key=lambda label: label != CLOSED_BOOK)) if self.pairwise else tuple(labels)

    def _extend(self, label: str, upto: int) -> None:
        """Answer the next cases, as many as are missing from `upto`, and score the run so far."""
        racer = self.racers[label]
        engines = self.runner.engines
        before, minutes = engines.consumed(), self.meter.used()[1]
        more = self.order[racer.done : upto]
        title = f"answer {label}" if self.whole else f"answer {label} {upto}/{self.total}"
        racer.is_barred = None
        self.feed.tell(label, "answering")
        try:
            on_end = self.feed.during(racer.evaluation, more)
            racer.evaluation = answered(self.runner, racer.evaluation, more, title=title, on_end=on_end)
        except BudgetEnded:
            racer.evaluation = as_far_as_known(self.runner, racer.evaluation, more)
        if self.scored_on_the_way:
            self.so_far(label)
        self.feed.look_at(racer.evaluation)
        if engines.consumed().executed > before.executed:
            spent = replace(engines.consumed() - before, replayed=len(more))  # answers that these steps made
            racer.cost = (racer.cost or Tally()) + spent
            racer.minutes += self.meter.used()[1] - minutes
        self.feed.spend(
            {
                name: (
                    one.minutes * 60 / one.cost.replayed if one.cost and one.cost.replayed else None,
                    self.total - one.done,
                )
                for name, one in self.racers.items()
            }
        )

    def _take_what_is_paid(self) -> None:
        """Every rung with all that its batches have answered, whatever is left of the budget."""
        for racer in self.racers.values():
            more = self.order[racer.done :]
            racer.evaluation = as_far_as_known(from_memory(self.runner), racer.evaluation, more)
            self.feed.look_at(self._scored(racer.evaluation) if self.scored_on_the_way else racer.evaluation)

    def _rival(self) -> dict[str, Outcome] | None:
        """Pairwise: the answer that each is judged against."""
        if not self.pairwise:
            return None
        rival = self.racers.get(CLOSED_BOOK)
        return {} if rival is None else {outcome.case: outcome for outcome in rival.evaluation.outcomes}

    def _note_pace(self) -> None:
        """Keep how long a token takes each model, for the next forecast."""
        for model in {racer.evaluation.result.model for racer in self.racers.values()}:
            self._note_pace_of(model, [r for r in self.racers.values() if r.evaluation.result.model == model])

    def _note_pace_of(self, model: str, racers: Sequence[Racer]) -> None:
        store, costs = self.runner.cache, [racer.cost for racer in racers if racer.cost is not None]
        tokens = sum(cost.prompt_tokens + cost.completion_tokens for cost in costs)
        if tokens:
            seconds = 60 * sum(racer.minutes for racer in racers)
            cached = store.noted("pace", model)
            if isinstance(cached, dict):
                seconds += float(str(cached["seconds"]))
                tokens += int(str(cached["tokens"]))
            store.note("pace", model, {"seconds": seconds, "tokens": tokens})

    def _per_answer(self, label: str) -> tuple[float, float] | None:
        """Dollars and minutes of one answer; before a rung's first, those of the dearest rung so far."""
        own = self.racers[label]
        each = []
        for racer in [own] if own.cost is not None else self.racers.values():
            cost, minutes = racer.cost, racer.minutes
            prices = self._project_of(racer).settings.prices
            if cost is not None and cost.replayed:
                each.append(((spent_usd(cost, prices, minutes * 60) or 0.0) / cost.replayed, minutes / cost.replayed))
        return (max(usd for usd, _ in each), max(minutes for _, minutes in each)) if each else None

    def _project_of(self, racer: Racer) -> Project:
        """The project as the racer's model has it."""
        return self.runner.engines.on(racer.evaluation.result.model).project

    def _is_barred(self, racer: Racer) -> bool:
        """Whether it broke a hard limit for good; limits on time hold for what was timed (`_timed_anew`)."""
        if racer.is_barred is None:
            limits, evaluation = bar_in(self.runner.project), racer.evaluation
            if racer.done < self.total:
                racer.is_barred = broken_for_good(evaluation.values, limits, total=self.total)
            else:
                line = provisional(replace(evaluation, clusters=self.clusters), self.prices)
                racer.is_barred = barred(held_against(line, limits), limits) is not None
        return racer.is_barred

    def _timed_anew(self) -> bool:
        """Where time or its price is limited, time the rungs that have answered every case; whether any number is new."""
        if not set(bar_in(self.runner.project).limits) & set(OF_RUNS):
            return False
        complete = [racer.evaluation for racer in self.racers.values() if racer.done == self.total]
        trial, anew = self.prepared.is_limited, False
        for timed in time_live(self.runner, complete, self.prepared.cases, self.meter, racing=True, trial=trial):
            racer = self.racers[timed.name]
            if timed.result.latency != racer.evaluation.result.latency:
                anew, racer.is_barred = True, None
            racer.evaluation = timed
        return anew

    def _stop(self, now: Standing) -> None:
        """Note on each run that is not complete why it is not, with an interval that holds whenever one stops."""
        for label, racer in self.racers.items():
            evaluation = racer.evaluation
            if racer.done in (0, self.total) or not evaluation.cards:
                continue
            interval = self._interval(_column(evaluation))
            stop = Stop("not needed") if evaluation.is_reference else now.stopped.get(label)
            racer.evaluation = replace(evaluation, stop=stop, interval=interval)


def _column(evaluation: Evaluation) -> Floats:
    """`correct` of the cases that it has answered, NaN where it does not apply."""
    import numpy as np

    return evaluation.values.get(MAIN, np.full(len(evaluation.outcomes), np.nan))


def _in_order(evaluation: Evaluation, indexes: Mapping[str, int]) -> Evaluation:
    first, *again = (tuple(sorted(one, key=lambda outcome: indexes[outcome.case])) for one in evaluation.passes)
    return replace(evaluation, outcomes=first, again=tuple(again))
