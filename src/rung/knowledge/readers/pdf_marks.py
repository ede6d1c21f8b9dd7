"""Raised and lowered text in a PDF: found by the size and the baseline of its characters, put into the words of its page.

What it means is left to `raised`. Characters are told by PDFium; the layout that LiteParse finds no longer knows their size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ctypes import byref, c_double
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import MissingExtra
from rung.knowledge.readers.pdf_page import Cell, Part, Sheet
from rung.knowledge.readers.raised import lowered, raised

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfTextPage

_SMALLER = 0.93  # of the size of the text that a mark stands on, at most
_RAISED = (0.12, 0.95)  # of that size, by which a raised mark stands higher
_LOWERED = (-0.6, -0.06)
_RAISED_DIGIT, _LOWERED_DIGIT, _BELOW = 0.2, 0.5, -0.04  # of the size: lower edge, upper edge, lower edge of its shape
_SIGNS, _RAISED_SIGN = "-−–+", 0.4
_LONGEST = 12  # characters of a mark
_GAP = (-0.4, 0.5)  # of the size, between a mark and its text
_SPACE = 0.2  # of the size: as wide as a space
_CONTEXT = 16  # characters around a mark by which it is found again
_GENERATED = "\r\n\x00\x02\ufffe\uffff"


@dataclass(slots=True)
class _Run:
    """Characters of one size on one baseline (points from the page's lower edge)."""

    text: str
    size: float
    base: float
    left: float
    right: float
    spaced: bool  # whether white space stands before it


@dataclass(frozen=True, slots=True)
class Mark:
    """A raised or lowered text, with the text of its line before it and what follows up to the next white space."""

    before: str
    text: str
    after: str
    is_raised: bool
    left: float
    top: float  # from the page's upper edge


def marks_of(data: bytes, pages: Iterable[int]) -> dict[int, list[Mark]]:
    """The marks on these pages (from 1). A page that PDFium cannot open has none.

    Raises:
        MissingExtra: the library is not installed.
    """
    try:
        from pypdfium2 import PdfDocument, PdfiumError
    except ImportError as error:
        raise MissingExtra("docs", "reading .pdf files") from error
    by_page: dict[int, list[Mark]] = {}
    try:
        book = PdfDocument(data)
    except PdfiumError:
        return by_page
    try:
        for number in pages:
            try:
                by_page[number] = _on_page(book, number)
            except PdfiumError:
                continue
    finally:
        book.close()
    return by_page


def write_marks(sheets: Sequence[Sheet], marks: dict[int, list[Mark]]) -> None:
    """Put what the marks say into the parts of their pages."""
    notes = frozenset(m.text.strip(" .)") for some in marks.values() for m in some if m.is_raised and not m.before.strip())
    for sheet in sheets:
        for mark in marks.get(sheet.number, ()):
            spelled = (
                raised(mark.before, mark.text, mark.after, notes=notes)
                if mark.is_raised
                else lowered(mark.before, mark.text)
            )
            for holder in _holders(sheet, mark):
                if (text := _with(holder.text, mark, spelled)) is not None:
                    holder.text = text
                    break


def _on_page(book: PdfDocument, number: int) -> list[Mark]:
    page = book[number - 1]
    text = page.get_textpage()
    try:
        runs = _runs(text)
        height = page.get_height()
        return [_mark(runs, index, base, height) for index, base in _places(runs)]
    finally:
        text.close()
        page.close()


def _runs(page: PdfTextPage) -> list[_Run]:
    import pypdfium2.raw as pdfium

    runs: list[_Run] = []
    x, y, left, right, bottom, top = (c_double() for _ in range(6))
    matrix = pdfium.FS_MATRIX()
    spaced, broken, last = True, False, -1
    previous: tuple[float, float] = (0.0, 0.0)  # the nominal size and the baseline whose size is `scaled`
    scaled = 1.0
    for at in range(pdfium.FPDFText_CountChars(page)):
        letter = chr(pdfium.FPDFText_GetUnicode(page, at))
        if letter in _GENERATED:  # PDFium ends a line where the baseline changes
            broken = True
            continue
        if letter.isspace():
            spaced = True
            continue
        pdfium.FPDFText_GetCharOrigin(page, at, byref(x), byref(y))
        nominal = pdfium.FPDFText_GetFontSize(page, at)
        if (nominal, y.value) != previous:
            pdfium.FPDFText_GetMatrix(page, at, byref(matrix))
            previous, scaled = (nominal, y.value), nominal * (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
        size = scaled
        run = runs[-1] if runs else None
        if not spaced and (letter.isdigit() or letter in _SIGNS):
            pdfium.FPDFText_GetCharBox(page, at, byref(left), byref(right), byref(bottom), byref(top))
            low, high = (bottom.value - y.value) / size, (top.value - y.value) / size
            is_raised = low > (_RAISED_DIGIT if letter.isdigit() else _RAISED_SIGN)
            if is_raised or (letter.isdigit() and high < _LOWERED_DIGIT and low < _BELOW):
                y.value, size = y.value + (0.35 if is_raised else -0.15) * size, 0.65 * size
        same = run is not None and abs(run.size - size) < 0.05 * size and abs(run.base - y.value) < 0.04 * size
        if run is not None and (broken or not same):
            pdfium.FPDFText_GetCharBox(page, last, byref(left), byref(right), byref(bottom), byref(top))
            run.right = right.value
            near = -size < x.value - run.right < _SPACE * size and abs(run.base - y.value) < size
            spaced = spaced or (broken and not near)
        if run is not None and same:
            run.text += (" " if spaced else "") + letter
        else:
            runs.append(_Run(letter, size, y.value, x.value, x.value, spaced))
        spaced, broken, last = False, False, at
    return runs


def _places(runs: Sequence[_Run]) -> Iterator[tuple[int, _Run]]:
    """Which runs are marks, each with the run that it stands on: the one before it, at a line's beginning the one behind."""
    for index, run in enumerate(runs):
        if len(run.text) > _LONGEST or run.size <= 0:
            continue
        before = next((r for r in reversed(runs[max(0, index - 3) : index]) if r.size * _SMALLER >= run.size), None)
        if before is not None and _stands_on(run, before, run.left - _end(runs, index, before)):
            yield index, before
            continue
        behind = runs[index + 1] if index + 1 < len(runs) else None
        if behind is not None and _stands_on(run, behind, behind.left - max(run.right, run.left)):
            yield index, behind


def _end(runs: Sequence[_Run], index: int, base: _Run) -> float:
    """Where the text ends that a mark may stand on; other marks may stand between."""
    return max(run.right for run in (base, *runs[max(0, index - 2) : index]) if abs(run.base - base.base) < base.size)


def _stands_on(mark: _Run, base: _Run, gap: float) -> bool:
    if mark.size > _SMALLER * base.size or not _GAP[0] * base.size <= gap <= _GAP[1] * base.size:
        return False
    shift = (mark.base - base.base) / base.size
    return _RAISED[0] <= shift <= _RAISED[1] or _LOWERED[0] <= shift <= _LOWERED[1]


def _mark(runs: Sequence[_Run], index: int, base: _Run, height: float) -> Mark:
    run = runs[index]
    line = [r for r in runs[max(0, index - 12) : index] if abs(r.base - base.base) < 0.95 * base.size and r.left <= run.left]
    before = "".join((" " if r.spaced else "") + r.text for r in line)[-40:] + (" " if run.spaced and line else "")
    following = runs[index + 1] if index + 1 < len(runs) else None
    beside = following is not None and abs(following.base - base.base) < 0.95 * base.size and following.left >= run.left
    after = (" " if following.spaced else "") + following.text[:24] if following is not None and beside else ""
    return Mark(before, run.text, after, run.base > base.base, run.left, height - run.base)


def _holders(sheet: Sheet, mark: Mark) -> Iterator[Part | Cell]:
    """What may hold a mark: the parts and cells in whose place it stands, then all others, as pages may be turned."""
    kinds = ("code", "grid_fallback", "rule", "figure")
    parts = [part for part in sheet.parts if part.kind not in kinds]
    near = [part for part in parts if part.box.holds(mark.left, mark.top, slack=6)]
    for part in (*near, *(part for part in parts if part not in near)):
        if part.kind != "table":
            yield part
            continue
        cells = [cell for row in part.cells for cell in row]
        yield from (cell for cell in cells if cell.box is not None and cell.box.holds(mark.left, mark.top, slack=4))
        yield from cells


def _with(text: str, mark: Mark, spelled: str) -> str | None:
    """A text with a mark of it spelled out; None where the mark is not found by the letters around it."""
    before, after = "".join(mark.before.split()), "".join(mark.after.split())
    word = "".join(mark.before.rpartition(" ")[2].split())
    tight = mark.after.split()[0] if mark.after and not mark.after[0].isspace() else ""
    contexts = [(before[-_CONTEXT:], after[:8]), (before[-8:], after[:3]), (before[-8:], ""), (word, tight), (word, "")]
    for left, right in dict.fromkeys(contexts):
        if not left and not right and text.strip() != mark.text:
            continue
        match = re.search(f"({_loose(left)}){_between(left)}{_loose(mark.text)}(?=(\\s*){_loose(right)})", text)
        if match:
            gap = "" if tight and match[2] else match[2]
            left_text = match[1] if spelled[:1] in ("^", "_", " ") or not mark.before[-1:].isspace() else f"{match[1]} "
            return text[: match.start()] + left_text + spelled + gap + text[match.end(0) + len(match[2]) :]
    return None


def _between(left: str) -> str:
    return r"\s*" if left else r"(?<!\S)"


def _loose(letters: str) -> str:
    """A pattern for letters, with white space between them, and what emphasis and other marks put there."""
    return r"[\s*\\^_\[\]()]*".join(map(re.escape, letters.replace(" ", "")))
