"""Which request enters the batch when: those that share a beginning wait until one of them has computed it.

The prefix cache is looked into only when a request enters, so sixty prompts about one long document that enter together
would compute that document sixty times. Decoding is left to an `Engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rung.models.jobs import Decode, Growth, Job
from rung.records import Failure
from rung.records.steps import GenerateResult, StepFailed

_WORTH = 64  # tokens of a shared beginning for which waiting pays: two cache blocks
_LOOK = 256  # how many waiting requests are considered for a free place


class Engine(Protocol):
    """What decodes a batch, whoever steps it."""

    @property
    def at_once(self) -> int:
        """Jobs that it decodes together."""

    def add(self, job: Job) -> Failure | None:
        """Let a job into the batch; or say why it cannot be."""

    def step(self, jobs: Sequence[Job]) -> dict[int, GenerateResult | Failure]:
        """Compute one step of the whole batch: index -> result for those of `jobs` that ended."""


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
        for index, result in engine.step(queue.running).items():
            queue.ended(next(job for job in queue.running if job.index == index))
            yield index, result


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
        result = engine.step([job]).get(job.index)
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
