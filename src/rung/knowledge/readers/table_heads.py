"""Which rows of a grid are titles above a table, which its heads, and which its data: a table as a person would read it.

Pure rules over cells as text. How a table is written is left to `markup`, merged cells to the readers: they come filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile, groupby, pairwise
from statistics import median

_VALUE = re.compile(  # numbers, amounts, percentages, dates, times: what stands below a head and hardly ever in one
    r"(?:[€$£¥]|[A-Z]{3}|[~≈<>±≤≥])?\s*[(+\-−–]?\s*[€$£¥]?\s*\d[\d.,'’\u00a0\u202f /:-]*(?:[eE][+-]?\d+)?\s*"
    r"(?:%|‰|°[CF]?|[€$£¥]|[A-Z]{3}|[kcmµ]?[mgl]|kWh|[hs]|min|days?|years?|pcs|[AaPp]\.?[Mm]\.?|T[\d:.]+Z?)?\s*\)?"
)
_YEAR = re.compile(r"(?:19|20|21)\d\d")
_NOTHING = frozenset({"", "-", "–", "—", "n/a", "N/A", "na", "NA", "n.a.", "null", "NULL", "None", "NaN", "nan"})
_CODE = re.compile(r"(?=.*\d)[\w.:/#-]+", re.ASCII)  # P35, 2026-A: rather an identifier than the name of a column
_SAMPLE = 60  # rows of a table that are looked at
_MAX_HEADS = 3
_MAX_TITLES = 20
_LONGEST_HEAD = 120  # characters

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headed:
    """A table: lines that stand above it, the names of its columns (none: it has no head), its rows, all equally long."""

    titles: Row = ()
    head: Row = ()
    rows: tuple[Row, ...] = ()


def tables_of(rows: Iterable[Sequence[str]], declared: Mapping[int, int] | None = None) -> list[Headed]:
    """The tables of a sheet. An empty row ends a table only where what follows has a title or a head of its own.

    What stands alone, behind the last table or instead of one, is a table of titles only. `declared`: the rows, from 0, that
    are the last ones of heads, as far as the file says so, and how many rows of heads end there (0: to be found out).
    """
    parts: list[Headed] = []
    for start, block in _blocks(rows):
        alone = len(block) == 1 and sum(map(bool, block[0])) == 1
        last = next((n for n in range(len(block)) if declared and start + n in declared), None)
        heads = declared.get(start + last) if declared and last is not None else None
        next_one = Headed((_line(tuple(block[0])),)) if alone else split_heads(block, heads, last=last)
        before = parts[-1] if parts else None
        if before is None or not (next_one.head or next_one.rows):
            parts.append(next_one)
        elif not before.rows:  # a title, or a head with an empty row below it
            parts[-1] = _behind(before, next_one)
        elif last is not None or _begins_anew(next_one, before):
            same = len(next_one.rows[0]) == len(before.head) if next_one.rows else False
            parts.append(Headed(next_one.titles, before.head, next_one.rows) if same and not next_one.head else next_one)
        elif _is_all_heads(before, block):  # several rows of heads with an empty row below them
            width = max(len(before.head), *map(len, block))
            parts[-1] = Headed(before.titles, _wide(joined([before.head, *before.rows]), width), _squared(block, width))
        else:
            width = max(len(before.rows[0]), *map(len, block))
            parts[-1] = Headed(before.titles, _wide(before.head, width), _squared([*before.rows, *block], width))
    return parts


def split_heads(rows: Sequence[Sequence[str]], heads: int | None = None, *, last: int | None = None) -> Headed:
    """One table without empty rows.

    Args:
        rows: merged cells come filled.
        heads: how many of the rows below its titles name columns, where the file says so; None or, with `last`, 0: to be
            found out.
        last: the last row that names columns, from 0, where the file says so.
    """
    square = _squared(rows, max((len(row) for row in rows), default=0))
    first = _title_count(square)
    if last is not None:
        first, heads = (last + 1 - heads, heads) if heads else _above(square, min(first, last), last)
    body = square[first:]
    count = _head_count(body) if heads is None else heads
    return Headed(tuple(_line(row) for row in square[:first]), joined(body[:count]), body[count:])


def _above(rows: Sequence[Row], first: int, last: int) -> tuple[int, int]:
    """Where the heads begin whose last row is known, and how many they are: rows that span them are heads too."""
    start = last
    while start > first and last - start + 1 < _MAX_HEADS and _divides(rows[start - 1], rows[start], rows[last + 1 :]):
        start -= 1
    return start, last + 1 - start


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, an amount, a date or a time rather than words, struck or not."""
    return bool(_VALUE.fullmatch(cell.strip().removeprefix("~~").removesuffix("~~")))


def _blocks(rows: Iterable[Sequence[str]]) -> list[tuple[int, list[Sequence[str]]]]:
    """What stands between empty rows, and the place of its first row."""
    blocks: list[tuple[int, list[Sequence[str]]]] = []
    going = False
    for index, row in enumerate(rows):
        filled = any(cell.strip() for cell in row)
        if filled and not going:
            blocks.append((index, []))
        if filled:
            blocks[-1][1].append(row)
        going = filled
    return blocks


def _behind(above: Headed, below: Headed) -> Headed:
    if above.head and not below.titles and not below.head:
        width = max(len(above.head), len(below.rows[0]))
        return Headed(above.titles, _wide(above.head, width), _squared(below.rows, width))
    alone = (_line(above.head),) if above.head else ()
    return Headed((*above.titles, *alone, *below.titles), below.head, below.rows)


