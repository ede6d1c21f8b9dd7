"""The sheets of an XLSX workbook: cells as they are shown, formulas without a value, merged and hidden parts, comments.

Sheets and texts are read as they come, so that memory grows with what stands in them and not with their XML. How a sheet
becomes text is left to `sheet_text`, drawings and charts to `drawing`.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from rung.knowledge.readers.drawing import Drawings
from rung.knowledge.readers.package import Package
from rung.knowledge.readers.sheet_text import SHEETS, Room, Sheet
from rung.knowledge.readers.source import SourceFile, Unusable
from rung.knowledge.readers.xlsx_beside import edge_texts, linked
from rung.knowledge.readers.xlsx_cells import Cells, Styles, is_nought, rich, span_of

if TYPE_CHECKING:
    from rung.knowledge.readers.workbook_notes import Notes

_TRUE = ("1", "true")
_PAGE_EDGES = frozenset(f"{which}{edge}" for which in ("odd", "even", "first") for edge in ("Header", "Footer"))
_BROKEN = (
    ElementTree.ParseError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
)  # and Unusable


def sheets(file: SourceFile, notes: Notes, *, cells_alone: bool = False) -> Iterator[Sheet]:
    """The visible sheets in their order. `cells_alone`: without comments, addresses of links and what stands beside.

    Raises:
        Unusable: it is no workbook, or too large.
    """
    package = Package(file)
    main = package.main("xl/workbook.xml")
    try:
        root = package.xml(main)
    except Unusable as error:
        raise Unusable(f"is no workbook that can be read: it {error}") from error
    notes.title = package.title()
    book = _Book(package, main, root, notes)
    relations = package.relations(main)
    for element in root.iter("sheet"):
        name, relation = element.get("name", ""), relations.get(element.get("r:id", ""))
        if relation is None or relation.target not in package:
            notes.broken.append(f"lacks its sheet '{name}'")
        elif relation.kind not in ("worksheet", "chartsheet"):
            notes.dropped["sheets of macros and dialogs"] += 1
        elif element.get("state", "visible") != "visible":
            notes.dropped[SHEETS] += 1
        else:
            yield book.sheet(name, relation.target, cells_alone=cells_alone)


@dataclass(slots=True)
class _Book:
    """What the sheets of a workbook share."""

    package: Package
    main: str
    root: Element
    notes: Notes
    room: Room = field(default_factory=Room)
    edges: set[str] = field(default_factory=set)  # headers and footers that are said already
    styles: Styles = field(init=False)
    texts: list[str] = field(init=False)

    def __post_init__(self) -> None:
        properties, calculation = self.root.find("workbookPr"), self.root.find("calcPr")
        self.styles = Styles(
            self._part("styles"),
            self.notes,
            date1904=properties is not None and properties.get("date1904") in _TRUE,
            recalculated=calculation is not None and calculation.get("fullCalcOnLoad") in _TRUE,
        )
        self.texts = list(self._texts())

    def sheet(self, name: str, part: str, *, cells_alone: bool) -> Sheet:
        """One sheet, also with what stands around its cells. What cannot be read of it is noted."""
        sheet = Sheet(name)
        cells = Cells(self.styles, self.texts, self.room, sheet)
        try:
            with self.package.open(part) as stream:
                _read_rows(stream, cells)
        except Unusable:
            raise
        except _BROKEN as error:
            before = f" behind row {max(sheet.rows) + 1}" if sheet.rows else ""
            self.notes.broken.append(f"has a sheet '{name}' that cannot be read{before} ({error})")
        cells.finish()
        if cells_alone:
            return sheet
        try:
            self._link(cells, part)
            self._edges(cells)
            self._around(sheet, part)
        except Unusable as error:
            self.notes.broken.append(f"{error}, which belongs to the sheet '{name}'")
        return sheet

    def _link(self, cells: Cells, part: str) -> None:
        """Put the addresses of links into their cells; values stay as they are, and their addresses are counted."""
        relations = self.package.relations(part) if cells.links else {}
        for reference, name in cells.links:
            relation, span = relations.get(name), span_of(reference)
            text = cells.sheet.rows.get(span[0], {}).get(span[1], "") if span else ""
            if relation is None or not relation.external or not span or not text:
                continue
            address = linked(text, relation.target)
            if address != text:
                cells.sheet.rows[span[0]][span[1]] = address
            elif text not in relation.target:
                self.notes.dropped["addresses of links"] += 1

    def _edges(self, cells: Cells) -> None:
        """The headers and footers of a sheet's pages, each once in the workbook."""
        for text in cells.edges:
            for piece in edge_texts(text):
                if piece not in self.edges:
                    self.edges.add(piece)
                    cells.sheet.beside.append(piece)

    def _around(self, sheet: Sheet, part: str) -> None:
        """Comments, tables, drawings: what the sheet's part leads to."""
        comments = dict(self._comments(part))
        for (row, column), text in comments.items():
            cells = sheet.rows.setdefault(row, {})
            cells[column] = f"{cells.get(column, '')} [Comment: {text}]".strip()
        for name in self.package.related(part, "table"):
            root = self.package.xml(name)
            if root.get("headerRowCount", "1") != "0" and (span := span_of(root.get("ref", ""))):
                sheet.heads.add(span[0])
        for name in self.package.related(part, "drawing"):
            drawings = Drawings(self.package, name, self.notes.dropped, self.notes.broken)
            sheet.beside += [text for shape in drawings.shapes(self.package.xml(name)) if (text := drawings.text_of(shape))]

    def _comments(self, part: str) -> Iterator[tuple[tuple[int, int], str]]:
        """Place and text of each comment; of a thread all its texts."""
        threads: dict[str, list[str]] = {}
        for name in self.package.related(part, "threadedComment"):
            for comment in self.package.xml(name).iter("threadedComment"):
                threads.setdefault(comment.get("ref", ""), []).append(" ".join((comment.findtext("text") or "").split()))
        for name in self.package.related(part, "comments"):
            for comment in self.package.xml(name).iter("comment"):
                reference, text = comment.get("ref", ""), comment.find("text")
                if reference not in threads and text is not None:
                    threads[reference] = [" ".join(rich(text).split())]
        for reference, texts in threads.items():
            span = span_of(reference)
            if span and any(texts):
                yield span[:2], " / ".join(filter(None, texts))

    def _part(self, kind: str) -> Element | None:
        name = next(self.package.related(self.main, kind), None)
        try:
            return self.package.xml(name) if name else None
        except Unusable as error:
            self.notes.broken.append(f"{error}: numbers are shown without their formats")
            return None

    def _texts(self) -> Iterator[str]:
        """The texts that cells share."""
        name = next(self.package.related(self.main, "sharedStrings"), None)
        if name is None:
            return
        try:
            with self.package.open(name) as stream:
                for _, element in ElementTree.iterparse(stream):
                    if element.tag.rpartition("}")[2] == "si":
                        yield rich(element)
                        element.clear()
        except (Unusable, *_BROKEN) as error:
            self.notes.broken.append(f"has a list of texts that is broken ({error}): some cells are empty")


