"""Which reader takes which suffix. Built-in readers come by the same kind of entry point as those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import cast

from rung.knowledge.readers.code import OF_SUFFIX
from rung.knowledge.readers.source import Reader
from rung.plugins import Door

FORMAT = 4  # of what the built-in readers give; when it changes, files are read anew
_HERE = "rung.knowledge.readers"
# The name of an entry point is the suffix that a reader takes, without its dot.
_PLAIN = {
    "rung.knowledge.formats:read_markdown": "md markdown",
    "rung.knowledge.formats:read_text": "txt text",
    "rung.knowledge.formats:read_jsonl": "jsonl ndjson",
    f"{_HERE}.rows:read_json": "json",
    f"{_HERE}.code:read_code": " ".join(suffix.lstrip(".") for suffix in OF_SUFFIX),
}
# Parsed by libraries, which may be slow, hang or crash: in a process of their own; what came out is remembered.
_COSTLY = {
    f"{_HERE}.pdf:read_pdf": "pdf",
    f"{_HERE}.word:read_docx": "docx docm dotx dotm",
    f"{_HERE}.slides:read_pptx": "pptx pptm ppsx ppsm potx potm",
    f"{_HERE}.workbook:read_workbook": "xlsx xlsm xltx xltm xlsb xls ods",
    f"{_HERE}.csv_files:read_csv": "csv tsv",
    f"{_HERE}.html:read_html": "html htm xhtml",
    f"{_HERE}.rst:read_rst": "rst rest",
    f"{_HERE}.mail:read_mail": "eml",
    f"{_HERE}.epub:read_epub": "epub",
    f"{_HERE}.archive:read_zip": "zip",
}


def _suffix(name: str) -> str:
    return "." + name.lower().lstrip(".")


def _reader(part: object) -> Reader:
    if not callable(part):
        raise TypeError("it is no callable that reads a file")
    return cast("Reader", part)


DOOR = Door(
    group="rung.readers",
    noun="reader",
    built_in={suffix: reader for reader, suffixes in {**_PLAIN, **_COSTLY}.items() for suffix in suffixes.split()},
    part_of=_reader,
    name_of=lambda name, _reader: _suffix(name),
    may_replace=True,
)
LIBRARIES = ("liteparse", "pypdfium2", "python-calamine", "xlrd", "html-to-markdown", "lxml", "docutils", "chardet")


@cache
def readers() -> Mapping[str, Reader]:
    """The reader of each suffix (".md"). One from another package takes the place of a built-in one.

    Raises:
        UserError: an entry point cannot be loaded.
    """
    return DOOR.load()


@cache
def costly() -> frozenset[str]:
    """The suffixes whose built-in reader works in a process of its own and is remembered."""
    return _own(_COSTLY)


@cache
def quick() -> frozenset[str]:
    """The suffixes whose built-in reader takes no time worth speaking of, and reads a small file whole."""
    return _own(_PLAIN) - {".jsonl", ".ndjson"}


def _own(built_in: Mapping[str, str]) -> frozenset[str]:
    own = {f".{suffix}" for suffixes in built_in.values() for suffix in suffixes.split()}
    return frozenset(own - {_suffix(point.name) for point in DOOR.foreign()})


@cache
def edition() -> str:
    """What the results of the costly readers depend on besides the file: their format, and the libraries behind them.

    Readers of other packages count too, since archives and mails hand their contents to them.
    """
    parts = [str(FORMAT), *(f"{name} {_version(name)}" for name in LIBRARIES)]
    parts += [f"{p.name}={p.value} {p.dist.version if p.dist else ''}" for p in DOOR.foreign()]
    return "; ".join(parts)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
