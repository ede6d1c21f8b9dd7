"""Which rows of a grid are titles above a table, which its heads, and which its data: a table as a person would read it.

Pure rules over cells as text. How a table is written is left to `markup`, merged cells to the readers: they come filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_VALUE = re.compile(  # numbers, amounts, percentages, dates, times: what stands below a head and hardly ever in one
    r"(?:[€$£¥]|[A-Z]{3}|[~≈<>±≤≥])?\s*[(+\-−–]?\s*[€$£¥]?\s*\d[\d.,'’\u00a0\u202f /:-]*(?:[eE][+-]?\d+)?\s*"
    r"(?:%|‰|°[CF]?|[€$£¥]|[A-Z]{3}|[kcmµ]?[mgl]|kWh|[hs]|min|days?|years?|pcs|[AaPp]\.?[Mm]\.?|T[\d:.]+Z?)?\s*\)?"
)
_YEAR = re.compile(r"(?:19|20|21)\d\d")
_NOTHING = frozenset({"", "-", "–", "—", "n/a", "N/A", "na", "NA", "n.a.", "null", "NULL", "None", "NaN", "nan"})
_CODE = re.compile(r"(?=.*\d)[\w.:/#-]+", re.ASCII)  # P35, 2026-A: rather an identifier than the name of a column
_SAMPLE = 60  # rows of a table that are looked at
_MOST_HEADS = 3
_MOST_TITLES = 20
_LONGEST_HEAD = 120  # characters

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headed:
    """A table: lines that stand above it, the names of its columns (none: it has no head), its rows, all equally long."""

    titles: Row = ()
    head: Row = ()
    rows: tuple[Row, ...] = ()


def tables_of(rows: Iterable[Sequence[str]]) -> list[Headed]:
    """The tables of a sheet. An empty row ends a table only where what follows has a title or a head of its own.

    What stands alone, behind the last table or instead of one, is a table of titles only.
    """
    found: list[Headed] = []
    for block in _blocks(rows):
        alone = len(block) == 1 and sum(map(bool, block[0])) == 1
        next_one = Headed((_line(tuple(block[0])),)) if alone else split_heads(block)
        last = found[-1] if found else None
        if last is None or not (next_one.head or next_one.rows):
            found.append(next_one)
        elif not last.rows:  # a title, or a head with an empty row below it
            found[-1] = _behind(last, next_one)
        elif _begins_anew(next_one, last):
            same = len(next_one.rows[0]) == len(last.head) if next_one.rows else False
            found.append(Headed(next_one.titles, last.head, next_one.rows) if same and not next_one.head else next_one)
        else:
            width = max(len(last.rows[0]), *map(len, block))
            found[-1] = Headed(last.titles, _wide(last.head, width), _squared([*last.rows, *block], width))
    return found


def split_heads(rows: Sequence[Sequence[str]], heads: int | None = None) -> Headed:
    """One table without empty rows. `heads`: how many of the rows below its titles name columns; None: to be found out."""
    square = _squared(rows, max((len(row) for row in rows), default=0))
    first = _title_count(square)
    body = square[first:]
    count = _head_count(body) if heads is None else heads
    return Headed(tuple(_line(row) for row in square[:first]), _joined(body[:count]), body[count:])


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, an amount, a date or a time rather than words."""
    return bool(_VALUE.fullmatch(cell.strip()))


def _blocks(rows: Iterable[Sequence[str]]) -> list[list[Sequence[str]]]:
    """What stands between empty rows."""
    blocks: list[list[Sequence[str]]] = [[]]
    for row in rows:
        if any(cell.strip() for cell in row):
            blocks[-1].append(row)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _behind(above: Headed, below: Headed) -> Headed:
    if above.head and not below.titles and not below.head:
        width = max(len(above.head), len(below.rows[0]))
        return Headed(above.titles, _wide(above.head, width), _squared(below.rows, width))
    alone = (_line(above.head),) if above.head else ()
    return Headed((*above.titles, *alone, *below.titles), below.head, below.rows)


