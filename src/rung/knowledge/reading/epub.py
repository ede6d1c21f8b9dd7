"""What does a book say? The chapters of an EPUB in reading order, as Markdown.

Whether unpacking is safe is left to `zips`, what a chapter says to `html`.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from rung.knowledge.reading import zips
from rung.knowledge.reading.encodings import decode
from rung.knowledge.reading.html import to_markdown
from rung.knowledge.reading.markup import converted, paged
from rung.knowledge.reading.source import Item, SourceFile, Unusable

_CONTAINER = "META-INF/container.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read_epub(file: SourceFile) -> Iterator[Item]:
    """An EPUB as one document. Its chapters stand one after the other; it has no pages."""
    with zips.opened(file) as archive:
        if "META-INF/encryption.xml" in archive.namelist() and "META-INF/rights.xml" in archive.namelist():
            raise Unusable("is locked by its seller (DRM); left out")
        package, folder = _package(archive)
        chapters = []
        for name in _spine(package, folder):
            try:
                page, _ = decode(zips.member(archive, archive.getinfo(name)))
            except (KeyError, Unusable) as error:
                yield 0, f"its chapter '{name}' is missing ({error})"
                continue
            chapters.append(to_markdown(page) if page else "")
    text, _ = paged(chapters)
    if not text:
        yield 0, "holds no text"
        return
    yield 0, converted(file.id, text, _first(package, "title") or file.name)


def _package(archive: zipfile.ZipFile) -> tuple[ElementTree.Element, str]:
    """The list of what is in the book, and the folder that its names start from."""
    try:
        container = _xml(archive, _CONTAINER)
        place = next((e.get("full-path") for e in container.iter() if _tag(e) == "rootfile"), None)
        if not place:
            raise KeyError(_CONTAINER)
        return _xml(archive, place), posixpath.dirname(place)
    except (KeyError, ElementTree.ParseError) as error:
        raise Unusable(f"is no EPUB that can be read: its table of contents is missing or broken ({error})") from error


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(zips.member(archive, archive.getinfo(name)))


def _spine(package: ElementTree.Element, folder: str) -> list[str]:
    items = {e.get("id"): e for e in package.iter() if _tag(e) == "item"}
    order = [items[e.get("idref")] for e in package.iter() if _tag(e) == "itemref" and e.get("idref") in items]
    pages = [e for e in order if e.get("media-type") in _CHAPTERS and e.get("href")]
    return [posixpath.normpath(posixpath.join(folder, unquote(str(e.get("href")).split("#")[0]))) for e in pages]


def _first(package: ElementTree.Element, tag: str) -> str:
    return next((" ".join((e.text or "").split()) for e in package.iter() if _tag(e) == tag), "")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
