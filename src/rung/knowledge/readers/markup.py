"""Parts that a reader found, as one Markdown text with known page starts. What the parts are, readers know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rung.knowledge.readers.table_heads import Headed, is_value, tables_of
from rung.records import Document, Json

MARKDOWN = "markdown"
_BETWEEN = "\n\n"
_SPACE = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
_ROWS_AS_TABLE = 40  # of a longer table each row is written out with its headings: it may stand alone in a passage
_LONGEST_HEAD = 160  # characters of a head row that a passage's header can hold, roughly
_LONGEST_ROW = 400  # characters of a row that fits into a passage, roughly
_SMALL = 600  # characters of a table that is kept whole
_LONGEST_TITLE = 120  # characters of a title that can be a heading


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
    merged: dict[str, Json] = {**(meta or {}), "format": MARKDOWN}
    if pages:
        merged["pages"] = list(pages)
    return Document(id, text, " ".join(title.split()), meta=merged, source=source or id)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown, the first of them the headings; long tables as one line a row: `Region: Norway; Price: 12`.

    Empty rows and columns are left out.
    """
    filled = [row for row in rows if any(map(cell, row))]
    return _table(filled[0], filled[1:]) if filled else ""


def tables(rows: Iterable[Sequence[str]], heads: Mapping[int, int] | None = None) -> str:
    """A sheet as Markdown: its tables one below the other, the titles of each above it; see `table_heads`."""
    parts = tables_of(rows, heads)
    return "\n\n".join(part for headed in parts for part in (*titled(headed), headed_table(headed)) if part)


def titled(headed: Headed, level: int = 3) -> list[str]:
    """The titles of a table: the first one is a heading, so that every passage of the table carries it."""
    first, rest = headed.titles[:1], headed.titles[1:]
    if first and headed.rows and len(first[0]) <= _LONGEST_TITLE:
        return [f"{'#' * level} {first[0]}", *rest]
    return [*first, *rest]


def headed_table(headed: Headed) -> str:
    """A table without its titles. Without a head, the head of the Markdown table is empty."""
    return _table(headed.head, headed.rows) if headed.head or headed.rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    width = max(map(len, (head, *rows)))
    first, *rest = [[*map(cell, row), *[""] * (width - len(row))] for row in (head, *rows)]
    rest = [row for row in rest if any(row)]
    used = [index for index in range(width) if first[index] or any(row[index] for row in rest)]
    first, rest = [first[index] for index in used], [[row[index] for index in used] for row in rest]
    if len(used) > 1 and _is_large(first, rest):
        bare = [name for index, name in enumerate(first) if name and not any(row[index] for row in rest)]
        lines = [f"Columns without values: {'; '.join(bare)}"] if bare else []
        return "\n\n".join([*lines, *(line for row in rest for line in _written_out(first, row))])
    lines = [f"| {' | '.join(value.replace('|', chr(92) + '|') for value in row)} |" for row in (first, *rest)]
    return "\n".join([lines[0], f"|{' --- |' * len(used)}", *lines[1:]])


def _is_large(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether parts of a table would stand in passages that do not show its head, or no whole row."""
    if len(rows) > _ROWS_AS_TABLE:
        return True
    sizes = [sum(map(len, row)) + 3 * len(row) for row in (head, *rows)]
    return sum(sizes) > _SMALL and (sizes[0] > _LONGEST_HEAD or max(sizes) > _LONGEST_ROW)


def cell(value: str) -> str:
    """A cell on one line."""
    return _SPACE.sub(" ", value).strip()


def tidy(text: str) -> str:
    """No more than one empty line between two blocks."""
    return _BLANK_LINES.sub(_BETWEEN, text).strip() + "\n" if text.strip() else ""


def _written_out(headings: Sequence[str], row: Sequence[str]) -> list[str]:
    """A row on one line, each value behind its heading; a long one on several, each of which says whose row it is."""
    cells = [(heading, value) for heading, value in zip(headings, row, strict=True) if value]
    parts = [f"{heading}: {value}" if heading else value for heading, value in cells]
    if sum(map(len, parts)) <= _LONGEST_ROW:
        return ["; ".join(parts)]
    named = 2 if len(cells) > 1 and is_value(cells[0][1]) else 1  # a running number alone names nothing
    named = 0 if sum(map(len, parts[:named])) > _LONGEST_ROW // 2 else named
    lines = [parts[:named]]
    for part in parts[named:]:
        if len(lines[-1]) > named and sum(map(len, lines[-1])) + len(part) > _LONGEST_ROW:
            lines.append(parts[:named])
        lines[-1] = [*lines[-1], part]
    return ["; ".join(line) for line in lines]
