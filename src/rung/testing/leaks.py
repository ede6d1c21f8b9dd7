"""Whether forbidden passages come through, or readable ones stay away: random indexes, askers, words and conditions.

What must be found is computed from the definitions, in `reference` and `knowledge.filters`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from rung.errors import InternalError
from rung.knowledge.filters import matches, parsed
from rung.knowledge.protocol import Change, Fusion, Lookup
from rung.knowledge.store.lance import LanceIndex
from rung.records import Document
from rung.testing.knowledge import HashedWords, change_of
from rung.testing.reference import condition_of, invented, may_read

GROUPS = ("hr", "board", "o'brien", "日本", 'a"b', "%", "') OR true --")
AT_ONCE = 500


def leaks_and_misses(folder: Path, chance: random.Random, count: int) -> tuple[int, int]:
    """Forbidden and missed passages of `count` random searches in one random index, changed once, in this folder."""
    embedder, parents = HashedWords(32), chance.random() < 0.5
    index = LanceIndex(folder, memory_rows=chance.choice([0, 100_000]))
    documents = invented(chance.randrange(5, 200), chance, groups=GROUPS)
    with index.writing():
        index.commit([_with_parents(change_of(documents, embedder), parents)])
    moved = [replace(d, groups=tuple(chance.sample(GROUPS, chance.randrange(3)))) for d in documents[: len(documents) // 4]]
    dropped = frozenset(d.id for d in documents[-len(documents) // 5 :])
    with index.writing():
        index.commit([_with_parents(change_of(moved, embedder, removed=[*dropped, *(d.id for d in moved)]), parents)])
    now = {d.id: d for d in (*documents, *moved) if d.id not in dropped}
    snapshot = index.snapshot()
    if snapshot is None:
        raise InternalError("the index is empty after a commit")
    leaks = missed = 0
    for start in range(0, count, AT_ONCE):
        fusion = Fusion(chance.choice([0.3, 0.5, 1.0]), depth=chance.choice([5, 100]))
        lookups = [_lookup(chance, embedder) for _ in range(min(AT_ONCE, count - start))]
        for lookup, passages in zip(lookups, snapshot.search(lookups, fusion), strict=True):
            allowed = {d.id for d in now.values() if _may(d, lookup)}
            leaks += sum(p.document not in allowed for p in passages)
            missed += max(0, min(lookup.top, len(allowed)) - len({p.id for p in passages}))
    return leaks, missed


def _with_parents(change: Change, parents: bool) -> Change:
    """The same with the whole document as each passage's parent."""
    if not parents:
        return change
    lengths = {d.id: len(d.text) for d in change.documents}
    rows = [replace(r, passage=replace(r.passage, parent=(0, lengths[r.passage.document]))) for r in change.rows]
    return replace(change, rows=rows)


def _lookup(chance: random.Random, embedder: HashedWords) -> Lookup:
    query = " ".join(f"w{chance.randrange(45)}" for _ in range(chance.randrange(1, 6)))
    groups = chance.choice([None, frozenset(chance.sample([*GROUPS, "stranger"], chance.randrange(4)))])
    where = condition_of(chance) if chance.random() < 0.5 else ""
    diversity = chance.choice([0.0, 0.0, 0.5])
    return Lookup(query, embedder.embed([query], kind="query")[0], groups, chance.choice([1, 5, 50, 500]), where, diversity)


def _may(document: Document, lookup: Lookup) -> bool:
    return may_read(document, lookup.groups) and bool(document.text.strip()) and matches(document, parsed(lookup.where))
