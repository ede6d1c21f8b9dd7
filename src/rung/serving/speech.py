"""Text on its way to a client: it ends before a stop sequence, and what was streamed is the answer, to the character."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from rung.records import Failure
from rung.records.steps import Engine, Generate, GenerateResult, Hear, Request, Restart, Result
from rung.runtime.live import pushed


class OtherText(Exception):
    """What was streamed turned out to be none of the answer."""


class _Reached(Exception):
    """A sequence that ends the text has come."""


class Speech:
    """Pieces of text as they may be shown. Answers are told without white space at either end, so none is shown there."""

    def __init__(self) -> None:
        self.shown = ""
        self._space = ""

    def hear(self, piece: str) -> str:
        """What may be shown once this piece has come; "" where it is white space that may be the last."""
        text = self._space + piece
        if not self.shown:
            text = text.lstrip()
        visible = text.rstrip()
        self._space = text[len(visible) :]
        self.shown += visible
        return visible

    def rest(self, answer: str) -> str:
        """What of the whole answer was not shown.

        Raises:
            OtherText: something else was.
        """
        if not answer.startswith(self.shown):
            raise OtherText
        rest = answer[len(self.shown) :]
        self.shown = answer
        return rest


@dataclass(frozen=True)
class Stopping:
    """A generator whose text ends before the first of these sequences; no more tokens are made then.

    `tokens` counts those of a prompt and of a text, for what a stream that was left early consumed. `stopped`: the sequences
    that ended a text, as they come.
    """

    engine: Engine
    stop: tuple[str, ...]
    tokens: Callable[[Generate, str], tuple[int, int]]
    stopped: list[str] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """The engine's."""
        return self.engine.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """See `rung.records.steps.Engine`."""
        for index, result in self.engine.run(requests):
            yield index, self._cut(result) if isinstance(result, GenerateResult) else result

    def push(self, request: Request, on_text: Hear) -> Result | Failure:
        """See `rung.records.steps.PushEngine`."""
        text, shown = "", 0
        held_back = max(map(len, self.stop)) - 1  # the beginning of a sequence, perhaps

        def hear(piece: str | Restart) -> None:
            nonlocal text, shown
            if isinstance(piece, Restart):
                text, shown = "", 0
                on_text(piece)
                return
            text += piece
            end = self._end(text)
            safe = max(shown, len(text) - held_back if end is None else end)
            on_text(text[shown:safe])  # "", too: who hears it may have left
            shown = safe
            if end is not None:
                raise _Reached

        try:
            result = pushed(self.engine, request, hear)
        except _Reached:
            return self._left(request, text[:shown])
        if not isinstance(result, GenerateResult):
            return result
        result = self._cut(result)
        if result.text.startswith(text[:shown]) and len(result.text) > shown:
            on_text(result.text[shown:])
        return result

    def _left(self, request: Request, text: str) -> GenerateResult:
        step = request.step
        return GenerateResult(text, *self.tokens(step, text)) if isinstance(step, Generate) else GenerateResult(text)

    def _cut(self, result: GenerateResult) -> GenerateResult:
        end = self._end(result.text)
        return result if end is None else replace(result, text=result.text[:end], truncated=False)

    def _end(self, text: str) -> int | None:
        """Where a text ends before its time; None where it does not."""
        at, sequence = first_of(text, self.stop)
        if at is not None:
            self.stopped.append(sequence)
        return at


def first_of(text: str, stop: Sequence[str]) -> tuple[int | None, str]:
    """Where the first of these sequences begins in a text, and which it is; None where none is in it."""
    places = [(at, sequence) for sequence in stop if (at := text.find(sequence)) >= 0]
    return min(places, default=(None, ""))
