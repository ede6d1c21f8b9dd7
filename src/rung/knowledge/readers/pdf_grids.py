"""Tables of a PDF whose columns and rows are ruled: lines that are drawn decide what is a cell, however its words stand.

A grid is made of lines that touch each other. Cells between which no line is drawn are one merged cell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rung.knowledge.readers.pdf_columns import around, folded, holding, lines_of, put
from rung.knowledge.readers.pdf_page import Box, Cell, Line, Part, Sheet
from rung.knowledge.readers.table_heads import is_value

_SAME = 3.0  # points: lines nearer than that are one
_REACH = 3.0  # points by which lines may miss each other where they meet
_MAX_LINES = 4_000  # of a page: beyond that it is a drawing
_MAX_PAIRS = 250_000
_MAX_CELLS = 20_000
_LONGEST = 1_500  # characters of a cell: beyond that lines frame parts of a page
_MIN_FILLED = 0.25  # of the cells, but where the first row is full: a chart has none
_ALONE = 200  # characters of a cell of a table of one row
_SHORT = 20  # characters of a line, on average: longer ones are wrapped
_RULED_ROWS = 4  # rows from which on lines divide all of them

Span = tuple[int, int, int, int]  # first row and column, last row and column
Segment = tuple[float, float, float]  # of a line: its place, from where, to where


def find_grids(sheet: Sheet) -> None:
    """Put the tables that lines on a page show in the place of the parts that hold their words."""
    if len(sheet.rules) + len(sheet.uprights) > _MAX_LINES:
        return
    rules, uprights = _merged(sheet.rules), _merged(sheet.uprights)
    if len(rules) * len(uprights) > _MAX_PAIRS:
        return
    for across, down in _components(rules, uprights):
        grid = _Grid.of(across, down)
        if grid is not None:
            _take(sheet, grid)


@dataclass(slots=True)
class _Grid:
    """Where the columns and rows of a grid have their edges, and which lines are drawn between them."""

    xs: list[float]
    ys: list[float]
    rules: list[Segment]
    uprights: list[Segment]
    words: dict[tuple[int, int], list[Line]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, rules: Sequence[Segment], uprights: Sequence[Segment]) -> _Grid | None:
        """The grid of lines that touch; where they end freely, the table has no frame, and ends there too."""
        xs = _places([x for x, _, _ in uprights] + [x for _, *ends in rules for x in ends])
        ys = _places([y for y, _, _ in rules] + [y for _, *ends in uprights for y in ends])
        if len(xs) < 3 or len(ys) < 2 or len(xs) * len(ys) > _MAX_CELLS:
            return None
        return cls(xs, ys, list(rules), list(uprights))

    @property
    def box(self) -> Box:
        """What it surrounds."""
        return Box(self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])

    def cell(self, word: Line) -> tuple[int, int]:
        """Row and column of a word inside it."""
        x, y = word.box.middle
        row, column = bisect_right(self.ys, y) - 1, bisect_right(self.xs, x) - 1
        return min(max(row, 0), len(self.ys) - 2), min(max(column, 0), len(self.xs) - 2)

    def regions(self) -> list[Span] | None:
        """Its cells, merged ones too, as first and last row and column; None where some are no rectangles."""
        rows, columns = len(self.ys) - 1, len(self.xs) - 1
        names = {(r, c): (r, c) for r in range(rows) for c in range(columns)}

        def root(cell: tuple[int, int]) -> tuple[int, int]:
            while names[cell] != cell:
                cell = names[cell]
            return cell

        rules = [[line for line in self.rules if abs(line[0] - y) < 2 * _SAME] for y in self.ys]
        uprights = [[line for line in self.uprights if abs(line[0] - x) < 2 * _SAME] for x in self.xs]
        for row, column in names:
            y, x = (self.ys[row] + self.ys[row + 1]) / 2, (self.xs[column] + self.xs[column + 1]) / 2
            if column + 1 < columns and not _is_drawn(uprights[column + 1], y):
                names[root((row, column + 1))] = root((row, column))
            if row + 1 < rows and not _is_drawn(rules[row + 1], x):
                names[root((row + 1, column))] = root((row, column))
        groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for cell in names:
            groups[root(cell)].append(cell)
        regions: list[Span] = []
        for places in groups.values():
            top, bottom = min(r for r, _ in places), max(r for r, _ in places)
            left, right = min(c for _, c in places), max(c for _, c in places)
            if len(places) != (bottom - top + 1) * (right - left + 1):
                return None
            regions.append((top, left, bottom, right))
        return sorted(regions)


def _take(sheet: Sheet, grid: _Grid) -> None:
    """Make a table of a grid, unless it is a drawing, a frame of prose, or has no columns."""
    words = [word for word in sheet.words if grid.box.holds(*word.box.middle, slack=0)]
    regions = grid.regions()
    if not words or regions is None:
        return
    spans = {
        (row, column): span
        for span in regions
        for row in range(span[0], span[2] + 1)
        for column in range(span[1], span[3] + 1)
    }
    for word in words:
        grid.words[spans[grid.cell(word)][:2]].append(word)
    columns = {span[1] for span in regions if grid.words.get(span[:2])}
    if len(columns) < 2 or not _is_filled(grid, regions):
        return
    touched = holding(sheet, words)
    if _is_frame(grid, regions):
        if any(len({spans[grid.cell(word)] for word in words if part.box.holds(*word.box.middle)}) > 1 for part in touched):
            cells = [inside for span in regions if (inside := grid.words.get(span[:2]))]
            parts = [Part("paragraph", _text(inside), around(word.box for word in inside)) for inside in cells]
            put(sheet, parts, grid.box, words, touched)
            sheet.ruled.append(grid.box)
        return
    if _has_unruled_rows(grid, regions):
        rows, merged = _by_lines(grid, regions), []
    else:
        rows = [[Cell("") for _ in grid.xs[1:]] for _ in grid.ys[1:]]
        for top, left, bottom, right in regions:
            box = Box(grid.xs[left], grid.ys[top], grid.xs[right + 1], grid.ys[bottom + 1])
            rows[top][left] = Cell(_text(grid.words.get((top, left), [])), box)
        merged = [span for span in regions if span[0] < span[2] or span[1] < span[3]]
    part = Part("table", box=grid.box, cells=rows, merged=merged, edges=list(pairwise(grid.xs)))
    _without_empty(part)
    put(sheet, [part], grid.box, words, touched)
    sheet.ruled.append(grid.box)


def _text(words: Sequence[Line]) -> str:
    """The words of a cell, line by line; turned ones in the order in which they are written."""
    if any(word.turned for word in words):
        return " ".join(word.text for word in words)
    return " ".join(word.text for line in lines_of(words) for word in line)


def _lengths(grid: _Grid, regions: Sequence[Span]) -> list[int]:
    return [sum(len(word.text) + 1 for word in grid.words.get(span[:2], ())) for span in regions]


def _is_filled(grid: _Grid, regions: Sequence[Span]) -> bool:
    """Whether words stand in the cells: lines that guide the eye over a drawing have few."""
    lengths = _lengths(grid, regions)
    first = [length for span, length in zip(regions, lengths, strict=True) if span[0] == 0]
    return sum(map(bool, lengths)) >= _MIN_FILLED * len(lengths) or all(first)


def _is_frame(grid: _Grid, regions: Sequence[Span]) -> bool:
    """Whether lines frame passages of a page rather than the cells of a table."""
    return max(_lengths(grid, regions)) > (_LONGEST if len(grid.ys) > 2 else _ALONE)


def _has_unruled_rows(grid: _Grid, regions: Sequence[Span]) -> bool:
    """Whether lines divide the columns alone, and what stands between two of them are several rows."""
    several = [
        row for row in range(len(grid.ys) - 1) if _are_rows([grid.words[s[:2]] for s in regions if s[0] == row == s[2]])
    ]
    return bool(several) and (len(grid.ys) - 1 < _RULED_ROWS or 2 * len(several) > len(grid.ys) - 1)


def _are_rows(cells: Sequence[Sequence[Line]]) -> bool:
    """Whether the cells of one row hold several: as many lines in two columns, of values or short words."""
    filled = [lines_of(words) for words in cells if words]
    if len(filled) < 2 or any(word.turned for words in cells for word in words):
        return False
    several = [lines for lines in filled if len(lines) == len(filled[0]) > 1]
    values = [lines for lines in several if all(is_value(" ".join(word.text for word in line)) for line in lines)]
    words = [sum(len(word.text) + 1 for line in lines for word in line) / len(lines) for lines in several]
    short = len(several) == len(filled) and len(filled[0]) > 2 and max(words) <= _SHORT
    return len(several) > 1 and (bool(values) or short)


def _by_lines(grid: _Grid, regions: Sequence[Span]) -> list[list[Cell]]:
    """A row for each line of words, as far as nothing says that it goes on from the one above."""
    rows: list[list[Cell]] = []
    for row in range(len(grid.ys) - 1):
        words = [word for span in regions if span[0] == row for word in grid.words.get(span[:2], ())]
        band: list[list[Cell]] = []
        for line in lines_of(words):
            cells: list[list[Line]] = [[] for _ in grid.xs[1:]]
            for word in line:
                cells[grid.cell(word)[1]].append(word)
            band.append([_cell(cell) for cell in cells])
        rows += folded(band)
    return rows


def _cell(words: Sequence[Line]) -> Cell:
    if not words:
        return Cell("")
    return Cell(_text(words), around(word.box for word in words))


def _without_empty(part: Part) -> None:
    """Take out rows and columns that hold nothing, and are no part of a merged cell: gaps between double lines."""
    covered_rows = {
        r for top, left, bottom, right in part.merged if part.cells[top][left].text for r in range(top, bottom + 1)
    }
    covered = {c for top, left, bottom, right in part.merged if part.cells[top][left].text for c in range(left, right + 1)}
    rows = [n for n, row in enumerate(part.cells) if n in covered_rows or any(cell.text for cell in row)]
    columns = [n for n in range(len(part.edges)) if n in covered or any(row[n].text for row in part.cells)]
    part.cells = [[part.cells[r][c] for c in columns] for r in rows]
    part.edges = [part.edges[c] for c in columns]
    row_at, column_at = {r: n for n, r in enumerate(rows)}, {c: n for n, c in enumerate(columns)}
    part.merged = [
        (row_at[top], column_at[left], row_at[bottom], column_at[right])
        for top, left, bottom, right in part.merged
        if part.cells and top in row_at and bottom in row_at and left in column_at and right in column_at
    ]


def _merged(lines: Iterable[Segment]) -> list[Segment]:
    """Lines of one place that touch, as one."""
    groups: list[list[Segment]] = []
    for line in sorted(lines):
        if groups and line[0] - groups[-1][0][0] < _SAME:
            groups[-1].append(line)
        else:
            groups.append([line])
    merged: list[Segment] = []
    for group in groups:
        at, position = list[list[float]](), sum(line[0] for line in group) / len(group)
        for _, left, right in sorted(group, key=lambda line: line[1]):
            if at and left <= at[-1][1] + _REACH:
                at[-1][1] = max(at[-1][1], right)
            else:
                at.append([left, right])
        merged += [(position, left, right) for left, right in at]
    return merged


def _components(rules: Sequence[Segment], uprights: Sequence[Segment]) -> list[tuple[list[Segment], list[Segment]]]:
    """Lines that touch each other, over others."""
    touching: dict[int, set[int]] = defaultdict(set)
    for n, (y, left, right) in enumerate(rules):
        for m, (x, top, bottom) in enumerate(uprights, len(rules)):
            if left - _REACH <= x <= right + _REACH and top - _REACH <= y <= bottom + _REACH:
                touching[n].add(m)
                touching[m].add(n)
    components: list[tuple[list[Segment], list[Segment]]] = []
    left_over = set(touching)
    while left_over:
        group, ahead = set[int](), [left_over.pop()]
        while ahead:
            group.add(one := ahead.pop())
            ahead += touching[one] & left_over
            left_over -= touching[one]
        numbers = sorted(group)
        components.append(
            ([rules[n] for n in numbers if n < len(rules)], [uprights[n - len(rules)] for n in numbers if n >= len(rules)])
        )
    return sorted(components, key=lambda lines: min(y for y, _, _ in lines[0]))


def _places(values: Iterable[float]) -> list[float]:
    """Values, those nearer than lines can be as one."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][0] < 2 * _SAME:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]


def _is_drawn(lines: Iterable[Segment], middle: float) -> bool:
    return any(start - _REACH <= middle <= end + _REACH for _, start, end in lines)
