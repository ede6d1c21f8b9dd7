"""Tells who watches a comparison what each rung has come to, by the statistics of the verdict.

Nothing is put together where nobody watches. Where somebody does, that may take a two-hundredth of the time: what is too
much for that comes later, the newest first. Which rung answers what, and who is out, is left to `racing`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rung.pipeline.answering import MAX_SECONDS, MAX_TIMED, MIN_TIMED
from rung.pipeline.budget import Meter
from rung.progress import post, watcher
from rung.records import Answer, Case, Estimate, Evaluation, Outcome, Reason, Stop, Verdict, kind_of
from rung.records.run_state import RunEvent, RungEvent, State
from rung.runtime.batch import Carried
from rung.verdict import rejections
from rung.verdict.bar import MAIN, Bar
from rung.verdict.costs import Prices
from rung.verdict.gaps import FORMAT
from rung.verdict.judging import price_of_1k

EVERY = 0.5  # seconds between two looks at a batch that is under way, at least
SHARE, BESIDES = 0.005, 0.1  # of the time, what watching may take; and seconds, whatever that is
SHOWN = (MAIN, FORMAT, "recall@5")  # metrics that are told of, with those that the bar limits
OnEnd = Callable[[int, Carried[Answer]], None]


@dataclass
class Feed:
    """What is told of one comparison. `prices`: by rung, of the model that it asks; `estimates`: the scores of a rung as far
    as it has answered, by metric; `score`: a rung with what it answered scored."""

    meter: Meter
    bar: Bar
    prices: Mapping[str, Prices]
    total: int
    estimates: Callable[[Evaluation], Mapping[str, Estimate]]
    score: Callable[[Evaluation], Evaluation]
    began: float = field(default_factory=time.monotonic)
    spent: float | None = None  # seconds of the processor, for who watches; None before the first
    pending: dict[str, Evaluation] = field(default_factory=dict)  # rungs whose scores wait until there is time
    states: dict[str, tuple[State, Reason | None]] = field(default_factory=dict)  # of each rung, and why: as last told
    stops: dict[str, tuple[Stop, int]] = field(default_factory=dict)  # of each rung, after how many answers: as last told
    planned: dict[str, float | None] = field(default_factory=dict)  # rung still to be built -> seconds, None where unknown

    @property
    def is_on(self) -> bool:
        """Whether anybody watches."""
        return watcher() is not None

    def tell(
        self, rung: str, state: State, *, why: Reason | None = None, rank: int | None = None, reference: bool = False
    ) -> None:
        """A rung is in this state now. `why`: it was stopped or left out. `rank`: its place on the ladder."""
        if self.is_on and self.states.get(rung) != (state, why):
            self.states[rung] = state, why
            post(RungEvent(rung, state, rank, reference or None, note=str(why or ""), note_kind=kind_of(why) or ""))

    def look_at(self, evaluation: Evaluation) -> None:
        """A rung has come so far; its scores follow where they are due."""
        if not self.is_on:
            return
        answered = len(evaluation.outcomes)
        post(RungEvent(evaluation.name, answered=answered))
        self.pending[evaluation.name] = evaluation
        self.catch_up()
        self.tell(evaluation.name, "done" if answered == self.total else "waiting")

    def catch_up(self, *, wholly: bool = False) -> None:
        """Tell the scores that waited, the newest first, as far as there is time; `wholly`: all of them."""
        while self.pending and (wholly or self.may_go_on):
            one = self.pending.pop(next(reversed(self.pending)))
            with self.measured():
                self.post_scores(one, len(one.outcomes))

    def during(self, evaluation: Evaluation, cases: Sequence[Case]) -> OnEnd | None:
        """What is called with each answer of a batch of these cases as it ends; None where nobody watches."""
        return _Batch(self, evaluation, cases).ended if self.is_on else None

    def stopped(self, evaluation: Evaluation, stop: Stop) -> None:
        """The race has taken a rung out, for now at least."""
        now = stop, len(evaluation.outcomes)
        if not self.is_on or self.stops.get(evaluation.name) == now:
            return
        self.stops[evaluation.name] = now
        with self.measured():
            scores = self.estimates(evaluation)
            self.post_scores(evaluation, now[1])
        if MAIN in scores:
            means = {name: scores[name].mean for name in self.bar.limits if name in scores}
            broken = [
                (n, x, self.bar.limits[n]) for n, x in means.items() if x is not None and not self.bar.limits[n].holds(x)
            ]
            why = rejections.stopped(
                stop.why, scores[MAIN], rival=stop.rival, total=self.total, bar=self.bar.correct, broken=broken
            )
            self.tell(evaluation.name, "stopped", why=why)

    def spend(self, paces: Mapping[str, tuple[float | None, int]]) -> None:
        """What was used of time and money by now, and how long it takes yet: at most, as if each rung that is not out
        answered every case, and all but the arms were timed.

        Args:
            paces: rung -> seconds of one of its answers (None before the first), and cases that it has not answered.
        """
        if not self.is_on:
            return
        usd, minutes = self.meter.used()
        each = [seconds for seconds, _ in paces.values() if seconds is not None]
        left = None
        if each:
            dearest = max(each)
            out = {name for name, (state, _) in self.states.items() if state in ("stopped", "left out")}
            left = sum((dearest if one is None else one) * n for name, (one, n) in paces.items() if name not in out)
            left += dearest * self.total * len(self.planned) + sum(one or 0.0 for one in self.planned.values())
            left += (len(paces) - len(out) + len(self.planned)) * _seconds_of_timing(dearest)
        untold = tuple(name for name, seconds in self.planned.items() if seconds is None)
        post(RunEvent(seconds=minutes * 60, usd=usd, seconds_left=left, untold=untold))

    def post_scores(self, evaluation: Evaluation, answered: int) -> None:
        """The scores of a rung, of those of its answers that are scored."""
        scores, latency = self.estimates(evaluation), evaluation.result.latency
        usd = price_of_1k(evaluation, self.prices)
        judged = len(evaluation.outcomes) if scores else 0
        post(RungEvent(evaluation.name, None, None, None, answered, judged, scores, usd, latency))

    @property
    def may_go_on(self) -> bool:
        """Whether there is time for who watches."""
        return (self.spent or 0.0) <= BESIDES + SHARE * (time.monotonic() - self.began)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """What is done meanwhile is for who watches. The first time does not count: it imports what the verdict needs."""
        began = time.thread_time()
        yield
        self.spent = 0.0 if self.spent is None else self.spent + time.thread_time() - began


@dataclass
class _Batch:
    """Answers of a batch that is under way, as they end. They are scored for who watches, as many as time allows, and stand
    in no verdict: of those that end first, the short ones are more."""

    feed: Feed
    evaluation: Evaluation
    cases: Sequence[Case]
    fresh: list[Outcome] = field(default_factory=list)
    answered: int = 0
    each: float = 0.001  # seconds that scoring an answer takes

    def __post_init__(self) -> None:
        self.answered = len(self.evaluation.outcomes)
        self.scratch = replace(self.evaluation, again=(), cards=self.evaluation.cards[:1])
        self.looked = time.monotonic()

    def ended(self, index: int, result: Carried[Answer]) -> None:
        """An answer has ended: the one of this case, or in a later pass of it."""
        if index >= len(self.cases):
            return
        self.answered += 1
        self.fresh.append(Outcome(self.cases[index].id, result.value, result.failure, result.usage))
        whole = len(self.evaluation.outcomes) + len(self.cases)
        if self.answered < whole and time.monotonic() - self.looked >= EVERY and self.feed.may_go_on:
            with self.feed.measured():
                self._look()

    def _look(self) -> None:
        began = time.monotonic()
        fits = max(1, int((began - self.looked) * SHARE / self.each))
        some, self.fresh = self.fresh[:fits], self.fresh[fits:]
        scratch = replace(self.scratch, outcomes=self.scratch.outcomes + tuple(some))
        self.scratch = self.feed.score(scratch)
        self.each = max(1e-6, (time.monotonic() - began) / len(some))
        self.looked = began
        self.feed.post_scores(self.scratch, self.answered)


def tell_verdict(verdict: Verdict) -> None:
    """Each rung as the verdict has it, and what was chosen."""
    for line in verdict.rungs:
        judged = line.scores[MAIN].n if MAIN in line.scores else 0
        scores, usd, latency = line.scores, line.usd_per_1k, line.latency
        if line.answered:
            post(RungEvent(line.name, None, None, None, line.answered, judged, scores, usd, latency))
    post(RunEvent(winner=verdict.winner or "", seconds_left=0.0, untold=()))


def _seconds_of_timing(each: float) -> float:
    """About how long the live pass over a rung takes, where an answer takes `each` seconds."""
    return min(MAX_TIMED * each, max(MAX_SECONDS, MIN_TIMED * each) + each)
