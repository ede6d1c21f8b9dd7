"""What a web page says, as Markdown, by html-to-markdown.

What of a page is read is left to `html_tree`, tables to `html_tables`, formulas and raised text to `html_text`. Where a page
comes from is left to `places` and `web`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rung.errors import MissingExtra
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.html_lists import UNESCAPED, write_lists
from rung.knowledge.readers.html_tables import put_back, take_out
from rung.knowledge.readers.html_text import as_text
from rung.knowledge.readers.html_tree import DEEPEST, TOO_DEEP, clean, parsed, title_of
from rung.knowledge.readers.markup import converted, tidy
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops

if TYPE_CHECKING:
    from html_to_markdown.options import ConversionOptions

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,80}?encoding\s*=\s*["']([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^# +(.+?) *$", re.MULTILINE)
_ANCHOR = re.compile(r"\[(?:¶|#|§|\u200b)?\]\(#[^)\n]{0,200}\)|(?<=\S) ?\[¶\]\([^)\n]{0,200}\)")


@dataclass(frozen=True, slots=True)
class Page:
    """A page as Markdown ("" where it holds no text), its title ("": it has none), and what was left out, by kind."""

    text: str
    title: str
    dropped: Counter[str]


def read_html(file: SourceFile) -> Iterator[Item]:
    """An HTML page as one document: Markdown, without navigation, form fields, scripts and hidden parts."""
    source, note = decode(file.data, file.charset or declared(file.data))
    if note:
        yield 1, note
    if source is None:
        return
    page = as_markdown(source, site=True)
    yield from drops(file, page.dropped)
    if not page.text:
        yield 0, "holds no text" + (": its content is made by scripts" if "<script" in source.lower() else "")
        return
    yield 0, converted(file.id, page.text, page.title or _first_heading(page.text) or file.name)


def declared(data: bytes) -> str:
    """The encoding that a page itself names; "" where it names none."""
    match = _CHARSET.search(data[:4096])
    return (match[1] or match[2]).decode("ascii") if match else ""


def to_markdown(page: str) -> str:
    """HTML as Markdown; "" where it holds no text. See `as_markdown`."""
    return as_markdown(page).text


def as_markdown(page: str, *, site: bool = False) -> Page:
    """HTML as Markdown.

    Args:
        page: a whole page or a part of one.
        site: whether it is a page of a site, whose navigation and what stands around <main> are left out.

    Raises:
        MissingExtra: the library is not installed.
        Unusable: this is no HTML.
    """
    try:
        from html_to_markdown import convert
        from html_to_markdown.exceptions import ConversionError
        from lxml import etree
    except ImportError as error:
        raise MissingExtra("docs", "reading HTML") from error
    tree, whole = parsed(page)
    title = title_of(tree)
    root, dropped = clean(tree, site=site)
    if not whole:
        dropped[TOO_DEEP] += 1
    as_text(root)
    write_lists(root)
    tables = take_out(root)
    plain = etree.tostring(root, method="html", encoding="unicode")
    try:
        text = convert(plain, _options()).content or ""
    except ConversionError as error:
        raise Unusable(f"is no HTML that can be read ({error})") from error
    text = put_back(_ANCHOR.sub("", text), tables).replace(UNESCAPED, "")
    return Page(tidy(text), title, dropped)


def _first_heading(text: str) -> str:
    heading = _HEADING.search(text)
    return heading[1].strip("*_ ") if heading else ""


@cache
def _options() -> ConversionOptions:
    from html_to_markdown.options import ConversionOptions, PreprocessingOptions

    return ConversionOptions(
        extract_metadata=False,
        autolinks=False,
        hidden_content="all",  # what is hidden is gone already
        max_depth=DEEPEST + 100,
        preprocessing=PreprocessingOptions(enabled=False),
    )
