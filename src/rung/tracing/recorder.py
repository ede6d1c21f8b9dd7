"""Conversations as they are recorded: cheaply, in memory, by who carries them out; made into traces by a thread of its own.

On the path of an answer a step costs one entry of a list. What is recorded waits for the thread, at most `LIMIT`
conversations or `CHARACTERS` of theirs; what finds no room is lost, and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from rung.records.steps import Classify, Generate, GenerateResult, SearchResult
from rung.records.traces import Trace
from rung.runtime.live import StepRun
from rung.tracing import conventions as names
from rung.tracing.parent import is_sampled
from rung.tracing.spans import Ending, Opening, Spans

_log = logging.getLogger(__name__)
LIMIT = 10_000  # conversations that wait
CHARACTERS = 64_000_000  # of their texts
WINDOW = 0.5  # seconds between two looks at what waits
_BATCH = 200  # conversations that are made into traces before anybody else has a turn


class Sink(Protocol):
    """Where traces go. Called by one thread; what it raises is a defect."""

    def take(self, traces: Sequence[Trace]) -> None:
        """These have ended."""
        ...

    def tend(self) -> None:
        """Called now and then, for what is to be done besides."""
        ...

    def close(self) -> None:
        """Nothing more comes: what was taken is to be where it should be when this returns."""
        ...


@dataclass(eq=False)
class Recording:
    """One conversation under way. Threads hold it; when the last has let it go, it is handed over."""

    opening: Opening
    done: Callable[[Recording], None]
    ending: Ending = field(default_factory=Ending)
    runs: list[StepRun] = field(default_factory=list)
    characters: int = 0
    is_over: bool = False
    _holders: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, waited: float) -> None:
        """Its turn has come, after so many seconds: one more thread is at it."""
        self.ending.attributes[names.QUEUE_SECONDS] = waited
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """A thread is done with it."""
        with self._lock:
            self._holders -= 1
            is_over = not self._holders
        if is_over:
            self.done(self)

    def step(self, run: StepRun) -> None:
        """A step has ended."""
        self.runs.append(run)
        self.characters += _size(run)

    def end(self, error: str = "", message: str = "") -> None:
        """It is over for its caller: what is said first of how, counts. A step may still be under way."""
        if not self.is_over:
            self.is_over = True
            self.ending.seconds = time.perf_counter() - self.opening.clock
            self.ending.error, self.ending.message = error, message


class Recorder:
    """Takes conversations that have ended, and has a thread make traces of them. `lost`: those that found no room.

    Args:
        spans: makes a trace.
        sinks: where traces go.
        share: of traces that are kept; what failed is kept whatever its trace is.
    """

    def __init__(self, spans: Spans, sinks: Sequence[Sink], *, share: float = 1.0) -> None:
        self.lost = 0
        self._spans, self._sinks, self._share = spans, sinks, share
        self._waiting: deque[Recording] = deque()
        self._characters = 0
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Conversations that are not made into traces yet."""
        return len(self._waiting)

    def keeps(self, trace: str) -> bool:
        """Whether conversations of a trace are kept even where nothing fails."""
        return is_sampled(trace, self._share)

    def begin(self, opening: Opening) -> Recording:
        """A conversation begins."""
        return Recording(opening, self._take)

    def close(self) -> None:
        """Make traces of what waits, and close the sinks."""
        self._ending.set()
        self._thread.join()
        self._work()
        for sink in self._sinks:
            sink.close()

    def _take(self, recording: Recording) -> None:
        if not recording.ending.error and not self.keeps(recording.opening.trace):
            return
        with self._lock:
            if len(self._waiting) >= LIMIT or self._characters + recording.characters > CHARACTERS:
                self.lost += 1
                return
            self._waiting.append(recording)
            self._characters += recording.characters

    def _run(self) -> None:
        while not self._ending.wait(WINDOW):
            self._work()
            for sink in self._sinks:
                self._guarded(sink.tend)

    def _work(self) -> None:
        while True:
            with self._lock:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                self._characters -= sum(one.characters for one in batch)
            if not batch:
                return
            traces = [trace for one in batch if (trace := self._made(one)) is not None]
            for sink in self._sinks:
                self._guarded(partial(sink.take, traces))

    def _made(self, recording: Recording) -> Trace | None:
        try:
            return self._spans.trace(recording.opening, recording.runs, recording.ending)
        except Exception:
            _log.exception("a defect of Rung: a conversation could not be made into a trace")
            with self._lock:
                self.lost += 1
            return None

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            _log.exception("a defect of Rung: traces could not be handed on")


def _size(run: StepRun) -> int:
    """Characters that a step keeps in memory, roughly."""
    step, result = run.step, run.result
    if isinstance(step, Generate):
        sent = sum(len(message.content) for message in step.messages) + len(step.schema)
        return sent + (len(result.text) if isinstance(result, GenerateResult) else 0)
    if isinstance(result, SearchResult):
        return sum(len(passage.text) for passage in result.passages)
    return len(step.text) if isinstance(step, Classify) else 0
