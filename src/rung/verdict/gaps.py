"""What is missing: knowledge, retrieval or behaviour? Told by the two reference arms, which are measured for this.

Which rung closes a gap best is left to `decide`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rung.records import Estimate
from rung.verdict.statistics import estimate, paired

if TYPE_CHECKING:
    from rung.estimating import Floats

CLOSED_BOOK, ORACLE, RAG = "closed_book", "oracle", "rag"
_NONE = Estimate(None, None, None, 0)


def gaps(
    correct: Mapping[str, Floats], *, documents: bool = True, seed: int = 0, clusters: Sequence[int] | None = None
) -> dict[str, Estimate]:
    """The three gaps, each with its 95 % interval over the cases that both sides have; n 0 where it cannot be measured.

    knowledge = oracle − closed book, what the gold passages would add; retrieval = oracle − rag, what searching loses of
    that; behaviour = 1 − oracle, what is wrong even with the gold passages. Without documents only the last remains, as
    1 − closed book.

    Args:
        correct: rung -> `correct` case by case, the same cases in the same order. Of several `rag` settings the best counts.
        documents: whether the project has any.
        seed: of the resampling.
        clusters: the cluster of each case, None where all are independent.
    """
    closed_book, oracle, rag = correct.get(CLOSED_BOOK), correct.get(ORACLE), _best_rag(correct)
    if not documents:
        return {"knowledge": _NONE, "retrieval": _NONE, "behaviour": _short_of_one(closed_book, seed, clusters)}
    return {
        "knowledge": _difference(oracle, closed_book, seed, clusters),
        "retrieval": _difference(oracle, rag, seed, clusters),
        "behaviour": _short_of_one(oracle, seed, clusters),
    }


def _difference(a: Floats | None, b: Floats | None, seed: int, clusters: Sequence[int] | None) -> Estimate:
    return _NONE if a is None or b is None else paired(a, b, seed=seed, clusters=clusters).estimate


def _short_of_one(column: Floats | None, seed: int, clusters: Sequence[int] | None) -> Estimate:
    return _NONE if column is None else estimate(1 - column, seed=seed, clusters=clusters)


def _best_rag(correct: Mapping[str, Floats]) -> Floats | None:
    """The retrieval rung with the highest mean: "rag" or, where its settings were swept, one of "rag[…]"."""
    columns = [column for name, column in correct.items() if re.match(rf"{RAG}(?![a-z0-9_])", name)]
    means = [(estimate(column).mean or 0.0, -place) for place, column in enumerate(columns)]
    return columns[-max(means)[1]] if columns else None
