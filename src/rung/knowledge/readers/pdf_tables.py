"""Tables of a PDF as a person reads them: merged cells filled, and each row below the head of the table's first page.

A table goes on where a page ends with one and the next page begins with one whose columns stand in the same places. Which
rows are heads is found by `table_heads`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from rung.knowledge.readers.pdf_columns import GAP, KEPT, lines_of
from rung.knowledge.readers.pdf_page import Box, Cell, Line, Part, Sheet
from rung.knowledge.readers.table_heads import Headed, Row, is_value, names_columns, split_heads

_CONTINUED = re.compile(r"\b(?:continued|cont'?d|fortsetzung|suite|continuación)\b|\(cont\.\)", re.IGNORECASE)
_NEAR = 12.0  # points by which a column may be off from page to page
_FAR = 72.0  # points by which the last head may be wider than what stands below it
_MIN_PREFIX = 2  # words that all heads begin with, from which on they are a title


def give_heads(sheets: Sequence[Sheet]) -> None:
    """Give every table its head, from page to page."""
    open_table: Part | None = None  # that the page before ended with
    for sheet in sheets:
        for part in [part for part in sheet.parts if part.kind == "table"]:
            if part.edges:
                _fill_spans(part)
            else:
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
        last = _last(sheet.parts)
        open_table = last if last is not None and last.kind == "table" else None


def lift_heads(sheets: Sequence[Sheet]) -> None:
    """Give a table without a head the line that stands alone above it, or at the foot of the page before."""
    before: Sheet | None = None
    for sheet in sheets:
        _put_in_order(sheet)
        first = _first(sheet.parts)
        for table in [part for part in sheet.parts if part.kind == "table"]:
            _part_title(table, sheet)
            index = sheet.parts.index(table)
            _lift(table, sheet, _last(sheet.parts[:index]))
            if table is first and before is not None:
                _lift(table, before, _last(before.parts))
        before = sheet


def _put_in_order(sheet: Sheet) -> None:
    """Put what stands below a table behind it."""
    parts = sheet.parts
    for index in range(len(parts) - 1):
        above, table = parts[index], parts[index + 1]
        if table.kind != "table" or above.box.top < table.box.bottom - 2 or above.kind == "table":
            continue
        top, bottom = table.box.top + 3, table.box.bottom - 3
        beside = [p for p in parts if p is not table and p.box.top < bottom and top < p.box.bottom]
        if not beside:  # a page in columns is another matter
            parts[index : index + 2] = [table, above]


def _part_title(table: Part, sheet: Sheet) -> None:
    """Put a title that was cut at the columns below it in front of the table: its words are as near as words are."""
    filled = [[cell for cell in row if cell.text] for row in table.cells[:2]]
    if (
        table.edges
        or len(filled) < 2
        or not 1 < len(filled[0]) < len(filled[1])
        or any(cell.box is None for cell in filled[0])
    ):
        return
    top, bottom = (edge([cell.box[n] for cell in filled[0] if cell.box]) for n, edge in ((1, min), (3, max)))
    words = [w for w in sheet.words if top <= w.box.middle[1] <= bottom and table.box.holds(*w.box.middle, slack=_FAR)]
    line = sorted(words, key=lambda word: word.box.left)
    if all(b.box.left - a.box.right < GAP * a.height for a, b in pairwise(line)):
        title = Part("paragraph", " ".join(cell.text for cell in filled[0]), table.box)
        table.cells, table.heads = table.cells[1:], None
        sheet.parts.insert(sheet.parts.index(table), title)


def _lift(table: Part, sheet: Sheet, above: Part | None) -> None:
    """Make a part the head of a table, where it is one line whose words stand above its columns."""
    if above is None or above.kind not in ("paragraph", "heading") or not _is_headless(table):
        return
    lines = lines_of([word for word in sheet.words if above.box.holds(*word.box.middle)])
    row = _row_of(lines[0], table.columns(), KEPT) if len(lines) == 1 else None
    if row is not None and all(row) and not any(map(is_value, row)):
        table.cells.insert(0, [Cell(words) for words in row])
        table.heads = 1
        sheet.parts.remove(above)


def _is_headless(table: Part) -> bool:
    return not table.heads and not _headed(table).head


def _first(parts: Sequence[Part]) -> Part | None:
    """What a page begins with: lines drawn, headers, and a word of going on aside."""
    return next((p for p in parts if not _is_beside(p) and not (p.kind != "table" and _is_continuation(p.text))), None)


def _last(parts: Sequence[Part]) -> Part | None:
    return next((p for p in reversed(parts) if not _is_beside(p)), None)


def _is_beside(part: Part) -> bool:
    """Whether a part is no words of the page's own."""
    return part.repeated or part.kind in ("rule", "figure")


def _is_continuation(text: str) -> bool:
    return bool(_CONTINUED.search(text)) and len(text.split()) < 12


def _headed(part: Part) -> Headed:
    headed = split_heads(part.rows, part.heads)
    if part.heads is None or not headed.head:
        return headed
    title, head = _without_title(headed.head)
    return Headed((*title, *headed.titles), head, headed.rows)


