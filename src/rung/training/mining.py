"""Passages that teach a retriever most: those that look right to the search, and are not (hard negatives).

What looks right may be right, only nobody said so: such false negatives are kept out by three guards. Searching, and taking
vectors out of an index, is left to who orders the training.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.text.matching import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARGIN = 0.95  # of the positive's score: what scores higher may be an answer too (de Souza et al. 2024, arXiv:2407.15831)
ALIKE = 0.95  # cosine of two passages from which on they count as one
SAME_WORDS = 0.8  # share of distinct words (Jaccard) from which on they do as well


@dataclass(frozen=True, slots=True)
class Seen:
    """A passage as the embedder sees it, header included, with its vector of unit length."""

    text: str
    document: str
    vector: NDArray[np.float32]


def best_positive(question: NDArray[np.float32], gold: Sequence[Seen]) -> Seen:
    """Of a gold document's passages the one nearest to the question: where nobody said where the answer stands."""
    return max(gold, key=lambda seen: (round(float(question @ seen.vector), 6), seen.text))


def hard_negatives(
    question: NDArray[np.float32],
    gold: Sequence[Seen],
    candidates: Sequence[Seen],
    *,
    gold_documents: Collection[str] = (),
    most: int = 4,
) -> tuple[str, ...]:
    """The first of the found passages that pass the guards, at most `most`.

    Left out are passages of a gold document, those that score above `MARGIN` of the best positive's score, and those that
    say nearly the same as a positive.
    """
    if not gold:
        return ()
    limit = MARGIN * max(float(question @ seen.vector) for seen in gold)
    words = [_words(seen.text) for seen in gold]
    chosen: dict[str, None] = {}
    for seen in candidates:
        if len(chosen) == most:
            break
        if seen.document in gold_documents or float(question @ seen.vector) > limit:
            continue
        if any(float(seen.vector @ right.vector) > ALIKE for right in gold) or _says_the_same(_words(seen.text), words):
            continue
        chosen[seen.text] = None
    return tuple(chosen)


def _says_the_same(words: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    return any(len(words & other) >= SAME_WORDS * len(words | other) for other in others)


def _words(text: str) -> frozenset[str]:
    return frozenset(terms(text))
