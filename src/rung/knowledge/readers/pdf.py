"""What a PDF says, page by page: text, headings and tables as Markdown, by LiteParse (PDFium), on this machine.

No text is recognised in images: a scan is named as such. Crashes and hangs of the library are left to `workers`; tables
that go on over pages to `pdf_tables`, headers and footers to `pdf_furniture`, raised text to `pdf_marks`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from rung.errors import MissingExtra
from rung.knowledge.readers.markup import converted, paged
from rung.knowledge.readers.pdf_columns import find_columns
from rung.knowledge.readers.pdf_cuts import cut_words
from rung.knowledge.readers.pdf_furniture import keep_once, mend_hyphens
from rung.knowledge.readers.pdf_grids import find_grids
from rung.knowledge.readers.pdf_marks import marks_of, write_marks
from rung.knowledge.readers.pdf_page import Part, add_unsaid, sheet_of, written
from rung.knowledge.readers.pdf_tables import give_heads, lift_heads
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops

if TYPE_CHECKING:
    from liteparse import LiteParse
    from liteparse.types import ParsedPage, ParseResult

_HEADING = re.compile(r"^#{1,3} +(.+?) *$", re.MULTILINE)
_PDF_TITLE = re.compile(rb"/Title\s*\(([^()\\]{3,200})\)")
_NO_TITLE = re.compile(
    r"untitled|microsoft word|powerpoint|\.(?:docx?|pptx?|xlsx?|indd|tex|dvi)\b|^[\W\d_]*$", re.IGNORECASE
)
_SHOWN = 8  # page numbers in a message
_SHOWN_NOTES = ("FreeText", "Stamp")  # annotations whose words stand on the page


def read_pdf(file: SourceFile) -> Iterator[Item]:
    """A PDF as one document. `meta.pages` holds the position at which each page begins.

    Fields of a form stand below the text of their page. Headers and footers of pages are kept where they stand first.
    """
    result = _parsed(file)
    dropped: Counter[str] = Counter()
    texts = _texts(file, result, dropped)
    pages = result.pages
    scanned = [page.page_num for page, text in zip(pages, texts, strict=True) if _is_image(page, text)]
    for error in result.page_errors:
        yield 0, f"page {error.page_num} cannot be read ({error.message}); left out"
    if not any(texts):
        what = "is a scan: its pages are images without a text layer" if scanned else "holds no text"
        yield 0, f"{what} ({len(pages)} pages); recognise its text first (OCR, for example with ocrmypdf)"
        return
    if scanned:
        listed = ", ".join(map(str, scanned[:_SHOWN])) + (", …" if len(scanned) > _SHOWN else "")
        yield 0, f"{len(scanned)} of {len(pages)} pages hold no readable text, only images or broken fonts: {listed}"
    yield from drops(file, dropped)
    text, starts = paged(texts)
    heading = _HEADING.search(text, 0, 2000)
    title = _title(file.data) or (heading[1].strip("*_ ") if heading else "") or file.name
    yield 0, converted(file.id, text, title, pages=starts)


def _texts(file: SourceFile, result: ParseResult, dropped: Counter[str]) -> list[str]:
    """The Markdown of each page."""
    sheets = [sheet_of(page) for page in result.pages]
    cut_words(sheets, file.data)
    for sheet in sheets:
        find_grids(sheet)
        find_columns(sheet)
        add_unsaid(sheet)
    write_marks(sheets, marks_of(file.data, [sheet.number for sheet in sheets]))
    mend_hyphens(sheets)
    dropped["repeated headers and footers of pages"] = keep_once(sheets)
    lift_heads(sheets)
    give_heads(sheets)
    for sheet, page in zip(sheets, result.pages, strict=True):
        sheet.parts += [Part("paragraph", line) for line in _filled_in(page, dropped)]
    return [written(sheet.parts) for sheet in sheets]


def _filled_in(page: ParsedPage, dropped: Counter[str]) -> Iterator[str]:
    """What was filled into the fields of a page, and typed onto it; comments are counted."""
    for field in page.form_fields or ():
        value = ", ".join(field.selected_options) or field.value or ""
        if field.type in ("checkbox", "radiobutton"):
            value = "yes" if field.checked else ""
        if (value := " ".join(value.split())) and value not in page.text:
            name = " ".join((field.alternate_name or field.name or "").split())
            yield f"{name}: {value}" if name else value
    for note in page.annotations or ():
        words = " ".join((note.contents or "").split())
        if words and note.subtype in _SHOWN_NOTES and words not in page.text:
            yield words
        elif words and note.subtype not in (*_SHOWN_NOTES, "Link", "Widget", "Popup"):
            dropped["comments"] += 1


def _parsed(file: SourceFile) -> ParseResult:
    parser = _parser()
    from liteparse import ParseError

    try:
        result: ParseResult = parser.parse(file.data)
    except ParseError as error:
        message = str(error)
        if "password" in message.lower() or "encrypt" in message.lower():
            raise Unusable("is encrypted: it opens with a password only; save it without one") from error
        whole = b"%%EOF" in file.data[-2048:]
        why = "damaged" if whole else "truncated: it has no end"
        raise Unusable(f"is no PDF that can be read, probably {why} ({message.removeprefix('PDF error: ')})") from error
    return result


@cache
def _parser() -> LiteParse:
    try:
        from liteparse import LiteParse
    except ImportError as error:
        raise MissingExtra("docs", "reading .pdf files") from error
    # Running headers stay here: LiteParse takes headings that recur for them; see `pdf_furniture`.
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
        extract_blocks=True,
        emit_word_boxes=True,
        extract_vector_graphics=True,
        extract_form_fields=True,
        extract_annotations=True,
    )


def _is_image(page: ParsedPage, text: str) -> bool:
    seen = page.complexity
    if seen is None:
        return False
    words = [word for word in text.split() if word.strip("|-")]
    numbers = sum(any(map(str.isdigit, word)) for word in words)
    garbled = seen.is_garbled and numbers * 4 < len(words)  # tables of numbers and codes are taken for broken fonts
    return garbled or (len(text) < 40 and (seen.full_page_image or seen.has_substantial_images))


def _title(data: bytes) -> str:
    """The title that the file gives itself, where it is more than the name of a program or a file."""
    match = _PDF_TITLE.search(data)
    words = match[1].decode("latin-1").strip() if match else ""
    return "" if not words.isprintable() or _NO_TITLE.search(words) else words
