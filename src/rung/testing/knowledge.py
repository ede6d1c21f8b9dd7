"""A deterministic embedder, a search by brute force, and the contract that every store of passages keeps.

Subclass `IndexContract` in your tests and give it your store; pytest runs the rest.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from rung.knowledge.chunking import Chunking, passages, row
from rung.knowledge.protocol import Change, Fusion, Groups, Index, Lookup, Row, Snapshot
from rung.knowledge.sync import settings_of
from rung.records import Document, Passage

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

HOSTILE = ("o'brien", 'say "hi"', "a,b", "') OR true --", "ünïcödé 😀", "back\\slash", "%", " ", "null", "x" * 300)
QUERIES = (
    "",
    "   ",
    "\x00",
    '"',
    "'",
    "a AND (b OR",
    "title:x^2~",
    '{"match": 1}',
    "the of and",
    "😀 ü 漢字",
    "-+*/\\?[",
    "word " * 2000,
)


class HashedWords:
    """An `Embedder` without a model: each word adds one to a place of the vector that its hash names. Unit length."""

    def __init__(self, dimensions: int = 64, *, name: str = "hashed-words") -> None:
        self.identity, self.dimensions, self.max_tokens = f"{name}-{dimensions}", dimensions, 256
        self.embedded: list[str] = []  # every text that was ever embedded as a passage

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        """Rows of unit length, float32, shape [len(texts), dimensions]; a text without words is the first unit vector."""
        if kind == "passage":
            self.embedded.extend(texts)
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for place, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                rows[place, int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) % self.dimensions] += 1
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words and marks."""
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def change_of(
    documents: Sequence[Document], embedder: HashedWords, *, removed: Sequence[str] = (), fresh: bool = False
) -> Change:
    """The change that brings these documents into a store."""
    chunking, count = Chunking(tokens=32, overlap=4), embedder.count_tokens
    rows = [row(p, count=count) for d in documents for p in passages(d, chunking=chunking, count=count, max_tokens=256)]
    vectors = embedder.embed([r.indexed for r in rows], kind="passage")
    return Change(settings_of(embedder, chunking), vectors, documents, rows, frozenset(removed), fresh)


def may_read(passage: Passage, groups: Groups) -> bool:
    """Whether an asker of these groups may read a passage."""
    return groups is None or not passage.groups or bool(set(passage.groups) & groups)


def by_brute_force(change: Change, lookup: Lookup, fusion: Fusion) -> list[tuple[str, float]]:
    """What a search must find: (passage id, fused score), computed one passage at a time from the definitions.

    BM25 with k1 = 1.2 and b = 0.75 over lower-cased words, without stemming or stop words: use words that have neither.
    """
    rows = [(r, v) for r, v in zip(change.rows, change.vectors, strict=True) if may_read(r.passage, lookup.groups)]
    depth = max(fusion.depth, lookup.top)
    dense = [(r.passage.id, round(float(v.astype(float) @ lookup.vector.astype(float)), 6)) for r, v in rows]
    bm25 = [(id, score) for id, score in _bm25(change.rows, [r for r, _ in rows], lookup.text) if score > 0]
    fused: dict[str, float] = {}
    for weight, ranking in ((fusion.dense_weight, dense), (1 - fusion.dense_weight, bm25)):
        ranked = sorted(ranking, key=lambda pair: (-pair[1], pair[0]))[:depth] if weight else []
        for rank, (id, _) in enumerate(ranked, 1):
            fused[id] = fused.get(id, 0.0) + weight / (fusion.k + rank)
    return sorted(((id, round(s, 9)) for id, s in fused.items()), key=lambda pair: (-pair[1], pair[0]))[: lookup.top]


def _bm25(corpus: Sequence[Row], readable: Sequence[Row], query: str) -> list[tuple[str, float]]:
    words = {r.passage.id: re.findall(r"[a-z0-9]+", r.indexed.lower()) for r in corpus}
    average = sum(map(len, words.values())) / max(len(words), 1)
    holding = Counter(word for found in words.values() for word in set(found))
    scores = []
    for r in readable:
        counts, length, score = Counter(words[r.passage.id]), len(words[r.passage.id]), 0.0
        for word in re.findall(r"[a-z0-9]+", query.lower()):
            rarity = math.log(1 + (len(words) - holding[word] + 0.5) / (holding[word] + 0.5))
            score += rarity * counts[word] * 2.2 / (counts[word] + 1.2 * (0.25 + 0.75 * length / average))
        scores.append((r.passage.id, round(score, 4)))
    return scores


