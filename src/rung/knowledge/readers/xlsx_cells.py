"""The cells of an XLSX sheet, one row after the other, as they are shown: by type, number format and formula."""

from __future__ import annotations

import datetime
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from rung.knowledge.readers.number_formats import BUILT_IN, FormatError, NumberFormat, general, number_format
from rung.knowledge.readers.runs import Run, joined
from rung.knowledge.readers.sheet_text import CELLS, Room, Sheet
from rung.knowledge.readers.tables import Span

if TYPE_CHECKING:
    from rung.knowledge.readers.workbook_notes import Notes

_PLACE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d+)")
_RANGE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d+)(?::\$?([A-Za-z]{1,3})\$?(\d+))?")
_FUTURE = re.compile(r"_xl(?:fn|ws|udf|pm)\.")  # prefixes that files have and people do not see
_TRUE = ("1", "true")
_REMEMBERED = 200_000  # numbers whose shown form is kept
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DIGITS = "0123456789"


@lru_cache(maxsize=20_000)
def column_of(letters: str) -> int:
    """A column by its letters, from 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def span_of(reference: str) -> Span | None:
    """`B2:C5` as rows and columns from 0; None where it is none."""
    match = _RANGE.match(reference)
    if match is None:
        return None
    left, top = column_of(match[1]), int(match[2]) - 1
    return (top, left, int(match[4]) - 1, column_of(match[3])) if match[4] else (top, left, top, left)


def rich(element: Element) -> str:
    """The text of a shared string, an inline string or a comment; its phonetic guides are left out."""
    if len(element) == 1 and element[0].tag.endswith("}t"):
        return _unescaped(element[0].text or "").replace("\u00ad", "")
    runs: list[Run] = []
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag == "t":
            runs.append(Run(_unescaped(child.text or "")))
        elif tag == "r":
            runs.append(_run(child))
    return joined(runs)


def _run(element: Element) -> Run:
    text, kind, struck = "", "", False
    for child in element.iter():
        tag = child.tag.rpartition("}")[2]
        if tag == "t":
            text += _unescaped(child.text or "")
        elif tag == "vertAlign":
            kind = {"superscript": "raised", "subscript": "lowered"}.get(child.get("val", ""), "")
        elif tag == "strike":
            struck = child.get("val", "1") in _TRUE
    return Run(text, kind, struck=struck)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


class Styles:
    """The formats of a workbook's cells, by the number that cells name them with."""

    def __init__(self, root: Element | None, notes: Notes, *, date1904: bool, recalculated: bool) -> None:
        self.notes, self.date1904, self.recalculated = notes, date1904, recalculated
        self._shown: dict[tuple[float, int], str] = {}
        self._codes: list[str] = []
        self._bold: list[bool] = []
        self._struck: list[bool] = []
        if root is None:
            return
        codes = {e.get("numFmtId", ""): e.get("formatCode", "") for e in root.iter("numFmt") if e.get("numFmtId")}
        fonts = [(_is_set(font, "b"), _is_set(font, "strike")) for font in root.findall("fonts/font")]
        for style in root.findall("cellXfs/xf"):
            id, font = style.get("numFmtId", "0"), style.get("fontId", "0")
            self._codes.append(codes.get(id) or BUILT_IN.get(int(id) if id.isdigit() else 0, "General"))
            bold, struck = fonts[int(font)] if font.isdigit() and int(font) < len(fonts) else (False, False)
            self._bold.append(bold)
            self._struck.append(struck)

    def code(self, style: int) -> str:
        """The format code of a style."""
        return self._codes[style] if style < len(self._codes) else "General"

    def bold(self, style: int) -> bool:
        """Whether a style is bold."""
        return style < len(self._bold) and self._bold[style]

    def struck(self, style: int) -> bool:
        """Whether a style strikes the cell through."""
        return style < len(self._struck) and self._struck[style]

    def number(self, value: float, style: int) -> str:
        """A number as it is shown."""
        text = self._shown.get((value, style))
        if text is None:
            form = self._format(self.code(style))
            text = general(value) if form is None else form.text(value, date1904=self.date1904)
            if len(self._shown) < _REMEMBERED:
                self._shown[value, style] = text
        if not text:
            self.notes.dropped[CELLS] += 1
        return text

    def text(self, value: str, style: int) -> str:
        """A text as it is shown."""
        code = self.code(style)
        if code in ("General", "@") or not value:
            return value
        form = self._format(code, counted=False)
        shown = value if form is None else form.of_text(value)
        self.notes.dropped[CELLS] += not shown
        return shown

    def _format(self, code: str, *, counted: bool = True) -> NumberFormat | None:
        if code == "General":
            return None
        try:
            return number_format(code)
        except FormatError:
            self.notes.formats[code] += counted
            return None


