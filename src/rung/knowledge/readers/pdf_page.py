"""A page of a PDF as parts: headings, paragraphs, lists, code, tables, each with its place; and parts as Markdown.

Which words are where is LiteParse's finding. What goes on from page to page is left to `pdf_tables` and `pdf_furniture`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rung.knowledge.readers.markup import headed_table
from rung.knowledge.readers.table_heads import Headed, Row

if TYPE_CHECKING:
    from liteparse.types import AnnotationRect, LayoutBlock, LayoutCell, ParsedPage, TextItem


class Box(NamedTuple):
    """A rectangle on a page in points, from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """From its upper to its lower edge."""
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """The point in its middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def holds(self, x: float, y: float, *, slack: float = 3) -> bool:
        """Whether a point lies in it, or as near as `slack`."""
        inside = self.left - slack <= x <= self.right + slack
        return inside and self.top - slack <= y <= self.bottom + slack


_MIN_TURN = 10  # degrees
_NOWHERE = Box(0, 0, 0, 0)


@dataclass(slots=True)
class Cell:
    """A cell of a table with its place; None where it is empty."""

    text: str
    box: Box | None = None


@dataclass(slots=True)
class Part:
    """A block of a page. `kind` is one of LiteParse's; a table has its rows of `cells`, of which `heads` name columns.

    `heads` is None where LiteParse found no head; `headed` says what `pdf_tables` made of the rows. What is `repeated` is a
    header or footer of many pages. Of a table that is ruled, `edges` says from where to where each column reaches, and
    `merged` which cells are one: first row and column, last row and column; its words are in the first.
    """

    kind: str
    text: str = ""
    box: Box = _NOWHERE
    level: int = 0
    mark: str = ""  # of a list item; the language of code
    emphasis: str = ""
    cells: list[list[Cell]] = field(default_factory=list)
    heads: int | None = None
    headed: Headed | None = None
    repeated: bool = False
    edges: list[tuple[float, float]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """The words of a table's rows."""
        return [tuple(cell.text for cell in row) for row in self.cells]

    def columns(self) -> list[tuple[float, float]]:
        """From where to where each column of a ruled table reaches, or the words of each column."""
        if self.edges:
            return self.edges
        width = max(map(len, self.cells), default=0)
        edges_of = []
        for index in range(width):
            boxes = [row[index].box for row in self.cells if index < len(row) and row[index].text]
            filled = [box for box in boxes if box is not None]
            edges = (min(b.left for b in filled), max(b.right for b in filled)) if filled else (0.0, 0.0)
            edges_of.append(edges)
        return edges_of


@dataclass(slots=True)
class Line:
    """Words that stand on one line beside each other, and the size of their letters. `turned`: they do not run across."""

    text: str
    box: Box
    size: float
    turned: bool = False

    @property
    def height(self) -> float:
        """From the lowest to the highest of its letters."""
        return self.box.height


@dataclass(slots=True)
class Sheet:
    """A page: its parts in reading order, its lines and words, its size.

    `rules` are the lines drawn across it (y, from x, to x), `uprights` those from top to bottom (x, from y, to y).
    What is `ruled` is where lines have decided what belongs together.
    """

    number: int
    width: float
    height: float
    parts: list[Part]
    lines: list[Line]
    words: list[Line]
    rules: list[tuple[float, float, float]]
    uprights: list[tuple[float, float, float]]
    ruled: list[Box] = field(default_factory=list)


def sheet_of(page: ParsedPage) -> Sheet:
    """A page as LiteParse gives it."""
    lines = [
        Line(
            item.text,
            Box(item.x, item.y, item.x + item.width, item.y + item.height),
            item.font_size or 0.0,
            _is_turned(item),
        )
        for item in page.text_items
    ]
    words = [
        Line(word.text, Box(word.x, word.y, word.x + word.width, word.y + word.height), item.font_size or 0.0)
        for item in page.text_items
        if not _is_turned(item)
        for word in item.words
    ]
    words += [line for line in lines if line.turned]  # their letters are told as words
    parts = [_part(block) for block in page.blocks or ()]
    return Sheet(page.page_num, page.width, page.height, parts, lines, words, *_drawn(page))


