"""Stages 4 and 5: cases answered by candidates in large batches; a sample of them live, for the latency.

Which candidate answers which cases, and when, is left to `racing`.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import pairwise

from rung.config.project import Project
from rung.errors import BudgetEnded, UserError
from rung.models.protocol import Decoding, Generator
from rung.pipeline.budget import Meter, spent_usd
from rung.pipeline.candidates import drawn
from rung.pipeline.limits import bar_in
from rung.pipeline.prepare import chosen
from rung.progress import phase, post, working_time
from rung.records import Answer, Asker, Case, Evaluation, Json, Latency, Outcome, StrategySpec, Timed, Unanswered, digest
from rung.records.run_state import RungEvent
from rung.records.steps import Conversation
from rung.runtime.batch import Carried, Tally
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines
from rung.runtime.live import converse
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import Strategy, conversation_of
from rung.strategies.registry import make_strategy
from rung.verdict import reasons
from rung.verdict.bar import MAX_TIMES, QUANTILES, Bar, is_timed_enough

MIN_TIMED, MAX_TIMED, MAX_SECONDS = 5, 20, 6.0  # the latency pass: cases at least, at most, and when to stop between
TURN = 4  # cases that a rung answers in its first turn; twice as many in each later one
MAX_PASSES = 3  # of a rung in one command: two while rungs race, where time is limited, and the last

_LAST_PASS = "last_latency"  # in the store: a rung's last live pass, over whichever cases


def answered(
    runner: StepRunner,
    evaluation: Evaluation,
    cases: Sequence[Case],
    *,
    title: str,
    on_end: Callable[[int, Carried[Answer]], None] | None = None,
) -> Evaluation:
    """The rung with these cases answered besides, as often as the project repeats them; what is known is replayed.

    Seconds are those that answering took when it was done, not when replayed. `on_end` is called with each answer as it
    ends: its place among the cases, those of each further pass after them.
    """
    strategy = strategy_of(evaluation)
    if strategy is None or not cases:
        return evaluation
    runner, models = runner.on(evaluation.result.model), other_models(evaluation)
    executed, began = runner.engines.consumed().executed, working_time()
    talks = conversations(runner.project, strategy, cases)
    ended = runner.run(talks, title=title, models=models, on_end=on_end, batches="wait")
    seconds = working_time() - began if runner.engines.consumed().executed > executed else 0.0
    asked = [*cases] * (len(talks) // len(cases))
    outcomes = [Outcome(c.id, e.value, e.failure, e.usage) for c, e in zip(asked, ended, strict=True)]
    first, *others = (tuple(outcomes[at : at + len(cases)]) for at in range(0, len(outcomes), len(cases)))
    again = tuple(earlier + more for earlier, more in zip(evaluation.again or ((),) * len(others), others, strict=True))
    spent = evaluation.result.answer_seconds + _spent(runner.cache, identity(runner.engines, evaluation, cases), seconds)
    line = replace(evaluation.result, answer_seconds=spent)
    return replace(evaluation, outcomes=evaluation.outcomes + first, again=again, result=line)


def as_far_as_known(runner: StepRunner, evaluation: Evaluation, cases: Sequence[Case]) -> Evaluation:
    """A rung with those of the next cases, from the first, that can be answered though the budget has ended."""
    at_once = len(cases)
    while cases and at_once:
        try:
            evaluation = answered(runner, evaluation, cases[:at_once], title=f"answer {evaluation.name}")
            cases = cases[at_once:]
        except BudgetEnded:
            at_once = min(at_once, len(cases)) // 2
    return evaluation


def conversations(
    project: Project, strategy: Strategy, cases: Sequence[Case]
) -> list[tuple[Asker, Callable[[], Conversation[Answer]]]]:
    """Each case asked as often as the project repeats them, pass by pass."""
    passes = [drawn(project, strategy, number) for number in range(project.settings.sampling.repeats)]
    return [conversation_of(one, case) for one in passes for case in cases]


def other_models(evaluation: Evaluation) -> tuple[str, ...]:
    """The models beside its own that a rung made of others asks."""
    return () if evaluation.spec is None else evaluation.spec.models[1:]


def strategy_of(evaluation: Evaluation) -> Strategy | None:
    """What answers for a rung; None where it was not built."""
    return None if evaluation.spec is None else make_strategy(evaluation.spec, gold=evaluation.gold)


def identity(engines: Engines, evaluation: Evaluation, cases: Sequence[Case]) -> str:
    """Digest of everything that the answers of a rung that was built depend on."""
    spec, settings = evaluation.spec or StrategySpec(""), engines.project.settings
    own = engines.on(evaluation.result.model).by_step(other_models(evaluation))
    answering = {name: engine.identity for name, engine in own.items()}
    asked = [(case.ask(), sorted(case.groups) if case.groups is not None else None) for case in cases]
    made_with = (list(spec.artifacts), answering, settings.seed, settings.sampling.model_dump(), asked)
    return digest(spec.rung, spec.settings, *made_with)


def require_answers(evaluations: Sequence[Evaluation]) -> None:
    """Refuse to judge where no rung came to a single answer: that says nothing of the rungs.

    Raises:
        UserError: says what failed, and how often.
    """
    begun = [e for e in evaluations if e.outcomes and not e.is_reference]
    errors = [error for e in begun for error in e.errors]
    if not errors or not all(e.has_failed for e in begun):
        return
    raise UserError(
        f"no rung could answer, so no verdict was made: all {len(errors):,} answers failed, {reasons.commonest(errors)}"
    )


def time_live(
    runner: StepRunner,
    evaluations: Sequence[Evaluation],
    cases: Sequence[Case],
    meter: Meter | None = None,
    *,
    racing: bool = False,
    trial: bool = False,
) -> list[Evaluation]:
    """A sample of cases through the live driver, one at a time and uncached: batched timings are no latency.

    Where one rung is new, all are timed, in turns of a few cases: times of different days and loads are not to be compared.
    Reference arms are never served, and a rung that was stopped is not chosen, so they are not timed. A pass is kept, and
    is not repeated, unless the person wants it. Where the budget ends it, some keep an older pass, or have none. While rungs
    are `racing` all are timed together twice at most; then new ones are timed alone. A `trial` run, of some of the cases,
    takes the last pass that all its rungs have together, over whichever cases.
    """
    meter = meter or Meter.of(runner.engines)
    sample = chosen(cases, sample_size(runner.project))
    by_key = {identity(runner.engines, e, sample): e for e in evaluations if not _untimed(e, cases)}
    noted = ((key, runner.cache.noted("latency", key)) for key in by_key)
    cached: dict[str, Json] = {key: note for key, note in noted if isinstance(note, dict)}
    rungs = {key: identity(runner.engines, e, ()) for key, e in by_key.items()}
    if trial and len(cached) < len(by_key):
        last = {key: runner.cache.noted(_LAST_PASS, rung) for key, rung in rungs.items()}
        if len({_session(note) for note in last.values()}) == 1 and all(map(_session, last.values())):
            cached = last
    stale = [key for key in by_key if meter.allowed.retime and _session(cached.get(key)) not in meter.passes]
    together = len({_session(cached.get(key)) for key in by_key}) <= 1 and all(map(_session, cached.values()))
    if by_key and (stale or len(cached) < len(by_key) or not together):
        alone = racing and len(meter.passes) >= MAX_PASSES - 1
        again = [key for key in by_key if key not in cached] if alone else list(by_key)
        for key in again:
            post(RungEvent(by_key[key].name, "timing"))
        with phase(f"time {', '.join(by_key[key].name for key in again)}") as tick:
            measured = _Pass(runner, meter, sample, tick).of({key: by_key[key] for key in again})
        for key, note in measured.items():
            if note["whole"]:
                runner.cache.note("latency", key, note)
                runner.cache.note(_LAST_PASS, rungs[key], note)
                cached[key] = note
            else:
                older = cached.get(key)
                cached[key] = {**(older if isinstance(older, dict) else note), "unanswered": note["unanswered"]}
        _note_pace(runner.engines, meter)
    timed = {e.name: _latency(cached[key]) for key, e in by_key.items() if key in cached}
    failed = {e.name: _unanswered(cached[key]) for key, e in by_key.items() if key in cached}
    for e in by_key.values():
        post(RungEvent(e.name, "done", latency=timed.get(e.name)))
    return [
        replace(e, result=replace(e.result, latency=timed.get(e.name), unanswered=failed.get(e.name))) for e in evaluations
    ]


def turns_of(cases: int, rungs: int) -> list[tuple[int, int]]:
    """Where each turn of a rung begins and ends; one that is timed alone takes no turns, each of which opens the model anew.

    >>> turns_of(20, 3), turns_of(20, 1)
    ([(0, 4), (4, 12), (12, 20)], [(0, 20)])
    """
    if rungs == 1:
        return [(0, cases)]
    return list(pairwise([0, *range(TURN, cases, 2 * TURN), cases]))


def sample_size(project: Project) -> int:
    """How many cases the live pass asks at most: more where a percentile of time is limited."""
    return MAX_TIMES if set(project.settings.bar.limits()) & set(QUANTILES) else MAX_TIMED


def _note_pace(engines: Engines, meter: Meter) -> None:
    """Keep how long a token takes when one question is asked at a time, for the next forecast."""
    for model, live in meter.live.items():
        tokens = live.prompt_tokens + live.completion_tokens
        if tokens:
            pace: dict[str, Json] = {"seconds": meter.live_seconds[model], "tokens": tokens}
            engines.cache.note("live_pace", model, pace)


def _untimed(e: Evaluation, cases: Sequence[Case]) -> bool:
    return e.spec is None or e.is_reference or e.stop is not None or len(e.outcomes) < len(cases) or e.has_failed


def _spent(cache: StepCache, key: str, seconds: float) -> float:
    """Seconds spent on a run in all: an interrupted one adds up, a replayed one adds nothing."""
    cached = cache.noted("answer_seconds", key)
    spent = seconds + (float(cached) if isinstance(cached, (int, float)) else 0.0)
    if seconds:
        cache.note("answer_seconds", key, spent)
    return spent


def _session(note: Json) -> str:
    """The live pass that a note is of; "" for one of an earlier Rung, which timed each rung on its own."""
    timed = note.get("timed") if isinstance(note, dict) else None
    return str(timed["session"]) if isinstance(timed, dict) else ""


@dataclass
class _Times:
    """Milliseconds of each case, whole and by step kind; `spent` is their sum in seconds. `errors`: of those that failed."""

    evaluation: Evaluation
    bar: Bar
    whole: list[float] = field(default_factory=list)
    by_kind: dict[str, list[Json]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    spent: float = 0.0

    def each(self, meter: Meter) -> tuple[float, float]:
        """Dollars and minutes of one answer, by those that the batch has given."""
        used = [outcome.usage for outcome in self.evaluation.outcomes]
        tally = Tally(len(used))
        for usage in used:
            tally.consumed(usage)
        n = max(1, len(used))
        seconds = self.evaluation.result.answer_seconds
        prices = meter.engines.on(self.evaluation.result.model).project.settings.prices
        return (spent_usd(tally, prices, seconds) or 0.0) / n, seconds / 60 / n

    @property
    def is_enough(self) -> bool:
        """Whether the pass may stop: it has lasted long enough or, where time is limited, tells what is kept."""
        if set(self.bar.limits) & set(QUANTILES):
            return is_timed_enough(self.whole, self.bar)
        return len(self.whole) >= MIN_TIMED and self.spent > MAX_SECONDS


@dataclass
class _Pass:
    """One live pass over several rungs."""

    runner: StepRunner
    meter: Meter
    sample: Sequence[Case]
    tick: Callable[[int, int, str], None]

    def of(self, evaluations: Mapping[str, Evaluation]) -> dict[str, dict[str, Json]]:
        """What to say of each rung, by key; one that the budget left without enough cases has no times, nor has one all of
        whose answers failed.

        Before each turn the model starts with empty caches, since the batch has just read these very prompts, and one case
        goes before, untimed: a server that has been asked before would have the instruction in its prefix cache.
        """
        timed = Timed(uuid.uuid4().hex[:12], _now(), platform.node(), os.cpu_count() or 1, _load())
        self.meter.passes.append(timed.session)
        warm, *rest = [*self.sample[-1:], *self.sample[:-1]] if len(self.sample) > 1 else [*self.sample, *self.sample]
        times = {key: _Times(e, bar_in(self.runner.project)) for key, e in evaluations.items()}
        for number, (begin, end) in enumerate(turns_of(len(rest), len(times))):
            turn = list(times.values()) if number % 2 == 0 else list(times.values())[::-1]  # what drifts, evens out
            for one in turn:
                if not one.is_enough and not self._turn(one, warm, rest[begin:end]):
                    return self._notes(times, timed, least=min(MIN_TIMED, len(rest)))
                self.tick(sum(len(some.whole) for some in turn), len(turn) * len(rest), "")
        return self._notes(times, timed, least=1)

    def _turn(self, one: _Times, warm: Case, cases: Sequence[Case]) -> bool:
        """Time some cases of one rung; returns False where the budget has ended."""
        strategy, runner = strategy_of(one.evaluation), self.runner.on(one.evaluation.result.model)
        if strategy is None:
            return True
        engines, model = runner.engines_for(other_models(one.evaluation)), runner.project.settings.model
        for some in runner.engines.every:
            _start_anew(some.generator)
        for index, case in enumerate((warm, *cases)):
            self.meter.steering.obey()
            try:
                if self.meter.allowed.limited and not self.meter.affordable(one.each(self.meter), 1):
                    raise BudgetEnded(self.meter.said())
                live = converse(strategy.answer(case.ask()), asker=case.asker, engines=engines, tally=self.meter.live[model])
            except BudgetEnded:
                self.meter.undone.append("not every rung is timed")
                return False
            self.meter.live_seconds[model] += live.seconds
            if index and live.failure is not None:
                one.errors.append(live.failure.error)
            elif index:
                one.spent += live.seconds
                one.whole.append(live.seconds * 1000)
                for timing in live.timings:
                    one.by_kind.setdefault(timing.kind, []).append(timing.seconds * 1000)
            if one.is_enough:
                break
        return True

    @staticmethod
    def _notes(times: Mapping[str, _Times], timed: Timed, *, least: int) -> dict[str, dict[str, Json]]:
        notes: dict[str, dict[str, Json]] = {}
        for key, one in times.items():
            is_enough = len(one.whole) >= least
            if not is_enough and not one.errors:
                continue
            steps: dict[str, Json] = {kind: list(values) for kind, values in one.by_kind.items()} if is_enough else {}
            notes[key] = {"whole": list(one.whole) if is_enough else [], "steps": steps, "timed": asdict(timed)}
            if one.errors:
                asked = len(one.whole) + len(one.errors)
                notes[key]["unanswered"] = asdict(Unanswered(len(one.errors), asked, reasons.commonest(one.errors)))
        return notes


def _start_anew(model: Generator) -> None:
    """Have the model's next request find empty caches, as far as they are here."""
    if isinstance(model, Decoding):
        model.start_anew()
    else:
        model.close()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="minutes")


