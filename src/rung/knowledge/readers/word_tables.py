"""A table of a Word document: its cells in their places, merged ones filled; one of a single column is its contents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers.tables import Span, merged, table
from rung.knowledge.readers.word_styles import on, value, whole

_CONTAINERS = ("sdt", "sdtContent", "customXml", "ins", "moveTo")
_MAX_COLUMNS = 200
ROWS, DELETED = "hidden rows", "deleted passages (tracked changes)"


@dataclass(slots=True)
class Grid:
    """The cells of a table as blocks; `heads`: how many of the first rows are repeated on every page."""

    rows: list[list[list[str]]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    heads: int = 0

    def contents(self) -> list[str]:
        """The blocks in its cells, one after the other."""
        return [block for row in self.rows for cell in row for block in cell]

    def blocks(self) -> list[str]:
        """The table as one block."""
        text = table(self._filled(), heads=self.heads or None)
        return [text] if text else []

    def lines(self) -> list[str]:
        """The table as lines, as it stands in a cell of another one."""
        return [line for row in self._filled() if (line := ", ".join(filter(None, row)))]

    def _filled(self) -> list[list[str]]:
        return merged([[" ".join(" ".join(cell).split()) for cell in row] for row in self.rows], self.spans)


def is_single(element: Element) -> bool:
    """Whether a table has one column."""
    return all(sum(1 for _ in _inside(row, "tc")) <= 1 for row in _inside(element, "tr"))


def grid(element: Element, dropped: Counter[str], read: Callable[[Element], list[str]]) -> Grid:
    """A table; `read` gives the blocks of a cell."""
    built = Grid()
    open_cells: dict[int, tuple[int, int]] = {}  # column -> row and width of the cell that goes on below
    counting = True
    for row in _inside(element, "tr"):
        properties = row.find("trPr")
        if properties is not None and properties.find("del") is not None:
            dropped[DELETED] += 1
            continue
        if properties is not None and on(properties.find("hidden")):
            dropped[ROWS] += 1
            continue
        counting = counting and properties is not None and bool(on(properties.find("tblHeader")))
        built.heads += counting
        _take(row, properties, built, open_cells, read)
    for left, (top, width) in open_cells.items():
        _close(built, left, top, width, len(built.rows) - 1)
    return built


def _take(
    row: Element,
    properties: Element | None,
    built: Grid,
    open_cells: dict[int, tuple[int, int]],
    read: Callable[[Element], list[str]],
) -> None:
    number = len(built.rows)
    cells: list[list[str]] = [[] for _ in range(min(whole(value(properties, "gridBefore")), _MAX_COLUMNS))]
    for cell in _inside(row, "tc"):
        properties_of = cell.find("tcPr")
        left, width = len(cells), min(max(1, whole(value(properties_of, "gridSpan"), 1)), _MAX_COLUMNS)
        merge = properties_of.find("vMerge") if properties_of is not None else None
        beside = properties_of.find("hMerge") if properties_of is not None else None
        goes_on = merge is not None and merge.get("val", "continue") != "restart"
        cells += [read(cell), *([] for _ in range(width - 1))]
        if not goes_on and left in open_cells:
            _close(built, left, *open_cells.pop(left), number - 1)
        if merge is not None and not goes_on:
            open_cells[left] = (number, width)
        elif width > 1 and merge is None:
            built.spans.append((number, left, number, left + width - 1))
        if beside is not None and beside.get("val", "continue") != "restart" and left:
            built.spans.append((number, left - 1, number, left))
    built.rows.append(cells)


def _close(built: Grid, left: int, top: int, width: int, bottom: int) -> None:
    if bottom > top or width > 1:
        built.spans.append((top, left, bottom, left + width - 1))


def _inside(parent: Element, tag: str) -> Iterator[Element]:
    """The rows of a table, or the cells of a row, also where they are wrapped."""
    for element in parent:
        if element.tag == tag:
            yield element
        elif element.tag in _CONTAINERS:
            yield from _inside(element, tag)
