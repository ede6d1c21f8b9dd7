"""Every file of a folder, looked through for a text: as bytes, unpacked, in pages of databases, in the index's tables."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import lancedb

_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def holding(folder: Path, text: str) -> list[str]:
    """The files that hold it, whatever its case."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, text))
    return [*(str(path.relative_to(folder)) for path in files), *_tables(folder, text)]


def _holds(path: Path, text: str) -> bool:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data += gzip.decompress(data)
    pieces = [data, *_unpacked(data)]
    if data.startswith(b"SQLite format 3"):
        pieces += _cells(path)
    forms = {text.encode(), text.encode("utf-16-le"), json.dumps(text)[1:-1].encode(), text.replace(" ", "&#x20;").encode()}
    return any(form.lower() in piece.lower() for piece in pieces for form in forms)


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Whatever zlib unpacks from any place of a file, in pages that were freed too."""
    for mark in _ZLIB:
        start = data.find(mark)
        while start >= 0:
            with suppress(zlib.error):
                yield zlib.decompressobj().decompress(data[start:])
            start = data.find(mark, start + 1)


def _cells(path: Path) -> Iterator[bytes]:
    """The values of all rows: a long one lies in several pages, so that it is packed in pieces."""
    with closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    yield from _unpacked(value) if isinstance(value, bytes) else [str(value).encode("utf-8", "replace")]


def _tables(folder: Path, text: str) -> Iterator[str]:
    """Tables of indexes, in any of their versions: what is in their files may be packed."""
    for place in {path.parent for path in folder.rglob("*.lance") if path.is_dir()}:
        database = lancedb.connect(str(place))
        for name in database.list_tables().tables:
            table = database.open_table(name)
            for version in table.list_versions():
                table.checkout(version["version"])
                rows = table.to_arrow().drop_columns(["vector"] if "vector" in table.schema.names else []).to_pylist()
                if text.lower() in json.dumps(rows, default=str, ensure_ascii=False).lower():
                    yield f"{name}, version {version['version']}"
