"""What is known of every passage of a version without asking the store: its number, its id, who may read it, its vector.

A row is named by its place, from 0. A parent passage, where there are such, by a negative place: minus its number and one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import InternalError
from rung.knowledge.ranking import Ranking, ordered
from rung.knowledge.store.scanning import Codes, nearest_exactly
from rung.knowledge.store.table_reading import Reading, bits, matrix
from rung.records import Passage

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors


class Rows:
    """All rows of a version. `vectors` None: they are in the store, and one bit a dimension of them is here."""

    def __init__(self, rows: pa.Table, parents: Parents | None = None) -> None:
        by_id = np.argsort(rows["_rowid"].to_numpy(), kind="stable")
        rows = rows.take(by_id) if (by_id[1:] < by_id[:-1]).any() else rows
        self.row_ids: NDArray[np.uint64] = rows["_rowid"].to_numpy()
        self._ids = rows["id"].combine_chunks()
        held = rows["acl"].combine_chunks().dictionary_encode()
        self._classes, self._class_of = held.dictionary.to_pylist(), held.indices.to_numpy()
        self.vectors = matrix(rows) if "vector" in rows.schema.names else None
        self._codes = None if self.vectors is not None else Codes(bits(rows))
        self.held = self.vectors  # to be looked up by place
        self._parents = parents

    @classmethod
    def load(cls, reading: Reading, *, vectors: bool) -> Rows:
        """Read a version's rows, with their vectors or with one bit a dimension."""
        rows = reading.run(reading.passages(["_rowid", "id", "acl", "parent", "vector" if vectors else "code"]))
        if rows["parent"].null_count == len(rows):
            return cls(rows)
        children = reading.run(reading.passages(["_rowid", "parent", "document_key", "start"]))
        return cls(rows, Parents(children.sort_by("_rowid")))

    async def hold(self, reading: Reading, dimensions: int) -> None:
        """Read all vectors into memory, shape [rows, dimensions], a part at a time."""
        held = np.empty((len(self.row_ids), dimensions), dtype=np.float32)
        async for part in reading.parts(["_rowid", "vector"]):
            held[self.places(part["_rowid"].to_numpy())] = matrix(part)
        self.held = held

    def names(self, places: NDArray[np.intp]) -> list[str]:
        """Ids of the passages in these rows."""
        names: list[str] = self._ids.take(places).to_pylist()
        return names

    def places(self, row_ids: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Rows by their numbers in the store."""
        return np.searchsorted(self.row_ids, row_ids)

    def readable(self, classes: frozenset[str]) -> NDArray[np.bool_]:
        """Which rows are of these access classes, shape [rows]."""
        allowed: NDArray[np.bool_] = np.array([name in classes for name in self._classes], dtype=np.bool_)[self._class_of]
        return allowed

    def nearest(self, queries: Vectors, masks: list[NDArray[np.bool_] | None], counts: list[int]) -> list[NDArray[np.intp]]:
        """Candidates for each query's nearest rows, never one that is masked out."""
        if self.vectors is not None:
            return nearest_exactly(queries, self.vectors, masks, counts)
        if self._codes is None:
            raise InternalError("an index without vectors and without codes")
        return [self._codes.candidates(q, mask, n) for q, mask, n in zip(queries, masks, counts, strict=True)]

    def shown(self, ranking: Ranking, row_of: Mapping[str, int]) -> list[tuple[int, float]]:
        """A ranking of passages as places; where there are parents, each of them once, with its best child's score."""
        if self._parents is None:
            return [(row_of[id], score) for id, score in ranking]
        best: dict[int, float] = {}
        for id, score in ranking:
            best.setdefault(self._parents.over(row_of[id]), score)
        names = {self._parents.name(at, self.names(np.array([self.example(at)]))[0]): at for at in best}
        return [
            (names[name], score) for name, score in ordered(list(names), [best[at] for at in names.values()], len(names))
        ]

    def count_shown(self, ranking: Ranking, row_of: Mapping[str, int]) -> int:
        """How many results a ranking comes to."""
        return len(ranking) if self._parents is None else len({self._parents.over(row_of[id]) for id, _ in ranking})

    def best_child(self, at: int, ranking: Ranking, row_of: Mapping[str, int]) -> str:
        """The id of the passage that brought this result."""
        over = (lambda row: row) if self._parents is None else self._parents.over
        return next(id for id, _ in ranking if over(row_of[id]) == at)

    def example(self, at: int) -> int:
        """The row of a place: of a parent, its first child's."""
        return at if at >= 0 or self._parents is None else int(self._parents.first[-at - 1])

    def parent(self, at: int, child: Passage, text: str) -> Passage:
        """A parent passage, from its first child and its document's text."""
        if self._parents is None:
            raise InternalError("an index without parents")
        start, end = self._parents.span(at)
        id = self._parents.name(at, child.id)
        return replace(child, id=id, start=start, end=end, text=text[start:end], parent=None)


class Parents:
    """The parent passages of an index: `first` is the row of each one's first child. Rows come in the order of `_rowid`."""

    def __init__(self, rows: pa.Table) -> None:
        spans = rows["parent"].combine_chunks()
        has = spans.is_valid().to_numpy(zero_copy_only=False)
        ends = np.zeros((len(rows), 2), dtype=np.int64)
        ends[has] = spans.drop_null().flatten().to_numpy().reshape(-1, 2)
        documents = rows["document_key"].combine_chunks().dictionary_encode().indices.to_numpy()
        starts = rows["start"].to_numpy()
        by_span = np.lexsort((starts, ends[:, 0], documents))
        by_span = by_span[has[by_span]]
        keys = np.stack([documents[by_span], ends[by_span, 0], ends[by_span, 1]], axis=1)
        fresh = np.ones(len(by_span), dtype=np.bool_)
        fresh[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        self._number = np.full(len(rows), -1, dtype=np.int64)
        self._number[by_span] = np.cumsum(fresh) - 1
        self.first: NDArray[np.intp] = by_span[fresh]
        self._spans = ends[self.first]

    def over(self, row: int) -> int:
        """The place of a row's parent; the row itself where it has none."""
        number = int(self._number[row])
        return row if number < 0 else -number - 1

    def span(self, at: int) -> tuple[int, int]:
        """Start and end of a parent."""
        start, end = self._spans[-at - 1]
        return int(start), int(end)

    def name(self, at: int, child: str) -> str:
        """The id of a place, given its row's."""
        return child if at >= 0 else "{}#{}-{}".format(child.rsplit("#", 1)[0], *self.span(at))