def invented(count: int, random: random.Random, *, groups: Sequence[str] = ("a", "b", "c")) -> list[Document]:
    """Documents of made-up words, each with a random access list, some for everybody."""
    made = []
    for number in range(count):
        text = " ".join(f"w{random.randrange(40)}" for _ in range(random.randrange(1, 25)))
        access = tuple(random.sample(list(groups), random.randrange(len(groups) + 1)))
        made.append(Document(f"d{number}", text, f"t{number % 5}", access, source=f"{number}.txt"))
    return made


class IndexContract:
    """What every store must keep. Override `make_index`; each test has a folder of its own."""

    def make_index(self, folder: Path) -> Index:
        """A store that is empty where `folder` is, and opens what is there where it is not."""
        raise NotImplementedError

    @pytest.fixture
    def embedder(self) -> HashedWords:
        """Embeds everything in these tests."""
        return HashedWords()

    def filled(self, folder: Path, change: Change) -> Snapshot:
        """A snapshot after one commit."""
        index = self.make_index(folder)
        with index.writing():
            index.commit(change)
        snapshot = index.snapshot()
        assert snapshot is not None
        return snapshot

    def test_nothing_is_there_before_the_first_commit(self, tmp_path: Path) -> None:
        assert self.make_index(tmp_path / "index").snapshot() is None

    def test_what_was_committed_is_found_by_another_reader(self, tmp_path: Path, embedder: HashedWords) -> None:
        documents = [
            Document("b", "refunds take thirty days", "Refunds", ("staff",), {"k": [1, {"x": None}]}, "b.md"),
            Document("a", "we ship to Norway", source="a.md"),
        ]
        change = change_of(documents, embedder)
        self.filled(tmp_path, change)
        snapshot = self.make_index(tmp_path).snapshot()
        assert snapshot is not None
        assert snapshot.state.documents == {d.id: d.digest for d in documents}
        assert snapshot.state.settings == change.settings
        assert snapshot.groups == {"a": (), "b": ("staff",)}
        assert snapshot.documents() == tuple(sorted(documents, key=lambda d: d.id))
        assert snapshot.documents(["b", "nobody"]) == (documents[0],)
        assert snapshot.passage_count == 2
        assert snapshot.passages_of("b") == (change.rows[0].passage,)
        assert snapshot.passages_of("nobody") == ()
        (found,) = snapshot.search([Lookup("refunds", embedder.embed(["refunds"], kind="query")[0], None, 1)], Fusion())
        assert [(p.id, p.text, p.title, p.source, p.groups) for p in found] == [
            ("b#0-24", "refunds take thirty days", "Refunds", "b.md", ("staff",))
        ]
        assert found[0].score > 0

    def test_a_snapshot_stays_as_it_is(self, tmp_path: Path, embedder: HashedWords) -> None:
        index = self.make_index(tmp_path)
        old, new = Document("x", "old words stand here"), Document("x", "new words stand here")
        gone = Document("y", "old and gone")
        with index.writing():
            index.commit(change_of([old, gone], embedder))
        before = index.snapshot()
        with index.writing():
            index.commit(change_of([new], embedder, removed=["x", "y"]))
        after = index.snapshot()
        assert before is not None
        assert after is not None
        lookup = Lookup("words gone", embedder.embed(["words gone"], kind="query")[0], None, 9)
        assert {p.text for p in before.search([lookup], Fusion())[0]} == {old.text, gone.text}
        assert {p.text for p in after.search([lookup], Fusion())[0]} == {new.text}
        assert list(after.state.documents) == ["x"]
        assert after.documents() == (new,)

    def test_a_fresh_commit_leaves_nothing_of_before(self, tmp_path: Path, embedder: HashedWords) -> None:
        self.filled(tmp_path, change_of([Document("x", "one")], embedder))
        wider = HashedWords(128)
        snapshot = self.filled(tmp_path, change_of([Document("y", "two")], wider, fresh=True))
        assert list(snapshot.state.documents) == ["y"]
        lookup = Lookup("one", wider.embed(["one"], kind="query")[0], None, 9)
        assert [p.document for p in snapshot.search([lookup], Fusion())[0]] == ["y"]

    def test_an_empty_store_finds_nothing(self, tmp_path: Path, embedder: HashedWords) -> None:
        snapshot = self.filled(tmp_path, change_of([], embedder))
        assert snapshot.search([Lookup("x", embedder.embed(["x"], kind="query")[0], None, 5)], Fusion()) == [()]
        assert snapshot.documents() == ()
        assert snapshot.passage_count == 0

    def test_forbidden_passages_take_no_place(self, tmp_path: Path, embedder: HashedWords) -> None:
        better = [Document(f"s{n}", f"secret word {n}", groups=("board",)) for n in range(300)]
        snapshot = self.filled(tmp_path, change_of([*better, Document("p", "word among many others")], embedder))
        vector = embedder.embed(["secret word"], kind="query")[0]
        for weight in (0.0, 0.5, 1.0):
            for groups in (frozenset[str](), frozenset({"staff"})):
                found = snapshot.search([Lookup("secret word", vector, groups, 1)], Fusion(weight))[0]
                assert [p.document for p in found] == ["p"]
            assert len(snapshot.search([Lookup("secret word", vector, None, 400)], Fusion(weight))[0]) == 301

    def test_any_name_of_a_group_or_document_is_only_a_name(self, tmp_path: Path, embedder: HashedWords) -> None:
        documents = [Document(f"{name}#{n}", "same words", groups=(name,)) for n, name in enumerate(HOSTILE)]
        snapshot = self.filled(tmp_path, change_of(documents, embedder))
        vector = embedder.embed(["same words"], kind="query")[0]
        for place, name in enumerate(HOSTILE):
            found = snapshot.search([Lookup("same words", vector, frozenset({name}), 50)], Fusion())[0]
            assert [p.document for p in found] == [documents[place].id]
        assert snapshot.search([Lookup("same words", vector, frozenset({"nobody"}), 50)], Fusion()) == [()]
        index = self.make_index(tmp_path)
        with index.writing():
            index.commit(change_of([], embedder, removed=[documents[0].id]))
        after = index.snapshot()
        assert after is not None
        assert set(after.state.documents) == {d.id for d in documents[1:]}

    @pytest.mark.parametrize("query", QUERIES)
    def test_no_query_breaks_it(self, query: str, tmp_path: Path, embedder: HashedWords) -> None:
        snapshot = self.filled(tmp_path, change_of([Document("x", "a word of the house")], embedder))
        found = snapshot.search([Lookup(query, embedder.embed([query], kind="query")[0], frozenset(), 5)], Fusion())
        assert [p.document for p in found[0]] == ["x"]  # the dense ranking is never empty

    def test_stored_vectors_come_back(self, tmp_path: Path, embedder: HashedWords) -> None:
        change = change_of([Document("x", "one two"), Document("y", "three")], embedder)
        snapshot = self.filled(tmp_path, change)
        keys = [r.key for r in change.rows]
        found = snapshot.vectors([*keys, "0" * 32])
        assert set(found) == set(keys)
        for key, vector in zip(keys, change.vectors, strict=True):
            np.testing.assert_array_equal(found[key], vector)

    @pytest.mark.parametrize("seed", range(3))
    def test_it_finds_what_brute_force_finds(self, seed: int, tmp_path: Path, embedder: HashedWords) -> None:
        chance = random.Random(seed)
        change = change_of(invented(60, chance), embedder)
        snapshot = self.filled(tmp_path, change)
        lookups = []
        for _ in range(60):
            query = " ".join(f"w{chance.randrange(45)}" for _ in range(chance.randrange(1, 6)))
            groups = chance.choice([None, frozenset[str](), frozenset(chance.sample("abcd", chance.randrange(1, 4)))])
            lookups.append(Lookup(query, embedder.embed([query], kind="query")[0], groups, chance.choice([1, 3, 10, 200])))
        for fusion in (Fusion(), Fusion(1.0), Fusion(0.0), Fusion(0.3, depth=5)):
            together = snapshot.search(lookups, fusion)
            for lookup, found in zip(lookups, together, strict=True):
                assert [(p.id, p.score) for p in found] == by_brute_force(change, lookup, fusion)
        assert [snapshot.search([lookup], Fusion())[0] for lookup in lookups[:9]] == snapshot.search(lookups[:9], Fusion())
