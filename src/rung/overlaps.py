"""Which teaching rows repeat a judging case: they are refused, since an answer learnt by heart proves nothing.

Two inputs are the same when their words are (case, punctuation and white space aside), and nearly the same when at
least nine in ten of their distinct words are shared and both have six words or more.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from rung.records import Case, Example, Problem

NEAR = 0.9
SHORT = 6


def overlaps(teaching: Sequence[Example | Case], judging: Sequence[Case]) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Places of the teaching rows that may be kept, and a problem for each that may not."""
    exact: dict[tuple[str, ...], Case] = {}
    by_word: dict[str, list[tuple[frozenset[str], Case]]] = defaultdict(list)
    for case in judging:
        words = _words(case.question)
        exact.setdefault(words, case)
        distinct = frozenset(words)
        if len(distinct) >= SHORT:
            for word in distinct:
                by_word[word].append((distinct, case))
    kept: set[str] = set()
    problems: list[Problem] = []
    for row in teaching:
        words = _words(row.question if isinstance(row, Case) else row.input)
        twin = exact.get(words) or _near(frozenset(words), by_word)
        if twin is None:
            kept.add(row.place)
            continue
        how = "repeats" if words == _words(twin.question) else "nearly repeats"
        path, _, line = row.place.rpartition(":")
        message = f"'{row.id}' {how} case '{twin.id}' ({twin.place}); it is not used to teach"
        problems.append(Problem(path, int(line or 0), message))
    return frozenset(kept), tuple(problems)


def _near(words: frozenset[str], by_word: dict[str, list[tuple[frozenset[str], Case]]]) -> Case | None:
    """A case that shares NEAR of its words (Jaccard). Whoever does must share one of the rarest few words."""
    if len(words) < SHORT:
        return None
    rarest = sorted(words, key=lambda word: len(by_word.get(word, ())))
    for word in rarest[: len(words) - int(NEAR * len(words)) + 1]:
        for other, case in by_word.get(word, ()):
            shared = len(words & other)
            if shared >= NEAR * (len(words) + len(other) - shared):
                return case
    return None


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))
