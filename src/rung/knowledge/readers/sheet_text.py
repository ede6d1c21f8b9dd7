"""A sheet of a workbook as Markdown: merged cells in every row that they cover, hidden rows and columns left out.

Where the cells come from is left to `xlsx`, `xls` and `ods`; which rows are titles and heads to `table_heads`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rung.knowledge.readers.markup import tables
from rung.knowledge.readers.source import LONGEST_TEXT, Unusable
from rung.knowledge.readers.table_heads import is_value
from rung.knowledge.readers.tables import Span

SHEETS, ROWS, COLUMNS, CELLS = "hidden sheets", "hidden rows", "hidden columns", "cells hidden by their format"
_MAX_PLACES = 50_000_000  # rows times columns of one sheet
_MAX_HEADS = 3
_MIN_NOTE = 25  # characters of a text that is a note below a table rather than a row of it
_FROZEN_WITHIN = 10  # rows of a table among which a frozen one is a head


Block = list[tuple[int, dict[int, str]]]  # rows without an empty one between them


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet as they are shown, row -> column -> text (from 0), and what tells which of them are what.

    `heads`: rows that are the last ones of heads. `bold`: rows whose cells are all bold. `frozen`: the last row that does
    not scroll, -1 for none. `beside`: what else stands on the sheet, as Markdown.
    """

    name: str
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    heads: set[int] = field(default_factory=set)
    bold: set[int] = field(default_factory=set)
    frozen: int = -1
    beside: list[str] = field(default_factory=list)


class Room:
    """How much text may still come: a workbook that is too large is given up before it fills memory."""

    def __init__(self) -> None:
        self._left = LONGEST_TEXT

    def take(self, text: str) -> None:
        """Count a cell.

        Raises:
            Unusable: it is too much.
        """
        self._left -= len(text) + 1
        if self._left < 0:
            million = LONGEST_TEXT // 1_000_000
            raise Unusable(f"holds more than {million} million characters, more than one document may have: split it")


def sheet_text(sheet: Sheet, dropped: Counter[str]) -> str:
    """The sheet under a heading with its name; "" where nothing stands on it. What is hidden is counted.

    Raises:
        Unusable: it has too many rows and columns.
    """
    alone = dict(_alone(sheet))
    _fill(sheet)
    _leave_out_hidden(sheet, dropped)
    columns = sorted({column for row in sheet.rows.values() for column in row})
    if len(columns) * len(sheet.rows) > _MAX_PLACES:
        raise Unusable(f"has a sheet '{sheet.name}' of {len(sheet.rows):,} rows and {len(columns):,} columns: split it")
    grid, heads = _grid(sheet, columns, alone)
    parts = [part for part in (tables(grid, heads), *sheet.beside) if part]
    return "\n\n".join([f"## {' '.join(sheet.name.split())}", *parts]) if parts else ""


def _alone(sheet: Sheet) -> Iterator[tuple[int, int]]:
    """Rows in which one cell stands alone, and over how many columns it reaches."""
    wide = {(top, left): right - left + 1 for top, left, _, right in sheet.spans}
    for number, row in sheet.rows.items():
        if len(row) == 1:
            yield number, wide.get((number, next(iter(row))), 1)


def _fill(sheet: Sheet) -> None:
    """Merged cells say their value in every row and column that they cover and in which something else stands too."""
    if not sheet.spans or not sheet.rows:
        return
    numbers = sorted(sheet.rows)
    used = sorted({column for row in sheet.rows.values() for column in row})
    for top, left, bottom, right in sheet.spans:
        value = sheet.rows.get(top, {}).get(left)
        if value is None:
            continue
        places = used[bisect_left(used, left) : bisect_left(used, right + 1)]
        for number in numbers[bisect_left(numbers, top) : bisect_left(numbers, bottom + 1)]:
            row = sheet.rows[number]
            for index in places:
                row.setdefault(index, value)


def _leave_out_hidden(sheet: Sheet, dropped: Counter[str]) -> None:
    hidden = [number for number in sheet.rows if number in sheet.hidden_rows]
    for number in hidden:
        del sheet.rows[number]
    used = {column for row in sheet.rows.values() for column in row} if sheet.hidden_columns else set()
    columns = {column for column in used if any(first <= column <= last for first, last in sheet.hidden_columns)}
    for number, row in list(sheet.rows.items()) if columns else ():
        sheet.rows[number] = {column: text for column, text in row.items() if column not in columns}
        if not sheet.rows[number]:
            del sheet.rows[number]
    dropped[ROWS] += len(hidden)
    dropped[COLUMNS] += len(columns)


