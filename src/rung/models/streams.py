"""The streams of many threads in one batch, moved on by one thread: who waits for an answer sleeps until it has ended.

After each step that thread reads what came of all of them, decodes the new texts in one call, and tells each its piece.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rung.errors import InternalError
from rung.models.admission import Engine
from rung.models.jobs import Growth, Job
from rung.records import Failure
from rung.records.steps import GenerateResult


class Batch(Engine, Protocol):
    """An engine whose jobs may become more while it is advanced."""

    def look_again(self) -> None:
        """Where `advance` waits in another thread for jobs that became more."""


@dataclass(eq=False)
class _Stream:
    """A job whose thread sleeps until `over`."""

    job: Job
    on_text: Callable[[str], None]
    hear: Callable[[str], str]
    growth: Growth = field(default_factory=Growth)
    tokens: int = 0  # that were read when its text was looked at last
    result: GenerateResult | Failure | None = None
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.result is not None or self.error is not None


class Streams:
    """The streams of a batch, which is held by those who follow one, and by the thread that runs while there are any.

    `decode_all`: ids of many texts -> these texts.
    """

    def __init__(self, decode_all: Callable[[Sequence[Sequence[int]]], list[str]]) -> None:
        self._decode_all = decode_all
        self._open: dict[Job, _Stream] = {}
        self._lock = threading.Lock()
        self._is_running = False

    def follow(
        self, batch: Batch, job: Job, on_text: Callable[[str], None], hear: Callable[[str], str] = str
    ) -> GenerateResult | Failure:
        """Let a job into the batch, and return when it has ended.

        Args:
            batch: what decodes; always the same.
            job: what is asked.
            on_text: called with pieces of text as they become certain, on another thread while this one sleeps; with ""
                where a step brought tokens, and no text is certain yet. What it raises ends the stream, and is raised here;
                the job is then still in the batch.
            hear: what is shown of each new piece.

        Raises:
            RuntimeError: the engine broke down.
        """
        refused = batch.add(job)
        if refused is not None:
            return refused
        stream = _Stream(job, on_text, hear)
        with self._lock:
            self._open[job] = stream
            if not self._is_running:
                threading.Thread(target=self._run, args=(batch,), name="streams", daemon=True).start()
                self._is_running = True
        batch.look_again()
        stream.over.wait()
        if stream.error is not None:
            raise stream.error
        if stream.result is None:
            raise InternalError("a stream ended without a result")
        if isinstance(stream.result, GenerateResult) and (rest := stream.growth.rest(stream.result.text)):
            on_text(rest)
        return stream.result

    def _run(self, batch: Batch) -> None:
        """On the thread: one step after the other, until no stream is open."""
        while True:
            with self._lock:
                if not self._open:
                    self._is_running = False
                    return
            try:
                batch.advance(self._open)
                self._read(batch, list(self._open.values()))
            except BaseException as error:  # whatever it is, nobody may wait for what does not come
                for stream in list(self._open.values()):
                    stream.error = error
            for stream in list(self._open.values()):
                if stream.has_ended:
                    del self._open[stream.job]
                    stream.over.set()

    def _read(self, batch: Batch, streams: Sequence[_Stream]) -> None:
        """What came of each in the last step."""
        grown: list[_Stream] = []
        for stream in streams:
            try:
                stream.result = batch.read(stream.job)
            except Exception as error:  # it is this one's; the others go on
                stream.error = error
            if not stream.has_ended and len(stream.job.generated) != stream.tokens:
                stream.tokens = len(stream.job.generated)
                grown.append(stream)
        for stream, text in zip(grown, self._decode_all([stream.job.sure for stream in grown]), strict=True):
            try:
                stream.on_text(stream.growth.piece(text, stream.hear))
            except Exception as error:  # such as that nobody hears it any more
                stream.error = error
