"""What a file holds: its reader is chosen by suffix and by content, and whatever it raises is told as a reason.

Runs in a process of its own for the costly readers, see `workers`.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.errors import MissingExtra
from rung.knowledge.readers.access import refusal
from rung.knowledge.readers.registry import readers
from rung.knowledge.readers.source import LONGEST_TEXT, Item, SourceFile, Unusable, stamp_of
from rung.knowledge.readers.unread import mark_in_file, mark_in_tables
from rung.records import Document

log = logging.getLogger(__name__)

_HEAD = 1024
_NO_MEMORY = "its reader ran out of memory"
_HTML = re.compile(rb"\s*+(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_KINDS = {".pdf": "PDF", ".docx": "a Word document", ".pptx": "a PowerPoint file", ".xlsx": "a workbook", ".epub": "EPUB"}
_KINDS |= {".ods": "a workbook", ".zip": "a ZIP archive", ".html": "HTML", ".xls": "a workbook"}
_FAMILIES = (
    frozenset({".docx", ".docm", ".dotx", ".dotm"}),
    frozenset({".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"}),
    frozenset({".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".xls", ".ods"}),
    frozenset({".html", ".htm", ".xhtml"}),
)
_BINARY = (
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\x00", "an image"),
    (b"MM\x00*", "an image"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%!PS", "PostScript"),
    (b"\x7fELF", "a program"),
)
_LISTING = "[content_types].xml"
_LISTED = 2**20  # bytes of it that are looked at
_OFFICE = (
    ("word/", ".docx", b"wordprocessingml.document.main"),
    ("ppt/", ".pptx", b"presentationml.presentation.main"),
    ("xl/", ".xlsx", b"spreadsheetml.sheet.main"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class Converted:
    """What came out of a file. `lasting`: reading it again would give the same, so it may be remembered."""

    items: list[Item]
    stamp: str
    digest: str
    lasting: bool


def convert(id: str, path: str, data: bytes | None, suffix: str, charset: str) -> Converted:
    """Read a file whole: from disk, or from `data`."""
    file = SourceFile(id, Path(path), data, suffix=suffix, charset=charset)
    try:
        stamp = stamp_of(file.path) if data is None else ""
        digest = hashlib.sha256(file.data).hexdigest()
    except (OSError, Unusable):
        stamp = digest = ""  # the reading below says why
    items = list(read(file))
    return Converted(items, stamp, digest, lasting=bool(digest) and not any(item == _NO_MEMORY for _, item in items))


def read_each(files: Sequence[tuple[str, str, str, str]]) -> list[list[Item]]:
    """What each of several files on disk holds: (id, path, suffix, charset)."""
    return [list(read(SourceFile(id, Path(path), suffix=suffix, charset=charset))) for id, path, suffix, charset in files]


def read(file: SourceFile) -> Iterator[Item]:
    """What a file holds. Never raises for what is wrong with the file: the reason is among the items."""
    line = 0
    try:
        for line, item in _read(file):
            yield line, _within_limits(item, file) if isinstance(item, Document) else item
    except OSError as error:
        yield 0, f"cannot be read: {error.strerror or error}"
    except Unusable as error:
        yield error.line or line, str(error)
    except MissingExtra as error:
        yield line, str(error)
    except MemoryError:
        yield line, _NO_MEMORY
    except RecursionError:
        yield line, "is nested too deeply to be read; left out"
    except Exception as error:  # a library's or a stranger's code: its failure belongs to this one file, and is told
        log.exception("the reader of %s failed", file.id)
        yield line, f"its reader failed: {type(error).__name__}: {error}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what libraries in Rust die of is no Exception
            raise
        yield line, f"its reader failed: {error}"


def _read(file: SourceFile) -> Iterator[Item]:
    by_suffix = readers()
    reader = by_suffix.get(file.suffix)
    if reader is None:
        what = f"'{file.suffix}' files" if file.suffix else "files without a suffix"
        yield 0, f"there is no reader for {what}; there are readers for {', '.join(sorted(by_suffix))}"
        return
    if file.suffix in (".jsonl", ".ndjson") and file.on_disk:
        yield from reader(file)  # line by line: rows need not fit into memory together
        return
    if not file.data.strip():
        yield 0, "is empty"
        return
    kind, suffix = kind_of(file.data), file.suffix
    if kind and not _same(kind, file.suffix):
        if kind not in by_suffix:
            yield 0, f"is {kind} by its content, whatever its name says; left out"
            return
        yield 0, f"is {_KINDS[kind]} by its content, not '{file.suffix}', and was read as that; rename it"
        reader, suffix = by_suffix[kind], kind
    if (mark := mark_in_file(file, suffix)) is not None:
        raise Unusable(refusal(mark[1]), mark[0])
    for line, item in reader(file):
        if isinstance(item, Document) and (head := mark_in_tables(item.text, suffix)):
            raise Unusable(refusal(head))
        yield line, item


def kind_of(data: bytes) -> str:
    """What the bytes are, where that is certain: a suffix (".pdf"), or words for what has no reader; else ""."""
    head = data[:_HEAD]
    if b"%PDF-" in head and not _HTML.match(head):
        return ".pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zipped(data)
    if head.startswith(_OLE):
        return _ole(data)
    if _HTML.match(head):
        return ".html"
    return next((words for mark, words in _BINARY if head.startswith(mark)), "")


def _zipped(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.replace("\\", "/").lower(): name for name in archive.namelist()}
            kind = archive.read("mimetype")[:64].decode("latin-1") if "mimetype" in names.values() else ""
            listed = archive.read(names[_LISTING])[:_LISTED] if _LISTING in names else b""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
        return ""  # the reader for its suffix says what is wrong with it
    if "epub" in kind:
        return ".epub"
    if "opendocument.spreadsheet" in kind:
        return ".ods"
    for part, suffix, word in _OFFICE:
        if _LISTING in names and (any(name.startswith(part) for name in names) or word in listed):
            return suffix
    return ".zip"


def _ole(data: bytes) -> str:
    """The old container of Office: also what an encrypted new document is wrapped in."""

    def holds(name: str) -> bool:
        return name.encode("utf-16-le") in data

    if holds("EncryptedPackage"):
        return "an Office document encrypted with a password (save it without one)"
    if holds("Workbook") or holds("Book"):
        return ".xls"
    if holds("WordDocument"):
        return "a Word document of the old binary kind (save it as .docx)"
    if holds("PowerPoint Document"):
        return "a PowerPoint file of the old binary kind (save it as .pptx)"
    return "a file of the old Office container"


def _same(kind: str, suffix: str) -> bool:
    if kind == suffix or any(kind in family and suffix in family for family in _FAMILIES):
        return True
    # Markdown, mails and the like may begin with HTML and stay what they are; archives have many suffixes.
    return kind == ".html" and suffix in (".md", ".markdown", ".txt", ".text", ".vue", ".php", ".js", ".eml", ".rst")


def _within_limits(document: Document, file: SourceFile) -> Document | str:
    """A text may be as long as the file that it was read from; what grows in the reading has a limit."""
    if len(document.text) > LONGEST_TEXT and (file.on_disk or len(document.text) > len(file.data)):
        length = len(document.text) // 1_000_000
        return f"holds {length} million characters; one document may have {LONGEST_TEXT // 1_000_000} million: split it"
    return document
