"""Texts that belong together: pairs and triplets, as sentence-transformers keeps them, for training a retriever.

Columns `anchor`, `positive` and any number of `negative`, `negative_2`, …; also `query`/`question` and `passage`/`pos`/`neg`
lists. A column `score` or `label` that says no (0) makes the positive a negative: such a row is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rung.dataset.row_files import rows_in
from rung.files.limited import name_of
from rung.records import Json, Pair, Problem

ANCHORS = ("anchor", "query", "question", "sentence1")
_POSITIVES = ("positive", "positives", "pos", "passage", "document", "answer", "sentence2")
_NEGATIVES = ("negative", "negatives", "neg")


def read_pairs(path: Path, problems: list[Problem], *, shown: str = "") -> Iterator[Pair]:
    """Every pair of a JSONL, JSON or CSV file; rows that are none become problems."""
    shown = shown or name_of(path)
    for line, row in rows_in(path, shown, problems):
        try:
            yield from pairs_of(row, f"{shown}:{line}")
        except ValueError as error:
            problems.append(Problem(shown, line, str(error)))


def pairs_of(row: Mapping[str, Json], location: str) -> Iterator[Pair]:
    """The pairs of a row, one for each positive.

    Raises:
        ValueError: it is none, or says that its texts do not belong together.
    """
    anchors, positives = texts(row, ANCHORS), texts(row, _POSITIVES)
    if not anchors or not positives:
        raise ValueError("is no pair: it needs 'anchor' and 'positive' with text, and may have 'negative'")
    score = row.get("score", row.get("label"))
    if score is not None and str(score).strip() in ("0", "0.0", "false", "False"):
        raise ValueError("says that its two texts do not belong together (score 0): give such texts as 'negative'")
    names = [key for key in row if key in _NEGATIVES or key.startswith("negative_")]
    negatives = tuple(text for name in names for text in texts(row, (name,)))
    yield from (Pair(anchors[0], positive, negatives, location) for positive in positives)


def texts(row: Mapping[str, Json], names: tuple[str, ...]) -> list[str]:
    """The texts under the first of these names that has any."""
    value = next((row[name] for name in names if row.get(name)), None)
    listed = value if isinstance(value, list) else [value]
    return [text for text in listed if isinstance(text, str) and text.strip()]
