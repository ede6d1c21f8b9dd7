"""Stages 2 to 4, cheapest first: what costs little to build answers before anything is trained.

Rungs come in waves: those that need nothing, or whose artifacts are there; those that cut the documents in another way; then
each that is trained, the shortest training first; at last those made of others. The settings of a wave are searched where
that is wanted, it is built, and the race goes on among all that have entered. Nothing is built for a rung that cannot change
the choice any more, and what the budget does not hold is not begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from rung.artifacts import Training
from rung.builders.building import ArtifactBuilder
from rung.errors import BudgetEnded
from rung.pipeline.batch_pass import asks_in_batches
from rung.pipeline.budget import Meter, bounded
from rung.pipeline.candidates import Candidate, build, checked, is_there
from rung.pipeline.prepare import Prepared
from rung.pipeline.racing import Course, Raced
from rung.pipeline.sweep import Searching
from rung.pipeline.training_pace import Pace, in_words, pace_of_building, roughly, trainings
from rung.progress import post, say, watcher
from rung.records import Json, Reason, digest
from rung.records.run_state import RunEvent, State
from rung.runtime.engines import Engines
from rung.strategies.protocol import ExampleIndex
from rung.verdict import reasons, rejections

Wave = list[Candidate]


def climb(builder: ArtifactBuilder, prepared: Prepared, candidates: Sequence[Candidate], meter: Meter) -> Raced:
    """Candidates built and cases answered, as many as it takes to know which one to use.

    Raises:
        UserError: a budget in dollars, and nobody knows what an answer costs; a search that cannot be made.
    """
    builder = replace(builder, while_training=partial(_training, meter, pace_of_building(builder.project)))
    there = checked(builder, candidates)
    searching = Searching(builder, prepared, there, meter.allowed.trials)
    waves = in_waves(builder.engines, there, searching.swept)
    ascent = _Ascent(builder, Course(builder.runner, prepared, meter), searching)
    ascent.course.entrants = sum(_is_planned(c) and not c.rung.reference for c in there)
    ascent.introduce(waves, pace_of_building(builder.project))
    for index, wave in enumerate(waves):
        later = [candidate for others in waves[index + 1 :] for candidate in others]
        ascent.course.more_enter = any(map(_is_planned, later))
        ascent.enter(wave)
        ascent.tell(later)
    return ascent.ended()


def in_waves(engines: Engines, candidates: Sequence[Candidate], searched: frozenset[str] = frozenset()) -> list[Wave]:
    """The candidates in the order of what building them costs. A rung whose settings are searched is in one wave.

    The order is kept: a command that is run again goes the same way, although more is built by then, and so it comes to the
    same answers.
    """
    by_label = {candidate.label: candidate for candidate in candidates}
    key = digest("waves", sorted((c.label, c.key) for c in candidates), sorted(searched))
    cached = engines.cache.noted("waves", key)
    waves = (
        [[by_label[str(label)] for label in one] for one in cached if isinstance(one, list)]
        if isinstance(cached, list)
        else []
    )
    if not waves or not all(_costs_nothing(engines, candidate) for candidate in waves[0]):
        waves = _sorted(engines, candidates, searched)
        labels: list[Json] = [[candidate.label for candidate in wave] for wave in waves]
        engines.cache.note("waves", key, labels)
    return waves


def _sorted(engines: Engines, candidates: Sequence[Candidate], searched: frozenset[str]) -> list[Wave]:
    pace = pace_of_building(engines.project)
    batched = asks_in_batches(engines)

    def cost(candidate: Candidate) -> tuple[int, float]:
        """(what kind of wave it comes in, seconds of training)."""
        if _costs_nothing(engines, candidate):
            return 0, 0.0
        if candidate.plan is None:
            return 3, 0.0
        todo = list(trainings(engines.project, candidate.plan.needs, candidate.model))
        if not todo and batched:
            return 0, 0.0  # an index is sooner built than a batch more is answered
        return (2, sum(roughly(pace, one) for one in todo)) if todo else (1, 0.0)

    costs = {candidate.label: cost(candidate) for candidate in candidates}
    for name in searched:
        some = [c.label for c in candidates if c.ladder_rung == name]
        costs |= dict.fromkeys(some, max(costs[label] for label in some))
    waves: list[Wave] = []
    for candidate in sorted(candidates, key=lambda c: (*costs[c.label], c.order)):
        before = waves[-1][-1] if waves else None
        kind = costs[candidate.label][0]
        together = before is not None and costs[before.label][0] == kind and kind < 2
        if before is not None and (
            together or (candidate.ladder_rung in searched and before.ladder_rung == candidate.ladder_rung)
        ):
            waves[-1].append(candidate)
        else:
            waves.append([candidate])
    return waves


def _is_planned(candidate: Candidate) -> bool:
    return candidate.plan is not None or candidate.composition is not None


def _costs_nothing(engines: Engines, candidate: Candidate) -> bool:
    """Whether it answers at once: nothing is to be built, or only an index of examples, or all of it was built before."""
    if candidate.plan is not None and all(isinstance(need, ExampleIndex) for need in candidate.plan.needs):
        return True
    return is_there(engines, candidate)


@contextmanager
def _training(meter: Meter, pace: Pace, training: Training) -> Iterator[None]:
    """Refuse what surely does not fit into the budget; what was begun before goes on, as far as it comes."""
    takes, left = pace.seconds(training), meter.seconds_left
    if meter.over:
        raise BudgetEnded(f"{meter.said()}, before it was begun")
    if takes is not None and left is not None and takes > left and not training.begun:
        raise BudgetEnded(reasons.too_long(training.rows, in_words(takes), in_words(left)))
    with meter.training():
        yield


@dataclass
class _Ascent:
    """The waves that have entered so far. `done`: candidates as they were built, or with the reason why not. `ended_by`: the
    budget, in words, once it ended the race; `unbuilt`: rungs that it left unbuilt."""

    builder: ArtifactBuilder
    course: Course
    searching: Searching
    done: list[Candidate] = field(default_factory=list)
    ended_by: str = ""
    unbuilt: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = self.course.meter

    def introduce(self, waves: Sequence[Wave], pace: Pace) -> None:
        """Tell who watches of all rungs, and how long building those takes that are to be built."""
        feed, project = self.course.feed, self.builder.project
        judged_by = self.course.scoring_context.correct_by
        post(RunEvent(project.settings.name, feed.total, judged_by, tuple(feed.bar.limits)))
        for candidate in (one for wave in waves for one in wave):
            at_once = not _is_planned(candidate) or _costs_nothing(self.builder.engines, candidate)
            state: State = "left out" if not _is_planned(candidate) else "waiting" if at_once else "planned"
            feed.tell(
                candidate.label,
                state,
                why=candidate.why,
                rank=candidate.order,
                reference=candidate.rung.reference,
            )
            if not at_once:
                todo = () if candidate.plan is None else tuple(trainings(project, candidate.plan.needs, candidate.model))
                each = [pace.seconds(one) for one in todo]
                feed.planned[candidate.label] = None if None in each or not todo else sum(one or 0.0 for one in each)

    def enter(self, wave: Wave) -> None:
        """Build a wave and let it race with those that have entered, as far as it is needed and allowed."""
        needed = self._needed(wave)
        with bounded(self.meter):
            chosen = needed if self.ended_by else self.searching.left_of(needed)
        built = [self._built(candidate) for candidate in chosen]
        self.done += built
        self.course.enter(built)
        if not self.ended_by:
            self.ended_by = self.course.drive()

    def _needed(self, wave: Wave) -> Wave:
        """Those of a wave that may still change the choice; the others stay unbuilt."""
        leader = self.course.leader() if any(map(_is_planned, wave)) and not self.ended_by else None
        if leader is None:
            return wave
        lower, clears = leader
        rank, rung = lower.result.order, lower.result.ladder_rung
        above = [c for c in wave if c.order > rank and c.ladder_rung != rung and not c.rung.reference]
        self.done += [self._left(candidate, rejections.superfluous(lower.name, clears=clears)) for candidate in above]
        return [candidate for candidate in wave if candidate not in above]

    def tell(self, later: Sequence[Candidate]) -> None:
        """The scores so far, while others are still to be built."""
        planned = [candidate for candidate in later if _is_planned(candidate)]
        if not planned or self.ended_by or self.course.pairwise:
            return
        if (watched := watcher()) is not None and watched.shows_states:
            return
        evaluations = [racer.evaluation for racer in self.course.racers.values()]
        rungs = sorted((e for e in evaluations if e.outcomes and not e.is_reference), key=lambda e: e.result.order)
        lines = [
            f"so far, while {reasons.listed([c.label for c in planned])} {'is' if len(planned) == 1 else 'are'} to be built:"
        ]
        for e in rungs:
            score = self.course.estimate_so_far(e.name)
            estimate = "not judged" if score is None else reasons.interval(score)
            lines.append(f"  {e.name}: {estimate} on {reasons.cases(len(e.outcomes))}")
        say("\n".join(lines))

    def ended(self) -> Raced:
        """What the race came to."""
        partial = self.ended_by
        if self.unbuilt:
            left = f"{reasons.listed(self.unbuilt)} {'is' if len(self.unbuilt) == 1 else 'are'} not built"
            partial = f"{partial or self.meter.said()}; {left}"
        done = sorted(self.done, key=lambda candidate: candidate.order)
        return self.course.ended(done, partial=partial, searched=self.searching.said())

    def _built(self, candidate: Candidate) -> Candidate:
        """The candidate, built; or with the reason why the budget kept it from being built."""
        needs = candidate.composition is not None or (candidate.plan is not None and bool(candidate.plan.needs))
        if needs and self.ended_by:
            return self._unbuilt(candidate, "the budget ended before it")
        if needs and self._nothing_came():
            return self._unbuilt(candidate, "no rung has come to a single answer so far")
        if candidate.composition is not None and self.unbuilt:
            return self._unbuilt(
                candidate, f"it is made of the others, and {reasons.listed(self.unbuilt)} could not be built"
            )
        if needs:
            self.course.feed.tell(candidate.label, "building")
        self.course.feed.planned.pop(candidate.label, None)
        try:
            with bounded(self.meter):
                (done,) = build(self.builder, [candidate], beside=self.done)
        except BudgetEnded as end:
            return self._unbuilt(candidate, reasons.cut_short(str(end), end.done, end.total) if end.total else str(end))
        return done

    def _unbuilt(self, candidate: Candidate, why: str) -> Candidate:
        self.unbuilt.append(candidate.label)
        say(f"! {candidate.label} is not built: {why}")
        return self._left(candidate, rejections.not_built(why))

    def _nothing_came(self) -> bool:
        """Whether every answer so far has failed: training would not mend that."""
        begun = [racer.evaluation for racer in self.course.racers.values() if racer.done]
        return bool(begun) and all(e.has_failed for e in begun)

    def _left(self, candidate: Candidate, why: Reason) -> Candidate:
        """A candidate that stays unbuilt; one that does not apply anyway keeps its own reason."""
        if not _is_planned(candidate):
            return candidate
        self.course.feed.planned.pop(candidate.label, None)
        self.course.feed.tell(candidate.label, "left out", why=why)
        return replace(candidate, plan=None, composition=None, why=why)
