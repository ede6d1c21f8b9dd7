"""Takes what is readable out of a damaged `rung.db`: page by page, whatever the tree above them has become.

SQLite's own recovery is a program of its own, which need not be here. The format: https://sqlite.org/fileformat2.html. Every
row but those of `seen` is known by a sum in it, so that none is taken that is not what was written; rows of format 2 have no
sum, and are taken where they can be read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rung.files.durable import set_aside, short_sum
from rung.runtime.cache import StepCache, hash_of

_LEAF, _INNER, _TABLE_LEAF = 10, 2, 13  # pages of an index (with its rows, in tables without row ids), of a table
_KINDS = ("Found", "Generated", "Classified", "Called")
Row = tuple[str | None, ...]


def is_whole(path: Path) -> str:
    """What is wrong with a database of steps; "" if nothing is. Reads all of it."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=60)) as db:
            (answer,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if answer != "ok":
                return str(answer)
            columns = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in _SIZES}
            for table, names in columns.items():
                if not names and table != "leases":
                    return f"it has no table {table}"
                if table != "leases":
                    chosen = ", ".join(names)
                    wrong = sum(_table_of(row) != table for row in db.execute(f"SELECT {chosen} FROM {table}"))
                    if wrong:
                        return f"{wrong} rows of {table} are not what was written"
    except (sqlite3.DatabaseError, OSError) as error:
        beyond = str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_PERM"))
        return "" if beyond else str(error)
    return ""


def recover(path: Path) -> str:
    """Set a damaged database aside and make one anew of its readable rows. Says how many there are."""
    rows = list(_rows(path))
    aside = set_aside(path)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            set_aside(beside)
    StepCache(path).close()
    saved = dict.fromkeys(_SIZES, 0)
    with closing(sqlite3.connect(path, timeout=60)) as db, db:
        for row in rows:
            table = _table_of(row)
            if table in saved and table != "leases":
                padded = [*row, *([None] * (_SIZES[table] - len(row)))]
                marks = ",".join("?" * len(padded))
                saved[table] += db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", padded).rowcount
        db.execute(_WITHOUT_PASSAGE)
        saved["steps"] = db.execute("SELECT count(*) FROM steps").fetchone()[0]
    summary = (
        f"{saved['steps']:,} answers and {saved['notes']:,} notes could be read and are kept; what is not is asked again"
    )
    return f"{summary}; the damaged file is {aside}"


_SIZES = {"steps": 4, "passages": 2, "seen": 2, "notes": 4, "leases": 2}
_WITHOUT_PASSAGE = """DELETE FROM steps WHERE kind = 'Found' AND EXISTS (
    SELECT 1 FROM json_each(result) AS ref
    WHERE json_extract(ref.value, '$[0]') NOT IN (SELECT key FROM passages))"""


def _table_of(row: Sequence[object]) -> str:
    """Which table a row is of, by what it holds; "" where it is none, or not what was written."""
    texts = [value for value in row if isinstance(value, str)]
    if len(texts) != len(row) - (row[-1:] in ([None], (None,))):
        return ""
    try:
        match texts:
            case [digest, kind, result, *total] if kind in _KINDS and len(digest) == 64:
                return "steps" if _fits(total, digest, kind, result) else ""
            case [kind, key, value, *total] if kind.isidentifier():
                return "notes" if _fits(total, kind, key, value) else ""
            case [key, text] if text.startswith("{"):
                return "passages" if key.rpartition("@")[2] == hash_of(text) else ""
            case [key, digest] if len(digest) == 64 and "@" in key:
                return "seen"
    except (ValueError, RecursionError):
        pass
    return ""


def _fits(total: list[str], *parts: str) -> bool:
    if total:
        return total == [short_sum(*parts)]
    json.loads(parts[-1])  # of format 2
    return True


def _rows(path: Path) -> Iterator[Row]:
    """The rows in all pages that can be read as such, also of what the log holds."""
    data = path.read_bytes() if path.is_file() else b""
    declared = int.from_bytes(data[16:18])
    size = 65536 if declared == 1 else declared if declared >= 512 and declared & (declared - 1) == 0 else 4096
    pages = {n + 1: data[n * size : (n + 1) * size] for n in range(len(data) // size)}
    wal = path.with_name(f"{path.name}-wal")
    log = wal.read_bytes() if wal.exists() else b""
    for start in range(32, len(log) - size - 23, 24 + size):
        if log[start + 8 : start + 16] == log[16:24]:  # of the log's present round
            pages[int.from_bytes(log[start : start + 4])] = log[start + 24 : start + 24 + size]
    for number, page in pages.items():
        head = 100 if number == 1 else 0
        if len(page) == size and page[head] in (_LEAF, _INNER, _TABLE_LEAF):
            first = head + (12 if page[head] == _INNER else 8)
            for cell in range(min(int.from_bytes(page[head + 3 : head + 5]), (size - first) // 2)):
                at = int.from_bytes(page[first + 2 * cell : first + 2 * cell + 2])
                try:
                    yield _record(_payload(pages, page, at, page[head]))
                except (IndexError, KeyError, ValueError):
                    continue


def _payload(pages: dict[int, bytes], page: bytes, at: int, kind: int) -> bytes:
    """A cell's record, put together from the pages that it overflows to."""
    at += 4 if kind == _INNER else 0
    length, at = _varint(page, at)
    if kind == _TABLE_LEAF:
        _, at = _varint(page, at)
    usable = len(page)
    most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    least = (usable - 12) * 32 // 255 - 23
    here = length
    if length > most:
        here = least + (length - least) % (usable - 4)
        here = least if here > most else here
    parts, left = [page[at : at + here]], length - here
    following = int.from_bytes(page[at + here : at + here + 4]) if left else 0
    while left > 0:
        more = pages[following]
        parts.append(more[4 : 4 + min(left, usable - 4)])
        following, left = int.from_bytes(more[:4]), left - (usable - 4)
    return b"".join(parts)


def _record(payload: bytes) -> Row:
    """The columns of a record: texts and NULL; other types become None."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    row: list[str | None] = []
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        if at + size > len(payload):
            raise ValueError("cut")
        row.append(payload[at : at + size].decode() if kind >= 13 and kind % 2 else None)
        at += size
    return tuple(row)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[at + index]
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at + index + 1
    raise ValueError("no number")
