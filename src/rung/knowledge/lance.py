"""The store that ships: LanceDB tables in a folder. How a change becomes the newest version, wholly or not at all.

Searching a version is left to `lance_snapshot`.

    current.json           names the tables and their versions: the newest state. It is replaced as the last act of a commit.
    documents_<n>.lance    the documents, whole
    passages_<n>.lance     their passages: text, contextual text with its BM25 index, vectors
    lock                   held by the one writer

Whatever a killed writer left behind is not named in `current.json`, is seen by nobody, and is undone by the next writer.
The BM25 index is built anew at each commit: its scores then depend on the documents alone, not on the order of their coming.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rung.errors import UserError
from rung.knowledge.lance_snapshot import LanceSnapshot, Tables
from rung.knowledge.protocol import Change, IndexGone, Row
from rung.records import Document, Json, canonical

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

FORMAT = 1
POINTER = "current.json"
MEMORY_ROWS = 50_000  # up to here a snapshot keeps passages and vectors in memory (77 MB of vectors at 384 dimensions)
KEPT_SECONDS = 3600.0  # a replaced version stays for those who are still reading it
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pointer:
    """What `current.json` says."""

    generation: int
    documents: int  # version of the table documents_<generation>
    passages: int
    since: float
    settings: dict[str, Json] = field(default_factory=dict)
    format: int = FORMAT


class LanceIndex:
    """An `Index` in a folder. Any number of readers, in any process; one writer at a time, the others wait."""

    def __init__(self, folder: Path, *, memory_rows: int = MEMORY_ROWS, kept_seconds: float = KEPT_SECONDS) -> None:
        self.folder, self._kept_seconds = folder, kept_seconds
        self._memory_rows = memory_rows
        self._open: tuple[Pointer, LanceSnapshot] | None = None

    def snapshot(self) -> LanceSnapshot | None:
        """The newest committed version; None if nothing has been committed yet.

        Raises:
            UserError: `current.json` is damaged, or from a newer Rung.
        """
        for attempt in range(3):
            pointer = self._pointer()
            if pointer is None:
                return None
            if self._open and self._open[0] == pointer:
                return self._open[1]
            try:
                snapshot = LanceSnapshot.open(self.folder, _tables(pointer), memory_rows=self._memory_rows)
            except IndexGone:  # a writer was quicker: read again which version is the newest
                if attempt == 2:
                    raise
                continue
            self._open = (pointer, snapshot)
            return snapshot
        return None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer; undo what an interrupted one left, and drop what was replaced an hour ago."""
        import fcntl

        with _clear_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("another process is writing %s; waiting for it", self.folder)
                fcntl.flock(lock, fcntl.LOCK_EX)
            with _clear_errors(self.folder):
                self._tidy()
            yield

    def commit(self, change: Change) -> None:
        """Make `change` the newest version. Call it within `writing`."""
        with _clear_errors(self.folder):
            began = time.time()
            before = self._pointer()
            fresh = change.fresh or before is None
            generation = (before.generation if before else 0) + int(fresh)
            dimensions = change.vectors.shape[1]
            removed = frozenset() if fresh else change.removed
            documents = self._table("documents", generation, _document_schema(), fresh)
            passages = self._table("passages", generation, _passage_schema(dimensions), fresh)
            for table in (documents, passages):
                _delete(table, removed)
            if change.documents:
                documents.add(_document_rows(change.documents))
            if change.rows:
                passages.add(_passage_rows(change))
            documents.optimize()
            _index_text(passages)
            _flush(self.folder, since=began)
            self._point(Pointer(generation, documents.version, passages.version, time.time(), dict(change.settings)))

    def _pointer(self) -> Pointer | None:
        path = self.folder / POINTER
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}); delete {self.folder} and run 'rung sync' again") from error
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise UserError(f"{self.folder} was written by another version of Rung; delete it and run 'rung sync' again")
        try:
            return Pointer(**said)
        except TypeError as error:
            raise UserError(f"{path} is damaged ({error}); delete {self.folder} and run 'rung sync' again") from error

    def _point(self, pointer: Pointer) -> None:
        part = self.folder / f"{POINTER}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(pointer), ensure_ascii=False, indent=1))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / POINTER)
        _fsync_folder(self.folder)

    def _table(self, kind: str, generation: int, schema: pa.Schema, fresh: bool) -> Any:
        import lancedb

        db = lancedb.connect(self.folder)
        name = f"{kind}_{generation}"
        if not fresh:
            return db.open_table(name)
        if name in db.list_tables().tables:  # of an interrupted sync
            db.drop_table(name)
        return db.create_table(name, schema=schema)

    def _tidy(self) -> None:
        """Bring the tables back to what `current.json` names; erase what nobody can be reading any more."""
        import lancedb

        pointer = self._pointer()
        if pointer is None:
            return
        db, tables = lancedb.connect(self.folder), _tables(pointer)
        named = {tables.documents: pointer.documents, tables.passages: pointer.passages}
        now = {}
        for name, version in named.items():
            table = db.open_table(name)
            if table.version != version:
                log.info("undoing an interrupted sync of %s", name)
                table.checkout(version)
                table.restore()
            now[name] = table.version
        if now != named:
            said = asdict(pointer) | {"documents": now[tables.documents], "passages": now[tables.passages]}
            self._point(Pointer(**said))
        if time.time() - pointer.since > self._kept_seconds:
            for name in db.list_tables().tables:
                if name not in now:
                    db.drop_table(name)
                elif len(db.open_table(name).list_versions()) > 1:
                    # Nothing is compacted here, so the newest version stays the one that `current.json` names.
                    db.open_table(name).optimize(cleanup_older_than=timedelta(milliseconds=1), delete_unverified=True)


