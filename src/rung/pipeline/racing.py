"""Stage 4: in which order candidates answer cases, and who may stop early.

Cases come in blocks, in a random order that is the same for all. After each block `verdict.racing` says who can still win.
Those that must be trained may enter later than others (see `climbing`). Everything is answered where the cases are few, or
the person wants it so; a budget ends it at any block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.errors import BudgetEnded
from rung.pipeline.answering import Run, answered, time_live
from rung.pipeline.budget import Meter, spent_usd
from rung.pipeline.candidates import Candidate
from rung.pipeline.evaluate import finished, measure
from rung.pipeline.grading import asks_judge, card_of
from rung.pipeline.limits import bar_in
from rung.pipeline.prepare import Prepared
from rung.pipeline.publishing import last_choice
from rung.records import Case, Coverage, Estimate, Outcome
from rung.runtime.batch import Tally
from rung.runtime.runner import StepRunner
from rung.scoring import Scorecard, ScoringContext
from rung.stats.estimates import estimate
from rung.verdict.bar import OF_RUNS
from rung.verdict.clusters import clusters
from rung.verdict.decide import MAIN, barred
from rung.verdict.gaps import CLOSED_BOOK, ORACLE
from rung.verdict.racing import (
    ERROR,
    Entrant,
    Standing,
    Stop,
    always_valid,
    broken_for_good,
    enough_for_gaps,
    is_settled,
    order,
)
from rung.verdict.racing import standing as stand
from rung.verdict.reasons import NOT_BUILT, NOT_NEEDED

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MAX_UNRACED = 40  # cases: up to so many, all are answered by everyone
FIRST = 20  # cases that every candidate answers, whoever wins
TASTE = 3  # of these, where there is a budget, so many come first: they tell what one costs
GROWTH, LEAST = 0.25, 10  # a block: a quarter of what was answered, and never fewer than so many


@dataclass(frozen=True)
class Raced:
    """The runs, each with its outcomes in the order of the cases, and what they took. `candidates`: all that were to be
    weighed, as they were built or with the reason why they were not."""

    runs: tuple[Run, ...]
    coverage: Coverage
    candidates: tuple[Candidate, ...] = ()


@dataclass
class Course:
    """A race under way. `order`: the cases as they come. `entrants`: rungs that take part in all, later ones included."""

    runner: StepRunner
    intake: Prepared
    meter: Meter
    entrants: int = 0
    runs: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cases = self.intake.cases
        self.total = len(cases)
        self.pairwise = self.runner.project.settings.judge.mode == "pairwise"  # needs its rival's answer to every case
        self.whole = self.meter.allowed.exhaustive or self.total <= MAX_UNRACED or self.pairwise
        self.order: tuple[Case, ...] = tuple(
            cases[place] for place in order(self.total, seed=self.runner.project.settings.seed)
        )
        self.clusters = clusters(self.order)
        self.incumbent = last_choice(self.runner.project)
        self.measure: ScoringContext = measure(self.runner.project, self.intake)
        # A judge costs as answering does: where there is a budget, its part must be known block by block.
        self.scored_on_the_way = not self.whole or (self.meter.allowed.limited and asks_judge(self.runner.project))
        self.cards: dict[str, Scorecard] = {}
        self.cost: dict[str, Tally] = {}
        self.minutes: dict[str, float] = {}
        self._barred: dict[tuple[str, int], bool] = {}

    def enter(self, candidates: Sequence[Candidate]) -> None:
        """Let those that could be built take part from now on."""
        self.runs |= {c.label: Run(c, (), 0.0) for c in candidates if c.strategy is not None}

    def drive(self) -> str:
        """Run until it is settled among those that have entered; returns why it ended before, "" where it did not."""
        if self.whole and not self.meter.allowed.limited:
            for label in list(self.runs):
                self._extend(label, self.total)
            return ""
        while True:
            now = self._standing()
            if not now.next and (self.whole or not self._timed_anew()):
                return ""
            for label in now.next:
                done = len(self.runs[label].outcomes)
                wanted = min(FIRST - done if done < FIRST else max(LEAST, int(done * GROWTH)), self.total - done)
                if self.meter.allowed.limited and label not in self.cost:  # nobody knows what it costs today
                    wanted = min(wanted, TASTE)
                fits = self.meter.affordable(self._per_answer(label), wanted) if self.meter.allowed.limited else wanted
                self._extend(label, done + fits)
                if len(self.runs[label].outcomes) < done + wanted:
                    return self.meter.said()

    def score_so_far(self, label: str) -> Scorecard:
        """The scorecard of what a rung has answered by now."""
        run = self.runs[label]
        if label not in self.cards or len(self.cards[label].cases) < len(run.outcomes):
            cases = self.order[: len(run.outcomes)]
            self.cards[label] = card_of(self.runner, self.measure, cases, run.passes, self._rival())
        return self.cards[label]

    def estimate_so_far(self, label: str) -> Estimate | None:
        """Its main score, as the table would have it if it stopped now; None where it is not judged."""
        column = self.score_so_far(label).values.get(MAIN)
        if column is None:
            return None
        if len(column) == self.total:
            return estimate(column, clusters=self.clusters)
        low, high = self._interval(column)
        return replace(estimate(column), low=low, high=high)

    def ended(self, candidates: Sequence[Candidate], *, partial: str = "", searched: str = "") -> Raced:
        """What the race came to; `candidates`: all that were to be weighed. The pace is kept for the next forecast."""
        if not self.whole:
            self._stop(self._standing())
        self._note_pace()
        places = {case.id: place for place, case in enumerate(self.intake.cases)}
        runs = tuple(_in_order(run, places) for run in self.runs.values())
        stopped = any(run.stopped for run in runs)
        answers = sum(len(run.outcomes) for run in runs)
        unbuilt = sum(c.why.startswith((NOT_BUILT, NOT_NEEDED)) for c in candidates)
        everything = len(self.intake.cases) * (len(runs) + unbuilt)
        coverage = Coverage(answers, everything, ERROR if stopped else 0.0, partial, searched)
        return Raced(runs, coverage, tuple(candidates))

    def leader(self) -> tuple[Candidate, bool] | None:
        """The choice that no rung above it could change, and whether it clears the bar; None where there is none yet, or the
        person wants everything judged.

        It has answered all cases, and keeps every limit.
        """
        if self.meter.allowed.exhaustive or self.pairwise or not self.runs:
            return None
        self._timed_anew()
        bar, now = bar_in(self.runner.project), self._standing_of_rungs()
        if now.next or now.choice is None:
            return None
        run = self.runs[now.choice.name]
        if not is_settled(now.choice, self._column(run), bar, clusters=self.clusters):
            return None
        return run.candidate, bar.correct is not None

    def _standing_of_rungs(self) -> Standing:
        """Where the rungs that have entered stand, arms left out."""
        rungs = sorted((r for r in self.runs.values() if not r.candidate.rung.reference), key=lambda r: r.candidate.order)
        for run in rungs:
            self.score_so_far(run.candidate.label)
        entrants = [Entrant(r.candidate.label, self._column(r), self._is_barred(r)) for r in rungs]
        bar, incumbent = bar_in(self.runner.project), self.incumbent
        return stand(entrants, total=self.total, bar=bar, clusters=self.clusters, of=self.entrants, incumbent=incumbent)

    def _standing(self) -> Standing:
        begun = [label for label, run in self.runs.items() if len(run.outcomes) < min(FIRST, self.total)]
        if begun:
            return Standing(self._rival_first(begun))
        if self.whole:
            fewest = min((len(run.outcomes) for run in self.runs.values()), default=self.total)
            behind = [label for label, run in self.runs.items() if len(run.outcomes) == fewest < self.total]
            return Standing(self._rival_first(behind))
        now = self._standing_of_rungs()
        arms = [label for label in (CLOSED_BOOK, ORACLE) if label in self.runs]
        columns = {label: self._column(self.runs[label]) for label in arms}
        if enough_for_gaps(columns.get(CLOSED_BOOK), columns.get(ORACLE)):
            return now
        short = tuple(label for label in arms if len(columns[label]) < self.total)
        return replace(now, next=(*now.next, *short))

    def _rival_first(self, labels: Sequence[str]) -> tuple[str, ...]:
        """In pairs, an answer is judged against the closed book's, which must be there."""
        return tuple(sorted(labels, key=lambda label: label != CLOSED_BOOK)) if self.pairwise else tuple(labels)

    def _extend(self, label: str, upto: int) -> None:
        """Answer the next cases, as many as are missing from `upto`, and score the run so far."""
        run = self.runs[label]
        tally = self.runner.engines.tally
        before, minutes = replace(tally), self.meter.used()[1]
        more = self.order[len(run.outcomes) : upto]
        title = f"answer {label}" if self.whole else f"answer {label} {upto}/{self.total}"
        try:
            run = answered(self.runner, run, more, title=title)
        except BudgetEnded:
            run = self._as_far_as_known(run, more)
        self.runs[label] = run
        if self.scored_on_the_way:
            self.score_so_far(label)
        if tally.executed > before.executed:
            spent = replace(tally - before, replayed=len(more))  # answers that these steps made
            self.cost[label] = self.cost.get(label, Tally()) + spent
            self.minutes[label] = self.minutes.get(label, 0.0) + self.meter.used()[1] - minutes

    def _as_far_as_known(self, run: Run, cases: Sequence[Case]) -> Run:
        """The run with those of the next cases that were answered before the budget ended."""
        for case in cases:
            try:
                run = answered(self.runner, run, [case], title=f"answer {run.candidate.label}")
            except BudgetEnded:
                break
        return run

    def _rival(self) -> dict[str, Outcome] | None:
        """Pairwise: the answer that each is judged against."""
        if not self.pairwise:
            return None
        rival = self.runs.get(CLOSED_BOOK)
        return {} if rival is None else {outcome.case: outcome for outcome in rival.outcomes}

    def _note_pace(self) -> None:
        """Keep how long a token takes this model, for the next forecast."""
        store, model = self.runner.cache, self.runner.project.settings.model
        tokens = sum(cost.prompt_tokens + cost.completion_tokens for cost in self.cost.values())
        if tokens:
            seconds = 60 * sum(self.minutes.values())
            cached = store.noted("pace", model)
            if isinstance(cached, dict):
                seconds += float(str(cached["seconds"]))
                tokens += int(str(cached["tokens"]))
            store.note("pace", model, {"seconds": seconds, "tokens": tokens})

    def _per_answer(self, label: str) -> tuple[float, float] | None:
        """Dollars and minutes of one answer; before a rung's first, those of the dearest rung so far."""
        known = [name for name in ((label,) if label in self.cost else tuple(self.cost)) if self.cost[name].replayed]
        prices = self.runner.project.settings.prices
        each = []
        for name in known:
            cost, minutes = self.cost[name], self.minutes[name]
            each.append(((spent_usd(cost, prices, minutes * 60) or 0.0) / cost.replayed, minutes / cost.replayed))
        return (max(usd for usd, _ in each), max(minutes for _, minutes in each)) if each else None

    def _column(self, run: Run) -> Floats:
        import numpy as np

        card = self.cards[run.candidate.label]
        return card.values.get(MAIN, np.full(len(run.outcomes), np.nan))

    def _is_barred(self, run: Run) -> bool:
        """Whether it broke a hard limit for good; limits on time hold for what was timed (`_timed_anew`)."""
        label, done = run.candidate.label, len(run.outcomes)
        if (label, done) not in self._barred:
            limits = bar_in(self.runner.project)
            if done < self.total:
                broken = broken_for_good(self.cards[label].values, limits, total=self.total)
            else:
                broken = bool(barred(finished(self.runner.project, run, self.cards[label], self.clusters), limits))
            self._barred[label, done] = broken
        return self._barred[label, done]

    def _timed_anew(self) -> bool:
        """Where time or its price is limited, time the rungs that have answered every case; whether any number is new."""
        if not set(bar_in(self.runner.project).limits) & set(OF_RUNS):
            return False
        complete = [run for run in self.runs.values() if len(run.outcomes) == self.total]
        trial = self.intake.is_limited
        runs = time_live(self.runner, complete, self.intake.cases, self.meter, racing=True, trial=trial)
        timed = {run.candidate.label: run for run in runs}
        anew = [label for label, run in timed.items() if run.latency != self.runs[label].latency]
        self.runs |= timed
        for label in anew:
            self._barred.pop((label, self.total), None)
        return bool(anew)

    def _interval(self, column: Floats) -> tuple[float, float]:
        """Of the mean over all cases, where only these are answered: one that holds whenever one stops."""
        import numpy as np

        known = column[~np.isnan(column)]
        return always_valid(known, total=self.total - len(column) + len(known))

    def _stop(self, now: Standing) -> None:
        """Note on each run that is not complete why it is not, and within what its mean over all cases lies."""
        for label, run in self.runs.items():
            if len(run.outcomes) in (0, self.total) or label not in self.cards:
                continue
            interval = self._interval(self._column(run))
            stop = Stop("not needed") if run.candidate.rung.reference else now.stopped.get(label)
            self.runs[label] = replace(run, stopped=stop, interval=interval)


def _in_order(run: Run, places: Mapping[str, int]) -> Run:
    first, *again = (tuple(sorted(one, key=lambda outcome: places[outcome.case])) for one in run.passes)
    return replace(run, outcomes=first, again=tuple(again))
