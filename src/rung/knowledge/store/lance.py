"""The store that ships: LanceDB tables in a folder or on object storage. How changes become the newest version, or nothing.

    versions/<n>.json    one for each version: names the tables and their versions. Created as the last act of a commit.
    documents_<n>.lance, passages_<n>.lance    see `tables`
    lock, or lock.json   held by the one writer

Whatever a killed writer left behind is named by no version, is seen by nobody, and is undone by the next writer. Searching a
version is left to `snapshot`, the place to `location`, indexes and compaction to `care`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.knowledge.protocol import PROVISIONAL, Change, IndexGone, Version, mark_in
from rung.knowledge.store.care import REBUILT_ROWS, Care
from rung.knowledge.store.index_location import keeping
from rung.knowledge.store.location import Held, Keeping, version_file
from rung.knowledge.store.sealing import is_table
from rung.knowledge.store.snapshot import LanceSnapshot
from rung.knowledge.store.tables import (
    BESIDE,
    Pointer,
    document_key,
    document_rows,
    document_schema,
    extra_columns,
    extra_in,
    metadata_type,
    passage_rows,
    passage_schema,
    weight,
)

log = logging.getLogger(__name__)

MEMORY_ROWS = 50_000  # up to here a snapshot keeps vectors in memory (77 MB at 384 dimensions), above it one bit a dimension
KEPT_SECONDS = 3600.0  # a replaced version stays so long for those who are still reading it,
KEPT_VERSIONS = 10  # and so many of them stay longer,
KEPT_DAYS = 7.0  # but not longer than this, to be gone back to
MAX_COLUMNS = 256  # of metadata that can be compared by order
_AT_ONCE = 500


class LanceIndex:
    """An `Index`. Any number of readers, in any process; one writer at a time, the others wait."""

    def __init__(
        self,
        location: Path | str | Keeping,
        folder: Path | None = None,
        *,
        memory_rows: int = MEMORY_ROWS,
        rebuilt_rows: int = REBUILT_ROWS,
        kept_seconds: float = KEPT_SECONDS,
        kept_versions: int = KEPT_VERSIONS,
    ) -> None:
        self.keeping = keeping(location, folder)
        self._kept_seconds, self._kept_versions, self._memory_rows = kept_seconds, kept_versions, memory_rows
        self._care = Care(rebuilt_rows)
        self._open: tuple[tuple[int, int, int, int], LanceSnapshot] | None = None
        self._held: Held = _nobody

    def snapshot(self, number: int | None = None) -> LanceSnapshot | None:
        """See `Index.snapshot`."""
        for attempt in range(3):
            pointer = self.newest_pointer() if number is None else self._version(number)
            if pointer is None:
                return None
            key = (pointer.number, *pointer.tables)
            if self._open and self._open[0] == key:
                return self._open[1]
            self.keeping.check(pointer.number)
            try:
                snapshot = LanceSnapshot(self.keeping, pointer, memory_rows=self._memory_rows)
            except IndexGone:  # a writer was quicker: read again which version is the newest
                if attempt == 2 or number is not None:
                    raise
                continue
            if number is None:
                self._open = (key, snapshot)
            return snapshot
        return None

    def versions(self) -> tuple[Version, ...]:
        """See `Index.versions`."""
        pointers = [pointer for number in reversed(self.keeping.numbers()) if (pointer := self._read(number))]
        return tuple(
            Version(p.number, p.since, p.document_count, p.passage_count, p.content, p.made_by, p.held) for p in pointers
        )

    @contextmanager
    def writing(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """See `Index.writing`. Undoes what an interrupted writer left, and drops what was replaced long ago."""
        with self.keeping.writing(waiting) as held:
            self._held = held
            try:
                with self.keeping.clear_errors():
                    self._tidy()
                yield
            finally:
                self._held = _nobody

    def commit(self, changes: Iterable[Change]) -> None:
        """See `Index.commit`."""
        began, before = time.time(), self.newest_pointer()
        changes = iter(changes)
        first = next(changes, None)
        if first is None:
            return
        fresh = first.fresh or before is None
        base = Pointer((before.number if before else 0), 0, 0, 0, began) if fresh or before is None else before
        generation = (before.generation if before else 0) + int(fresh)
        with self.keeping.clear_errors():
            writer = _Writer(self, base, generation, first, fresh)
        for change in chain([first], changes):
            self._held()
            with self.keeping.clear_errors():
                writer.write(change)
        self._held()
        with self.keeping.clear_errors():
            exact = self._care.after_commit(writer.documents, writer.passages, fresh=fresh)
            self._held()
            self._point(writer.pointer(exact, dict(first.settings)), since=began)

    def maintain(self) -> bool:
        """See `Index.maintain`."""
        with self.writing():
            before = self.newest_pointer()
            if before is None:
                return False
            with self.keeping.clear_errors():
                began, (documents, passages) = time.time(), self.tables(before)
                if not self._care.is_wanted(documents, passages):
                    return False
                self._care.give(documents, passages)
                self._held()
                moved = replace(before, documents=documents.version, passages=passages.version)
                self._point(replace(moved, since=began, made_by="maintenance"), since=began)
            return True

    def rollback(self, number: int, changes: Iterable[Change] = ()) -> None:
        """See `Index.rollback`."""
        with self.writing():
            target, newest = self._read(number), self.newest_pointer()
            if target is None or newest is None:
                available = ", ".join(str(n) for n in self.keeping.numbers()) or "none"
                raise UserError(f"there is no version {number} of {self.keeping.uri}; there are: {available}")
            began, made_by = time.time(), target.made_by if target.held else f"rollback to {number}"
            pointer = self._changed(replace(target, number=newest.number), changes)
            self._held()
            with self.keeping.clear_errors():
                self._point(replace(pointer, since=time.time(), made_by=made_by, held=True), since=began)

    def _changed(self, base: Pointer, changes: Iterable[Change]) -> Pointer:
        """A version with some changes, under its own number; nothing points to it yet."""
        writer: _Writer | None = None
        for change in changes:
            self._held()
            with self.keeping.clear_errors():
                if writer is None:
                    self.restore(base)
                    writer = _Writer(self, base, base.generation, change, fresh=False)
                writer.write(change)
        if writer is None:
            return base
        with self.keeping.clear_errors():
            exact = self._care.after_commit(writer.documents, writer.passages, fresh=False)
            return writer.pointer(exact, base.settings)

    def release(self) -> None:
        """See `Index.release`."""
        with self.writing():
            newest = self.newest_pointer()
            if newest is not None and newest.held:
                with self.keeping.clear_errors():
                    self._point(replace(newest, held=False, since=time.time(), made_by="sync"), since=time.time())

    def prune(self) -> None:
        """See `Index.prune`."""
        with self.writing(), self.keeping.clear_errors():
            self._settle(self._care.rewrite)
            self._erase(self.keeping.numbers()[:-1])
            self.keeping.end_earlier()

    # --- versions ---------------------------------------------------------------------------------------------------

    def newest_pointer(self) -> Pointer | None:
        """The newest version's file, read; None before the first."""
        for _ in range(3):
            numbers = self.keeping.numbers()
            if not numbers:
                return None
            if pointer := self._version(numbers[-1]):
                return pointer
        return None

    def _version(self, number: int) -> Pointer | None:
        content = self.keeping.read(number)
        return None if content is None else Pointer.read(content, partial(self.keeping.damaged, version_file(number)))

    def _read(self, number: int) -> Pointer | None:
        """A version, None where another Rung wrote it: such a one cannot be gone back to."""
        try:
            return self._version(number)
        except UserError:
            return None

    def _point(self, pointer: Pointer, *, since: float) -> None:
        """Make this the newest version, by the number after its own."""
        after = replace(pointer, number=pointer.number + 1)
        if not self.keeping.create(after.number, after.written(), since=since):
            raise UserError(
                f"another process has written {self.keeping.uri} meanwhile; run the same command again: it goes on from here"
            )

    # --- tables -----------------------------------------------------------------------------------------------------

    def _db(self) -> Any:
        import lancedb

        return lancedb.connect(self.keeping.uri, storage_options=dict(self.keeping.options))

    def tables(self, pointer: Pointer) -> tuple[Any, Any]:
        """The two tables at their newest, which for the one writer is what this version names."""
        db = self._db()
        return db.open_table(pointer.names[0]), db.open_table(pointer.names[1])

    def new_tables(self, generation: int, dimensions: int) -> tuple[Any, Any]:
        """Two new tables."""
        db, tables = self._db(), []
        for kind, schema in (("documents", document_schema()), ("passages", passage_schema(dimensions))):
            name = f"{kind}_{generation}"
            if name in db.list_tables().tables:  # of an interrupted sync
                db.drop_table(name)
            tables.append(db.create_table(name, schema=schema))
        return tables[0], tables[1]

    def _tidy(self) -> None:
        """Bring the tables back to what the newest version names; forget versions that nobody may still want."""
        pointer = self.newest_pointer()
        if pointer is None:
            return
        versions = self.restore(pointer)
        if versions != (pointer.documents, pointer.passages):
            self._point(replace(pointer, documents=versions[0], passages=versions[1]), since=pointer.since)
        if len(self._dropped()) >= self._kept_versions:  # clearing up costs a compaction, so some go together
            self._settle(self._care.expire)
            self._erase(self._dropped())

    def restore(self, pointer: Pointer) -> tuple[int, int]:
        """Bring the tables of a version back to what it names; the versions of the tables that hold it now."""
        versions = []
        for name, version in zip(pointer.names, (pointer.documents, pointer.passages), strict=True):
            table = self._db().open_table(name)
            if table.version != version:
                log.info("bringing %s back to version %d", name, version)
                table.checkout(version)
                table.restore()
            versions.append(table.version)
        return versions[0], versions[1]

    def _dropped(self) -> list[int]:
        """Numbers of the versions that are kept no longer."""
        numbers, now = self.keeping.numbers(), time.time()
        old = []
        for newer, number in enumerate(reversed(numbers[:-1]), 1):
            following = self._read(numbers[len(numbers) - newer])
            age = now - (following.since if following else 0.0)  # since when it has been replaced
            if age >= self._kept_seconds and (newer >= self._kept_versions or age >= KEPT_DAYS * 86_400):
                old.append(number)
        return old

    def _erase(self, dropped: Sequence[int]) -> None:
        """Remove these versions and what no other one names: first the versions, then their rows and files."""
        for number in dropped:
            self.keeping.remove(number)
        oldest: dict[str, int] = {}  # version of each table that is still named
        for pointer in filter(None, map(self._read, self.keeping.numbers())):
            for name, version in zip(pointer.names, (pointer.documents, pointer.passages), strict=True):
                oldest[name] = min(version, oldest.get(name, version))
        db = self._db()
        for name in filter(is_table, db.list_tables().tables):  # others' stay
            self._held()
            if name in oldest:
                _forget(db.open_table(name), oldest[name])
            else:
                db.drop_table(name)

    def _settle(self, work: Callable[[Any, Any], None]) -> None:
        """Leave nothing to compact: removing files would do it too, and take the newest version's tables from under it."""
        newest, began = self.newest_pointer(), time.time()
        if newest is None:
            return
        tables = self.tables(newest)
        work(*tables)
        self._held()
        versions = tuple(table.version for table in tables)
        if versions != (newest.documents, newest.passages):
            moved = replace(newest, documents=versions[0], passages=versions[1], made_by="maintenance", since=began)
            self._point(moved, since=began)


