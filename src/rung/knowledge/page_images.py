"""A page of a PDF as a picture, with texts on it marked: PDFium draws it, and says where its letters stand.

A text is found by its letters alone, white space and hyphens at line ends left out: what was read may be laid out anew. What
is not found whole is looked for line by line, and how much was found is said.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import MissingExtra, UserError
from rung.knowledge.readers.workers import Workers, WorkLost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

WIDTH = 1000  # pixels of a picture
MAX_HEIGHT = 4000
MAX_BYTES = 200 << 20  # of a file that is drawn
_MIN_LETTERS = 8  # of a line that is looked for alone: shorter ones stand anywhere
_TINT = (1.0, 0.92, 0.45)  # by which a marked place is multiplied
_SECONDS = 30.0  # that drawing a page may take
Box = tuple[float, float, float, float]  # left, bottom, right, top, in points


@dataclass(frozen=True, slots=True)
class PageImage:
    """A picture. `png`: its bytes; `marked` of `pieces` texts were found on the page; `pages`: of the document."""

    png: bytes
    width: int
    height: int
    pages: int
    marked: int = 0
    pieces: int = 0


def page_image(path: Path, number: int, texts: Sequence[str] = ()) -> PageImage:
    """Draw a page.

    Args:
        path: a PDF.
        number: of the page, from 1.
        texts: to be marked on it.

    Raises:
        MissingExtra: the library that draws is not installed.
        UserError: it cannot be drawn; says why.
    """
    try:
        from pypdfium2 import PdfDocument, PdfiumError
    except ImportError as error:
        raise MissingExtra("docs", "drawing pages of .pdf files") from error
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"the file has more than {MAX_BYTES >> 20} MB")
        book = PdfDocument(path.read_bytes())
        try:
            return _drawn(book, number, texts)
        finally:
            book.close()
    except OSError as error:
        raise UserError(f"the file cannot be read ({error.strerror or error})") from error
    except PdfiumError as error:
        raise UserError(f"PDFium cannot open it ({error}): it is damaged, or has a password") from error


def page_image_apart(path: Path, number: int, texts: Sequence[str] = ()) -> PageImage:
    """`page_image` in a process of its own, which may hang or crash over a file. The last pictures are kept.

    Raises:
        MissingExtra: the library that draws is not installed.
        UserError: it cannot be drawn; says why.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise UserError(f"the file cannot be read ({error.strerror or error})") from error
    result = _cached(path, (state.st_mtime_ns, state.st_size), number, tuple(texts))
    if isinstance(result, str):
        raise UserError(result)
    return result


@lru_cache(maxsize=32)
def _cached(path: Path, _state: tuple[int, int], number: int, texts: tuple[str, ...]) -> PageImage | str:
    try:
        return _workers().submit(_image_or_why, path, number, texts, seconds=_SECONDS).result()
    except WorkLost as error:
        return str(error)


def _image_or_why(path: Path, number: int, texts: tuple[str, ...]) -> PageImage | str:
    try:
        return page_image(path, number, texts)
    except UserError as error:
        return str(error)


@cache
def _workers() -> Workers:
    return Workers(1)  # its process ends with this one


def _drawn(book: PdfDocument, number: int, texts: Sequence[str]) -> PageImage:
    if not 1 <= number <= len(book):
        raise UserError(f"it has {len(book)} pages and no page {number}: the file may have changed since it was indexed")
    page = book[number - 1]
    try:
        width, height = page.get_size()
        scale = min(WIDTH / max(width, 1), MAX_HEIGHT / max(height, 1))
        pixels = page.render(scale=scale, rev_byteorder=True).to_numpy()[:, :, :3].copy()
        text = page.get_textpage()
        try:
            boxes, marked, pieces = _boxes(text, texts)
        finally:
            text.close()
        for box in boxes:
            _tint(pixels, _pixels(page, box, scale))
        return PageImage(_png(pixels), pixels.shape[1], pixels.shape[0], len(book), marked, pieces)
    finally:
        page.close()


def _boxes(page: PdfTextPage, texts: Sequence[str]) -> tuple[list[Box], int, int]:
    """Where texts stand, how many pieces of them were found, and of how many."""
    if not texts:
        return [], 0, 0
    own = page.get_text_range()
    places = [index for index, letter in enumerate(own) if _counts(letter)]
    letters = "".join(own[index] for index in places).casefold()
    if len(letters) != len(places):  # a letter that folds to two: look for it as it is written
        letters = "".join(own[index] for index in places)
    boxes: list[Box] = []
    marked = pieces = 0
    for text in texts:
        for piece in _pieces(text, letters):
            pieces += 1
            start = letters.find(piece)
            if start >= 0:
                marked += 1
                first, last = places[start], places[start + len(piece) - 1]
                count = page.count_rects(first, last - first + 1)
                boxes += [page.get_rect(index) for index in range(count)]
    return boxes, marked, pieces


def _pieces(text: str, letters: str) -> Iterator[str]:
    """The letters of a text as one piece where the page has them so, else those of each line."""
    whole = _letters(text)
    if whole and whole in letters:
        yield whole
        return
    yield from (line for part in text.split("\n") if len(line := _letters(part)) >= _MIN_LETTERS)


def _letters(text: str) -> str:
    return "".join(filter(_counts, text)).casefold()


def _counts(letter: str) -> bool:
    return letter.isalnum()


def _pixels(page: PdfPage, box: Box, scale: float) -> tuple[slice, slice]:
    """Rows and columns of a box; pages may begin elsewhere than at 0."""
    left, _, _, top = page.get_mediabox()
    x0, y0, x1, y1 = box
    rows = slice(max(0, int((top - y1) * scale) - 1), max(0, int((top - y0) * scale) + 2))
    columns = slice(max(0, int((x0 - left) * scale) - 1), max(0, int((x1 - left) * scale) + 2))
    return rows, columns


def _tint(pixels: NDArray[np.uint8], where: tuple[slice, slice]) -> None:
    part = pixels[where]
    pixels[where] = (part * _TINT).astype(part.dtype)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels of shape [height, width, 3] as PNG: 8 bits, truecolour, no filter."""
    import numpy as np

    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 3), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