def _load() -> float | None:
    """The load average of the last minute; None where the system tells none."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _unanswered(note: Json) -> Unanswered | None:
    """What of a live pass failed."""
    failed = note.get("unanswered") if isinstance(note, dict) else None
    return Unanswered(**failed) if isinstance(failed, dict) else None  # type: ignore[arg-type]


def _latency(note: Json) -> Latency | None:
    """Percentiles of a live pass; None when no case of it succeeded."""
    import numpy as np

    def percentiles(values: Json) -> tuple[float, float]:
        p50, p95 = np.percentile(np.asarray(values, dtype=float), [50, 95])
        return float(p50), float(p95)

    if not isinstance(note, dict):
        return None
    whole, steps, timed = note["whole"], note["steps"], note.get("timed")
    if not isinstance(whole, list) or not isinstance(steps, dict) or not whole:
        return None
    p50, p95 = percentiles(whole)
    by_kind = {kind: percentiles(values) for kind, values in steps.items()}
    session = Timed(**timed) if isinstance(timed, dict) else None  # type: ignore[arg-type]
    means = {kind: float(np.sum(np.asarray(values, dtype=float))) / len(whole) for kind, values in steps.items()}
    return Latency(p50, p95, len(whole), by_kind, session, tuple(float(str(time)) for time in whole), means)
