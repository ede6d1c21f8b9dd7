"""Words of a PDF that run together over a line drawn between two cells: cut where the line stands.

Where each letter stands is told by PDFium. A word that is longer than its cell is left whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_double
from typing import TYPE_CHECKING

from rung.knowledge.readers.pdf_page import Box, Line, Sheet

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_WITHIN = 2.0  # points from the ends of a word, where no line cuts it
_REACH = 0.5  # points by which a letter may stand over the line
_GAP = 0.1  # of the letters' height, that the line has around it at least

Letter = tuple[str, float, float, float]  # with its left and right edge and its middle from the page's upper edge


def cut_words(sheets: Sequence[Sheet], data: bytes) -> None:
    """Cut the words of pages at the lines that divide them."""
    crossing = [(sheet, crossed) for sheet in sheets if (crossed := _crossing(sheet))]
    if not crossing:
        return
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        book = PdfDocument(data)
    except PdfiumError:
        return
    try:
        for sheet, crossed in crossing:
            page = book[sheet.number - 1]
            text = page.get_textpage()
            _cut(sheet, crossed, text)
            text.close()
            page.close()
    except PdfiumError:
        return
    finally:
        book.close()


def _crossing(sheet: Sheet) -> dict[int, list[float]]:
    """The words, by their place, that a line from top to bottom crosses, and where."""
    crossing: dict[int, list[float]] = {}
    for index, word in enumerate(sheet.words):
        left, right, middle = word.box.left + _WITHIN, word.box.right - _WITHIN, word.box.middle[1]
        at = sorted(x for x, top, bottom in sheet.uprights if left < x < right and top < middle < bottom)
        if at and not word.turned:
            crossing[index] = at
    return crossing


def _cut(sheet: Sheet, crossing: dict[int, list[float]], page: PdfTextPage) -> None:
    pieces: list[Line] = []
    letters = _letters(page, sheet.height)
    for index, word in enumerate(sheet.words):
        own = [one for one in letters if word.box.holds((one[1] + one[2]) / 2, one[3], slack=0)] if index in crossing else []
        if "".join(one[0] for one in own) != word.text:
            pieces.append(word)
            continue
        start = 0
        for end in range(1, len(own) + 1):
            if end == len(own) or _divides(own[end - 1][2], own[end][1], crossing[index], word.height):
                part = own[start:end]
                box = Box(part[0][1], word.box.top, part[-1][2], word.box.bottom)
                pieces.append(Line("".join(one[0] for one in part), box, word.size))
                start = end
    sheet.words[:] = pieces


def _divides(left: float, right: float, lines: Sequence[float], height: float) -> bool:
    return right - left >= _GAP * height and any(left - _REACH <= x <= right + _REACH for x in lines)


def _letters(page: PdfTextPage, height: float) -> list[Letter]:
    """The letters of a page, from the left."""
    import pypdfium2.raw as pdfium

    letters: list[Letter] = []
    left, right, bottom, top = (c_double() for _ in range(4))
    for at in range(pdfium.FPDFText_CountChars(page)):
        letter = chr(pdfium.FPDFText_GetUnicode(page, at))
        if letter.isprintable() and not letter.isspace():
            pdfium.FPDFText_GetCharBox(page, at, byref(left), byref(right), byref(bottom), byref(top))
            letters.append((letter, left.value, right.value, height - (bottom.value + top.value) / 2))
    return sorted(letters, key=lambda letter: letter[1])
