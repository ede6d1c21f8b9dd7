"""Which teaching rows repeat a judging case: they are refused, since an answer learnt by heart proves nothing.

Two inputs are the same when their words and numbers are (case, punctuation and white space aside), and nearly the same when
at least nine in ten of their distinct words are shared and both have six words or more. In languages written without spaces
a pair of characters counts as a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rung.records import Case, Example, Problem
from rung.text.matching import terms, tokens

NEAR = 0.9
SHORT = 6


def overlaps(teaching: Sequence[Example | Case], judging: Sequence[Case]) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Places of the teaching rows that may be kept, and a problem for each that may not."""
    exact: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    by_word: dict[str, list[tuple[frozenset[str], Case]]] = defaultdict(list)
    for case in judging:
        words = tuple(terms(case.question))
        exact[words].append(case)
        distinct = frozenset(words)
        if len(distinct) >= SHORT:
            for word in distinct:
                by_word[word].append((distinct, case))
    allowed: set[str] = set()
    problems: list[Problem] = []
    for row in teaching:
        text = row.question if isinstance(row, Case) else row.input
        words = tuple(terms(text))
        same = next((case for case in exact.get(words, ()) if _says(case.question) == _says(text)), None)
        twin = same or _near(frozenset(words), by_word)
        if twin is None:
            allowed.add(row.place)
            continue
        how = "repeats" if same else "nearly repeats"
        message = f"'{row.id}' {how} case '{twin.id}' ({twin.place}); it is not used to teach"
        problems.append(Problem.at(row.place, message))
    return frozenset(allowed), tuple(problems)


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


def _says(text: str) -> tuple[str, ...]:
    return tokens(text, articles=True)  # "C++" is not "C", and −5 is not 5
