"""The passages that one version of the LanceDB store holds for queries. Writing is left to `lance`.

BM25 always runs in the store, with access and filter inside the query. Dense search runs over the rows in memory, access and
filter as a mask: over the vectors themselves where they fit (exact), else over one bit a dimension, and the nearest are
compared by their vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from rung.knowledge.filters import facet, flattened, parsed, sql
from rung.knowledge.protocol import Explained, Fusion, Groups, Lookup, Place, Row, State
from rung.knowledge.ranking import SLACK, Ranking, best_columns, dense_scores, diverse, fused, ordered
from rung.knowledge.store.location import Keeping
from rung.knowledge.store.rows import Rows
from rung.knowledge.store.table_reading import Reading, matrix
from rung.knowledge.store.tables import CONTEXT, RECORD, SYMBOLS, Pointer, document_in, document_key, passages_in
from rung.records import Document, Json, Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

_BATCH = 64  # queries to a matrix product: 13 MB of scores at 50,000 passages
_RESCORED = 32  # candidates by one bit a dimension for each place of the dense ranking
_MASKS, _PASSAGES = 64, 20_000  # kept
_WARM = 50  # lookups from which on a snapshot is worth having its vectors in memory
_VECTOR_BYTES = 2 << 30  # of them at most


Asked = tuple[str, str | None, int]  # of BM25: words, condition, how many


@dataclass(frozen=True, slots=True)
class Scope:
    """What a lookup may find: as a condition on the passages (None: everything) and as a mask over the rows in memory."""

    sql: str | None
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Rankings:
    """One lookup's rankings of passage ids, and the rows of those. `whole`: deeper rankings would hold no more."""

    dense: Ranking
    bm25: Ranking
    fused: Ranking
    row_of: Mapping[str, int]
    whole: bool


