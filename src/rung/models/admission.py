"""Which request enters the batch when: those that share a beginning wait until one of them has computed it.

The prefix cache is looked into only when a request enters, so sixty prompts about one long document that enter together
would compute that document sixty times. Running them is left to `pipeline`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rung.models.pipeline import Job

_WORTH = 64  # tokens of a shared beginning for which waiting pays: two cache blocks
_LOOK = 256  # how many waiting requests are considered for a free place


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
