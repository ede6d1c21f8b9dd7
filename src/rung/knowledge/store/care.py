"""What keeps the tables quick: text and scalar indexes, compaction; what is done at once, and what in the background.

Up to `REBUILT_ROWS` passages the BM25 index is made anew with every commit: its scores then depend on the documents alone,
and not on the order of their coming. Above, a commit leaves new rows outside the index, where the store counts them in while
it searches (25 ms a query for every 1,000 of them); when they are more than a few, `Index.maintain` takes them in, beside
readers that stay on the version before. Only of very many does the commit itself do that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rung.knowledge.store.tables import TERMS

log = logging.getLogger(__name__)

REBUILT_ROWS = 20_000  # about a second
SCALAR_ROWS = 20_000  # from here on, filters go by indexes of their own
MANY_OUTSIDE = 200  # rows outside an index from which on it should take them in,
MAX_OUTSIDE = 2_000  # and from which on a commit does so before anybody sees it
MAX_FRAGMENTS = 24  # files of a table, after so many small commits
_AS_THEY_STAND: dict[str, Any] = {
    "base_tokenizer": "whitespace",
    "max_token_length": None,
    "lower_case": False,
    "stem": False,
    "remove_stop_words": False,
    "ascii_folding": False,
}
_NEVER = timedelta(days=36_500)
_SCALARS = (("acl", "Bitmap"), ("facets", "LabelList"), ("document_key", "BTree"))


@dataclass(frozen=True)
class Care:
    """What to do for the tables of one index."""

    rebuilt_rows: int = REBUILT_ROWS

    def after_commit(self, documents: Any, passages: Any, *, fresh: bool) -> bool:
        """What a commit needs to be searched. Returns whether what is found depends on the documents alone."""
        rows = passages.count_rows()
        if rows <= self.rebuilt_rows:
            for index in passages.list_indices():
                passages.drop_index(index.name)
            compact(documents)
            compact(passages)
            if rows:
                _index_text(passages)
            return True
        if fresh or not _indices(passages):
            self._all(documents, passages)
            return fresh
        indexed = {column for index in passages.list_indices() for column in index.columns}
        if any(name in passages.schema.names and name not in indexed for name in TERMS):
            _index_text(passages)  # the first documents in such a language, or files
        if _outside(passages) > MAX_OUTSIDE:
            self.give(documents, passages)
        return False

    def is_wanted(self, documents: Any, passages: Any) -> bool:
        """Whether small commits have begun to slow the searches."""
        if passages.count_rows() <= self.rebuilt_rows:
            return False
        crowded = max(_fragments(documents), _fragments(passages)) > MAX_FRAGMENTS
        return crowded or _outside(passages) > MANY_OUTSIDE

    def give(self, documents: Any, passages: Any) -> None:
        """Compact, and take all rows into the indexes."""
        compact(documents)
        compact(passages)

    def rewrite(self, documents: Any, passages: Any) -> None:
        """Write every row that is left into new files: compaction leaves deleted ones in files where they are few."""
        for table in (documents, passages):
            table.update(where="true", values_sql={"key": "key"})
        self._all(documents, passages)

    def expire(self, documents: Any, passages: Any) -> None:
        """Before old versions go: leave nothing to compact, and of a small index no deleted row."""
        if passages.count_rows() <= self.rebuilt_rows:
            self.rewrite(documents, passages)
        else:
            self.give(documents, passages)

    def _all(self, documents: Any, passages: Any) -> None:
        for index in passages.list_indices():
            passages.drop_index(index.name)
        compact(documents)
        compact(passages)
        if passages.count_rows():
            _index_text(passages)
        if passages.count_rows() > SCALAR_ROWS:
            _index_scalars(passages)


def compact(table: Any) -> None:
    """Join small files, and take all rows into the indexes. Left to itself, Lance would also drop versions after a week."""
    table.optimize(cleanup_older_than=_NEVER)


def _index_text(passages: Any) -> None:
    """Stemming and stop words as Lance has them: measured best of four on two sets. Terms need neither."""
    from lancedb.index import FTS

    passages.create_index("indexed", config=FTS(), replace=True)
    for name in TERMS:
        if name in passages.schema.names:
            passages.create_index(name, config=FTS(**_AS_THEY_STAND), replace=True)


def _index_scalars(passages: Any) -> None:
    from lancedb import index

    for column, kind in _SCALARS:
        passages.create_index(column, config=getattr(index, kind)(), replace=True)


def _indices(table: Any) -> list[str]:
    return [index.name for index in table.list_indices()]


def _outside(table: Any) -> int:
    return max((int(table.index_stats(name).num_unindexed_rows) for name in _indices(table)), default=0)


def _fragments(table: Any) -> int:
    return int(table.stats()["fragment_stats"]["num_fragments"])