class Cells:
    """Takes the rows of one sheet."""

    def __init__(self, styles: Styles, texts: list[str], room: Room, sheet: Sheet) -> None:
        self.sheet, self._styles, self._texts, self._room = sheet, styles, texts, room
        self._row = -1
        self._shared: dict[str, str] = {}  # formulas that stand for several cells
        self._empty = 0
        self.links: list[tuple[str, str]] = []  # cells and the relations that their links are
        self.edges: list[str] = []  # headers and footers of pages, with their codes

    def add(self, element: Element) -> None:
        """A row with its cells."""
        reference_of = element.get("r", "")
        self._row = number = int(reference_of) - 1 if reference_of.isdigit() else self._row + 1
        if element.get("hidden") in _TRUE or is_nought(element.get("ht")):
            self.sheet.hidden_rows.add(number)
        row: dict[int, str] = {}
        index, bold = -1, True
        for cell in element:
            reference = cell.get("r")
            index = column_of(reference.rstrip(_DIGITS)) if reference else index + 1
            style = cell.get("s", "0")
            style_number = int(style) if style.isdigit() else 0
            text = self._shown(cell, style_number, index)
            if text and not text.isspace():
                row[index] = text = f"~~{text.strip()}~~" if self._styles.struck(style_number) and "~~" not in text else text
                self._room.take(text)
                bold = bold and self._styles.bold(style_number)
        if row:
            self.sheet.rows.setdefault(number, {}).update(row)
            if bold:
                self.sheet.bold.add(number)

    def finish(self) -> None:
        """What can be said when all rows have come."""
        if self._empty:
            self._styles.notes.broken.append(f"has {self._empty} cells in '{self.sheet.name}' whose text is missing")

    def _shown(self, cell: Element, style: int, column: int) -> str:
        kind = cell.get("t", "n")
        value: str | None = None
        formula: Element | None = None
        for child in cell:
            tag = child.tag.rpartition("}")[2]
            if tag == "v":
                value = child.text or ""
            elif tag == "f":
                formula = child
            elif tag == "is":
                return self._styles.text(rich(child), style)
        if formula is not None and self._is_missing(kind, value, self._formula(formula)):
            self._styles.notes.formulas.append(f"{self.sheet.name}!{_letters(column)}{self._row + 1}")
            return f"={self._formula(formula)}"
        if not value:
            return ""
        return self._typed(kind, value, style)

    def _typed(self, kind: str, value: str, style: int) -> str:
        if kind == "s":
            if not value.strip().isdigit() or int(value) >= len(self._texts):
                self._empty += 1
                return ""
            return self._styles.text(self._texts[int(value)], style)
        if kind == "str":
            return self._styles.text(value, style)
        if kind == "b":
            return "TRUE" if value.strip() in _TRUE else "FALSE"
        if kind == "e":
            return value
        if kind == "d":
            return self._dated(value, style)
        try:
            number = float(value)
        except ValueError:
            return value
        return self._styles.number(number, style) if math.isfinite(number) else value

    def _dated(self, value: str, style: int) -> str:
        """A date that is written as one, as strict files have it."""
        try:
            moment = datetime.datetime.fromisoformat(value.removesuffix("Z"))
        except ValueError:
            return value
        if self._styles.code(style) == "General":
            return moment.date().isoformat() if moment.time() == datetime.time() else moment.isoformat(" ")
        days = moment.replace(tzinfo=None) - datetime.datetime(1904, 1, 1) if self._styles.date1904 else None
        days = days or moment.replace(tzinfo=None) - datetime.datetime(1899, 12, 30)
        return self._styles.number(days / datetime.timedelta(days=1), style)

    def _formula(self, element: Element) -> str:
        """A formula's text; of one that is shared the first cell's, which it was filled from."""
        own, shared = (element.text or "").strip(), element.get("si") if element.get("t") == "shared" else None
        if own:
            if shared is not None:
                self._shared[shared] = f"{own} (as in {element.get('ref', '').split(':')[0]})"
            return _FUTURE.sub("", own)
        return _FUTURE.sub("", self._shared.get(shared or "", ""))

    def _is_missing(self, kind: str, value: str | None, formula: str) -> bool:
        """Whether a formula has no value: none was written, or a nought by a program that computes nothing."""
        if kind == "str" and value is not None:
            return False
        return not value or bool(self._styles.recalculated and kind == "n" and value == "0" and formula)


def _letters(column: int) -> str:
    out = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        out = chr(65 + rest) + out
    return out


def is_nought(size: str | None) -> bool:
    """Whether a height or width is said, and is 0: nobody sees such a row or column."""
    try:
        return size is not None and float(size) == 0
    except ValueError:
        return False


def _is_set(font: Element, name: str) -> bool:
    child = font.find(name)
    return child is not None and child.get("val", "1") in _TRUE
