"""What does a web page say? As Markdown, by html-to-markdown.

Where a page comes from is left to `places` and `web`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from typing import TYPE_CHECKING

from rung.errors import MissingExtra
from rung.knowledge.reading.encodings import decode
from rung.knowledge.reading.markup import converted, tidy
from rung.knowledge.reading.source import Item, SourceFile, Unusable

if TYPE_CHECKING:
    from html_to_markdown.options import ConversionOptions

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]+>")
_MAIN = re.compile(r"<main\b[^<>]*>", re.IGNORECASE)
_HEADING = re.compile(r"^# +(.+?) *$", re.MULTILINE)
_ANCHOR = re.compile(r"\[(?:¶|#|§|\u200b)?\]\(#[^)\n]{0,200}\)|(?<=\S) ?\[¶\]\([^)\n]{0,200}\)")
_HEAD = 100_000  # characters in which a title is looked for
_DEEPEST = 2_000  # tags within tags; a page of more was made to break parsers
_LEAST_MAIN = 200  # characters of text that a <main> must hold to stand for the page


def read_html(file: SourceFile) -> Iterator[Item]:
    """An HTML page as one document: Markdown, without navigation, forms and scripts."""
    declared = file.charset
    if not declared and (said := _CHARSET.search(file.data[:4096])):
        declared = said[1].decode("ascii")
    page, note = decode(file.data, declared)
    if note:
        yield 1, note
    if page is None:
        return
    text = to_markdown(_main(page))
    if not text:
        yield 0, "holds no text" + (": its content is made by scripts" if "<script" in page.lower() else "")
        return
    yield 0, converted(file.id, text, title_of(page) or _first_heading(text) or file.name)


def to_markdown(page: str) -> str:
    """HTML as Markdown; "" where it holds no text.

    Raises:
        MissingExtra: the library is not installed.
        Unusable: this is no HTML.
    """
    try:
        from html_to_markdown import convert
        from html_to_markdown.exceptions import ConversionError
    except ImportError as error:
        raise MissingExtra("docs", "reading HTML") from error
    try:
        text = convert(page, _options()).content or ""
    except ConversionError as error:
        raise Unusable(f"is no HTML that can be read ({error})") from error
    return tidy(_ANCHOR.sub("", text))


def title_of(page: str) -> str:
    """The words of a page's <title>."""
    said = _TITLE.search(page, 0, _HEAD)
    return " ".join(unescape(_TAG.sub("", said[1])).split()) if said else ""


def _first_heading(text: str) -> str:
    heading = _HEADING.search(text)
    return heading[1].strip("*_ ") if heading else ""


def _main(page: str) -> str:
    """The <main> of a page that has one with text in it: what stands around is the same on every page of a site."""
    begin, end = _MAIN.search(page), page.lower().rfind("</main>")
    main = page[begin.end() : end] if begin and end > begin.end() else ""
    if len(_TAG.sub("", main).split()) * 5 > _LEAST_MAIN:
        return f"<html><body><main>{main}</main></body></html>"
    return page


@cache
def _options() -> ConversionOptions:
    from html_to_markdown.options import ConversionOptions, PreprocessingOptions

    return ConversionOptions(
        extract_metadata=False,
        skip_images=True,
        autolinks=False,
        compact_tables=True,
        max_depth=_DEEPEST,
        preprocessing=PreprocessingOptions(enabled=True, preset="standard", remove_navigation=True, remove_forms=True),
    )