def access_class(groups: Iterable[str]) -> str:
    """Names a set of groups in 32 hex characters, so that no filter ever holds a user's words."""
    return hashlib.sha256(canonical(sorted(set(groups))).encode()).hexdigest()[:32]


def _tables(pointer: Pointer) -> Tables:
    names = f"documents_{pointer.generation}", f"passages_{pointer.generation}"
    return Tables(*names, pointer.documents, pointer.passages, pointer.settings)


def _document_key(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:32]


def _document_schema() -> pa.Schema:
    import pyarrow as pa

    words = ("id", "key", "digest", "title", "source", "acl", "meta", "text")
    return pa.schema([*((name, pa.string()) for name in words), ("groups", pa.list_(pa.string()))])


def _passage_schema(dimensions: int) -> pa.Schema:
    import pyarrow as pa

    words = ("id", "document", "document_key", "acl", "title", "text", "indexed", "key")
    spans = [("start", pa.int64()), ("end", pa.int64())]
    return pa.schema([*((name, pa.string()) for name in words), *spans, ("vector", pa.list_(pa.float32(), dimensions))])


def _document_rows(documents: Sequence[Document]) -> pa.Table:
    import pyarrow as pa

    columns = {
        "id": [d.id for d in documents],
        "key": [_document_key(d.id) for d in documents],
        "digest": [d.digest for d in documents],
        "title": [d.title for d in documents],
        "source": [d.source for d in documents],
        "acl": [access_class(d.groups) for d in documents],
        "meta": [canonical(dict(d.meta)) for d in documents],
        "text": [d.text for d in documents],
        "groups": [sorted(set(d.groups)) for d in documents],
    }
    return pa.table(columns, schema=_document_schema())


def _passage_rows(change: Change) -> pa.Table:
    import pyarrow as pa

    rows: Sequence[Row] = change.rows
    vectors = np.ascontiguousarray(change.vectors, dtype=np.float32)
    columns = {
        "id": [r.passage.id for r in rows],
        "document": [r.passage.document for r in rows],
        "document_key": [_document_key(r.passage.document) for r in rows],
        "acl": [access_class(r.passage.groups) for r in rows],
        "title": [r.passage.title for r in rows],
        "text": [r.passage.text for r in rows],
        "indexed": [r.indexed for r in rows],
        "key": [r.key for r in rows],
        "start": [r.passage.start for r in rows],
        "end": [r.passage.end for r in rows],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
    }
    return pa.table(columns, schema=_passage_schema(vectors.shape[1]))


def _delete(table: Any, documents: frozenset[str]) -> None:
    column = "document_key" if "document_key" in table.schema.names else "key"
    keys = sorted(_document_key(id) for id in documents)
    for start in range(0, len(keys), _AT_ONCE):
        table.delete(f"{column} IN ({', '.join(repr(key) for key in keys[start : start + _AT_ONCE])})")


def _index_text(passages: Any) -> None:
    """Compact, then index all text at once. Stemming and stop words as Lance has them: measured best of four on two sets."""
    from lancedb.index import FTS

    for index in passages.list_indices():
        passages.drop_index(index.name)
    passages.optimize()
    if passages.count_rows():
        passages.create_index("indexed", config=FTS(), replace=True)


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    """Say in one sentence that the disk refused. LanceDB wraps such errors in a RuntimeError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "LanceError(IO)" not in str(error):
            raise
        said = (getattr(error, "strerror", None) or str(error)).split("\n")[0][:200]
        raise UserError(
            f"the index in {folder} could not be written ({said}); free space or mend the permissions and run the same"
            " command again: what was there before is still there"
        ) from error


def _flush(folder: Path, *, since: float) -> None:
    """Lance does not wait for the disk; a pointer that survives a power cut must not name files that did not."""
    for place, _, names in os.walk(folder):
        fresh = [Path(place) / name for name in names]
        for path in fresh:
            if path.stat().st_mtime >= since - 1 and path.suffix != ".part":
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        _fsync_folder(Path(place))


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
