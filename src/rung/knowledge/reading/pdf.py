"""What does a PDF say, page by page? Text, headings and tables as Markdown, by LiteParse (PDFium), on this machine.

No text is recognised in images: a scan is named as such. Crashes and hangs of the library are left to `workers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from rung.errors import MissingExtra
from rung.knowledge.reading.markup import converted, paged
from rung.knowledge.reading.source import Item, SourceFile, Unusable

if TYPE_CHECKING:
    from liteparse import LiteParse
    from liteparse.types import ParsedPage, ParseResult

_EMPTY_FENCE = re.compile(r"\A\s*```\w*\s*```\s*\Z")
_HEADING = re.compile(r"^#{1,3} +(.+?) *$", re.MULTILINE)
_PDF_TITLE = re.compile(rb"/Title\s*\(([^()\\]{3,200})\)")
_NO_TITLE = re.compile(
    r"untitled|microsoft word|powerpoint|\.(?:docx?|pptx?|xlsx?|indd|tex|dvi)\b|^[\W\d_]*$", re.IGNORECASE
)
_SHOWN = 8  # page numbers in a message


def read_pdf(file: SourceFile) -> Iterator[Item]:
    """A PDF as one document. `meta.pages` holds the position at which each page begins."""
    pages = _parsed(file).pages
    texts = [_text(page) for page in pages]
    scanned = [page.page_num for page, text in zip(pages, texts, strict=True) if _is_image(page, text)]
    if not any(texts):
        what = "is a scan: its pages are images without a text layer" if scanned else "holds no text"
        yield 0, f"{what} ({len(pages)} pages); recognise its text first (OCR, for example with ocrmypdf)"
        return
    if scanned:
        listed = ", ".join(map(str, scanned[:_SHOWN])) + (", …" if len(scanned) > _SHOWN else "")
        yield 0, f"{len(scanned)} of {len(pages)} pages hold no readable text, only images or broken fonts: {listed}"
    text, starts = paged(texts)
    heading = _HEADING.search(text, 0, 2000)
    title = _title(file.data) or (heading[1].strip("*_ ") if heading else "") or file.name
    yield 0, converted(file.id, text, title, pages=starts)


def _parsed(file: SourceFile) -> ParseResult:
    parser = _parser()
    from liteparse import ParseError

    try:
        result: ParseResult = parser.parse(file.data)
    except ParseError as error:
        said = str(error)
        if "password" in said.lower() or "encrypt" in said.lower():
            raise Unusable("is encrypted: it opens with a password only; save it without one") from error
        whole = b"%%EOF" in file.data[-2048:]
        why = "damaged" if whole else "truncated: it has no end"
        raise Unusable(f"is no PDF that can be read, probably {why} ({said.removeprefix('PDF error: ')})") from error
    return result


@cache
def _parser() -> LiteParse:
    try:
        from liteparse import LiteParse
    except ImportError as error:
        raise MissingExtra("docs", "reading .pdf files") from error
    # Running headers stay: telling them from headings that recur cost whole headings in a trial.
    return LiteParse(
        ocr_enabled=False,
        output_format="markdown",
        quiet=True,
        num_workers=1,
        image_mode="off",
        extract_links=False,
        keep_headers_footers=True,
        include_complexity=True,
        continue_on_page_error=True,
    )


def _text(page: ParsedPage) -> str:
    text = page.markdown.replace("\x00", "")
    return "" if _EMPTY_FENCE.match(text) else text.strip()


def _is_image(page: ParsedPage, text: str) -> bool:
    seen = page.complexity
    if seen is None:
        return False
    return seen.is_garbled or (len(text) < 40 and (seen.full_page_image or seen.has_substantial_images))


def _title(data: bytes) -> str:
    """The title that the file gives itself, where it is more than the name of a program or a file."""
    said = _PDF_TITLE.search(data)
    words = said[1].decode("latin-1").strip() if said else ""
    return "" if not words.isprintable() or _NO_TITLE.search(words) else words
