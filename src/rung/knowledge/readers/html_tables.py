"""Tables of a page as grids of text, merged cells filled; tables that only lay a page out become paragraphs.

Which rows name the columns is said by the markup, else found by `table_heads`; how a table is written is left to `markup`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rung.knowledge.readers.html_tree import is_block, seen, tag, text_of
from rung.knowledge.readers.markup import headed_table
from rung.knowledge.readers.table_heads import Headed, Row, joined, split_heads

if TYPE_CHECKING:
    from rung.knowledge.readers.html_tree import Element

_MAX_CELLS = 2_000_000  # that spans may fill
_WIDEST = 1_000  # columns of one span
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_LAYING_OUT = _HEADINGS | {"ul", "ol", "pre", "blockquote", "hr", "table", "section", "article"}
_LONG_CELL = 400  # characters of a cell that is rather a column of a page
_LINE_OF_MARK = re.compile("^([ >]*)(.*?)\ue000(\\d+)\ue001[ ]*", re.MULTILINE)

_ROLES = {"table": "table", "grid": "table", "treegrid": "table", "row": "tr", "cell": "td", "gridcell": "td"}
_ROLES |= {"columnheader": "th", "rowheader": "th"}
_SHOWN_AS = re.compile(r"display\s*:\s*((?:inline-)?table(?:-row|-cell)?)\s*(?:;|!|\Z)", re.IGNORECASE)
_SHOWN = {"table": "table", "inline-table": "table", "table-row": "tr", "table-cell": "td"}

Grid = list[list["Element | None"]]


def take_out(root: Element) -> list[str]:
    """Put a mark in the place of each table, and give the tables as Markdown, in order of the marks; see `put_back`."""
    for element in reversed([e for e in root.iter() if _part_of(e) == "table" and tag(e) != "table"]):
        _build(element)
    texts: list[str] = []
    for table in reversed(list(root.iter("table"))):  # inner ones first
        if table.getparent() is None:
            continue
        if _lays_out(table):
            _unwrap(table)
            continue
        text, tail = _written(table), table.tail
        within = any(tag(around) in ("td", "th") for around in table.iterancestors()) and not any(
            _lays_out(around) for around in table.iterancestors("table")
        )
        words = text_of(table)
        table.clear()
        table.tag, table.tail = "p", tail
        if within:
            table.text = words
        elif text:
            table.text = f"\ue000{len(texts)}\ue001"
            texts.append(text)
    return texts


def _part_of(element: Element) -> str:
    """What of a table an element is by its role or its style; "" where it is no part of one."""
    shown = _SHOWN_AS.search(element.get("style") or "") if tag(element) else None
    part = _ROLES.get(element.get("role") or "", "") if tag(element) else ""
    return part or _SHOWN.get(shown[1].lower() if shown else "", "")


def _build(element: Element) -> None:
    """Make a table of other elements that are shown as one; where not all of its words are in cells, parts stand apart."""
    from lxml import etree

    parts = [(inner, _part_of(inner)) for inner in element.iterdescendants()]
    cells = {inner: part for inner, part in parts if part in ("td", "th")}
    lone = cells and text_of(element).replace(" ", "") == "".join(map(text_of, cells)).replace(" ", "")
    rows = [inner for inner, part in parts if part == "tr"]
    if not lone or any(tag(inner) == "table" for inner in element.iterdescendants()) or not rows:
        for inner, _ in parts:
            inner.tag = "div" if inner in cells else inner.tag
        return
    built = etree.Element("table")
    built.tail = element.tail
    for row in rows:
        line = etree.SubElement(built, "tr")
        for cell in row.iterdescendants():
            if cell in cells:
                copy = etree.SubElement(line, cells[cell])
                copy.text = text_of(cell)
                for name, span in (("aria-colspan", "colspan"), ("aria-rowspan", "rowspan")):
                    copy.set(span, cell.get(name) or "1")
    parent = element.getparent()
    if parent is not None:
        parent.replace(element, built)


def put_back(text: str, tables: list[str]) -> str:
    """Markdown with its tables in the place of their marks, indented as those are."""

    def table(match: re.Match[str]) -> str:
        indent, before, number = match[1], match[2], int(match[3])
        if number >= len(tables):
            return match[0]
        inside = indent + " " * (len(before) if before.strip(" -*+.0123456789") == "" else 0)
        lines = f"\n{inside}".join(tables[number].split("\n"))
        return f"{indent}{before}{lines}"

    return _LINE_OF_MARK.sub(table, text) if tables else text


def _lays_out(table: Element) -> bool:
    """Whether a table only puts parts of a page beside each other."""
    if table.get("role") in ("presentation", "none"):
        return True
    own = list(_rows(table))
    cells = [cell for _, row in own for cell in row if tag(cell) in ("td", "th")]
    if any(tag(cell) == "th" for cell in cells) or any(tag(child) in ("caption", "thead") for child in table):
        return False
    width = max((sum(tag(cell) in ("td", "th") for cell in row) for _, row in own), default=0)
    if width < 2:
        return True
    blocks = any(tag(inner) in _LAYING_OUT for cell in cells for inner in cell.iterdescendants())
    long = any(len("".join(cell.itertext())) > _LONG_CELL for cell in cells)
    return blocks or (long and len(own) < 3) or (len(own) == 1 and any(is_block(e) for c in cells for e in c))


def _unwrap(table: Element) -> None:
    for element in [table, *(e for _, row in _rows(table) for e in (row, *row))]:
        if tag(element) in ("table", "tr", "td", "th"):
            element.tag = "div"
    for child in table:
        if tag(child) in ("thead", "tbody", "tfoot", "caption"):
            child.tag = "div"


def _rows(table: Element) -> Iterator[tuple[str, Element]]:
    """The rows of a table, not of those inside it, with the part that each is in; the foot comes last."""
    foot: list[Element] = []
    for child in table:
        if tag(child) == "tr":
            yield "tbody", child
        elif tag(child) in ("thead", "tbody"):
            yield from ((tag(child), row) for row in child if tag(row) == "tr")
        elif tag(child) == "tfoot":
            foot += [row for row in child if tag(row) == "tr"]
    yield from (("tfoot", row) for row in foot)


def _written(table: Element) -> str:
    """A table as Markdown: its caption, its titles, and a part for each row that is one cell from edge to edge."""
    rows = list(_rows(table))
    grid = _grid([row for _, row in rows])
    width = max(map(len, grid), default=0)
    cell_text = {id(cell): _text(cell) for cell in {id(c): c for row in grid for c in row if c is not None}.values()}
    texts = [[cell_text[id(cell)] if cell is not None else "" for cell in row] + [""] * (width - len(row)) for row in grid]
    used = [i for i, row in enumerate(texts) if any(row)]
    heads = _heads([(rows[i][0], grid[i]) for i in used])
    whole = [width > 1 and bool(texts[i][0]) and len(set(map(id, grid[i]))) == 1 and len(grid[i]) == width for i in used]
    first = next((n for n, one in enumerate(whole) if not one), len(used))
    titles = [_text(child) for child in table if tag(child) == "caption"] + [texts[i][0] for i in used[:first]]
    marked = max(heads - first, 0) if heads is not None else None
    parts = titles
    head: Row = ()
    block: list[list[str]] = []
    for n, i in [*enumerate(used)][first:]:
        if not whole[n]:
            block.append(texts[i])
            continue
        if block:
            headed = _headed(block, marked, head)
            parts += [*headed.titles, headed_table(headed) if headed.rows else ""]
            block, head = [], headed.head
            marked = 0 if head else marked
        parts.append(texts[i][0])
    if block:
        headed = _headed(block, marked, head)
        parts += [*headed.titles, headed_table(headed)]
    return "\n\n".join(part for part in parts if part)


def _headed(block: list[list[str]], heads: int | None, head: Row) -> Headed:
    """Rows below the head of their own, else below the one that was found before."""
    if heads is None:
        headed = split_heads(block)
    else:  # the markup says so
        headed = Headed((), joined([tuple(row) for row in block[:heads]]), tuple(map(tuple, block[heads:])))
    return headed if headed.head else Headed(headed.titles, head, headed.rows)


def _heads(rows: list[tuple[str, list[Element | None]]]) -> int | None:
    """How many rows name columns; None: the markup does not say."""
    in_thead = sum(part == "thead" for part, _ in rows)
    if in_thead:
        return in_thead
    marked = [[tag(cell) == "th" for cell in row if cell is not None] for _, row in rows]
    if not any(map(any, marked)):
        return None
    count = 0
    while count < len(marked) and all(marked[count]):
        count += 1
    return count if count < len(marked) else min(count, 1)


def _grid(rows: list[Element]) -> Grid:
    """The cells of rows, each in every place that it spans."""
    grid: Grid = [[] for _ in rows]
    filled = 0
    for r, row in enumerate(rows):
        c = 0
        for cell in row:
            if tag(cell) not in ("td", "th"):
                continue
            while c < len(grid[r]) and grid[r][c] is not None:
                c += 1
            down, across = _span(cell, "rowspan", len(rows) - r), _span(cell, "colspan", _WIDEST)
            filled += down * across
            if filled > _MAX_CELLS:
                down = across = 1
            for below in grid[r : r + down]:
                below.extend([None] * (c + across - len(below)))
                below[c : c + across] = [cell] * across
            c += across
    return grid


def _span(cell: Element, name: str, most: int) -> int:
    declared = (cell.get(name) or "1").strip()
    number = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 7 else 1
    return max(1, min(number or most, most))


def _text(cell: Element) -> str:
    """What a cell says on one line, its links kept."""
    for link in [e for e in cell.iter("a", "b", "strong", "code") if not len(e) and (e.text or "").strip()]:
        words, target = (link.text or "").strip(), (link.get("href") or "").strip()
        if tag(link) == "code":
            link.text = f"`{words}`"
        elif tag(link) == "a" and target and not target.startswith(("#", "javascript:")):
            link.text = seen(f"[{words}]({target})")
        link.tag = "span"
    return text_of(cell)
