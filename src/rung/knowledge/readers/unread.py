"""What a file says of access in places that its reader does not read: tags, headers, comments, custom properties, columns.

Such a file is left out, never made public. What looks like a mark is left to `marks`.
"""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from pathlib import PurePosixPath

from rung.knowledge.chunking.passages import body_start
from rung.knowledge.readers import marks, zips
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.html_marks import in_html
from rung.knowledge.readers.mark_lines import in_text
from rung.knowledge.readers.mark_words import is_banner
from rung.knowledge.readers.source import SourceFile, Unusable
from rung.records import Document

_PAGES = frozenset({".html", ".htm", ".xhtml"})
_SOURCES = frozenset({".rst", ".rest", ".eml"}) | _PAGES  # of these the text differs from the file
_OFFICE = frozenset(
    {".docx", ".docm", ".dotx", ".pptx", ".pptm", ".ppsx", ".xlsx", ".xlsm", ".xlsb", ".odt", ".odp", ".ods", ".epub"}
)
_TABLES = frozenset({".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
_LOOKED_AT = _TABLES | {".json"}  # kinds with a look of their own: as plain text, every key of theirs would seem a mark
_SAYING = re.compile(r"docProps/(?:custom|core)\.xml|meta\.xml|word/(?:header|footer)\d*\.xml")
_PROPERTY = re.compile(
    r"<property\b[^>]*?\bname=\"([^\"]{1,200})\"[^>]*>(.*?)</property>"
    r"|<meta:user-defined\b[^>]*?\bmeta:name=\"([^\"]{1,200})\"[^>]*>(.*?)</meta:user-defined>",
    re.DOTALL,
)
_CORE = re.compile(r"<(?:cp|dc|meta):(keywords?|category|subject|description|contentStatus)\b[^>]*>(.*?)</", re.DOTALL)
_PARAGRAPH = re.compile(r"<w:p\b[^>]*>.*?</w:p>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


def mark_in_file(file: SourceFile, suffix: str) -> tuple[int, str] | None:
    """Line (0: unknown) and name of a mark in the file itself; None where there is none.

    Raises:
        OSError, Unusable: the file cannot be read.
    """
    if suffix in _SOURCES:
        source, _ = decode(file.data, file.charset)
        if suffix in _PAGES and source and (name := in_html(source)):
            return 0, name
        return in_text(source or "")
    if suffix in _OFFICE and (name := _in_properties(file.data)):
        return 0, name
    return None


def mark_in_head(document: Document) -> tuple[int, str] | None:
    """Line (0: not one of the file) and name of a mark before the prose of a document; None where there is none."""
    is_file = document.id == document.source
    if is_file and PurePosixPath(document.id).suffix.lower() in _LOOKED_AT:
        return None
    mark = in_text(document.text, body_start(document), code="language" in document.meta)
    if mark is None or (is_file and "format" not in document.meta):
        return mark
    return 0, mark[1]


def mark_in_tables(text: str, suffix: str) -> str:
    """The head of a column that marks, in the text that came out of a workbook or a CSV file; "" where there is none."""
    return marks.in_tables(text) if suffix in _TABLES else ""


def _in_properties(data: bytes) -> str:
    """A property of an Office document, or a header of its pages, that restricts; "" where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            there = [info for info in archive.infolist() if _SAYING.fullmatch(info.filename)]
            parts = {info.filename: zips.member(archive, info).decode("utf-8", "replace") for info in there}
    except (zipfile.BadZipFile, Unusable, NotImplementedError, ValueError, OSError, EOFError):
        return ""  # its reader says what is wrong with it
    for name, text in parts.items():
        if name.startswith("word/"):
            if banner := next((line for line in map(_plain, _PARAGRAPH.findall(text)) if is_banner(line)), ""):
                return banner
            continue
        for one, value, other, also in _PROPERTY.findall(text):
            if marks.restricts(key := unescape(one or other), _plain(value or also)):
                return key
        for key, value in _CORE.findall(text):
            if marks.restricts(key, _plain(value)) or in_text(_plain(value)):
                return f"{key}: {_plain(value)[:40]}"
    return ""


def _plain(markup: str) -> str:
    return " ".join(unescape(_TAG.sub("", markup)).split())
