"""What was read before, so that a file that has not changed is not parsed again. Kept beside the index, in `.rung/`.

When a file counts as unchanged is decided in `readers`. Losing this memory costs time and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rung.errors import UserError
from rung.files.durable import damaged
from rung.knowledge.readers.source import Item
from rung.records import Document, Dropped, plain

log = logging.getLogger(__name__)

FORMAT = 1  # of the table and of what is kept in it
_UNSAVED = 64  # files between two commits
_TABLE = """CREATE TABLE IF NOT EXISTS read (
    id TEXT PRIMARY KEY, reader TEXT NOT NULL, stamp TEXT NOT NULL, digest TEXT NOT NULL, items BLOB NOT NULL
) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class Known:
    """A file as it was read: by which reader, with which stamp (its times and size; of a page its validators) and digest."""

    reader: str
    stamp: str
    digest: str
    packed: bytes

    @property
    def items(self) -> list[Item]:
        """What its reader gave."""
        return [(line, _unpacked(item)) for line, item in json.loads(zlib.decompress(self.packed))]


class Memory:
    """A table from file to what was read. Another process may use it at the same time.

    Documents that were deleted are gone from it too: `forget_others` drops what was not asked for, and overwrites it.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path, self._writable = path, writable
        self._unsaved = 0
        self._asked: set[str] = set()
        self._connection = self._opened() if writable or path.exists() else None

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._do(lambda c: c.commit())
            self._connection.close()
            self._connection = None

    def get(self, id: str) -> Known | None:
        """What is remembered of a file."""
        self._asked.add(id)
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT reader, stamp, digest, items FROM read WHERE id = ?", (id,)).fetchone()
        except sqlite3.Error as error:
            log.warning("%s cannot be read (%s); files are read anew", self.path, error)
            return None
        entry = Known(*row) if row else None
        try:
            if entry is not None:
                zlib.decompress(entry.packed)  # it has a sum
            return entry
        except (zlib.error, TypeError) as error:
            log.warning("%s is damaged (%s); %s is read anew", self.path, error, id)
            return None

    def keep(self, id: str, entry: Known) -> None:
        """Remember a file."""
        row = (id, entry.reader, entry.stamp, entry.digest, entry.packed)
        self._do(lambda c: c.execute("INSERT OR REPLACE INTO read VALUES (?, ?, ?, ?, ?)", row))
        self._unsaved += 1
        if self._unsaved >= _UNSAVED:
            self._unsaved = 0
            self._do(lambda c: c.commit())

    def forget_others(self) -> None:
        """Drop every file that `get` was not asked for: it is no longer among the sources."""
        if self._connection is None or not self._writable:
            return
        try:
            held = [id for (id,) in self._connection.execute("SELECT id FROM read")]
        except sqlite3.Error as error:
            log.warning("%s cannot be read (%s); files are read anew", self.path, error)
            return
        gone = [(id,) for id in held if id not in self._asked]
        if gone:
            self._do(lambda c: c.executemany("DELETE FROM read WHERE id = ?", gone))
            self._do(lambda c: c.commit())
            self._do(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)"))

    def erase(self, is_gone: Callable[[str, Sequence[Item]], bool], *, dry_run: bool = False) -> tuple[str, ...]:
        """Drop the files of which `is_gone` (id, items) says so, and overwrite them; their ids.

        Raises:
            UserError: the file is in use, or cannot be read.
        """
        if self._connection is None:
            return ()
        gone: list[str] = []
        try:
            for row in self._connection.execute("SELECT id, reader, stamp, digest, items FROM read ORDER BY id"):
                if is_gone(row[0], _items_or_none(Known(*row[1:]))):
                    gone.append(row[0])
            if gone and not dry_run:
                self._connection.executemany("DELETE FROM read WHERE id = ?", [(id,) for id in gone])
                self._connection.commit()
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise UserError(f"{self.path} cannot be used ({error}): run the same command again later") from error
        return tuple(gone)

    def _opened(self) -> sqlite3.Connection | None:
        if not self._writable:
            connection = only_read(self.path)
            fits = self._fits(connection)
            if not fits:
                connection.close()
            return connection if fits else None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            prepared = self._prepared()
            if prepared is None:  # of another version, or broken
                for suffix in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                prepared = self._prepared()
        except (OSError, sqlite3.DatabaseError) as error:
            if self.path.is_dir():
                raise damaged(self.path, "it is a folder") from error
            raise UserError(f"{self.path} cannot be written ({error}); make room or mend its permissions") from error
        return prepared

    def _prepared(self) -> sqlite3.Connection | None:
        new = not self.path.exists()
        connection = sqlite3.connect(self.path, timeout=30)
        if not new and not self._fits(connection):
            connection.close()
            return None
        try:
            self._prepare(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            if new or isinstance(error, sqlite3.OperationalError):
                raise
            log.warning("%s is damaged (%s); files are read anew", self.path, error)
            return None
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.commit()

    def _fits(self, connection: sqlite3.Connection) -> bool:
        try:
            fits = connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT
            return bool(fits and connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.DatabaseError as error:
            log.warning("%s cannot be used (%s); files are read anew", self.path, error)
            return False

    def _do(self, change: Callable[[sqlite3.Connection], object]) -> None:
        if self._connection is None or not self._writable:
            return
        try:
            change(self._connection)
        except sqlite3.Error as error:  # a full disk, a lock that never opens: only the memory is lost
            log.warning("%s cannot be written (%s); the files are read anew next time", self.path, error)


def _items_or_none(entry: Known) -> list[Item]:
    """What was read; of a damaged row nothing, which is read anew."""
    try:
        return entry.items
    except (zlib.error, ValueError, TypeError):
        return []


def only_read(path: Path) -> sqlite3.Connection:
    """A database that is only read. No file is made beside it, unless another process is writing it just now."""
    log = path.with_name(f"{path.name}-wal")
    busy = log.is_file() and log.stat().st_size > 0 and os.access(path.parent, os.W_OK)
    return sqlite3.connect(f"{path.resolve().as_uri()}?{'mode=ro' if busy else 'immutable=1'}", uri=True, timeout=30)


def packed(items: Iterable[Item]) -> bytes:
    """Items as they are kept."""
    rows = [[line, _plain(item)] for line, item in items]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _plain(item: Document | str | Dropped) -> object:
    """A reason as text, a document as an object, what was dropped as a list."""
    if isinstance(item, Dropped):
        return [item.path, item.what, item.count]
    return item if isinstance(item, str) else plain(item)


def _unpacked(item: Any) -> Document | str | Dropped:
    if isinstance(item, list):
        return Dropped(*item)
    return Document(**{**item, "groups": tuple(item["groups"])}) if isinstance(item, dict) else str(item)