def _begins_anew(block: Headed, before: Headed) -> bool:
    if block.titles:
        return bool(block.rows or block.head)
    return bool(block.rows and block.head) and (block.head == before.head or _bears_out(block.head, block.rows))


def _title_count(rows: Sequence[Row]) -> int:
    """How many rows stand above a table: those of one text (merged, it is repeated), and `Date: 2026-01-02`."""
    if not rows or len(rows[0]) < 2:
        return 0
    usual = median(sum(map(bool, row)) for row in rows[:_SAMPLE])
    count = 0
    while count < min(len(rows), _MOST_TITLES) and _is_title(rows[count], usual):
        count += 1
    return count


def _is_title(row: Row, usual: float) -> bool:
    words = set(row) - {""}
    if len(words) == 1:
        return bool(row[0]) or len(row) > 2  # of two columns, a head may name the second alone
    return len(words) == 2 and usual > 2 and row[0].endswith(":")


def _head_count(rows: Sequence[Row]) -> int:
    """How many of the first rows are heads: none where the first one looks like those below it."""
    if not rows or not _is_head(rows[0], rows[1 : _SAMPLE + 1]):
        return 0
    count = 1
    while count < min(_MOST_HEADS, len(rows) - 1) and _divides(rows[count - 1], rows[count], rows[count + 1 :]):
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
            _YEAR.fullmatch(cell) and below and all(_YEAR.fullmatch(other) for other in _column(below, place))
            for place, cell in enumerate(row)
        )
    return _bears_out(row, below) or not _is_one_of(row, below)


def _counts_up(values: Sequence[str]) -> bool:
    """Years, or 1, 2, 3, …: numbers that heads are made of."""
    if not all(cell.isdigit() for cell in values):
        return False
    numbers = [int(cell) for cell in values]
    steps = {b - a for a, b in pairwise(numbers)}
    years = all(_YEAR.fullmatch(cell) for cell in values)
    return (len(numbers) > 2 or years) and (not steps or (len(steps) == 1 and steps != {0}))


def _is_one_of(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row of words is one more of those below: its words come again in their columns, or are codes like theirs."""
    for place, cell in enumerate(row):
        column = _column(below, place)
        if cell in _NOTHING or not column:
            continue
        if cell in column or (len(column) > 1 and all(_CODE.fullmatch(other) for other in (cell, *column))):
            return True
    return False


def _bears_out(head: Row, rows: Sequence[Row]) -> bool:
    """Whether some column has words in its head and values below."""
    for place, name in enumerate(head):
        column = _column(rows, place) if name and not is_value(name) else []
        if sum(map(is_value, column)) * 2 > len(column):
            return True
    return False


def _divides(above: Row, row: Row, below: Sequence[Row]) -> bool:
    """Whether a second row of heads divides what the first one spans: `Price` over `net` and `gross`."""
    if not below or any(is_value(cell) and not _YEAR.fullmatch(cell) for cell in row):
        return False
    spanned = [place for place in range(1, len(row)) if above[place - 1] and above[place] in ("", above[place - 1])]
    if not any(row[place] not in ("", above[place]) for place in spanned):
        return False
    return any(above[place] for place in spanned) or _bears_out(row, below)


def _column(rows: Sequence[Row], place: int) -> list[str]:
    return [row[place] for row in rows[:_SAMPLE] if place < len(row) and row[place] not in _NOTHING]


def _joined(heads: Sequence[Row]) -> Row:
    """Several rows of heads as one: each column's words from above to below, each once."""
    if len(heads) < 2:
        return heads[0] if heads else ()
    carried = [_carried(row, below) for row, below in pairwise(heads)]
    return tuple(
        " ".join(dict.fromkeys(part for part in column if part)) for column in zip(*carried, heads[-1], strict=True)
    )


def _carried(row: Row, below: Row) -> Row:
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