def add_unsaid(sheet: Sheet) -> None:
    """Put what stands on a page and in none of its parts behind them: turned text above all."""
    words = Counter(word for part in sheet.parts for word in _text(part).split())
    letters = _letters(" ".join(map(_text, sheet.parts)))
    across = [line for line in sheet.lines if not line.turned]
    missing = [line for line in across if not (words.keys() & set(line.text.split()) or _letters(line.text) in letters)]
    for line in across:
        words -= Counter(line.text.split())
    for line in [line for line in sheet.lines if line.turned]:
        own = Counter(line.text.split())
        missing += [line] if 2 * (own - words).total() > own.total() else []
        words -= own
    sheet.parts += [Part("paragraph", " ".join(line.text.split()), line.box) for line in missing]


def _text(part: Part) -> str:
    return " ".join([part.text, *(cell.text for row in part.cells for cell in row)])


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_turned(item: TextItem) -> bool:
    return min(item.rotation % 360, -item.rotation % 360) > _MIN_TURN


def written(parts: Sequence[Part]) -> str:
    """Parts as Markdown."""
    out, before = "", ""
    for part in parts:
        if text := _markdown(part):
            out += ("\n" if before == part.kind == "list_item" else "\n\n") if out else ""
            out += text
            before = part.kind
    return out.replace("\x00", "").strip()


def _markdown(part: Part) -> str:
    if part.kind == "table":
        headed = part.headed or Headed((), (), tuple(part.rows))
        return "\n\n".join(filter(None, (*headed.titles, headed_table(headed))))
    if part.kind == "rule":
        return "---"
    if part.kind in ("code", "grid_fallback"):
        return f"```{part.mark}\n{part.text}\n```" if part.text.strip() else ""
    if not part.text.strip():
        return ""
    if part.kind == "heading":
        return f"{'#' * part.level} {part.text}"
    if part.kind == "list_item":
        return f"{'  ' * part.level}{part.mark} {part.text}"
    return f"{part.emphasis}{part.text}{part.emphasis}"


def _part(block: LayoutBlock) -> Part:
    emphasis = "*" * (2 * block.bold + block.italic) if block.kind == "paragraph" else ""
    mark = (block.marker or "-") if block.ordered else "-" if block.kind == "list_item" else block.lang or ""
    text = "\n".join(block.lines) if block.lines is not None else block.text or ""
    part = Part(block.kind, text, _box(block.bbox) or _NOWHERE, block.level or 0, mark, emphasis)
    if block.kind == "table":
        head = [_cells(block.header)] if block.header else []
        part.cells = head + [_cells(row) for row in block.rows or ()]
        part.heads = len(head) or None
    return part


def _cells(row: Sequence[LayoutCell]) -> list[Cell]:
    return [Cell(" ".join(cell.text.split()), _box(cell.bbox)) for cell in row]


def _box(rect: AnnotationRect | None) -> Box | None:
    return Box(rect.x, rect.y, rect.x + rect.width, rect.y + rect.height) if rect is not None else None


def _drawn(page: ParsedPage) -> tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]:
    """Lines across a page and from top to bottom: drawn as lines, as thin boxes, or as the edges of boxes."""
    rules: list[tuple[float, float, float]] = []
    uprights: list[tuple[float, float, float]] = []
    if page.vector_graphics is None:
        return rules, uprights
    for line in page.vector_graphics.lines:
        if abs(line.y1 - line.y2) < 1:
            rules.append((line.y1, min(line.x1, line.x2), max(line.x1, line.x2)))
        elif abs(line.x1 - line.x2) < 1:
            uprights.append((line.x1, min(line.y1, line.y2), max(line.y1, line.y2)))
    for shape in page.vector_graphics.shapes:
        left, top, width, height = shape.bbox
        if not shape.has_curve and width > 2:
            rules += [(y, left, left + width) for y in ((top, top + height) if height > 2 else (top,))]
        if not shape.has_curve and height > 2:
            uprights += [(x, top, top + height) for x in ((left, left + width) if width > 2 else (left + width / 2,))]
    return rules, uprights