def _is_all_heads(before: Headed, block: Sequence[Sequence[str]]) -> bool:
    """Whether what looked like the rows of a table are further rows of heads of what stands below."""
    rows = [before.head, *before.rows]
    below = _squared(block, len(before.head))
    return bool(before.head) and len(rows) <= _MAX_HEADS and all(_divides(a, b, below) for a, b in pairwise(rows))


def _begins_anew(block: Headed, before: Headed) -> bool:
    if block.titles:
        return bool(block.rows or block.head)
    return bool(block.rows and block.head) and (block.head == before.head or names_columns(block.head, block.rows))


def _title_count(rows: Sequence[Row]) -> int:
    """How many rows stand above a table: those of one text (merged, it is repeated), and `Date: 2026-01-02`."""
    if not rows or len(rows[0]) < 2:
        return 0
    usual = median(sum(map(bool, row)) for row in rows[:_SAMPLE])
    count = 0
    while count < min(len(rows), _MAX_TITLES) and _is_title(rows[count], usual):
        if count + 1 < len(rows) and _spans_heads(rows[count], rows[count + 1]):
            break
        count += 1
    return count


def _is_title(row: Row, usual: float) -> bool:
    words = set(row) - {""}
    if len(words) == 1:
        return bool(row[0]) or len(row) > 2  # of two columns, a head may name the second alone
    return len(words) == 2 and usual > 2 and row[0].endswith(":")


def _spans_heads(row: Row, below: Row) -> bool:
    """Whether one merged text stands over some of the heads below it, beside the first: `2024` over `Net` and `Tax`."""
    return not row[0] and bool(below[0]) and sum(map(bool, row)) > 1 and len(set(below) - {""}) > 2


def _head_count(rows: Sequence[Row]) -> int:
    """How many of the first rows are heads: none where the first one looks like those below it."""
    if not rows or not _is_head(rows[0], rows[1 : _SAMPLE + 1]):
        return 0
    count = 1
    while count < min(_MAX_HEADS, len(rows) - 1) and _divides(rows[count - 1], rows[count], rows[count + 1 :]):
        count += 1
    return count


def _is_head(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row names columns: it has words and no values, but for years and the like that count up."""
    named = [cell for cell in row if cell not in _NOTHING]
    values = [cell for cell in named if is_value(cell)]
    if not named or max(map(len, named)) > _LONGEST_HEAD or len(values) == len(row):
        return False
    if values:
        return _counts_up(values) and not any(
            _YEAR.fullmatch(cell) and below and all(_YEAR.fullmatch(other) for other in _column(below, column))
            for column, cell in enumerate(row)
        )
    return names_columns(row, below) or not _is_one_of(row, below)


def _counts_up(values: Sequence[str]) -> bool:
    """Years, or 1, 2, 3, …: numbers that heads are made of."""
    if not all(cell.isdigit() for cell in values):
        return False
    numbers = [int(cell) for cell, _ in groupby(values)]  # merged, a year is repeated
    steps = {b - a for a, b in pairwise(numbers)}
    years = all(_YEAR.fullmatch(cell) for cell in values)
    return (len(numbers) > 2 or years) and (not steps or (len(steps) == 1 and steps != {0}))


def _is_one_of(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row of words is one more of those below: its words come again in their columns, or are codes like theirs."""
    for index, cell in enumerate(row):
        column = list(dropwhile(cell.__eq__, _column(below, index)))  # a head may be merged with what is below it
        if cell in _NOTHING or not column:
            continue
        if cell in column or (len(column) > 1 and all(_CODE.fullmatch(other) for other in (cell, *column))):
            return True
    return False


def names_columns(head: Row, rows: Sequence[Row]) -> bool:
    """Whether some column has words in its head and values below."""
    for index, name in enumerate(head):
        column = _column(rows, index) if name and not is_value(name) else []
        if sum(map(is_value, column)) * 2 > len(column):
            return True
    return False


def _divides(above: Row, row: Row, below: Sequence[Row]) -> bool:
    """Whether a second row of heads divides what the first one spans: `Price` over `net` and `gross`."""
    if not below or any(is_value(cell) and not _YEAR.fullmatch(cell) for cell in row):
        return False
    spanned = [index for index in range(1, len(row)) if above[index - 1] and above[index] in ("", above[index - 1])]
    if not any(row[index] not in ("", above[index]) for index in spanned):
        return False
    return any(above[index] for index in spanned) or names_columns(row, below)


def _column(rows: Sequence[Row], index: int) -> list[str]:
    return [row[index] for row in rows[:_SAMPLE] if index < len(row) and row[index] not in _NOTHING]


def joined(heads: Sequence[Row]) -> Row:
    """Several rows of heads as one: each column's words from above to below, each once."""
    if len(heads) < 2:
        return heads[0] if heads else ()
    spanning = [_spanning(row, below) for row, below in pairwise(heads)]
    return tuple(
        " ".join(dict.fromkeys(part for part in column if part)) for column in zip(*spanning, heads[-1], strict=True)
    )


def _spanning(row: Row, below: Row) -> Row:
    """A row of heads, each reaching over the empty cells on its right that have a head below."""
    out: list[str] = []
    for cell, under in zip(row, below, strict=True):
        out.append(cell or (out[-1] if out and under else ""))
    return tuple(out)


def _squared(rows: Sequence[Sequence[str]], width: int) -> tuple[Row, ...]:
    return tuple(_wide(row, width) for row in rows)


def _wide(row: Sequence[str], width: int) -> Row:
    cells = tuple(" ".join(cell.split()) for cell in row)
    return (*cells, *("" for _ in range(width - len(cells)))) if cells else ()


def _line(row: Row) -> str:
    return " ".join(dict.fromkeys(cell for cell in row if cell))
