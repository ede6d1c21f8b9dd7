"""Tables of a PDF as a person reads them: merged cells filled, and each row below the head of the table's first page.

A table goes on where a page ends with one and the next page begins with one whose columns stand in the same places. Which
rows are heads is found by `table_heads`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from rung.knowledge.reading.pdf_page import Box, Cell, Line, Part, Sheet
from rung.knowledge.reading.table_heads import Headed, Row, is_value, names_columns, split_heads

_CONTINUED = re.compile(r"\b(?:continued|cont'?d|fortsetzung|suite|continuación)\b|\(cont\.\)", re.IGNORECASE)
_SAME_LINE = 3.0  # points
_NEAR = 12.0  # points by which a column may be off from page to page
_LEAST_PREFIX = 2  # words that all heads begin with, from which on they are a title


def give_heads(sheets: Sequence[Sheet]) -> None:
    """Give every table its head, from page to page."""
    open_table: Part | None = None  # that the page before ended with
    for sheet in sheets:
        for part in [part for part in sheet.parts if part.kind == "table"]:
            _fill_merged(part, sheet.rules)
        first = _first(sheet.parts)
        if open_table is not None:
            if first is not None and first.kind == "table" and _goes_on(open_table, first):
                _continue(open_table, first)
            elif first is not None and first.kind != "table":
                _take_rows(sheet, first, open_table)
        for part in sheet.parts:
            if part.kind == "table" and part.headed is None:
                part.headed = _headed(part)
        open_table = _last_table(sheet.parts)


def lift_heads(sheets: Sequence[Sheet]) -> None:
    """Move the head of a table that stands alone at the foot of a page to its rows on the next one."""
    for sheet, following in pairwise(sheets):
        last, table = next((p for p in reversed(sheet.parts) if p.kind != "rule"), None), _first(following.parts)
        if last is None or table is None or table.kind != "table" or last.kind not in ("paragraph", "heading"):
            continue
        if table.heads or not any(is_value(word) for word in table.rows[0]):
            continue
        columns = table.columns()
        row = _row_of([line for line in sheet.lines if last.box.holds(line.box.left, line.box.top)], columns)
        if row is not None and all(row) and " ".join(row) == " ".join(last.text.split()):
            table.cells.insert(0, [Cell(word) for word in row])
            table.heads = 1
            sheet.parts.remove(last)


def _first(parts: Sequence[Part]) -> Part | None:
    """What a page begins with, a line and a word of going on aside."""
    return next((p for p in parts if p.kind != "rule" and not (p.kind != "table" and _is_continuation(p.text))), None)


def _is_continuation(text: str) -> bool:
    return bool(_CONTINUED.search(text)) and len(text.split()) < 12


def _last_table(parts: Sequence[Part]) -> Part | None:
    last = next((p for p in reversed(parts) if p.kind != "rule"), None)
    return last if last is not None and last.kind == "table" else None


def _headed(part: Part) -> Headed:
    made = split_heads(part.rows, part.heads)
    if part.heads is None or not made.head:
        return made
    title, head = _without_title(made.head)
    return Headed((*title, *made.titles), head, made.rows)


def _without_title(head: Row) -> tuple[Row, Row]:
    """A title that spans a table is given to each of its heads: the words that all of them begin with."""
    words = [name.split() for name in head]
    shared = 0
    while all(len(w) > shared + 1 and w[shared] == words[0][shared] for w in words):
        shared += 1
    if len(head) < 2 or shared < _LEAST_PREFIX:
        return (), head
    return (" ".join(words[0][:shared]),), tuple(" ".join(w[shared:]) for w in words)


def _goes_on(before: Part, table: Part) -> bool:
    """Whether a table continues another: its columns stand below that one's, and it has no other head."""
    if before.headed is None or _placed(before, table) is None:
        return False
    own = _headed(table)
    if not own.head or own.head == before.headed.head or not before.headed.head:
        return True
    return own.titles == () and not names_columns(own.head, own.rows)


def _placed(before: Part, table: Part) -> list[int] | None:
    """For each column of a table the column of the one before that it stands below; None where they do not fit."""
    wanted, columns = before.columns(), table.columns()
    if len(columns) == len(wanted):
        apart = [max(a[0] - b[1], b[0] - a[1]) for a, b in zip(wanted, columns, strict=True) if a != (0, 0) != b]
        return list(range(len(columns))) if all(gap < _NEAR for gap in apart) else None
    if len(columns) > len(wanted):
        return None
    found: list[int] = []
    for left, right in columns:
        fitting = [n for n, (a, b) in enumerate(wanted) if a <= right and left <= b and (not found or n > found[-1])]
        if not fitting:
            return None
        found.append(fitting[0])
    return found


