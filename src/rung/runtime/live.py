"""Carries out one conversation now, uncached, with streaming and a time for each step: what serves, and what latency is."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from rung.errors import InternalError, UserError
from rung.records import Asker, Failure
from rung.records.steps import (
    Conversation,
    Engine,
    GenerateResult,
    Hear,
    PushEngine,
    Request,
    Restart,
    Result,
    Search,
    Step,
    StepFailed,
    StreamingEngine,
    carrier,
    delivered,
    kind,
)
from rung.runtime.batch import Tally, no_engine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """One step of a live conversation, in seconds."""

    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step as it was carried out. `began`: of `time.perf_counter`; `first_text`: seconds until its first piece of text.

    `result` is None where the conversation was ended in the middle of it. `engine`: identity of the index that was searched,
    which the next search may find changed; "" for other steps, whose engine stays.
    """

    step: Step
    result: Result | Failure | None
    began: float
    seconds: float
    first_text: float | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Live(Generic[T]):
    """How a live conversation ended. `first_token` is the time to the first piece of streamed text, in seconds.

    `cut_prompts`: steps whose prompt a server cut without a word.
    """

    value: T | None
    failure: Failure | None
    timings: tuple[Timing, ...]
    seconds: float
    first_token: float | None = None
    cut_prompts: int = 0


def converse(
    conversation: Conversation[T],
    *,
    asker: Asker,
    engines: Mapping[str, Engine],
    on_text: Callable[[str], None] | None = None,
    shows: bool = True,
    tally: Tally | None = None,
    on_step: Callable[[StepRun], None] | None = None,
) -> Live[T]:
    """Carry one conversation to its end, step by step. A text that its server broke off begins anew, as often as its engine
    tries, unless a piece of it was shown.

    Args:
        conversation: a strategy's answer, just begun.
        asker: who asks; added to every step.
        engines: `carrier` of a step -> engine.
        on_text: called with each piece of generated text as it comes, "" among them, where the engine streams.
        shows: whether `on_text` hands on what it gets to who cannot take it back.
        tally: counts the steps and what they consumed.
        on_step: called with each step when it has ended, however it did.

    Raises:
        UserError: something that concerns every step, such as a server that refuses.
    """
    at = began = time.perf_counter()
    timings: list[Timing] = []
    first: float | None = None  # until the first text of all
    step_first: float | None = None  # until that of the step under way
    cut = 0

    def hear(piece: str | Restart) -> None:
        nonlocal step_first
        if isinstance(piece, Restart):
            if step_first is not None and shows and on_text is not None:
                raise StepFailed(piece.failure)
            step_first = None
            return
        if piece and step_first is None:
            step_first = time.perf_counter() - at
        if on_text:
            on_text(piece)

    def ran(step: Step, result: Result | Failure | None) -> None:
        nonlocal first
        if first is None and step_first is not None:
            first = at - began + step_first
        if on_step is not None:
            index = engines[carrier(step)].identity if isinstance(step, Search) and carrier(step) in engines else ""
            on_step(StepRun(step, result, at, time.perf_counter() - at, step_first, index))

    def ended(value: T | None, failure: Failure | None) -> Live[T]:
        return Live(value, failure, tuple(timings), time.perf_counter() - began, first, cut)

    try:
        step = next(conversation)
        while True:
            at, step_first = time.perf_counter(), None
            try:
                result = _result(step, asker, engines, hear)
            except BaseException:
                ran(step, None)
                raise
            timings.append(Timing(kind(step), time.perf_counter() - at))
            ran(step, result)
            if tally is not None:
                tally.count(result)
            cut += isinstance(result, GenerateResult) and result.prompt_cut
            step = conversation.throw(StepFailed(result)) if isinstance(result, Failure) else conversation.send(result)
    except StopIteration as stop:
        return ended(stop.value, None)
    except StepFailed as failed:
        return ended(None, failed.failure)


def _result(step: Step, asker: Asker, engines: Mapping[str, Engine], hear: Hear) -> Result | Failure:
    name = carrier(step)
    if name not in engines:
        raise UserError(no_engine(name))
    return pushed(engines[name], Request(delivered(step), asker), hear)


def pushed(engine: Engine, request: Request, on_text: Hear) -> Result | Failure:
    """What an engine makes of a request. `on_text` is called with pieces of its text, "" among them, and may end it by
    raising."""
    if isinstance(engine, PushEngine):
        return engine.push(request, on_text)
    if isinstance(engine, StreamingEngine):
        pieces = engine.stream(request)
        try:
            for piece in pieces:
                if isinstance(piece, (GenerateResult, Failure)):
                    return piece
                on_text(piece)
        except StepFailed as failed:
            return failed.failure
        finally:
            if isinstance(pieces, Generator):
                pieces.close()
        raise InternalError(f"an engine ended its stream of a '{kind(request.step)}' step without a result")
    for _, result in engine.run([request]):
        return result
    raise InternalError(f"an engine gave no result for a '{kind(request.step)}' step")