def _read_rows(stream: IO[bytes], cells: Cells) -> None:
    """Feed the rows of a sheet, and what is said around them, to its cells."""
    sheet, space = cells.sheet, ""
    row_tag = cell_tag = value_tag = ""
    for _, element in ElementTree.iterparse(stream):
        if not row_tag:
            space = element.tag[: element.tag.rfind("}") + 1]
            row_tag, cell_tag, value_tag = f"{space}row", f"{space}c", f"{space}v"
        if element.tag in (cell_tag, value_tag):
            continue
        if element.tag == row_tag:
            cells.add(element)
            element.clear()
            continue
        tag = element.tag[len(space) :]
        if tag == "mergeCell" and (span := span_of(element.get("ref", ""))):
            sheet.spans.append(span)
        elif tag == "col":
            if element.get("hidden") in _TRUE or is_nought(element.get("width")):
                sheet.hidden_columns.append((int(element.get("min", "1")) - 1, int(element.get("max", "1")) - 1))
        elif tag == "autoFilter" and (span := span_of(element.get("ref", ""))):
            sheet.heads.add(span[0])
        elif tag == "hyperlink":
            relation = next((value for name, value in element.attrib.items() if name.endswith("}id")), "")
            cells.links.append((element.get("ref", ""), relation))
        elif tag in _PAGE_EDGES:
            cells.edges.append(element.text or "")
        elif tag == "pane" and element.get("state", "").startswith("frozen"):
            sheet.frozen = int(float(element.get("ySplit", "0"))) - 1
