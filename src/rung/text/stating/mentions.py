"""Where in an answer the words of an accepted one stand together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rung.text.stating import words
from rung.text.stating.clauses import Clause, content, stem
from rung.text.stating.expected import Expected
from rung.text.stating.naming import surname
from rung.text.stating.quantities import NUMBER

_LOOSE, _GAP = 6, 2  # tokens between the words of an accepted answer of several words: of a list, of any other
_RANGE = "–"


@dataclass(frozen=True, slots=True)
class Mention:
    """An accepted answer in a sentence: its tokens `line`, of which it is `start` to `end`, in clauses `first` to `last`."""

    line: tuple[str, ...]
    start: int
    end: int
    first: int
    last: int
    opening: int  # tokens of its sentence before its first clause

    def before(self, count: int) -> tuple[str, ...]:
        """So many tokens before it."""
        return self.line[max(0, self.start - count) : self.start]

    def after(self, count: int) -> tuple[str, ...]:
        """So many tokens behind it."""
        return self.line[self.end : self.end + count]


def mentions(clauses: Sequence[Clause], target: Expected) -> Iterator[Mention]:
    """Each place where it stands word for word; where it does not, all its words close together; else a part of a name."""
    numbered = enumerate(clauses)
    for _, group in groupby(numbered, key=lambda one: (one[1].sentence, one[1].aside)):
        own = list(group)
        spread = [(token, n) for n, clause in own for token in clause.tokens]
        line = tuple(token for token, _ in spread)
        stems = [stem(token) for token in line]
        core = [stem(token) for token in target.core]
        spans = _together(stems, core) or _spread_out(stems, target)
        spans = spans or surname(target.text, " ".join(clause.text for _, clause in own), stems)
        for start, end in spans:
            first = spread[start][1]
            opening = next(n for n, (_, clause) in enumerate(spread) if clause == first)
            yield Mention(line, start, end, first, spread[end - 1][1], opening)


def _together(stems: Sequence[str], core: Sequence[str]) -> list[tuple[int, int]]:
    """Word for word, and not as an end of a range: "5 days" does not stand in "3-5 days"."""
    size = len(core)
    spans = [(at, at + size) for at in range(len(stems) - size + 1) if stems[at : at + size] == core]
    return [(start, end) for start, end in spans if _RANGE not in (*stems[max(start - 1, 0) : start], *stems[end : end + 1])]


def _spread_out(stems: Sequence[str], target: Expected) -> list[tuple[int, int]]:
    """The smallest window that has all words of an accepted answer of several: those of a list in any order."""
    some = [stem(token) for token in target.core if content((token,))]
    is_list = bool(words.AND.intersection(target.core)) or "," in target.text
    if len(some) < 2 or (len(some) < 3 and any(map(NUMBER.match, some))):
        return []
    room = len(some) + (_LOOSE if is_list else _GAP)
    spans = []
    for start, token in enumerate(stems):
        window = stems[start : start + room]
        if token in some and {*some} <= {*window} and (is_list or len(some) == 2 or _in_order(some, window)):
            spans.append((start, start + max(window.index(one) for one in some) + 1))
    return sorted(spans, key=lambda span: span[1] - span[0])[:1]


def _in_order(some: Sequence[str], window: Sequence[str]) -> bool:
    left = iter(window)
    return all(one in left for one in some)
