"""How do parts that a reader found become one Markdown text with known page starts? What the parts are, readers know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rung.knowledge.reading.table_heads import Headed, tables_of
from rung.records import Document, Json

MARKDOWN = "markdown"
_BETWEEN = "\n\n"
_SPACE = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
_ROWS_AS_TABLE = 40  # of a longer table each row is written out with its headings: it may stand alone in a passage


def paged(pages: Iterable[str]) -> tuple[str, list[int]]:
    """One text of several pages, and the position at which each begins. An empty page begins where the next one does."""
    text, starts = "", []
    parts: list[str] = []
    length = 0
    for page in pages:
        clean = page.strip("\n")
        if parts and clean:
            parts.append(_BETWEEN)
            length += len(_BETWEEN)
        starts.append(length)
        if clean:
            parts.append(clean)
            length += len(clean)
    text = "".join(parts)
    return text, [min(start, len(text)) for start in starts]


def converted(
    id: str, text: str, title: str, *, meta: dict[str, Json] | None = None, pages: Sequence[int] = (), source: str = ""
) -> Document:
    """A document whose text is Markdown that was made from a file; positions are those of the Markdown."""
    said: dict[str, Json] = {**(meta or {}), "format": MARKDOWN}
    if pages:
        said["pages"] = list(pages)
    return Document(id, text, " ".join(title.split()), meta=said, source=source or id)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown, the first of them the headings; long tables as one line a row: `Region: Norway; Price: 12`.

    Empty rows and columns are left out.
    """
    kept = [row for row in rows if any(map(cell, row))]
    return _table(kept[0], kept[1:]) if kept else ""


def tables(rows: Iterable[Sequence[str]]) -> str:
    """A sheet as Markdown: its tables one below the other, the titles of each above it; see `table_heads`."""
    return "\n\n".join(part for headed in tables_of(rows) for part in (*headed.titles, headed_table(headed)) if part)


def headed_table(headed: Headed) -> str:
    """A table without its titles. Without a head, the head of the Markdown table is empty."""
    return _table(headed.head, headed.rows) if headed.head or headed.rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    width = max(map(len, (head, *rows)))
    first, *kept = [[*map(cell, row), *[""] * (width - len(row))] for row in (head, *rows)]
    kept = [row for row in kept if any(row)]
    used = [place for place in range(width) if first[place] or any(row[place] for row in kept)]
    first, kept = [first[place] for place in used], [[row[place] for place in used] for row in kept]
    if len(kept) > _ROWS_AS_TABLE and len(used) > 1:
        return "\n\n".join(_written_out(first, row) for row in kept)
    lines = [f"| {' | '.join(value.replace('|', chr(92) + '|') for value in row)} |" for row in (first, *kept)]
    return "\n".join([lines[0], f"|{' --- |' * len(used)}", *lines[1:]])


def cell(value: str) -> str:
    """A cell on one line."""
    return _SPACE.sub(" ", value).strip()


def tidy(text: str) -> str:
    """No more than one empty line between two blocks."""
    return _BLANK_LINES.sub(_BETWEEN, text).strip() + "\n" if text.strip() else ""


def _written_out(headings: Sequence[str], row: Sequence[str]) -> str:
    return "; ".join(
        f"{heading}: {value}" if heading else value for heading, value in zip(headings, row, strict=True) if value
    )
