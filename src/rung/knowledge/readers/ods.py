"""The sheets of an OpenDocument spreadsheet (ODS): cells with the text that they show, merged and hidden parts, comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from rung.knowledge.readers.drawing import IMAGES
from rung.knowledge.readers.package import Package
from rung.knowledge.readers.runs import Run, joined
from rung.knowledge.readers.sheet_text import SHEETS, Room, Sheet
from rung.knowledge.readers.source import SourceFile, Unusable

if TYPE_CHECKING:
    from rung.knowledge.readers.workbook_notes import Notes

_MAX_ROWS = 1_048_576
_MAX_COLUMNS = 16_384
_MAX_REPEATED = 100_000  # places that one filled cell may be repeated in
_HIDDEN = ("collapse", "filter")
_BESIDE = ("annotation", "frame", "custom-shape", "rect", "line", "g", "text-box")


def sheets(file: SourceFile, notes: Notes, *, cells_alone: bool = False) -> Iterator[Sheet]:
    """The visible sheets in their order. `cells_alone`: without comments.

    Raises:
        Unusable: it is no workbook, is encrypted, or is too large.
    """
    package = Package(file)
    if "META-INF/manifest.xml" in package and b"encryption-data" in package.read("META-INF/manifest.xml"):
        raise Unusable("is encrypted: it opens with a password only; save it without one")
    try:
        root = package.xml("content.xml")
    except Unusable as error:
        raise Unusable(f"is no workbook that can be read: it {error}") from error
    styles = _Styles(root)
    room = Room()
    for element in root.iter("spreadsheet"):
        for table in element:
            if table.tag != "table":
                continue
            if table.get("style-name", "") in styles.hidden:
                notes.dropped[SHEETS] += 1
            else:
                reading = _Reading(Sheet(table.get("name", "")), styles, notes, room, cells_alone=cells_alone)
                yield reading.read(table)


class _Styles:
    """Which styles hide a sheet, raise or lower text, are bold."""

    def __init__(self, root: Element) -> None:
        self.hidden: set[str] = set()
        self.raised: dict[str, str] = {}
        self.bold: set[str] = set()
        for style in root.iter("style"):
            name = style.get("name", "")
            for properties in style:
                if properties.get("display") == "false":
                    self.hidden.add(name)
                if properties.get("font-weight") == "bold":
                    self.bold.add(name)
                position = properties.get("text-position", "").split(" ")[0]
                if position.startswith(("super", "sub")):
                    self.raised[name] = "raised" if position.startswith("super") else "lowered"
                elif position.rstrip("%").lstrip("-").isdigit() and position != "0%":
                    self.raised[name] = "lowered" if position.startswith("-") else "raised"


class _Reading:
    """One sheet on its way."""

    def __init__(self, sheet: Sheet, styles: _Styles, notes: Notes, room: Room, *, cells_alone: bool) -> None:
        self._sheet, self._styles, self._notes, self._room = sheet, styles, notes, room
        self._commented = not cells_alone
        self._row = self._column = 0

    def read(self, table: Element) -> Sheet:
        """The whole of it."""
        self._columns(table)
        heads = [row for group in table.iter("table-header-rows") for row in group.iter("table-row")]
        last = heads[-1] if heads else None
        for row in _rows(table):
            self._take(row)
            if row is last:
                self._sheet.heads.add(self._row - 1)
        for shapes in table.findall("shapes"):
            for shape in shapes:
                self._beside(shape)
        return self._sheet

    def _columns(self, table: Element) -> None:
        column = 0
        for element in table.iter("table-column"):
            count = _count(element, "number-columns-repeated", _MAX_COLUMNS)
            if element.get("visibility") in _HIDDEN:
                self._sheet.hidden_columns.append((column, column + count - 1))
            column += count

    def _take(self, element: Element) -> None:
        repeated = _count(element, "number-rows-repeated", _MAX_ROWS)
        hidden = element.get("visibility") in _HIDDEN
        cells: dict[int, str] = {}
        self._column = 0
        bold = True
        for cell in element:
            if cell.tag not in ("table-cell", "covered-table-cell"):
                continue
            wide = _count(cell, "number-columns-repeated", _MAX_COLUMNS)
            text = self._shown(cell) if cell.tag == "table-cell" else ""
            if text:
                count = min(wide, _MAX_REPEATED // min(repeated, _MAX_REPEATED) or 1)
                self._notes.dropped["cells repeated without end"] += count < wide or repeated > _MAX_REPEATED
                cells.update(dict.fromkeys(range(self._column, self._column + count), text))
                bold = bold and cell.get("style-name", "") in self._styles.bold
                self._span(cell)
            self._column += wide
        if cells:
            for number in range(self._row, self._row + min(repeated, _MAX_REPEATED)):
                self._sheet.rows[number] = dict(cells)
                for text in cells.values():
                    self._room.take(text)
                if hidden:
                    self._sheet.hidden_rows.add(number)
                if bold:
                    self._sheet.bold.add(number)
        elif hidden and repeated < _MAX_REPEATED:
            self._sheet.hidden_rows.update(range(self._row, self._row + repeated))
        self._row += repeated

    def _span(self, cell: Element) -> None:
        high = _count(cell, "number-rows-spanned", _MAX_ROWS)
        wide = _count(cell, "number-columns-spanned", _MAX_COLUMNS)
        if high > 1 or wide > 1:
            self._sheet.spans.append((self._row, self._column, self._row + high - 1, self._column + wide - 1))

    def _shown(self, cell: Element) -> str:
        """The text of a cell; without one its value, or its formula."""
        for inside in cell:
            if inside.tag in _BESIDE and inside.tag != "annotation":
                self._beside(inside)
        text = " ".join(" ".join(self._paragraph(p) for p in cell if p.tag == "p").split())
        text = text or next((v for key in _VALUES if (v := cell.get(key))), "")
        formula = cell.get("formula", "")
        if formula and not text and cell.get("value-type") != "string":
            self._notes.formulas.append(f"{self._sheet.name}, row {self._row + 1}")
            text = "=" + formula.partition("=")[2]
        comments = [
            " ".join(self._paragraph(p) for p in a.iter("p")) for a in cell if self._commented and a.tag == "annotation"
        ]
        return " ".join(filter(None, [text, *(f"[Comment: {' '.join(c.split())}]" for c in comments if c.strip())]))

    def _paragraph(self, element: Element) -> str:
        return joined(self._runs(element, ""))

    def _runs(self, element: Element, kind: str) -> Iterator[Run]:
        kind = self._styles.raised.get(element.get("style-name", ""), kind)
        yield Run(element.text or "", kind)
        for child in element:
            if child.tag == "s":
                yield Run(" " * _count(child, "c", 100), kind)
            elif child.tag in ("tab", "line-break"):
                yield Run("\n", kind)
            elif child.tag not in _BESIDE:
                yield from self._runs(child, kind)
            yield Run(child.tail or "", kind)

    def _beside(self, shape: Element) -> None:
        """A text box, or an image, a chart or an embedded file, which are counted."""
        text = "\n\n".join(text for p in shape.iter("p") if (text := " ".join(self._paragraph(p).split())))
        if any(e.tag == "object" for e in shape.iter()):
            self._notes.dropped["charts and embedded files"] += 1
        elif text:
            self._sheet.beside.append(text)
        elif any(e.tag == "image" for e in shape.iter()):
            self._notes.dropped[IMAGES] += 1


_VALUES = ("string-value", "date-value", "time-value", "boolean-value", "value")


def _rows(table: Element) -> Iterator[Element]:
    """Its own rows, also those in groups; not those of tables inside cells."""
    for element in table:
        if element.tag == "table-row":
            yield element
        elif element.tag in ("table-row-group", "table-header-rows", "table-rows"):
            yield from _rows(element)


def _count(element: Element, key: str, most: int) -> int:
    declared = element.get(key, "1")
    return max(1, min(int(declared), most)) if declared.isdigit() else 1
