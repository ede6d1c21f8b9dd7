"""Which neighbours become one passage: the best division of a row of pieces, by dynamic programming.

As Knuth and Plass (1981) break a paragraph into lines: every cut has a cost, so has every passage that is shorter or longer
than wanted, and the division with the least sum is found, not the first that fits. Where pieces come from is left to
`structure`, what becomes of them to `chunking`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

TORN = 50.0  # cost of a cut between a heading and what it heads
FINEST = 40  # pieces smaller than this part of a passage are joined first: it bounds the work


@dataclass(frozen=True, slots=True)
class Pieces:
    """A row of pieces. Piece i has `tokens[i]`; it costs `cut[i]` to start a passage with it, `cross[i]` not to.

    A piece with `section[i]` starts a section of the text.
    """

    starts: list[int]
    tokens: list[int]
    cut: list[float]
    cross: list[float]
    section: list[bool]

    def __len__(self) -> int:
        return len(self.tokens)


def pack(pieces: Pieces, first: int, last: int, *, target: int, limit: int) -> list[tuple[int, int]]:
    """Divide the pieces `first` to `last` (exclusive) into runs of at most `limit` tokens, near `target`.

    Between `target` and `limit` a run costs as much as an empty one would at the limit: the room is kept for an overlap, and
    for what is best kept whole. A single piece of more than `limit` tokens is a run by itself.
    """
    tokens, cut, cross = pieces.tokens, pieces.cut, pieces.cross
    over = max(1, limit - target)
    best, back = [0.0] + [inf] * (last - first), [0] * (last - first + 1)
    for end in range(first + 1, last + 1):
        size, crossing, least, chosen = 0, 0.0, inf, end - 1
        for start in range(end - 1, first - 1, -1):
            size += tokens[start]
            if size > limit and start < end - 1:
                break
            gap = (target - size) / target if size <= target else (size - target) / over
            cost = best[start - first] + crossing + gap * gap
            if start > first:
                cost += cut[start]
            if cost < least:
                least, chosen = cost, start
            crossing += cross[start]
        best[end - first], back[end - first] = least, chosen
    runs = []
    end = last
    while end > first:
        runs.append((back[end - first], end))
        end = back[end - first]
    return runs[::-1]


def joined(pieces: Pieces, keeps: Sequence[tuple[int, int]], *, limit: int) -> Pieces:
    """The pieces, with those of a span joined to one where it fits: spans are positions, outer ones before inner ones.

    What fits is judged together with the section head before it, from which it must not be torn. Small neighbours are
    joined as well, never over the start of a section.
    """
    ends = _fitting(pieces, keeps, limit)
    small = limit // FINEST
    packed = Pieces([], [], [], [], [])
    index = 0
    while index < len(pieces):
        until = ends.get(index, index + 1)
        size = sum(pieces.tokens[index:until])
        if packed.starts and until == index + 1 and not pieces.section[index] and packed.tokens[-1] + size <= small:
            packed.tokens[-1] += size
        else:
            packed.starts.append(pieces.starts[index])
            packed.tokens.append(size)
            packed.cut.append(pieces.cut[index])
            packed.cross.append(pieces.cross[index])
            packed.section.append(pieces.section[index])
        index = until
    return packed


def _fitting(pieces: Pieces, keeps: Sequence[tuple[int, int]], limit: int) -> dict[int, int]:
    """Place of the first piece of each span that fits -> place after its last one. Spans inside such a span are left out."""
    fitting: dict[int, int] = {}
    reached = 0
    for start, end in keeps:
        first, last = bisect_left(pieces.starts, start), bisect_left(pieces.starts, end)
        if first < reached or last - first < 2:
            continue
        head, before = 0, first
        # The headings that must not be torn from it: cutting after them costs TORN or more.
        while before > 0 and pieces.cut[before] >= TORN:
            before -= 1
            head += pieces.tokens[before]
        if sum(pieces.tokens[first:last]) + head <= limit:
            fitting[first], reached = last, last
    return fitting
