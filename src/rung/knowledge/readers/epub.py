"""What a book says: the chapters of an EPUB in reading order, as Markdown.

Whether unpacking is safe is left to `zips`, what a chapter says to `html`.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from rung.knowledge.readers import zips
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.html import as_markdown, declared
from rung.knowledge.readers.markup import converted, paged
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops

_CONTAINER = "META-INF/container.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read_epub(file: SourceFile) -> Iterator[Item]:
    """An EPUB as one document. Its chapters stand one after the other; it has no pages."""
    with zips.opened(file) as archive:
        if "META-INF/encryption.xml" in archive.namelist() and "META-INF/rights.xml" in archive.namelist():
            raise Unusable("is locked by its seller (DRM); left out")
        package, folder = _package(archive)
        chapters = []
        dropped: Counter[str] = Counter()
        spine = _spine(package, folder)
        for name in spine:
            try:
                data = zips.member(archive, archive.getinfo(name))
            except (KeyError, Unusable) as error:
                yield 0, f"its chapter '{name}' is missing ({error})"
                continue
            source, note = decode(data, declared(data))
            if note:
                yield 0, f"its chapter '{name}' {note}"
            page = as_markdown(source or "<p></p>")
            dropped.update(page.dropped)
            chapters.append(page.text)
        dropped["chapters that are not in the reading order"] = _outside(package, folder, spine)
    yield from drops(file, dropped)
    text, _ = paged(chapters)
    if not text:
        yield 0, "holds no text"
        return
    yield 0, converted(file.id, text, _first(package, "title") or file.name)


def _package(archive: zipfile.ZipFile) -> tuple[ElementTree.Element, str]:
    """The list of what is in the book, and the folder that its names start from."""
    try:
        container = _xml(archive, _CONTAINER)
        path = next((e.get("full-path") for e in container.iter() if _tag(e) == "rootfile"), None)
        if not path:
            raise KeyError(_CONTAINER)
        return _xml(archive, path), posixpath.dirname(path)
    except (KeyError, ElementTree.ParseError) as error:
        raise Unusable(f"is no EPUB that can be read: its table of contents is missing or broken ({error})") from error


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(zips.member(archive, archive.getinfo(name)))


def _spine(package: ElementTree.Element, folder: str) -> list[str]:
    items = {e.get("id"): e for e in package.iter() if _tag(e) == "item"}
    entries = [items[e.get("idref")] for e in package.iter() if _tag(e) == "itemref" and e.get("idref") in items]
    return list(dict.fromkeys(_path(e, folder) for e in entries if _is_chapter(e)))


def _outside(package: ElementTree.Element, folder: str, spine: list[str]) -> int:
    """How many pages the book carries that are not in its reading order, its table of contents aside."""
    pages = [e for e in package.iter() if _tag(e) == "item" and _is_chapter(e) and "nav" not in (e.get("properties") or "")]
    return len({_path(e, folder) for e in pages} - set(spine))


def _is_chapter(item: ElementTree.Element) -> bool:
    return item.get("media-type") in _CHAPTERS and bool(item.get("href"))


def _path(item: ElementTree.Element, folder: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(str(item.get("href")).split("#")[0])))


def _first(package: ElementTree.Element, tag: str) -> str:
    return next((" ".join((e.text or "").split()) for e in package.iter() if _tag(e) == tag), "")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
