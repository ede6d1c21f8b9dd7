"""Parts of a batch computed side by side on a CPU, each by a thread of its own, with a gradient of its own.

Threads that share every product wait for each other at every product: where a neighbour takes one of two cores, training so
falls to an eighth. Here they meet once a step. Who computes what is fixed by the rows alone and the gradients are added in
one order, so that the same steps come to the same numbers however the machine is loaded. What a part computes is left to
`learner`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from rung.training.examples import Row
from rung.training.packing import shared_beginning

if TYPE_CHECKING:
    import torch

R = TypeVar("R")
Part = Sequence[Row]
MOST = 4  # threads that compute parts; of more cores, each has several


def computed(part: Part) -> int:
    """Tokens that a part computes: its shared beginning once, then each row's own."""
    shared = shared_beginning(part) if len(part) > 1 else 0
    return shared + sum(len(row.ids) - 1 - shared for row in part)


def shares(parts: Sequence[Part], workers: int) -> list[list[Part]]:
    """The parts for each worker, the largest divided where that brings the end nearer or somebody has nothing to do, though
    what its rows share is then computed twice. One list where there are fewer rows than workers: all cores then share the
    products."""
    now = list(parts)
    best = _dealt(now, workers)
    while (divided := _divided(now)) is not None:
        dealt = _dealt(divided, workers)
        if all(best) and _longest(dealt) >= _longest(best):
            break
        now, best = divided, dealt
    return best if all(best) else [list(parts)]


def _dealt(parts: Sequence[Part], workers: int) -> list[list[Part]]:
    """The largest first, each to whoever has least to do."""
    dealt: list[list[Part]] = [[] for _ in range(workers)]
    loads = [0 for _ in range(workers)]
    for part in sorted(parts, key=computed, reverse=True):
        least = loads.index(min(loads))
        dealt[least].append(part)
        loads[least] += computed(part)
    return dealt


def _longest(dealt: Sequence[Sequence[Part]]) -> int:
    loads = [sum(computed(part) for part in parts) for parts in dealt]
    return max(loads)


def _divided(parts: Sequence[Part]) -> list[Part] | None:
    """The parts with the largest of them in two; None where that is one row."""
    largest = max(parts, key=computed)
    if len(largest) < 2:
        return None
    by_length = sorted(largest, key=lambda row: len(row.ids))
    others = [part for part in parts if part is not largest]
    return [*others, by_length[::2], by_length[1::2]]


class Workers:
    """Threads of a training: up to `count` of them, among which torch's threads are divided."""

    def __init__(self, count: int) -> None:
        import torch

        self.count = count
        self._together = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, "training")

    @staticmethod
    def fitting(most: int = MOST) -> int:
        """How many, of at most `most`, leave the fewest of torch's threads idle; 1 where there is one."""
        import torch

        threads = int(torch.get_num_threads())
        counts = range(1, max(1, min(most, MOST, threads)) + 1)
        return max(counts, key=lambda count: (count > 1, threads // count * count, count))

    def added(self, work: Sequence[Callable[[], R]], gradients: Sequence[torch.Tensor]) -> list[R]:
        """As `each`; each piece of work adds to a gradient of its own, and all come to the first, in order."""
        for gradient in gradients[1:]:
            gradient.zero_()
        learnt = self.each(work)
        for gradient in gradients[1:]:
            gradients[0].add_(gradient)
        return learnt

    def each(self, work: Sequence[Callable[[], R]]) -> list[R]:
        """What each piece of work comes to, in order; all have ended when it returns or raises."""
        import torch

        threads = max(1, self._together // len(work))
        tasks = [self._pool.submit(_by, threads, one) for one in work]
        try:
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.exception()
            torch.set_num_threads(self._together)


def _by(threads: int, work: Callable[[], R]) -> R:
    import torch

    torch.set_num_threads(threads)  # of the thread that this is
    return work()
