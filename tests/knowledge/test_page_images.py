"""Pages of a PDF as pictures: what is asked for is marked where it stands; what cannot be drawn is told."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import UserError
from rung.knowledge.page_images import PageImage, page_image

PDF = Path(__file__).parent / "cases" / "parts.pdf"


def pixels(image: PageImage) -> NDArray[np.uint8]:
    """The picture again."""
    at, parts = 8, {}
    while at < len(image.png):
        (size,) = struct.unpack(">I", image.png[at : at + 4])
        parts[image.png[at + 4 : at + 8]] = image.png[at + 8 : at + 8 + size]
        at += size + 12
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(image.height, 1 + 3 * image.width)
    return rows[:, 1:].reshape(image.height, image.width, 3)


def test_a_text_is_marked_where_it_stands_however_it_was_laid_out() -> None:
    plain, marked = page_image(PDF, 1), page_image(PDF, 1, ["| P7 | blue |\n107 |"])
    assert (plain.pages, plain.marked, marked.marked, marked.pieces) == (2, 0, 1, 1)
    rows = np.flatnonzero((pixels(plain) != pixels(marked)).any(axis=(1, 2)))
    assert 0 < rows[-1] - rows[0] < 40  # one line of it


def test_lines_are_looked_for_where_the_whole_is_not_there() -> None:
    image = page_image(PDF, 1, ["P7 blue 107\nthis stands nowhere on it\nP9 red 109"])
    assert (image.marked, image.pieces) == (2, 3)


@pytest.mark.parametrize(
    ("content", "number", "words"),
    [
        (b"%PDF-1.4 broken", 1, "damaged"),
        (b"", 1, "damaged"),
        (None, 1, "cannot be read"),
        (PDF.read_bytes(), 9, "no page 9"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path: Path, content: bytes | None, number: int, words: str) -> None:
    path = tmp_path / "a.pdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        page_image(path, number)
