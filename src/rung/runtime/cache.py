"""Remembers the result of every step by digest, in `.rung/rung.db`, as soon as it is known.

A killed process loses at most the step whose result it was about to write. Runs and latencies are kept here too.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from rung.errors import UserError
from rung.files.durable import alone, damaged, short_sum
from rung.records import Json, Passage, plain
from rung.records.steps import CallToolResult, ClassifyResult, GenerateResult, Result, SearchResult
from rung.runtime.leases import User

SCHEMA = """
CREATE TABLE IF NOT EXISTS steps (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, result TEXT NOT NULL, sum TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passages (key TEXT PRIMARY KEY, passage TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (passage TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (passage, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, sum TEXT,
    PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS leases (digest TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
"""
VERSION = 3  # 2: without sums and leases
FILE = "rung.db"
# What rows of the table call a result: older rows say it so.
_KINDS: dict[type, str] = {GenerateResult: "Generated", ClassifyResult: "Classified", CallToolResult: "Called"}
AT_ONCE = 500  # SQLite's limit on bound variables is 999 in old builds


class StepCache:
    """A project's memory of results. `lasting`: whether it is the project's own, so that the rest may be written too.

    Raises:
        UserError: the disk is full, the file is no database, or it was written by a newer Rung.
    """

    lasting = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: set[str] = set()
        self._passages: dict[str, Passage] = {}
        with self._mended():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._user = User(path.parent)
            with alone(path.with_name(f"{path.name}.lock")):  # SQLite does not wait for who changes the journal's mode
                if not path.exists():
                    _create(path)
                # a server opens what was promoted on another thread than it began on; one thread at a time uses it
                self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.execute("PRAGMA secure_delete=ON")
                self._prepare()

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise UserError(f"{self.path} was written by a newer Rung (format {version}); update Rung")
        if version < VERSION:
            self._db.executescript(SCHEMA)
            for table in ("steps", "notes"):
                if "sum" not in [row[1] for row in self._db.execute(f"PRAGMA table_info({table})")]:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN sum TEXT")
            self._db.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Close the file; what was put is on disk."""
        self._db.close()
        self._user.close()

    def claim(self, digests: Iterable[str], *, patient: bool = True) -> set[str]:
        """Those of these steps that nobody has the result of and no other process asks: they are this one's to ask now.

        What a process that ended had claimed is taken over; with `patient=False` also what a living one has.
        """
        requested = list(digests)
        with self._mended(), self._changing():
            for (owner,) in self._db.execute("SELECT DISTINCT owner FROM leases").fetchall():
                if owner != self._user.name and not self._user.lives(owner):
                    self._db.execute("DELETE FROM leases WHERE owner = ?", (owner,))
            cached: set[str] = set()
            for marks, some in _in_parts(requested):
                cached |= {row[0] for row in self._db.execute(f"SELECT digest FROM steps WHERE digest IN ({marks})", some)}
                if patient:
                    cached |= {
                        row[0] for row in self._db.execute(f"SELECT digest FROM leases WHERE digest IN ({marks})", some)
                    }
            mine = [digest for digest in requested if digest not in cached]
            name = self._user.name
            self._db.executemany("INSERT OR REPLACE INTO leases VALUES (?, ?)", [(digest, name) for digest in mine])
        return set(mine)

    def release(self, digests: Iterable[str]) -> None:
        """Others may ask these now; those that have a result were released with it."""
        rows = [(digest, self._user.name) for digest in digests]
        with self._mended(), self._changing():
            self._db.executemany("DELETE FROM leases WHERE digest = ? AND owner = ?", rows)

    def get(self, digests: Iterable[str]) -> dict[str, Result]:
        """The known results among these digests."""
        results: dict[str, Result] = {}
        for marks, some in _in_parts(list(digests)):
            with self._mended():
                rows = self._db.execute(f"SELECT * FROM steps WHERE digest IN ({marks})", some).fetchall()
                for digest, kind, text, total in rows:
                    _check(total, digest, kind, text)
                    results[digest] = self._decoded(kind, text)
        return results

    def put(self, digest: str, result: Result, *, seen: Iterable[Passage] = ()) -> None:
        """Keep a result; one that is known already stays as it is. `seen`: the passages that went into it."""
        with self._mended(), self._changing():
            kind, text = self._encoded(result)
            row = (digest, kind, text, short_sum(digest, kind, text))
            self._db.execute("INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?)", row)
            self._db.execute("DELETE FROM leases WHERE digest = ?", (digest,))
            rows = [(self._key(passage), digest) for passage in seen]
            self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)

    def saw(self, pairs: Iterable[tuple[Passage, str]]) -> None:
        """Say afterwards which passage went into which result, so that the one is forgotten with the other."""
        rows = list(pairs)
        if rows:
            with self._mended(), self._changing():
                self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(self._key(p), d) for p, d in rows])

    def note(self, kind: str, key: str, value: Json) -> None:
        """Keep a JSON value by name (a run, a latency pass); a later one replaces it."""
        with self._mended():
            text = json.dumps(value)
            row = (kind, key, text, short_sum(kind, key, text))
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)", row)

    def noted(self, kind: str, key: str) -> Json:
        """A value that was noted, or None."""
        with self._mended():
            row = self._db.execute("SELECT value, sum FROM notes WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            if row:
                _check(row[1], kind, key, row[0])
            value: Json = json.loads(row[0]) if row else None
        return value

    def passages(self) -> Iterator[list[tuple[str, Passage]]]:
        """All passages that are kept, by key, some at once."""
        after = ""
        while True:
            with self._mended():
                asked = "SELECT key, passage FROM passages WHERE key > ? ORDER BY key LIMIT ?"
                rows = self._db.execute(asked, (after, AT_ONCE)).fetchall()
                decoded = [(key, _decoded_passage(key, text)) for key, text in rows]
            if not rows:
                return
            yield decoded
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
        self._written.clear()
        self._passages.clear()
        return len(digests)

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """(table, key, JSON text) of all that is kept, passages left out; the key of a note is "kind key"."""
        for table, query in (
            ("steps", "SELECT digest, result FROM steps ORDER BY digest"),
            ("notes", "SELECT kind || ' ' || key, value FROM notes ORDER BY kind, key"),
        ):
            with self._mended():
                for key, text in self._db.execute(query):
                    yield table, key, text

    def erase(self, steps: Iterable[str], notes: Iterable[str]) -> None:
        """Erase results and notes by the keys that `texts` gave; they are overwritten in the file."""
        with self._mended():
            with self._changing():
                rows = [(key,) for key in steps]
                self._db.executemany("DELETE FROM steps WHERE digest = ?", rows)
                self._db.executemany("DELETE FROM seen WHERE digest = ?", rows)
                self._db.executemany("DELETE FROM notes WHERE kind || ' ' || key = ?", [(key,) for key in notes])
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def count(self) -> int:
        """Results known."""
        with self._mended():
            return int(self._db.execute("SELECT count(*) FROM steps").fetchone()[0])

    def _encoded(self, result: Result) -> tuple[str, str]:
        if not isinstance(result, SearchResult):
            return _KINDS[type(result)], json.dumps(plain(result), ensure_ascii=False)
        refs: list[Json] = []
        for passage in result.passages:
            refs.append([self._key(passage), passage.score])
        return "Found", json.dumps(refs, ensure_ascii=False)

    def _key(self, passage: Passage) -> str:
        """The key of a passage, kept once: it recurs in thousands of rankings."""
        text = json.dumps({**_fields(passage), "score": 0.0}, ensure_ascii=False, sort_keys=True)
        key = f"{passage.id}@{hash_of(text)}"
        if key not in self._written:
            self._db.execute("INSERT OR IGNORE INTO passages VALUES (?, ?)", (key, text))
            self._written.add(key)
        return key

    def _decoded(self, kind: str, text: str) -> Result:
        value = json.loads(text)
        match kind:
            case "Found":
                return SearchResult(tuple(self._passage(key, score) for key, score in value))
            case "Generated":
                return GenerateResult(**value)
            case "Classified":
                return ClassifyResult(**value)
            case "Called":
                return CallToolResult(**value)
            case _:
                raise ValueError(f"a result of unknown kind '{kind}'")

    def _passage(self, key: str, score: float) -> Passage:
        if key not in self._passages:
            with self._mended():
                row = self._db.execute("SELECT passage FROM passages WHERE key = ?", (key,)).fetchone()
                if row is None:
                    raise ValueError("a passage is missing")
                self._passages[key] = _decoded_passage(key, row[0])
        cached = self._passages[key]
        return Passage(**{**_fields(cached), "score": score})  # type: ignore[arg-type]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._written.clear()  # passages may have gone with the transaction
            if self._db.in_transaction:  # a full disk has rolled back by itself
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """SQLite's errors in words that say what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _in_words(self.path, error) from error
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise damaged(self.path, f"a row is not what was written: {error}") from error


def _create(path: Path) -> None:
    """Make an empty store, whole: a kill leaves none, and never one without tables, which would be told as damage."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as db:
        db.executescript(f"{SCHEMA}; PRAGMA user_version={VERSION}")
    part.replace(path)


def _in_words(path: Path, error: sqlite3.DatabaseError) -> UserError:
    """What SQLite says, and what to do about it."""
    name, message = str(getattr(error, "sqlite_errorname", "")), str(error)
    if name == "SQLITE_FULL" or name.startswith(("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE")):
        return UserError(f"{path}: the disk is full ({message}); free some space and run the same command: nothing is lost")
    if path.is_dir():
        return damaged(path, "it is a folder")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return UserError(f"{path} cannot be written ({message}); check the folder's permissions")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return UserError(f"{path} is in use by another process for over a minute; run again when it is done")
    return damaged(path, message)


def _check(total: str | None, *parts: str) -> None:
    """Refuse a row that is not what was written; rows of format 2 have no sum.

    Raises:
        ValueError: says which.
    """
    if total is not None and total != short_sum(*parts):
        raise ValueError(f"{parts[0][:20]}: its sum is another")


def _in_parts(digests: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(marks, digests), as many as a statement may have."""
    for start in range(0, len(digests), AT_ONCE):
        some = digests[start : start + AT_ONCE]
        yield ",".join("?" * len(some)), some


def _decoded_passage(key: str, text: str) -> Passage:
    if key.rpartition("@")[2] != hash_of(text):
        raise ValueError(f"{key}: its sum is another")
    return Passage.of(json.loads(text))


def _fields(passage: Passage) -> Mapping[str, object]:
    return {name: getattr(passage, name) for name in Passage.__slots__}


def hash_of(text: str) -> str:
    """Short SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