class LanceSnapshot:
    """One version of a store; a `Snapshot`. Safe to use from several threads."""

    def __init__(self, keeping: Keeping, pointer: Pointer, *, memory_rows: int) -> None:
        self._pointer, self._small = pointer, pointer.passage_count <= memory_rows
        self._reading = Reading(keeping, pointer)
        self._rows = Rows.load(self._reading, vectors=self._small) if pointer.passage_count else None
        self._columns = self._reading.run(self._reading.columns())
        self._scopes: dict[tuple[frozenset[str] | None, str], Scope] = {}
        self._cached: dict[int, Passage] = {}
        self._asked, self._warming = 0, False

    @property
    def version(self) -> int:
        """See `Snapshot.version`."""
        return self._pointer.number

    @property
    def content(self) -> str:
        """See `Snapshot.content`."""
        return self._pointer.content if self._pointer.exact else f"{self._pointer.content}@{self._pointer.tables}"

    @property
    def held(self) -> bool:
        """See `Snapshot.held`."""
        return self._pointer.held

    @property
    def provisional_count(self) -> int:
        """See `Snapshot.provisional_count`."""
        return self._pointer.provisional_count

    @property
    def passage_count(self) -> int:
        """Passages in this version."""
        return self._pointer.passage_count

    @cached_property
    def state(self) -> State:
        """Settings and document digests."""
        rows = self._reading.run(self._reading.documents(["id", "digest"]))
        return State(self._pointer.settings, dict(zip(rows["id"].to_pylist(), rows["digest"].to_pylist(), strict=True)))

    @property
    def settings(self) -> Mapping[str, Json]:
        """What this version was made with."""
        return self._pointer.settings

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Document id -> groups that may read it."""
        rows = self._reading.run(self._reading.documents(["id", "acl"]))
        return {id: self._classes[acl] for id, acl in zip(rows["id"].to_pylist(), rows["acl"].to_pylist(), strict=True)}

    @cached_property
    def _classes(self) -> Mapping[str, tuple[str, ...]]:
        """Access class -> groups."""
        rows = self._reading.run(self._reading.documents(["acl", "groups"]))
        names = rows["acl"].combine_chunks().dictionary_encode()
        numbers, first = np.unique(names.indices.to_numpy(), return_index=True)
        classes = names.dictionary.take(numbers).to_pylist()
        return dict(zip(classes, map(tuple, rows["groups"].take(first).to_pylist()), strict=True))

    # --- search -----------------------------------------------------------------------------------------------------

    def search(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[tuple[Passage, ...]]:
        """See `Snapshot.search`."""
        if not self._rows:
            return [() for _ in lookups]
        self._asked += len(lookups)
        self._hold()
        rankings = self._ranked(lookups, fusion)
        chosen = [self._chosen(r, lk) for r, lk in zip(rankings, lookups, strict=True)]
        passages = self._fetched(chain.from_iterable((at for at, _ in ranking) for ranking in chosen))
        return [tuple(replace(passages[at], score=score) for at, score in ranking) for ranking in chosen]

    def explain(self, lookup: Lookup, fusion: Fusion) -> tuple[Explained, ...]:
        """See `Snapshot.explain`."""
        if not self._rows:
            return ()
        rows, (ranked,) = self._rows, self._ranked([lookup], fusion)
        dense, bm25 = _places(ranked.dense), _places(ranked.bm25)
        chosen = self._chosen(ranked, lookup)
        passages = self._fetched(at for at, _ in chosen)
        explained = []
        for at, score in chosen:
            id = rows.best_child(at, ranked.fused, ranked.row_of)
            explained.append(Explained(replace(passages[at], score=score), dense.get(id), bm25.get(id)))
        return tuple(explained)

    def _ranked(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[Rankings]:
        """Rankings deep enough for each lookup to find `top` results, or all there are."""
        rows, results = _present(self._rows), dict[int, Rankings]()
        waiting = {n: max(fusion.depth, lookup.top) for n, lookup in enumerate(lookups)}
        while waiting:
            tried = self._at_depth([lookups[n] for n in waiting], list(waiting.values()), fusion)
            results.update(zip(waiting, tried, strict=True))
            # Only parents can be too few: several of their children take several places.
            waiting = {
                n: depth * 4
                for n, depth in waiting.items()
                if not results[n].whole and rows.count_shown(results[n].fused, results[n].row_of) < lookups[n].top
            }
        return [results[n] for n in range(len(lookups))]

    def _at_depth(self, lookups: Sequence[Lookup], depths: list[int], fusion: Fusion) -> list[Rankings]:
        scopes = [self._scope(lookup.groups, lookup.where) for lookup in lookups]
        row_of: dict[str, int] = {}
        asked = [(lk.text, scope.sql, depth) for lk, scope, depth in zip(lookups, scopes, depths, strict=True)]
        words = self._reading.begin(self._bm25(asked)) if fusion.dense_weight < 1 else None
        dense = self._dense(lookups, scopes, depths, row_of) if fusion.dense_weight > 0 else [[] for _ in lookups]
        bm25, worded = self._reading.wait(words) if words else ([[] for _ in lookups], {})
        row_of |= worded
        return [
            Rankings(d, b, fused(d, b, fusion), row_of, whole=len(d) < depth and len(b) < depth)
            for d, b, depth in zip(dense, bm25, depths, strict=True)
        ]

    def _chosen(self, ranked: Rankings, lookup: Lookup) -> list[tuple[int, float]]:
        """The results as (place, score)."""
        rows = _present(self._rows)
        ranking = rows.shown(ranked.fused, ranked.row_of)
        if lookup.diversity > 0:
            pool = ranking[: max(4 * lookup.top, 50)]
            return diverse(pool, self._vectors_of([rows.example(at) for at, _ in pool]), lookup.diversity, lookup.top)
        return ranking[: lookup.top]

    # --- who may read what ------------------------------------------------------------------------------------------

    def _scope(self, groups: Groups, where: str) -> Scope:
        scope = self._scopes.get((groups, where))
        if scope is None:
            readable = None if groups is None else frozenset(self._readable(groups))
            scope = self._made_scope(readable, where)
            scopes = self._scopes if len(self._scopes) < _MASKS else {}
            self._scopes = {**scopes, (groups, where): scope}  # replaced, never changed: another thread may be reading it
        return scope

    def _readable(self, groups: frozenset[str]) -> list[str]:
        """The access classes of an asker: public ones, and those that share a group."""
        return [acl for acl, needed in self._classes.items() if not needed or groups & set(needed)]

    def _made_scope(self, readable: frozenset[str] | None, where: str) -> Scope:
        rows, parts, mask = _present(self._rows), [], None
        if readable is not None and len(readable) < len(self._classes):
            parts.append(_one_of("acl", readable, self._classes.keys() - readable))
            mask = rows.readable(readable)
        if terms := parsed(where):
            condition = sql(terms, self._columns)
            parts.append(f"({condition})")
            met = self._reading.run(self._reading.passages(["_rowid"], condition))
            matching = np.zeros(len(rows.row_ids), dtype=np.bool_)
            matching[rows.places(met["_rowid"].to_numpy())] = True
            mask = matching if mask is None else mask & matching
        return Scope(" AND ".join(parts) or None, mask)

    # --- dense ------------------------------------------------------------------------------------------------------

    def _dense(
        self, lookups: Sequence[Lookup], scopes: Sequence[Scope], depths: list[int], row_of: dict[str, int]
    ) -> list[Ranking]:
        rows = _present(self._rows)
        rankings: list[Ranking] = []
        for start in range(0, len(lookups), _BATCH):
            part = slice(start, start + _BATCH)
            queries = np.stack([lookup.vector for lookup in lookups[part]])
            counts = [depth + SLACK if self._small else depth * _RESCORED for depth in depths[part]]
            nearest = rows.nearest(queries, [scope.mask for scope in scopes[part]], counts)
            rankings += self._scored(nearest, queries, depths[part], row_of)
        return rankings

    def _scored(
        self, nearest: list[NDArray[np.intp]], queries: Vectors, depths: list[int], row_of: dict[str, int]
    ) -> list[Ranking]:
        """Candidates by their vectors, in double precision."""
        rows = _present(self._rows)
        places = nearest[0] if len(nearest) == 1 else np.unique(np.concatenate(nearest))
        vectors = self._vectors_of(places)
        rankings = []
        for candidates, query, depth in zip(nearest, queries, depths, strict=True):
            held = vectors if candidates is places else vectors[np.searchsorted(places, candidates)]
            best = best_columns(np.einsum("nd,d->n", held, query), depth + SLACK)
            names = rows.names(candidates[best])
            row_of.update(zip(names, candidates[best].tolist(), strict=True))
            rankings.append(ordered(names, dense_scores(held[best], query), depth))
        return rankings

    def _vectors_of(self, places: NDArray[np.intp] | list[int]) -> Vectors:
        """Vectors of these rows, in this order, shape [places, dimensions]."""
        rows = _present(self._rows)
        chosen = np.asarray(places, dtype=np.intp)
        if rows.held is not None:
            return rows.held[chosen]
        table = self._reading.run(self._reading.taken(rows.row_ids[np.sort(chosen)].tolist(), ["vector"]))
        positions = rows.places(table["_rowid"].to_numpy())
        by_position = np.argsort(positions)
        return matrix(table)[by_position[np.searchsorted(positions[by_position], chosen)]]

    def warm(self) -> None:
        """See `Snapshot.warm`."""
        if self._rows is None:
            return
        self._asked = max(self._asked, _WARM)
        if (held := self._hold()) is not None:
            self._reading.wait(held)

    def _hold(self) -> Future[None] | None:
        """Begin to read the vectors into memory, beside the searches, once so many have been made that it pays."""
        rows, dimensions = _present(self._rows), self._pointer.settings.get("dimensions")
        if self._asked < _WARM or self._warming or rows.held is not None:
            return None
        self._warming = True
        if not isinstance(dimensions, int) or self._pointer.passage_count * dimensions * 4 > _VECTOR_BYTES:
            return None
        return self._reading.begin(rows.hold(self._reading, dimensions))

    # --- BM25 -------------------------------------------------------------------------------------------------------

    async def _bm25(self, asked: Sequence[Asked]) -> tuple[list[Ranking], dict[str, int]]:
        """The rankings, and the rows of what they hold. On the store's loop: the question is embedded meanwhile."""
        rows, once = _present(self._rows), list(dict.fromkeys(asked))
        row_of: dict[str, int] = {}
        rankings: dict[Asked, Ranking] = {}
        for key, (row_ids, scores) in zip(once, await self._reading.matches(once), strict=True):
            at = rows.places(row_ids)
            names = rows.names(at)
            row_of.update(zip(names, at.tolist(), strict=True))
            rankings[key] = ordered(names, scores, key[2])
        return [rankings[key] for key in asked], row_of

    # --- rows -------------------------------------------------------------------------------------------------------

    def _fetched(self, places: Iterable[int]) -> Mapping[int, Passage]:
        """Passages by place, those of earlier searches too."""
        requested = set(places)
        cached = self._cached if len(self._cached) + len(requested) <= _PASSAGES else {}
        if missing := sorted(requested - cached.keys()):
            cached = cached | self._read(missing)
        self._cached = cached  # replaced, never changed: another thread may be reading it
        return cached

    def _read(self, places: Sequence[int]) -> dict[int, Passage]:
        rows = _present(self._rows)
        row_ids = rows.row_ids[sorted({rows.example(at) for at in places})].tolist()
        table = self._reading.run(self._reading.taken(row_ids, [RECORD]))
        held = dict(zip(rows.places(table["_rowid"].to_numpy()).tolist(), passages_in(table, self._classes), strict=True))
        parents = {at: held[rows.example(at)] for at in places if at < 0}
        texts = {d.id: d.text for d in self.documents(sorted({p.document for p in parents.values()}))} if parents else {}
        shown = {at: rows.parent(at, child, texts[child.document]) for at, child in parents.items()}
        return {at: shown[at] if at < 0 else held[at] for at in places}

    def documents(self, ids: Sequence[str] | None = None) -> tuple[Document, ...]:
        """The documents of these ids (None: all), in order of id."""
        columns = ["id", "text", "title", "meta", "source", "acl"]
        if ids is None:
            tables = [self._reading.run(self._reading.documents(columns))]
        else:
            keys = sorted({document_key(id) for id in ids})
            tables = self._reading.run(self._reading.by_keys("documents", "key", keys, columns)) if keys else []
        rows = chain.from_iterable(table.to_pylist() for table in tables)
        listed = [document_in(row, self._classes[row["acl"]]) for row in rows]
        return tuple(sorted(listed, key=lambda document: document.id))

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """A document's passages in order."""
        keys = [document_key(document)]
        tables = self._reading.run(self._reading.by_keys("passages", "document_key", keys, [RECORD]))
        passages = [passage for table in tables for passage in passages_in(table, self._classes)]
        return tuple(sorted(passages, key=lambda p: (p.start, p.end)))

    def vectors(self, keys: Sequence[str]) -> Mapping[str, Vectors]:
        """The stored vectors of those keys that are there."""
        by_key: dict[str, Vectors] = {}
        for table in self._reading.run(self._reading.by_keys("passages", "key", keys, ["key", "vector"])):
            by_key.update(zip(table["key"].to_pylist(), matrix(table), strict=True))
        return by_key

    def has_key(self, key: str) -> bool:
        """See `Snapshot.has_key`."""
        return bool(self._reading.run(self._reading.count(f"array_has(facets, {facet(key)})")))

    def keys(self) -> frozenset[str]:
        """See `Snapshot.keys`."""
        return frozenset(key for document in self.documents() for key, _ in flattened(document))

    def stored(self, ids: Sequence[str]) -> tuple[list[Row], Vectors]:
        """See `Snapshot.stored`."""
        keys, beside = sorted({document_key(id) for id in ids}), ["indexed", "key"]
        beside += [name for name in (SYMBOLS, CONTEXT) if name in self._columns]
        tables = self._reading.run(self._reading.by_keys("passages", "document_key", keys, [RECORD, *beside, "vector"]))
        rows = [
            Row(passage, row["indexed"], row["key"], tuple((row.get(SYMBOLS) or "").split()), row.get(CONTEXT) or "")
            for table in tables
            for passage, row in zip(passages_in(table, self._classes), table.select(beside).to_pylist(), strict=True)
        ]
        width = int(str(self._pointer.settings["dimensions"]))
        return rows, np.concatenate([np.zeros((0, width), dtype=np.float32), *map(matrix, tables)])

    def contents(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `Snapshot.contents`."""
        keys = sorted({document_key(id) for id in ids})
        tables = self._reading.run(self._reading.by_keys("documents", "key", keys, ["id", "content"]))
        return {row["id"]: row["content"] for table in tables for row in table.to_pylist()}


def _one_of(column: str, requested: frozenset[str], others: Set[str]) -> str:
    """A condition that leaves only rows with wanted values; says it by whichever are fewer. The values are digests."""
    if not requested:
        return "false"
    named, operator = (requested, "IN") if len(requested) <= len(others) else (others, "NOT IN")
    return f"{column} {operator} ({', '.join(map(repr, sorted(named)))})"


def _places(ranking: Ranking) -> dict[str, Place]:
    return {id: Place(rank, score) for rank, (id, score) in enumerate(ranking, 1)}


def _present(rows: Rows | None) -> Rows:
    assert rows is not None
    return rows
