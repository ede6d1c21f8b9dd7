"""Vectors that were computed but not committed yet: what an interrupted sync does not have to embed again. And which
documents searches found while a stand-in's vectors are to be replaced: theirs are replaced first.

It is a cache in one SQLite file, read by key, so that it may grow larger than memory: whatever is missing or damaged in it
is computed again. The store is left to `lance`.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

log = logging.getLogger(__name__)

_AT_ONCE = 500
_SUM = 4  # bytes at the end of each vector
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (embedder TEXT, key TEXT, vector BLOB, PRIMARY KEY (embedder, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (document TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID;
"""


class Staging:
    """Vectors by key, of one embedder, in a folder that is theirs alone."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder, self._embedder = folder, embedder
        self._open: sqlite3.Connection | None = None

    def get(self, keys: Sequence[str]) -> dict[str, Vectors]:
        """Those of these vectors that are kept."""
        if not self._file.exists():
            return {}
        vectors: dict[str, Vectors] = {}
        try:
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                asked = f"SELECT key, vector FROM vectors WHERE embedder = ? AND key IN ({marks})"
                for key, vector in self._db().execute(asked, [self._embedder, *part]):
                    if _with_sum(vector[:-_SUM]) == vector:
                        vectors[key] = np.frombuffer(vector[:-_SUM], dtype=np.float32)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            log.warning("%s is damaged (%s): its passages are embedded again", self._file, error)
            self.clear()
            return {}
        return vectors

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep these.

        Raises:
            UserError: the disk is full or may not be written.
        """
        rows = [(self._embedder, key, _with_sum(vector.tobytes())) for key, vector in zip(keys, vectors, strict=True)]
        with self._clear_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._db() as db:
                db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def ask(self, documents: Iterable[str]) -> None:
        """Count these documents, once for each time that a search found them; a place that cannot be written counts none."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._db() as db:
                counted = "INSERT INTO asked VALUES (?, 1) ON CONFLICT (document) DO UPDATE SET times = times + 1"
                db.executemany(counted, [(document,) for document in documents])
        except (OSError, sqlite3.Error) as error:
            log.debug("%s counts nothing: %s", self._file, error)

    def asked(self) -> dict[str, int]:
        """How often each document was counted."""
        if not self._file.exists():
            return {}
        try:
            return dict(self._db().execute("SELECT document, times FROM asked"))
        except sqlite3.DatabaseError:  # then `get` says it
            return {}

    def clear(self) -> None:
        """Forget everything, of all embedders: it has been committed, or nobody will ask for it."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Close the file; what was put stays."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _file(self) -> Path:
        return self._folder / "vectors.db"

    def _db(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = sqlite3.connect(self._file, timeout=60)
            self._open.execute("PRAGMA synchronous=OFF")  # what a power cut takes is computed again
            self._open.executescript(_SCHEMA)
        return self._open

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"{self._folder} could not be written ({reason}); free space or mend the permissions and run the same"
                " command again: it goes on from here"
            ) from error
        except sqlite3.DatabaseError as error:
            log.warning("%s is damaged (%s): what was in it is embedded again", self._file, error)
            self.clear()


def _with_sum(vector: bytes) -> bytes:
    return vector + zlib.crc32(vector).to_bytes(_SUM)
