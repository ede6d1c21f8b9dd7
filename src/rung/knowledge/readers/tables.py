"""A table of a document, whose merged cells say their value in every row and column that they cover, as Markdown.

Which rows are heads is left to `table_heads` where the document does not say it, how rows are written to `markup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rung.knowledge.readers.markup import headed_table, titled
from rung.knowledge.readers.table_heads import split_heads

Span = tuple[int, int, int, int]  # first row, first column, last row, last column: from 0, inclusive


def merged(rows: Sequence[Sequence[str]], spans: Iterable[Span]) -> list[list[str]]:
    """The rows with the value of each merged cell in every place that it covers and that is empty."""
    width = max(map(len, rows), default=0)
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    for top, left, bottom, right in spans:
        if top >= len(filled) or left >= width:
            continue
        value = filled[top][left]
        for row in filled[top : bottom + 1]:
            row[left : right + 1] = [cell or value for cell in row[left : right + 1]]
    return filled


def table(rows: Sequence[Sequence[str]], heads: int | None = None) -> str:
    """Rows as Markdown, titles above them. `heads`: how many of the first rows are heads, where the document says so."""
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return ""
    headed = split_heads(filled)
    if heads is not None:
        above = len(headed.titles)
        detected = len(filled) - above - len(headed.rows)
        if detected == 0 or detected < heads - above:
            headed = split_heads(filled, max(1, heads - above))
    return "\n\n".join(part for part in (*titled(headed, level=6), headed_table(headed)) if part)
