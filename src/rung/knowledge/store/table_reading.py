"""What the tables of one version say: rows by number, by key, by words, by condition; nothing is ranked here.

Every call may come from any thread: the store's own loop carries it out.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence, Set
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rung.errors import UserError
from rung.knowledge.protocol import IndexGone
from rung.knowledge.store.location import Keeping, file_in, is_of_store, reason
from rung.knowledge.store.tables import RUNS, SYMBOLS, TERMS, Pointer
from rung.text.identifiers import asked_symbols
from rung.text.matching import folded, terms

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

T = TypeVar("T")
Matches = tuple["NDArray[np.uint64]", list[float]]  # row numbers and BM25 scores, best first

_TOGETHER = 8  # queries of the store under way at once
_WORDS = "indexed"  # the column of a passage's words
_FEW = 512  # matches that are read at least: a column with fewer is read whole
_MOST_AT_FIRST = 4096  # of words' matches, however many the last questions needed
_SLOWER = 0.9  # of what questions needed that counts for the next one, where that needed less
_KEYS_AT_ONCE = 500
_BM25_DIGITS = 6  # that count: single precision, whose last digits depend on the order of the terms
_CACHE_BYTES = 1 << 30
_VERSIONS = 32  # that one cache is for
_SYMBOL, _FILE, _WORD = 1.0, 2.0, 0.25  # what a term counts that is written as in code, names a file, may be a name
_LOST = ("not found", "no longer exists", "does not exist", "no such file")  # how the store says that files are not there


class Reading:
    """The two tables of one version, open."""

    def __init__(self, keeping: Keeping, pointer: Pointer) -> None:
        self._keeping, self._number = keeping, pointer.number
        self._documents: Any
        self._passages: Any
        self._documents, self._passages = self.run(_opened(keeping, pointer))
        self._terms = self.run(self.columns()) & {*TERMS}
        self._needed = 0.0  # matches that the last questions' words had to be asked for

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out and wait.

        Raises:
            IndexGone: this version is kept no longer.
            Damaged: files of it are missing, or are not what they were.
            UserError: the store does not answer.
        """
        return self.wait(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Carry out beside what the caller does; `wait` for it."""
        return _loop().begin(work)

    def wait(self, work: Future[T]) -> T:
        """The result of what was begun; raises as `run`."""
        try:
            return work.result()
        except BaseException as error:  # what a damaged file makes the store raise may not even be an Exception
            words = self._in_words(error)
            if words is None:
                raise
            raise words from error

    def _in_words(self, error: BaseException) -> UserError | None:
        """What the store says, in words that say what to do; None for what does not come from it."""
        panic = type(error).__name__ == "PanicException"
        if not (panic or is_of_store(error) or isinstance(error, (RuntimeError, ValueError))):
            return None
        lost = isinstance(error, FileNotFoundError) or any(mark in str(error).lower() for mark in _LOST)
        if lost and self._keeping.read(self._number) is None:  # a version goes before its files
            return IndexGone(f"the index in {self._keeping.uri} was replaced while it was read; run the command again")
        if not (panic or lost or self._keeping.is_damage(error)):
            return UserError(
                f"the index in {self._keeping.uri} cannot be read ({reason(error)}); check that the place can be reached,"
                " and run the command again"
            )
        return self._keeping.damaged(file_in(error, self._keeping.root), reason(error))

    async def columns(self) -> frozenset[str]:
        """Names of the passages' columns."""
        return frozenset((await self._passages.schema()).names)

    async def passages(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """These columns of the passages that meet a condition, in the store's order."""
        return await _rows(self._passages, columns, where)

    async def count(self, where: str) -> int:
        """How many passages meet a condition."""
        return int(await self._passages.count_rows(where))

    async def parts(self, columns: Sequence[str]) -> AsyncIterator[pa.Table]:
        """These columns of all passages, some rows at a time."""
        import pyarrow as pa

        async for batch in await self._passages.query().select([*columns]).to_batches():
            yield pa.Table.from_batches([batch])

    async def documents(self, columns: Sequence[str], where: str | None = None) -> pa.Table:
        """These columns of the documents that meet a condition."""
        return await _rows(self._documents, columns, where)

    async def taken(self, row_ids: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """These columns of these rows of the passages, and `_rowid`; in any order."""
        return await self._passages.take_row_ids([*row_ids]).select([*columns]).with_row_id().to_arrow()

    async def by_keys(self, table: str, column: str, keys: Sequence[str], columns: Sequence[str]) -> list[pa.Table]:
        """Rows of "documents" or "passages" whose column has one of these values, which are digests."""
        read = self.documents if table == "documents" else self.passages
        clean = [key for key in keys if key.isalnum()]
        parts = [clean[start : start + _KEYS_AT_ONCE] for start in range(0, len(clean), _KEYS_AT_ONCE)]
        return [await read(columns, f"{column} IN ({', '.join(map(repr, part))})") for part in parts]

    async def matches(self, queries: Sequence[tuple[str, str | None, int]]) -> list[Matches]:
        """The best passages by BM25 for each (words, condition, how many): so many, and all that share the last score.

        The condition is part of the query: what it leaves out takes nobody's place.
        """
        gate = asyncio.Semaphore(_TOGETHER)

        async def one(text: str, where: str | None, depth: int) -> Matches:
            async with gate:
                return await self._match(_words(text, self._terms), where, depth)

        return list(await asyncio.gather(*(one(*key) for key in queries)))

    async def _match(self, clauses: Mapping[str, Any], where: str | None, depth: int) -> Matches:
        """The best by the sum over the columns.

        A query of one column stops early at passages that cannot be among the best; one of several weighs every passage that
        has a word. So each column is asked alone, and what the others find is added to that of the commonest. Only where two
        find many is the store asked for the sum.
        """
        few = depth + 16 if len(clauses) == 1 else max(depth + 16, _FEW)
        limit = max(few, min(round(self._needed), _MOST_AT_FIRST))
        limits = [limit if column == _WORDS else few for column in clauses]
        alone = await asyncio.gather(*(self._scores(c, where, n) for c, n in zip(clauses.values(), limits, strict=True)))
        commonest = max(range(len(alone)), key=lambda at: len(alone[at]))
        main, top, limit = [*clauses.values()][commonest], alone[commonest], limits[commonest]
        others = [scores for at, scores in enumerate(alone) if at != commonest]
        beside: dict[int, float] = {}
        if any(len(scores) == few for scores in others):
            main, limit = _sum_of(clauses.values()), max(limits)
            top = await self._scores(main, where, limit)
        elif ids := sorted({id for scores in others for id in scores}):
            condition = f"_rowid IN ({', '.join(map(str, ids))})"
            own = await self._scores(main, condition if where is None else f"({where}) AND {condition}", len(ids))
            beside = {id: float(np.sum([scores.get(id, 0.0) for scores in (own, *others)], dtype=np.float32)) for id in ids}
        while (best := best_scores(top, beside, depth, is_whole=len(top) < limit)) is None:
            limit *= 4
            top = await self._scores(main, where, limit)
        self._needed = max(1.25 * len(best), _SLOWER * self._needed)
        return np.array([*best], dtype=np.uint64), [*best.values()]

    async def _scores(self, clause: Any, where: str | None, limit: int) -> dict[int, float]:
        """Row number -> BM25 score, of the best by one query."""
        query = self._passages.query().nearest_to_text(clause)
        query = query if where is None else query.where(where)
        rows = await query.select(["_rowid", "_score"]).limit(limit).to_arrow()
        return dict(zip(rows["_rowid"].to_numpy().tolist(), rows["_score"].to_numpy().tolist(), strict=True))


def best_scores(
    top: Mapping[int, float], beside: Mapping[int, float], depth: int, *, is_whole: bool
) -> dict[int, float] | None:
    """The best `depth` of row numbers and scores, and all that share the last score, to the digits that count; None where
    more have to be read for that.

    Args:
        top: the best by one query; what was not read of it scores no more than any of these.
        beside: scores of other rows, or of the same by more columns.
        is_whole: `top` is all that the query finds.
    """
    exact = {**top, **beside}
    rounded = {score: _rounded(score) for score in {*exact.values()}}  # many share one
    scores = {id: rounded[score] for id, score in exact.items()}
    if not is_whole:
        lowest = _rounded(min(top.values()))
        scores = {id: score for id, score in scores.items() if score > lowest}
        if len(scores) < depth:
            return None
    last = sorted(scores.values(), reverse=True)[depth - 1] if len(scores) > depth else -np.inf
    return {id: score for id, score in scores.items() if score >= last}


def _rounded(score: float) -> float:
    return float(f"{score:.{_BM25_DIGITS}g}")


def _words(text: str, columns: Set[str]) -> dict[str, Any]:
    """What BM25 is asked, by column: the words, and where passages have such columns, pairs of characters and symbols."""
    from lancedb.query import MatchQuery

    words = folded(text)
    clauses: dict[str, Any] = {_WORDS: MatchQuery(words, _WORDS)}
    if RUNS in columns and (pairs := terms(words)):
        clauses[RUNS] = MatchQuery(" ".join(pairs), RUNS)
    if SYMBOLS in columns:
        asked = asked_symbols(text)
        boosted = ((asked.symbols, _SYMBOL), (asked.files, _FILE), (asked.words, _WORD))
        if named := [MatchQuery(" ".join(some), SYMBOLS, boost=boost) for some, boost in boosted if some]:
            clauses[SYMBOLS] = _sum_of(named)
    return clauses


def _sum_of(queries: Iterable[Any]) -> Any:
    from lancedb.query import BooleanQuery, Occur

    several = [(Occur.SHOULD, query) for query in queries]
    return BooleanQuery(several) if len(several) > 1 else several[0][1]


async def _rows(table: Any, columns: Sequence[str], where: str | None) -> pa.Table:
    query = table.query().select([*columns])
    return await (query if where is None else query.where(where)).to_arrow()


def matrix(rows: pa.Table, name: str = "vector") -> Vectors:
    """The column of vectors, shape [rows, dimensions], float32."""
    column = rows[name].combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32).reshape(
        rows.num_rows, column.type.list_size
    )


def bits(rows: pa.Table) -> NDArray[np.uint8]:
    """The column of codes, shape [rows, bytes]."""
    column = rows["code"].combine_chunks()
    width = column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], dtype=np.uint8) if rows.num_rows else np.zeros(0, dtype=np.uint8)
    return flat[column.offset * width : (column.offset + len(column)) * width].reshape(rows.num_rows, width).copy()


