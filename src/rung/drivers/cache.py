"""Remembers the result of every step by digest, in `.rung/rung.db`, as soon as it is known.

A killed process loses at most the step whose result it was about to write. Runs and latencies are kept here too.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rung.errors import InternalError, UserError
from rung.records import Json, Passage, plain
from rung.steps import Called, Classified, Found, Generated, Result

SCHEMA = """
CREATE TABLE IF NOT EXISTS steps (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, result TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passages (key TEXT PRIMARY KEY, passage TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (passage TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (passage, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key));
"""
VERSION = 2
AT_ONCE = 500  # SQLite's limit on bound variables is 999 in old builds


class StepStore:
    """A project's memory of results.

    Raises:
        UserError: the disk is full, the file is no database, or it was written by a newer Rung.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[str] = set()
        self._passages: dict[str, Passage] = {}
        with self._mended():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA secure_delete=ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise UserError(f"{path} was written by a newer Rung (format {version}); update Rung")
            self._db.executescript(SCHEMA)
            self._db.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Close the file; what was put is on disk."""
        self._db.close()

    def get(self, digests: Iterable[str]) -> dict[str, Result]:
        """The known results among these digests."""
        wanted = list(digests)
        found: dict[str, Result] = {}
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            with self._mended():
                rows = self._db.execute(f"SELECT digest, kind, result FROM steps WHERE digest IN ({marks})", some).fetchall()
            found.update({digest: self._decoded(kind, text) for digest, kind, text in rows})
        return found

    def put(self, digest: str, result: Result, *, seen: Iterable[Passage] = ()) -> None:
        """Keep a result; one that is known already stays as it is. `seen`: the passages that went into it."""
        with self._mended(), self._changing():
            kind, text = self._encoded(result)
            self._db.execute("INSERT OR IGNORE INTO steps VALUES (?, ?, ?)", (digest, kind, text))
            rows = [(self._kept(passage), digest) for passage in seen]
            self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)

    def saw(self, pairs: Iterable[tuple[Passage, str]]) -> None:
        """Say afterwards which passage went into which result, so that the one is forgotten with the other."""
        rows = list(pairs)
        if rows:
            with self._mended(), self._changing():
                self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(self._kept(p), d) for p, d in rows])

    def note(self, kind: str, key: str, value: Json) -> None:
        """Keep a JSON value by name (a run, a latency pass); a later one replaces it."""
        with self._mended():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (kind, key, json.dumps(value)))

    def noted(self, kind: str, key: str) -> Json:
        """A value that was noted, or None."""
        with self._mended():
            row = self._db.execute("SELECT value FROM notes WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        value: Json = json.loads(row[0]) if row else None
        return value

    def passages(self) -> Iterator[list[tuple[str, Passage]]]:
        """All passages that are kept, by key, some at once."""
        after = ""
        while True:
            with self._mended():
                asked = "SELECT key, passage FROM passages WHERE key > ? ORDER BY key LIMIT ?"
                rows = self._db.execute(asked, (after, AT_ONCE)).fetchall()
            if not rows:
                return
            yield [(key, _decoded_passage(text)) for key, text in rows]
            after = rows[-1][0]

    def forget(self, keys: Iterable[str]) -> int:
        """Erase these passages, and every result that they went into. Returns how many results went.

        What is erased is overwritten in the file.
        """
        gone = set(keys)
        if not gone:
            return 0
        with self._mended():
            with self._changing():
                digests = {
                    d
                    for d, text in self._db.execute("SELECT digest, result FROM steps WHERE kind = 'Found'")
                    if any(key in gone for key, _ in json.loads(text))
                }
                for key in gone:
                    digests |= {row[0] for row in self._db.execute("SELECT digest FROM seen WHERE passage = ?", (key,))}
                self._db.executemany("DELETE FROM steps WHERE digest = ?", [(digest,) for digest in digests])
                self._db.executemany("DELETE FROM seen WHERE digest = ?", [(digest,) for digest in digests])
                self._db.executemany("DELETE FROM seen WHERE passage = ?", [(key,) for key in gone])
                self._db.executemany("DELETE FROM passages WHERE key = ?", [(key,) for key in gone])
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._known.clear()
        self._passages.clear()
        return len(digests)

    def count(self) -> int:
        """Results known."""
        with self._mended():
            return int(self._db.execute("SELECT count(*) FROM steps").fetchone()[0])

    def _encoded(self, result: Result) -> tuple[str, str]:
        if not isinstance(result, Found):
            return type(result).__name__, json.dumps(plain(result), ensure_ascii=False)
        refs: list[Json] = []
        for passage in result.passages:
            refs.append([self._kept(passage), passage.score])
        return "Found", json.dumps(refs, ensure_ascii=False)

    def _kept(self, passage: Passage) -> str:
        """The key of a passage, kept once: it recurs in thousands of rankings."""
        text = json.dumps({**_fields(passage), "score": 0.0}, ensure_ascii=False, sort_keys=True)
        key = f"{passage.id}@{hash_of(text)}"
        if key not in self._known:
            self._db.execute("INSERT OR IGNORE INTO passages VALUES (?, ?)", (key, text))
            self._known.add(key)
        return key

    def _decoded(self, kind: str, text: str) -> Result:
        value = json.loads(text)
        match kind:
            case "Found":
                return Found(tuple(self._passage(key, score) for key, score in value))
            case "Generated":
                return Generated(**value)
            case "Classified":
                return Classified(**value)
            case "Called":
                return Called(**value)
            case _:
                raise InternalError(f"{self.path} holds a result of unknown kind '{kind}'")

    def _passage(self, key: str, score: float) -> Passage:
        if key not in self._passages:
            with self._mended():
                row = self._db.execute("SELECT passage FROM passages WHERE key = ?", (key,)).fetchone()
            if row is None:
                raise UserError(f"{self.path} is damaged (a passage is missing); move it away and run again: it is rebuilt")
            self._passages[key] = _decoded_passage(row[0])
        known = self._passages[key]
        return Passage(**{**_fields(known), "score": score})  # type: ignore[arg-type]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._known.clear()  # passages may have gone with the transaction
            if self._db.in_transaction:  # a full disk has rolled back by itself
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """SQLite's errors in words that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            said = str(error)
            if "full" in said or "disk I/O" in said:
                message = (
                    f"{self.path}: the disk is full ({said}); free some space and run the same command: nothing is lost"
                )
                raise UserError(message) from error
            if "readonly" in said or "unable to open" in said:
                raise UserError(f"{self.path} cannot be written ({said}); check the folder's permissions") from error
            if "locked" in said:
                raise UserError(
                    f"{self.path} is in use by another process for over a minute; run again when it is done"
                ) from error
            raise
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self.path} is damaged ({error}); move it away and run again: it is rebuilt") from error
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from error


def _decoded_passage(text: str) -> Passage:
    value = json.loads(text)
    parent = tuple(value["parent"]) if value.get("parent") else None
    return Passage(**{**value, "groups": tuple(value["groups"]), "parent": parent})


def _fields(passage: Passage) -> Mapping[str, object]:
    return {name: getattr(passage, name) for name in Passage.__slots__}


def hash_of(text: str) -> str:
    """Short SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
