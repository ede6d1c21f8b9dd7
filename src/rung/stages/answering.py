"""Stages 4 and 5: cases answered by candidates in large batches; a sample of them live, for the latency.

Which candidate answers which cases, and when, is left to `racing`.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rung.drivers.live import converse
from rung.errors import UserError
from rung.records import Answer, Asker, Case, Json, Latency, Outcome
from rung.stages.candidates import Candidate, drawn
from rung.stages.intake import chosen
from rung.steps import Conversation
from rung.strategies.protocol import Strategy
from rung.verdict.racing import Stop
from rung.workshop import Workshop

LEAST, MOST, ENOUGH_SECONDS = 5, 20, 6.0  # the latency pass: cases at least, at most, and when to stop between

_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")  # of an error: what differs from case to case


@dataclass(frozen=True, slots=True)
class Run:
    """Cases answered by one candidate. `seconds`: what answering took when it was done, not when replayed.

    `again`: the same cases in the same order, asked once more, and once more, by other seeds.

    `stopped` says why the race took it out before it had answered every case, `interval` what its mean over all cases
    most likely is then (always valid: see `verdict.racing`).
    """

    candidate: Candidate
    outcomes: tuple[Outcome, ...]
    seconds: float
    latency: Latency | None = None
    stopped: Stop | None = None
    interval: tuple[float, float] | None = None
    again: tuple[tuple[Outcome, ...], ...] = ()

    @property
    def passes(self) -> tuple[tuple[Outcome, ...], ...]:
        """The outcomes of every pass."""
        return (self.outcomes, *self.again)

    @property
    def errors(self) -> list[str]:
        """Why answers did not come."""
        return [outcome.failure.error for outcome in self.outcomes if outcome.failure is not None]

    @property
    def failures(self) -> int:
        """Answers that did not come."""
        return len(self.errors)


def answered(workshop: Workshop, run: Run, cases: Sequence[Case], *, title: str) -> Run:
    """The run with these cases answered besides, as often as the project repeats them; what is known is replayed.

    The candidate must have been built.
    """
    strategy = run.candidate.strategy
    if strategy is None or not cases:
        return run
    executed, began = workshop.tally.executed, time.monotonic()
    passes = [drawn(workshop, strategy, number) for number in range(workshop.project.settings.sampling.repeats)]
    ended = workshop.carry([_talk(one, case) for one in passes for case in cases], title=title)
    seconds = time.monotonic() - began if workshop.tally.executed > executed else 0.0
    found = [Outcome(c.id, e.value, e.failure, e.usage) for c, e in zip([*cases] * len(passes), ended, strict=True)]
    first, *others = (tuple(found[at : at + len(cases)]) for at in range(0, len(found), len(cases)))
    again = tuple(known + more for known, more in zip(run.again or ((),) * len(others), others, strict=True))
    spent = _spent(workshop, run.candidate.identity(workshop, cases), seconds)
    return replace(run, outcomes=run.outcomes + first, again=again, seconds=run.seconds + spent)


def require_answers(runs: Sequence[Run]) -> None:
    """Refuse to judge where no rung came to a single answer: that says nothing of the rungs.

    Raises:
        UserError: says what failed, and how often.
    """
    begun = [run for run in runs if run.outcomes and not run.candidate.rung.reference]
    errors = [error for run in begun for error in run.errors]
    if not errors or any(run.failures < len(run.outcomes) for run in begun):
        return
    raise UserError(f"no rung could answer, so no verdict was made: all {len(errors):,} answers failed, {commonest(errors)}")


def commonest(errors: Sequence[str]) -> str:
    """The commonest failure with its count; those that differ in numbers and quoted words only are one."""
    kinds = Counter(_VARYING.sub("…", error) for error in errors)
    (kind, count), *_ = kinds.most_common(1)
    example = next(error for error in errors if _VARYING.sub("…", error) == kind).rstrip(".")
    return f"all with: {example}" if count == len(errors) else f"most often ({count:,} times) with: {example}"


def time_live(workshop: Workshop, runs: Sequence[Run], cases: Sequence[Case]) -> list[Run]:
    """A sample of cases through the live driver, one at a time and uncached: batched timings are no latency.

    Reference arms are never served, and a rung that was stopped is not chosen, so they are not timed. A pass is kept, and
    is not repeated.
    """
    sample = chosen(cases, MOST)
    return [run if _untimed(run, cases) else replace(run, latency=_timed(workshop, run, sample)) for run in runs]


def _untimed(run: Run, cases: Sequence[Case]) -> bool:
    return run.candidate.rung.reference or run.stopped is not None or len(run.outcomes) < len(cases)


def _talk(strategy: Strategy, case: Case) -> tuple[Asker, Callable[[], Conversation[Answer]]]:
    return case.asker, lambda: strategy.answer(case.ask())


def _spent(workshop: Workshop, key: str, seconds: float) -> float:
    """Seconds spent on a run in all: an interrupted one adds up, a replayed one adds nothing."""
    known = workshop.store.noted("answer_seconds", key)
    spent = seconds + (float(known) if isinstance(known, (int, float)) else 0.0)
    if seconds:
        workshop.store.note("answer_seconds", key, spent)
    return spent


def _timed(workshop: Workshop, run: Run, sample: Sequence[Case]) -> Latency | None:
    if run.failures == len(run.outcomes):
        return None
    key = run.candidate.identity(workshop, sample)
    known = workshop.store.noted("latency", key)
    if not isinstance(known, dict):
        with workshop.reporter.phase(f"time {run.candidate.label}") as tick:
            known = _live_pass(workshop, run, sample, lambda done: tick(done, len(sample), ""))
        if known["whole"]:  # a pass without one answer is made again
            workshop.store.note("latency", key, known)
    return _latency(known)


def _live_pass(workshop: Workshop, run: Run, sample: Sequence[Case], tick: Callable[[int], None]) -> dict[str, Json]:
    """Milliseconds of each case, whole and by step kind.

    The model starts with empty caches, since the batch has just read these very prompts; one case goes before, untimed, as a
    server that has been asked before would have the instruction in its prefix cache.
    """
    strategy = run.candidate.strategy
    whole: list[Json] = []
    by_kind: dict[str, list[Json]] = {}
    if strategy is None:
        return {"whole": whole, "steps": {}}
    engines = workshop.engines()
    workshop.generator.close()
    warm, *timed = [*sample[-1:], *sample[:-1]] if len(sample) > 1 else [*sample, *sample]
    converse(strategy.answer(warm.ask()), asker=warm.asker, engines=engines)
    began = time.monotonic()
    for case in timed:
        if len(whole) >= LEAST and time.monotonic() - began > ENOUGH_SECONDS:
            break
        live = converse(strategy.answer(case.ask()), asker=case.asker, engines=engines)
        if live.failure is None:
            whole.append(live.seconds * 1000)
            for timing in live.timings:
                by_kind.setdefault(timing.kind, []).append(timing.seconds * 1000)
        tick(len(whole))
    return {"whole": whole, "steps": {kind: list(values) for kind, values in by_kind.items()}}


def _latency(known: Mapping[str, Json]) -> Latency | None:
    """Percentiles of a live pass; None when no case of it succeeded."""
    import numpy as np

    def percentiles(values: Json) -> tuple[float, float]:
        p50, p95 = np.percentile(np.asarray(values, dtype=float), [50, 95])
        return float(p50), float(p95)

    whole, steps = known["whole"], known["steps"]
    if not isinstance(whole, list) or not isinstance(steps, dict) or not whole:
        return None
    p50, p95 = percentiles(whole)
    return Latency(p50, p95, len(whole), {kind: percentiles(values) for kind, values in steps.items()})