def _continue(before: Part, table: Part) -> None:
    """Put the head of the table before above these rows, unless they repeat it."""
    known = before.headed or Headed()
    places = _placed(before, table) or []
    width = max(len(known.head), len(known.rows[0]) if known.rows else 0, len(places))
    own = _headed(table)
    rows = own.rows if own.head and own.head == known.head else tuple(table.rows)
    table.headed = Headed((), known.head, tuple(_spread(row, places, width) for row in rows))


def _spread(row: Row, places: Sequence[int], width: int) -> Row:
    out = [""] * width
    for place, cell in zip(places, row, strict=False):
        out[place] = cell
    return tuple(out)


def _take_rows(sheet: Sheet, first: Part, before: Part) -> None:
    """Rows of a table that are too few on the next page to be seen as one: lines whose words stand in its columns."""
    columns = before.columns()
    if before.headed is None or len(columns) < 2:
        return
    rows: list[Row] = []
    rest = " ".join(first.text.split())
    for line in _by_line([line for line in sheet.lines if first.box.holds(line.box.left, line.box.top)]):
        row = _row_of(line, columns)
        said = " ".join(" ".join(one.text.split()) for one in line)
        if row is None or not rest.startswith(said) or not _is_like(row, before.headed.rows):
            break
        rows.append(row)
        rest = rest[len(said) :].strip()
    if not rows:
        return
    box = Box(columns[0][0], first.box.top, columns[-1][1], first.box.bottom)
    table = Part("table", box=box, cells=[[Cell(word) for word in row] for row in rows])
    table.headed = Headed((), before.headed.head, tuple(rows))
    place = sheet.parts.index(first)
    first.text = rest
    sheet.parts[place : place + (not rest)] = [table]


def _is_like(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row has values where others have: words that happen to stand below each other have not."""
    valued = [n for n in range(len(row)) if rows and sum(is_value(r[n]) for r in rows if n < len(r)) * 2 > len(rows)]
    return sum(map(bool, row)) > 1 and all(is_value(row[n]) or not row[n] for n in valued)


def _by_line(lines: Sequence[Line]) -> list[list[Line]]:
    """Words grouped by the line that they stand on, from the top."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.box.top, line.box.left)):
        if found and abs(found[-1][0].box.top - line.box.top) < _SAME_LINE:
            found[-1].append(line)
        else:
            found.append([line])
    return [sorted(group, key=lambda line: line.box.left) for group in found]


def _row_of(lines: Sequence[Line], columns: Sequence[tuple[float, float]]) -> Row | None:
    """Words as a row of a table with these columns; None where one stands in none of them, or two in one."""
    row = [""] * len(columns)
    for line in lines:
        middle = (line.box.left + line.box.right) / 2
        fitting = [n for n, (a, b) in enumerate(columns) if a - _NEAR < line.box.right and line.box.left < b + _NEAR]
        place = min(fitting, key=lambda n: abs(sum(columns[n]) / 2 - middle), default=None)
        if place is None or row[place]:
            return None
        row[place] = " ".join(line.text.split())
    return tuple(row) if sum(map(bool, row)) > 1 else None


def _fill_merged(table: Part, rules: Sequence[tuple[float, float, float]]) -> None:
    """Give a cell that spans rows to each of them: no line divides them in its column, while others are divided there."""
    heights = [_middle(row) for row in table.cells]
    for place in range(max(map(len, table.cells), default=0)):
        group: list[int] = []
        for number in range(len(table.cells)):
            if group and not _is_joined(table, place, heights, number, rules):
                _share(table, place, group)
                group = []
            group.append(number)
        _share(table, place, group)


def _is_joined(
    table: Part, place: int, heights: Sequence[float | None], row: int, rules: Sequence[tuple[float, float, float]]
) -> bool:
    """Whether the cell of a column goes on from the row before."""
    above, below = heights[row - 1], heights[row]
    boxes = [r[place].box for r in (table.cells[row - 1], table.cells[row]) if place < len(r)]
    box = next((b for b in boxes if b is not None), None)
    if above is None or below is None or box is None:
        return False
    between = [(left, right) for y, left, right in rules if above < y < below]
    middle = (box.left + box.right) / 2
    return bool(between) and not any(left - 1 <= middle <= right + 1 for left, right in between)


def _middle(row: Sequence[Cell]) -> float | None:
    """The height of a row: the middle of the cell that is least high."""
    boxes = [cell.box for cell in row if cell.box is not None]
    lowest = min(boxes, key=lambda box: box.bottom - box.top, default=None)
    return (lowest.top + lowest.bottom) / 2 if lowest is not None else None


def _share(table: Part, place: int, rows: Sequence[int]) -> None:
    cells = [table.cells[row][place] for row in rows if place < len(table.cells[row])]
    said = [cell for cell in cells if cell.text]
    if len(cells) > 1 and len(said) == 1:
        for cell in cells:
            cell.text = said[0].text