def _grid(sheet: Sheet, columns: Sequence[int], alone: dict[int, int]) -> tuple[list[list[str]], dict[int, int]]:
    """The rows one after the other, an empty one for each gap; the places of the last rows of heads, and how many they are.

    A row inside a table that names those below it (merged over half of the table, or bold) becomes a last column of those.
    """
    grid: list[list[str]] = []
    heads: dict[int, int] = {}
    for block in (part for numbers in _blocks(sheet) for part in _side_by_side(sheet, numbers)):
        last, count = _last_head(sheet, block)
        sections = _sections(sheet, block, alone, len(columns))
        foot = _foot(block, alone, sections, len(columns))
        section = ""
        grid.append([])
        for index, (number, row) in enumerate(block):
            if index >= foot:
                grid += [[], [next(iter(row.values()))]]
                continue
            if number in sections:
                section = next(iter(row.values()))
                continue
            section = "" if number in sheet.bold else section  # a total, say
            grid.append([row.get(column, "") for column in columns] + ([section] if sections else []))
            if number == last:
                heads[len(grid) - 1] = count
    return grid, heads


def _foot(block: Block, alone: dict[int, int], sections: set[int], width: int) -> int:
    """The place from which on rows are notes below a table: one text alone that names nothing below it, or a sentence."""
    index = len(block)
    while index > 1 and width > 1 and (number := block[index - 1][0]) in alone:
        text = next(iter(block[index - 1][1].values()))
        if number not in sections and (len(text) < _MIN_NOTE or " " not in text):
            break
        index -= 1
    return index if any(number not in alone for number, _ in block[:index]) else len(block)


def _blocks(sheet: Sheet) -> list[list[int]]:
    """Rows without an empty one between them; hidden ones do not part them."""
    hidden = sorted(sheet.hidden_rows)
    blocks: list[list[int]] = []
    before = -2
    for number in sorted(sheet.rows):
        between = bisect_left(hidden, number) - bisect_left(hidden, before + 1)
        if number - before - 1 > between or not blocks:
            blocks.append([])
        blocks[-1].append(number)
        before = number
    return blocks


def _side_by_side(sheet: Sheet, block: Sequence[int]) -> list[Block]:
    """A block in parts, where an empty column parts tables that do not begin in the same row."""
    whole: Block = [(number, sheet.rows[number]) for number in block]
    used = sorted({column for _, row in whole for column in row})
    groups: list[set[int]] = []
    for before, column in zip([-2, *used], used, strict=False):
        hidden = all(any(a <= n <= b for a, b in sheet.hidden_columns) for n in range(before + 1, column))
        if not groups or (column - before > 1 and not hidden):
            groups.append(set())
        groups[-1].add(column)
    if len(groups) < 2 or min(map(len, groups)) < 2:
        return [whole]
    parts = [[(number, piece) for number, row in whole if (piece := _within(row, group))] for group in groups]
    begins = [next((number for number, row in part if len(row) > 1), -1) for part in parts]
    return parts if len(set(begins)) > 1 else [whole]


def _within(row: dict[int, str], columns: set[int]) -> dict[int, str]:
    return {column: text for column, text in row.items() if column in columns}


def _last_head(sheet: Sheet, block: Block) -> tuple[int, int]:
    """The last row of a block's heads, and how many they are, where the file says it: by a table, a filter, type, panes.

    -1 where it does not say it; a number of 0 is to be found out.
    """
    numbers = [number for number, _ in block]
    for number, row in block:
        if number in sheet.heads and len(row) > 1:
            return number, 0
    first = next((index for index, (_, row) in enumerate(block) if len(set(row.values())) > 1), None)
    if first is None:
        return -1, 0
    after = first
    while after < len(block) and numbers[after] in sheet.bold:
        after += 1
    if first < after <= first + _MAX_HEADS and after < len(block):
        return numbers[after - 1], after - first
    near = numbers[first : first + _FROZEN_WITHIN]
    return (sheet.frozen if sheet.frozen in near[:-1] else -1), 0


def _sections(sheet: Sheet, block: Block, alone: dict[int, int], width: int) -> set[int]:
    """Rows below a head that hold one text alone and name the rows below them."""
    first = next((index for index, (number, _) in enumerate(block) if number not in alone), len(block))
    sections = set()
    for number, row in block[first + 1 :]:
        reach = alone.get(number, 0)
        named = reach > 1 and reach * 2 >= width
        if reach and width > 1 and (named or number in sheet.bold) and not is_value(next(iter(row.values()))):
            sections.add(number)
    return sections
