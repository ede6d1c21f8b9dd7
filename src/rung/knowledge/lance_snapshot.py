"""Which passages does one version of the LanceDB store hold for these queries? Writing is left to `lance`.

BM25 always runs in the store, with the asker's filter inside the query. Dense search is exact: as one matrix product for
a whole batch of queries where the vectors fit in memory, else by the store's scan; both give the same ranking.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rung.errors import InternalError
from rung.knowledge.protocol import Explained, Fusion, Groups, IndexGone, Lookup, Place, State
from rung.knowledge.ranking import SLACK, Ranking, best_columns, dense_scores, fused, ordered
from rung.records import Document, Json, Passage

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

T = TypeVar("T")
_COLUMNS = ["id", "document", "start", "end", "text", "title"]
_BATCH = 64  # queries to a matrix product: 13 MB of scores at 50,000 passages
_TOGETHER = 8  # BM25 queries under way at once
_BM25_DIGITS = 4  # single precision, whose last digits depend on the order of the terms
_KEYS_AT_ONCE = 500
_LOST = ("LanceError(IO)", "not found", "no longer exists")  # how the store says that files are not there


@dataclass(frozen=True, slots=True)
class Tables:
    """Names and versions of the two tables that make one version of the index."""

    documents: str
    passages: str
    documents_version: int
    passages_version: int
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Card:
    """A document without its text."""

    digest: str
    source: str
    groups: tuple[str, ...]
    acl: str


class LanceSnapshot:
    """One version of a store; a `Snapshot`. Safe to use from several threads."""

    def __init__(self, folder: Path, tables: Tables, *, memory_rows: int) -> None:
        import lancedb

        self._folder, self._tables = folder, tables
        self._db = lancedb.connect(folder)
        self._cards = {r["id"]: _card(r) for r in self._documents(["id", "digest", "source", "groups", "acl"]).to_pylist()}
        self._classes = {card.acl: frozenset(card.groups) for card in self._cards.values()}
        self._passages_table = self._opened(tables.passages, tables.passages_version)
        self._async_table: Any = None
        self.passage_count: int = self._passages_table.count_rows()
        self._memory = self._load() if self.passage_count <= memory_rows else None

    @classmethod
    def open(cls, folder: Path, tables: Tables, *, memory_rows: int) -> LanceSnapshot:
        """Open a version.

        Raises:
            IndexGone: it has been removed.
        """
        with _gone(folder):
            return cls(folder, tables, memory_rows=memory_rows)

    @property
    def state(self) -> State:
        """Settings and document digests."""
        return State(self._tables.settings, {id: card.digest for id, card in self._cards.items()})

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Document id -> groups that may read it."""
        return {id: card.groups for id, card in self._cards.items()}

    def search(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[tuple[Passage, ...]]:
        """See `Snapshot.search`."""
        if not self.passage_count:
            return [() for _ in lookups]
        with _gone(self._folder):
            dense = self._dense(lookups, fusion) if fusion.dense_weight > 0 else [[] for _ in lookups]
            bm25 = self._bm25(lookups, fusion) if fusion.dense_weight < 1 else [[] for _ in lookups]
            rankings = [fused(d, b, fusion, lk.top) for d, b, lk in zip(dense, bm25, lookups, strict=True)]
            known = self._fetch({id for ranking in rankings for id, _ in ranking})
        return [tuple(replace(known[id], score=score) for id, score in ranking) for ranking in rankings]

    def explain(self, lookup: Lookup, fusion: Fusion) -> tuple[Explained, ...]:
        """See `Snapshot.explain`."""
        if not self.passage_count:
            return ()
        with _gone(self._folder):
            places = [
                {id: Place(rank, score) for rank, (id, score) in enumerate(ranking, 1)}
                for ranking in (self._dense([lookup], fusion)[0], self._bm25([lookup], fusion)[0])
            ]
        (found,) = self.search([lookup], fusion)
        return tuple(Explained(p, places[0].get(p.id), places[1].get(p.id)) for p in found)

    def documents(self, ids: Sequence[str] | None = None) -> tuple[Document, ...]:
        """The documents of these ids (None: all), in order of id."""
        with _gone(self._folder):
            held = self._all_documents
        return tuple(held.values()) if ids is None else tuple(held[id] for id in sorted(set(ids)) if id in held)

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """A document's passages in order."""
        if document not in self._cards:
            return ()
        with _gone(self._folder):
            return self._by_document.get(document, ())

    def vectors(self, keys: Sequence[str]) -> Mapping[str, Vectors]:
        """The stored vectors of those keys that are there."""
        found: dict[str, Vectors] = {}
        with _gone(self._folder):
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                part = [key for key in keys[start : start + _KEYS_AT_ONCE] if key.isalnum()]
                where = f"key IN ({', '.join(repr(key) for key in part)})"
                table = self._passages_table.search().where(where).select(["key", "vector"]).limit(None).to_arrow()
                found.update(zip(table["key"].to_pylist(), _matrix(table), strict=True))
        return found

    # --- access -----------------------------------------------------------------------------------------------------

    def _readable(self, groups: Groups) -> list[str]:
        """The access classes that an asker may read: public ones, and those that share a group."""
        return [acl for acl, needed in self._classes.items() if groups is None or not needed or needed & groups]

    def _filter(self, groups: Groups) -> str | None:
        """The condition on a passage; None where everything may be read."""
        readable = self._readable(groups)
        if len(readable) == len(self._classes):
            return None
        return f"acl IN ({', '.join(repr(acl) for acl in sorted(readable))})" if readable else "false"

    # --- dense ------------------------------------------------------------------------------------------------------

    def _dense(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[Ranking]:
        depths = [max(fusion.depth, lookup.top) for lookup in lookups]
        if self._memory is None:
            return _loop().run(self._scans(lookups, depths))
        rankings: list[Ranking] = []
        for start in range(0, len(lookups), _BATCH):
            part = lookups[start : start + _BATCH]
            rankings += self._memory.nearest(part, depths[start : start + _BATCH], [self._mask(lk.groups) for lk in part])
        return rankings

    def _mask(self, groups: Groups) -> NDArray[np.bool_]:
        memory = _present(self._memory)
        return memory.mask(frozenset(self._readable(groups)))

    async def _scans(self, lookups: Sequence[Lookup], depths: Sequence[int]) -> list[Ranking]:
        table, gate = await self._table_async(), asyncio.Semaphore(_TOGETHER)

        async def scan(lookup: Lookup, depth: int) -> Ranking:
            where = self._filter(lookup.groups)
            query = table.query().nearest_to(lookup.vector).column("vector").distance_type("dot").bypass_vector_index()
            async with gate:
                query = query if where is None else query.where(where)
                rows = await query.select(["id", "vector", "_distance"]).limit(depth + SLACK).to_arrow()
            return ordered(rows["id"].to_pylist(), dense_scores(_matrix(rows), lookup.vector), depth)

        return list(await asyncio.gather(*(scan(lk, depth) for lk, depth in zip(lookups, depths, strict=True))))

    # --- BM25 -------------------------------------------------------------------------------------------------------

    def _bm25(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[Ranking]:
        wanted = [(lk.text, self._filter(lk.groups), max(fusion.depth, lk.top)) for lk in lookups]
        distinct = list(dict.fromkeys(wanted))
        known = dict(zip(distinct, _loop().run(self._matches(distinct)), strict=True))
        return [known[key] for key in wanted]

    async def _matches(self, wanted: Sequence[tuple[str, str | None, int]]) -> list[Ranking]:
        table, gate = await self._table_async(), asyncio.Semaphore(_TOGETHER)

        async def match(text: str, where: str | None, depth: int) -> Ranking:
            async with gate:
                return await _match(table, text, where, depth)

        return list(await asyncio.gather(*(match(*key) for key in wanted)))

    # --- rows -------------------------------------------------------------------------------------------------------

    def _fetch(self, ids: set[str]) -> Mapping[str, Passage]:
        if self._memory is not None:
            return self._memory.passages
        # Ids hold users' words, so they are quoted as SQL has it: the quote doubled, nothing else is special.
        quoted = ["'" + id.replace("'", "''") + "'" for id in sorted(ids)]
        found: dict[str, Passage] = {}
        for start in range(0, len(quoted), _KEYS_AT_ONCE):
            where = f"id IN ({', '.join(quoted[start : start + _KEYS_AT_ONCE])})"
            rows = self._passages_table.search().where(where).select(_COLUMNS).limit(None).to_arrow()
            found.update((p.id, p) for p in self._passages(rows))
        return found

    def _passages(self, rows: pa.Table) -> Iterator[Passage]:
        columns = [rows[name].to_pylist() for name in _COLUMNS]
        for id, document, start, end, text, title in zip(*columns, strict=True):
            card = self._cards[document]
            yield Passage(id, document, start, end, text, title, card.source, 0.0, card.groups)

    def _load(self) -> Memory:
        rows = self._passages_table.search().select([*_COLUMNS, "acl", "vector"]).limit(None).to_arrow()
        passages = {p.id: p for p in self._passages(rows)}
        return Memory(passages, list(passages), rows["acl"].to_pylist(), _matrix(rows))

    @cached_property
    def _by_document(self) -> Mapping[str, tuple[Passage, ...]]:
        if self._memory is not None:
            rows: Iterator[Passage] = iter(self._memory.passages.values())
        else:
            rows = self._passages(self._passages_table.search().select(_COLUMNS).limit(None).to_arrow())
        found: dict[str, list[Passage]] = defaultdict(list)
        for passage in rows:
            found[passage.document].append(passage)
        return {id: tuple(sorted(of, key=lambda p: (p.start, p.end))) for id, of in found.items()}

    @cached_property
    def _all_documents(self) -> Mapping[str, Document]:
        rows = self._documents(["id", "text", "title", "meta"]).to_pylist()
        return {row["id"]: self._document(row) for row in sorted(rows, key=lambda row: str(row["id"]))}

    def _document(self, row: Mapping[str, Any]) -> Document:
        card = self._cards[row["id"]]
        return Document(row["id"], row["text"], row["title"], card.groups, json.loads(row["meta"]), card.source)

    def _documents(self, columns: list[str]) -> pa.Table:
        table = self._opened(self._tables.documents, self._tables.documents_version)
        return table.search().select(columns).limit(None).to_arrow()

    def _opened(self, name: str, version: int) -> Any:
        table = self._db.open_table(name)
        table.checkout(version)
        return table

    async def _table_async(self) -> Any:
        import lancedb

        if self._async_table is None:
            db = await lancedb.connect_async(self._folder)
            table = await db.open_table(self._tables.passages)
            await table.checkout(self._tables.passages_version)
            self._async_table = table
        return self._async_table


class Memory:
    """Passages and vectors of a small index, in memory. Row i of `vectors` belongs to `ids[i]`, readable by `acls[i]`."""

    def __init__(self, passages: Mapping[str, Passage], ids: list[str], acls: list[str], vectors: Vectors) -> None:
        self.passages, self._ids, self._vectors = passages, ids, vectors
        names = sorted(set(acls))
        numbers = {name: number for number, name in enumerate(names)}
        self._class_names = names
        self._class_of = np.array([numbers[acl] for acl in acls], dtype=np.int32)
        self._masks: dict[frozenset[str], NDArray[np.bool_]] = {}

    def mask(self, readable: frozenset[str]) -> NDArray[np.bool_]:
        """Which rows are of these access classes, shape [rows]."""
        if readable not in self._masks:
            if len(self._masks) >= 256:
                self._masks.clear()
            allowed = np.array([name in readable for name in self._class_names], dtype=np.bool_)
            self._masks[readable] = allowed[self._class_of]
        return self._masks[readable]

    def nearest(self, lookups: Sequence[Lookup], depths: Sequence[int], masks: Sequence[NDArray[np.bool_]]) -> list[Ranking]:
        """The best readable rows of each lookup, exact."""
        queries = np.stack([lookup.vector for lookup in lookups])
        scores = queries @ self._vectors.T
        rankings = []
        for row, lookup, depth, mask in zip(scores, lookups, depths, masks, strict=True):
            row[~mask] = -np.inf
            columns = best_columns(row, depth + SLACK)
            ids = [self._ids[i] for i in columns]
            rankings.append(ordered(ids, dense_scores(self._vectors[columns], lookup.vector), depth))
        return rankings


class _Loop:
    """An event loop in a thread of its own: the store's queries run beside each other, whatever thread asks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="rung-knowledge", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@cache
def _loop() -> _Loop:
    return _Loop()


async def _match(table: Any, text: str, where: str | None, depth: int) -> Ranking:
    """The `depth` best by BM25. Where the last place is shared, all that share it are fetched, so that ids can decide."""
    from lancedb.query import MatchQuery

    limit = depth + SLACK
    while True:
        query = table.query().nearest_to_text(MatchQuery(text, "indexed"))
        query = query if where is None else query.where(where)
        rows = await query.select(["id", "_score"]).limit(limit).to_arrow()
        scores = [round(score, _BM25_DIGITS) for score in rows["_score"].to_pylist()]
        if len(scores) < limit or sorted(scores, reverse=True)[depth - 1] > min(scores):
            return ordered(rows["id"].to_pylist(), scores, depth)
        limit *= 4


@contextmanager
def _gone(folder: Path) -> Iterator[None]:
    """A version whose files were removed shows as an I/O error of the store."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) or any(mark in str(error) for mark in _LOST):
            raise IndexGone(
                f"the index in {folder} was replaced or damaged while it was read; run the command again"
            ) from error
        raise


def _present(memory: Memory | None) -> Memory:
    if memory is None:
        raise InternalError("this index is not held in memory")
    return memory


def _matrix(rows: pa.Table) -> Vectors:
    """The vector column, shape [rows, dimensions], float32."""
    column = rows["vector"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32).reshape(
        rows.num_rows, column.type.list_size
    )


def _card(row: Mapping[str, Any]) -> Card:
    return Card(row["digest"], row["source"], tuple(row["groups"]), row["acl"])