def _without_title(head: Row) -> tuple[Row, Row]:
    """A title that spans a table is given to each of its heads: the words that all of them begin with."""
    words = [name.split() for name in head]
    shared = 0
    while all(len(w) > shared + 1 and w[shared] == words[0][shared] for w in words):
        shared += 1
    if len(head) < 2 or shared < _MIN_PREFIX:
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
    targets, columns = before.columns(), table.columns()
    if len(columns) == len(targets):
        apart = [max(a[0] - b[1], b[0] - a[1]) for a, b in zip(targets, columns, strict=True) if a != (0, 0) != b]
        return list(range(len(columns))) if all(gap < _NEAR for gap in apart) else None
    if len(columns) > len(targets):
        return None
    chosen: list[int] = []
    for left, right in columns:
        fitting = [n for n, (a, b) in enumerate(targets) if a <= right and left <= b and (not chosen or n > chosen[-1])]
        if not fitting:
            return None
        chosen.append(fitting[0])
    return chosen


def _continue(before: Part, table: Part) -> None:
    """Put the head of the table before above these rows, unless they repeat it."""
    headed = before.headed or Headed()
    places = _placed(before, table) or []
    width = max(len(headed.head), len(headed.rows[0]) if headed.rows else 0, len(places))
    own = _headed(table)
    rows = own.rows if own.head and own.head == headed.head else tuple(table.rows)
    table.headed = Headed((), headed.head, tuple(_spread(row, places, width) for row in rows))


def _spread(row: Row, places: Sequence[int], width: int) -> Row:
    out = [""] * width
    for index, cell in zip(places, row, strict=False):
        out[index] = cell
    return tuple(out)


def _take_rows(sheet: Sheet, first: Part, before: Part) -> None:
    """Rows of a table that are too few on the next page to be seen as one: lines whose words stand in its columns."""
    columns = before.columns()
    if before.headed is None or len(columns) < 2:
        return
    rows: list[Row] = []
    lines = lines_of([word for word in sheet.words if first.box.holds(*word.box.middle)])
    for line in lines:
        row = _row_of(line, columns, GAP)
        if row is None or not _is_like(row, before.headed.rows):
            break
        rows.append(row)
    rest = " ".join(word.text for line in lines[len(rows) :] for word in line)
    if not rows:
        return
    box = Box(columns[0][0], first.box.top, columns[-1][1], first.box.bottom)
    table = Part("table", box=box, cells=[[Cell(word) for word in row] for row in rows])
    table.headed = Headed((), before.headed.head, tuple(rows))
    index = sheet.parts.index(first)
    first.text = rest
    sheet.parts[index : index + (not rest)] = [table]


def _is_like(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row has values where others have: words that happen to stand below each other have not."""
    valued = [n for n in range(len(row)) if rows and sum(is_value(r[n]) for r in rows if n < len(r)) * 2 > len(rows)]
    return sum(map(bool, row)) > 1 and all(is_value(row[n]) or not row[n] for n in valued)


def _row_of(words: Sequence[Line], columns: Sequence[tuple[float, float]], gap: float) -> Row | None:
    """The words of a line as a row of a table with these columns; None where they stand in less than two, or run on.

    `gap` is what lies between two cells at least, in heights of the letters.
    """
    row: list[list[Line]] = [[] for _ in columns]
    for word in words:
        middle = word.box.middle[0]
        index = min(range(len(columns)), key=lambda n: max(columns[n][0] - middle, middle - columns[n][1], 0))
        left = columns[index - 1][1] - 2 if index else columns[0][0] - _NEAR
        right = columns[index + 1][0] + 2 if index + 1 < len(columns) else columns[-1][1] + _FAR
        if word.box.left < left or word.box.right > right:
            return None
        row[index].append(word)
    cells = [cell for cell in row if cell]
    apart = all(b[0].box.left - a[-1].box.right >= gap * a[-1].height for a, b in pairwise(cells))
    return tuple(" ".join(word.text for word in cell) for cell in row) if len(cells) > 1 and apart else None


def _fill_spans(table: Part) -> None:
    """Give a merged cell to each place that it spans; one from edge to edge is a title, and stands once."""
    for top, left, bottom, right in table.merged:
        whole = top == bottom and right - left + 1 == len(table.edges)
        for row in table.cells[top : bottom + 1] if not whole else ():
            for cell in row[left : right + 1]:
                cell.text = table.cells[top][left].text
    table.merged = []


def _fill_merged(table: Part, rules: Sequence[tuple[float, float, float]]) -> None:
    """Give a cell that spans rows to each of them: no line divides them in its column, while others are divided there."""
    heights = [_middle(row) for row in table.cells]
    for column in range(max(map(len, table.cells), default=0)):
        group: list[int] = []
        for number in range(len(table.cells)):
            if group and not _is_joined(table, column, heights, number, rules):
                _share(table, column, group)
                group = []
            group.append(number)
        _share(table, column, group)


def _is_joined(
    table: Part, column: int, heights: Sequence[float | None], row: int, rules: Sequence[tuple[float, float, float]]
) -> bool:
    """Whether the cell of a column goes on from the row before."""
    above, below = heights[row - 1], heights[row]
    boxes = [r[column].box for r in (table.cells[row - 1], table.cells[row]) if column < len(r)]
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


def _share(table: Part, column: int, rows: Sequence[int]) -> None:
    cells = [table.cells[row][column] for row in rows if column < len(table.cells[row])]
    filled = [cell for cell in cells if cell.text]
    if len(cells) > 1 and len(filled) == 1:
        for cell in cells:
            cell.text = filled[0].text