async def _opened(keeping: Keeping, pointer: Pointer) -> list[Any]:
    import lancedb

    db = await lancedb.connect_async(keeping.uri, storage_options=dict(keeping.options), session=_SESSIONS.session())
    tables = []
    for name, version in zip(pointer.names, (pointer.documents, pointer.passages), strict=True):
        table = await db.open_table(name)
        await table.checkout(version)
        tables.append(table)
    return tables


class _Sessions:
    """One cache for many versions: what a commit left as it was stays in memory. Now and then a new one, since what a cache
    holds of versions that nobody reads any more, open files too, goes with it alone."""

    def __init__(self) -> None:
        self._lock, self._session, self._versions = threading.Lock(), None, 0

    def session(self) -> Any:
        """For one more version."""
        import lancedb

        with self._lock:
            if self._session is None or self._versions >= _VERSIONS:
                sizes = {"index_cache_size_bytes": _CACHE_BYTES, "metadata_cache_size_bytes": _CACHE_BYTES // 4}
                self._session, self._versions = lancedb.Session(**sizes), 0
            self._versions += 1
            return self._session


_SESSIONS = _Sessions()


class _Loop:
    """An event loop in a thread of its own: the store's queries run beside each other, whatever thread asks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="rung-knowledge", daemon=True).start()

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@cache
def _loop() -> _Loop:
    return _Loop()
