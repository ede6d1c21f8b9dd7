"""Which request enters the batch when: those that share a beginning wait until one of them has computed it.

The prefix cache is looked into only when a request enters, so sixty prompts about one long document that enter together
would compute that document sixty times. Decoding is left to an `Engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rung.models.jobs import Decode, Growth, Job
from rung.records import Failure
from rung.records.steps import GenerateResult, StepFailed

_WORTH = 64  # tokens of a shared beginning for which waiting pays: two cache blocks
_LOOK = 256  # how many waiting requests are considered for a free place


class Engine(Protocol):
    """What decodes a batch, whoever advances it."""

    @property
    def at_once(self) -> int:
        """Jobs that it decodes together."""

    @property
    def is_broken(self) -> bool:
        """Whether a step of it failed, so that nobody knows what is half done: throw it away."""

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""

    def advance(self, jobs: Collection[Job]) -> None:
        """Return when a step of the whole batch has been computed in which these may have got on."""

    def read(self, job: Job) -> GenerateResult | Failure | None:
        """What came of a job: its result, once it has ended."""

    def cancel(self, jobs: Sequence[Job]) -> None:
        """Take jobs out of the batch that will not be read any more."""


E = TypeVar("E", bound=Engine)


@contextmanager
def entered(engine: E, jobs: Sequence[Job], throw_away: Callable[[E], None]) -> Iterator[E]:
    """The engine. Whatever happens meanwhile, no job of these stays in it; where it broke, it is thrown away."""
    try:
        yield engine
    except BaseException:
        if engine.is_broken:
            throw_away(engine)
        else:
            engine.cancel(jobs)
        raise


def run_jobs(
    engine: Engine, jobs: Sequence[Job], *, at_once: int | None = None
) -> Iterator[tuple[int, GenerateResult | Failure]]:
    """Yield (index, result) as each job ends; at most `at_once` of them are in the batch."""
    queue = Queue(jobs, at_once=at_once or engine.at_once)
    while not queue.is_empty:
        for job in queue.admit():
            refused = engine.add(job)
            if refused is not None:
                job.ended = True
                queue.ended(job)
                yield job.index, refused
        engine.advance(queue.running)
        for job in list(queue.running):
            if (result := engine.read(job)) is not None:
                queue.ended(job)
                yield job.index, result


def stream_job(engine: Engine, job: Job, decode: Decode, hear: Callable[[str], str] = str) -> Iterator[str | GenerateResult]:
    """Yield pieces of text as they become certain, then the whole `GenerateResult` last.

    Args:
        hear: what is shown of each new piece.

    Raises:
        StepFailed: the job cannot be answered.
    """
    growth = Growth()
    result: GenerateResult | Failure | None = engine.add(job)
    while result is None:
        engine.advance([job])
        result = engine.read(job)
        if result is None and (piece := growth.piece(decode(job.sure), hear)):
            yield piece
    if isinstance(result, Failure):
        raise StepFailed(result)
    if rest := growth.rest(result.text):
        yield rest
    yield result


class Queue:
    """Jobs in the order of their token ids, so that shared beginnings are neighbours."""

    def __init__(self, jobs: Sequence[Job], *, at_once: int) -> None:
        self._jobs = sorted(jobs, key=lambda job: job.ids)
        self._shared = [0, *(_shared(a.ids, b.ids) for a, b in zip(self._jobs, self._jobs[1:], strict=False))]
        self._waiting = list(range(len(self._jobs)))
        self._entered: set[int] = set()
        self._at_once = at_once
        self.running: list[Job] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._waiting and not self.running

    def admit(self) -> Iterator[Job]:
        """Jobs for the free places; each must be added to the batch, or ended, before the next is asked for."""
        for number in self._waiting[:_LOOK]:
            if len(self.running) >= self._at_once:
                return
            if not self._should_wait(number):
                self._waiting.remove(number)
                self._entered.add(number)
                self.running.append(self._jobs[number])
                yield self._jobs[number]

    def ended(self, job: Job) -> None:
        """A job left the batch."""
        self.running.remove(job)

    def _should_wait(self, number: int) -> bool:
        """Whether a job that is still reading its prompt will leave a longer beginning in the cache than is there now."""
        share, soon, now = len(self._jobs[number].ids), 0, 0
        for before in range(number - 1, -1, -1):
            share = min(share, self._shared[before + 1])
            if share < _WORTH:
                break
            if before in self._entered:
                if self._jobs[before].generated or self._jobs[before].ended:
                    now = share
                    break
                soon = max(soon, share)
        return soon - now >= _WORTH


def _shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common beginning."""
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return index
    return min(len(a), len(b))