def _forget(table: Any, oldest: int) -> None:
    """Remove the files that only versions before `oldest` need."""
    times = {version["version"]: version["timestamp"] for version in table.list_versions()}
    if len(times) > 1:
        age = timedelta(milliseconds=1) if oldest == max(times) else datetime.now() - times[oldest] + timedelta(seconds=1)
        table.optimize(cleanup_older_than=age, delete_unverified=True)


class _Writer:
    """Writes the parts of one commit, and counts."""

    def __init__(self, index: LanceIndex, base: Pointer, generation: int, first: Change, fresh: bool) -> None:
        self._base, self._generation = base, generation
        dimensions = first.vectors.shape[1]
        self.documents, self.passages = index.new_tables(generation, dimensions) if fresh else index.tables(base)
        self._content = 0 if fresh else int(base.content, 16)
        self._stands_in = bool(base.provisional_count) and not fresh
        self._extra = extra_in(self.passages.schema.names)

    def write(self, change: Change) -> None:
        """Take out, then add."""
        if change.removed and not change.fresh:
            for id, digest in _digests(self.documents, change.removed).items():
                self._content -= weight(id, digest)
            for table, column in ((self.documents, "key"), (self.passages, "document_key")):
                _delete(table, column, change.removed)
        if change.documents:
            rows = document_rows(change)
            self._content += sum(map(weight, rows["id"].to_pylist(), rows["digest"].to_pylist()))
            self.documents.add(rows)
        if change.rows:
            self._stands_in = self._stands_in or any(mark_in(row.key) for row in change.rows)
            self._widen(extra_columns(change))
            self.passages.add(passage_rows(change, self._extra))

    def pointer(self, exact: bool, settings: Mapping[str, Any]) -> Pointer:
        """The version that this makes, still under its base's number."""
        return Pointer(
            number=self._base.number,
            generation=self._generation,
            documents=self.documents.version,
            passages=self.passages.version,
            since=time.time(),
            document_count=self.documents.count_rows(),
            passage_count=self.passages.count_rows(),
            provisional_count=self.passages.count_rows(f"starts_with(key, '{PROVISIONAL}')") if self._stands_in else 0,
            content=f"{self._content % (1 << 256):064x}",
            exact=exact,
            settings=settings,
        )

    def _widen(self, columns: Mapping[str, str]) -> None:
        """Columns for metadata and terms that no document had before."""
        import pyarrow as pa

        new = {name: kind for name, kind in sorted(columns.items()) if name not in self._extra}
        room = MAX_COLUMNS - len(self._extra)
        if len(new) > room:
            log.warning("over %d metadata keys: of the others, ranges find nothing", MAX_COLUMNS)
            new = dict(sorted(new.items(), key=lambda column: column[0] not in BESIDE)[:room])
        if new:
            self.passages.add_columns(pa.schema([(name, metadata_type(kind)) for name, kind in new.items()]))
            self._extra |= new


def _digests(documents: Any, ids: frozenset[str]) -> dict[str, str]:
    """Digests of those documents that are there."""
    digests: dict[str, str] = {}
    for condition in _conditions("key", ids):
        rows = documents.search().where(condition).select(["id", "digest"]).limit(None).to_arrow()
        digests.update(zip(rows["id"].to_pylist(), rows["digest"].to_pylist(), strict=True))
    return digests


def _delete(table: Any, column: str, documents: frozenset[str]) -> None:
    for condition in _conditions(column, documents):
        table.delete(condition)


def _conditions(column: str, documents: frozenset[str]) -> Iterator[str]:
    keys = sorted(document_key(id) for id in documents)
    for start in range(0, len(keys), _AT_ONCE):
        yield f"{column} IN ({', '.join(map(repr, keys[start : start + _AT_ONCE]))})"


def _nobody() -> None:
    """Outside `writing` there is no place to lose."""
