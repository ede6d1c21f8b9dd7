"""A deterministic embedder, a search by brute force, and the contract that every store of passages keeps.

Subclass `IndexContract` in your tests and give it your store; pytest runs the rest.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from rung.errors import UserError
from rung.knowledge.chunking.passages import Chunking, rows_of
from rung.knowledge.filters import matches, parsed
from rung.knowledge.protocol import Change, Fusion, Index, Lookup, Snapshot
from rung.knowledge.ranking import fused
from rung.knowledge.sync import settings_of
from rung.records import Document
from rung.testing.reference import by_brute_force, condition_of, invented, is_right, may_read

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

__all__ = ["HashedWords", "IndexContract", "by_brute_force", "change_of", "condition_of", "invented", "is_right", "may_read"]

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
        for number, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                rows[number, int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) % self.dimensions] += 1
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
    cut = [row for d in documents for row in rows_of(d, chunking=chunking, count=count, max_tokens=256)]
    vectors = embedder.embed([r.indexed for r in cut], kind="passage")
    return Change(settings_of(embedder, chunking), vectors, documents, cut, frozenset(removed), fresh)


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
            index.commit([change])
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
        (results,) = snapshot.search([Lookup("refunds", embedder.embed(["refunds"], kind="query")[0], None, 1)], Fusion())
        assert [(p.id, p.text, p.title, p.source, p.groups) for p in results] == [
            ("b#0-24", "refunds take thirty days", "Refunds", "b.md", ("staff",))
        ]
        assert results[0].score > 0

    def test_a_snapshot_stays_as_it_is(self, tmp_path: Path, embedder: HashedWords) -> None:
        index = self.make_index(tmp_path)
        old, new = Document("x", "old words stand here"), Document("x", "new words stand here")
        gone = Document("y", "old and gone")
        with index.writing():
            index.commit([change_of([old, gone], embedder)])
        before = index.snapshot()
        with index.writing():
            index.commit([change_of([new], embedder, removed=["x", "y"])])
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
                results = snapshot.search([Lookup("secret word", vector, groups, 1)], Fusion(weight))[0]
                assert [p.document for p in results] == ["p"]
            assert len(snapshot.search([Lookup("secret word", vector, None, 400)], Fusion(weight))[0]) == 301

    def test_any_name_of_a_group_or_document_is_only_a_name(self, tmp_path: Path, embedder: HashedWords) -> None:
        documents = [Document(f"{name}#{n}", "same words", groups=(name,)) for n, name in enumerate(HOSTILE)]
        snapshot = self.filled(tmp_path, change_of(documents, embedder))
        vector = embedder.embed(["same words"], kind="query")[0]
        for number, name in enumerate(HOSTILE):
            results = snapshot.search([Lookup("same words", vector, frozenset({name}), 50)], Fusion())[0]
            assert [p.document for p in results] == [documents[number].id]
        assert snapshot.search([Lookup("same words", vector, frozenset({"nobody"}), 50)], Fusion()) == [()]
        index = self.make_index(tmp_path)
        with index.writing():
            index.commit([change_of([], embedder, removed=[documents[0].id])])
        after = index.snapshot()
        assert after is not None
        assert set(after.state.documents) == {d.id for d in documents[1:]}

    @pytest.mark.parametrize("query", QUERIES)
    def test_no_query_breaks_it(self, query: str, tmp_path: Path, embedder: HashedWords) -> None:
        snapshot = self.filled(tmp_path, change_of([Document("x", "a word of the house")], embedder))
        results = snapshot.search([Lookup(query, embedder.embed([query], kind="query")[0], frozenset(), 5)], Fusion())
        assert [p.document for p in results[0]] == ["x"]  # the dense ranking is never empty

    def test_stored_vectors_come_back(self, tmp_path: Path, embedder: HashedWords) -> None:
        change = change_of([Document("x", "one two"), Document("y", "three")], embedder)
        snapshot = self.filled(tmp_path, change)
        keys = [r.key for r in change.rows]
        results = snapshot.vectors([*keys, "0" * 32])
        assert set(results) == set(keys)
        for key, vector in zip(keys, change.vectors, strict=True):
            np.testing.assert_array_equal(results[key], vector)

    @pytest.mark.parametrize("seed", range(3))
    def test_it_finds_what_brute_force_finds(self, seed: int, tmp_path: Path, embedder: HashedWords) -> None:
        chance = random.Random(seed)
        change = change_of(invented(60, chance), embedder)
        snapshot = self.filled(tmp_path, change)
        lookups = []
        for _ in range(60):
            query = " ".join(f"w{chance.randrange(45)}" for _ in range(chance.randrange(1, 6)))
            groups = chance.choice([None, frozenset[str](), frozenset(chance.sample("abcd", chance.randrange(1, 4)))])
            where = condition_of(chance) if chance.random() < 0.5 else ""
            top = chance.choice([1, 3, 10, 200])
            lookups.append(Lookup(query, embedder.embed([query], kind="query")[0], groups, top, where))
        for fusion in (Fusion(), Fusion(1.0), Fusion(0.0), Fusion(0.3, depth=5), Fusion(0.6, by="ranks")):
            together = snapshot.search(lookups, fusion)
            for lookup, results in zip(lookups, together, strict=True):
                assert is_right(results, change, lookup, fusion)
        assert [snapshot.search([lookup], Fusion())[0] for lookup in lookups[:9]] == snapshot.search(lookups[:9], Fusion())

    def test_every_condition_means_what_is_written(self, tmp_path: Path, embedder: HashedWords) -> None:
        chance = random.Random(11)
        documents = invented(40, chance)
        snapshot = self.filled(tmp_path, change_of(documents, embedder))
        vector = embedder.embed(["w1"], kind="query")[0]
        for where in sorted({condition_of(chance) for _ in range(300)}):
            (results,) = snapshot.search([Lookup("w1", vector, None, 99, where)], Fusion(1.0))
            assert {p.document for p in results} == {d.id for d in documents if matches(d, parsed(where))}, where
        for wrong in (
            "{",
            "[]",
            '{"a": {"like": 1}}',
            '{"a": null}',
            '{"a": {}}',
            '{"a": {"in": 1}}',
            '{"a": {"gt": true}}',
        ):
            with pytest.raises(UserError, match="filter"):
                snapshot.search([Lookup("w1", vector, None, 9, wrong)], Fusion())

    def test_parents_stand_for_their_passages(self, tmp_path: Path, embedder: HashedWords) -> None:
        texts = {f"d{n}": " ".join(f"w{n} x{n * 7 + k}" for k in range(60)) for n in range(12)}
        documents = [Document(id, text, id, ("hr",) if id == "d3" else ()) for id, text in texts.items()]
        change = change_of(documents, embedder)
        rows = []
        for r in change.rows:  # parents of 200 characters
            start = r.passage.start // 200 * 200
            rows.append(
                replace(r, passage=replace(r.passage, parent=(start, min(start + 200, len(texts[r.passage.document])))))
            )
        snapshot = self.filled(tmp_path, replace(change, rows=rows))
        parents = {(r.passage.document, r.passage.parent) for r in rows}
        public = {pair for pair in parents if pair[0] != "d3"}
        query = embedder.embed(["w3 w5"], kind="query")[0]
        for top in (1, 5, len(public), 500):
            (results,) = snapshot.search([Lookup("w3 w5", query, frozenset(), top)], Fusion(depth=4))
            assert len(results) == min(top, len(public))
            assert len({p.id for p in results}) == len(results)
            assert {(p.document, (p.start, p.end)) for p in results} <= public
            assert [p.score for p in results] == sorted((p.score for p in results), reverse=True)
            for passage in results:
                assert passage.text == texts[passage.document][passage.start : passage.end]
                assert passage.id == f"{passage.document}#{passage.start}-{passage.end}"
        (all_of_it,) = snapshot.search([Lookup("w3 w5", query, None, 500)], Fusion())
        assert {(p.document, (p.start, p.end)) for p in all_of_it} == parents
        explained = snapshot.explain(Lookup("w3 w5", query, frozenset({"hr"}), 5), Fusion())
        assert tuple(e.passage for e in explained) == all_of_it[:5]
        assert explained[0].bm25 is not None

    def test_an_explanation_agrees_with_the_ranking(self, tmp_path: Path, embedder: HashedWords) -> None:
        snapshot = self.filled(tmp_path, change_of(invented(50, random.Random(5)), embedder))
        fusion = Fusion(0.3)
        lookup = Lookup("w1 w2 w3", embedder.embed(["w1 w2 w3"], kind="query")[0], frozenset("a"), 200)
        explained = snapshot.explain(lookup, fusion)
        assert [e.passage for e in explained] == list(snapshot.search([lookup], fusion)[0])
        dense = sorted((e.dense.rank, e.passage.id, e.dense.score) for e in explained if e.dense)
        bm25 = sorted((e.bm25.rank, e.passage.id, e.bm25.score) for e in explained if e.bm25)
        assert [rank for rank, _, _ in dense] == list(range(1, len(explained) + 1))
        assert [rank for rank, _, _ in bm25] == list(range(1, len(bm25) + 1))
        again = fused([(id, score) for _, id, score in dense], [(id, score) for _, id, score in bm25], fusion)
        assert again == [(e.passage.id, e.passage.score) for e in explained]

    def test_diversity_does_not_repeat_itself(self, tmp_path: Path, embedder: HashedWords) -> None:
        same = [Document(f"s{n}", "red apple pie recipe", source=f"{n}") for n in range(5)]
        snapshot = self.filled(tmp_path, change_of([*same, Document("o", "apple harvest in autumn fields")], embedder))
        vector = embedder.embed(["apple pie"], kind="query")[0]
        plain, varied = (
            [p.document for p in snapshot.search([Lookup("apple pie", vector, None, 2, diversity=d)], Fusion())[0]]
            for d in (0.0, 0.6)
        )
        assert plain == ["s0", "s1"]
        assert varied == ["s0", "o"]

    def test_many_changes_are_one_version(self, tmp_path: Path, embedder: HashedWords) -> None:
        index, documents = self.make_index(tmp_path), invented(30, random.Random(6))
        parts = [change_of(documents[start : start + 10], embedder) for start in (0, 10, 20)]

        def changes() -> Iterator[Change]:
            for part in parts:
                yield part
                assert index.snapshot() is None
            yield change_of([], embedder, removed=["d3"])

        with index.writing():
            index.commit(changes())
        snapshot = index.snapshot()
        assert snapshot is not None
        assert set(snapshot.state.documents) == {d.id for d in documents} - {"d3"}
        assert snapshot.version == 1
        at_once = self.filled(tmp_path / "other", change_of([d for d in documents if d.id != "d3"], embedder))
        assert snapshot.content == at_once.content

    def test_what_fails_on_the_way_leaves_no_trace(self, tmp_path: Path, embedder: HashedWords) -> None:
        index = self.make_index(tmp_path)
        with index.writing():
            index.commit([change_of([Document("x", "as it was")], embedder)])

        def changes() -> Iterator[Change]:
            yield change_of([Document("x", "as it shall be")], embedder, removed=["x"])
            raise RuntimeError("the embedder failed")

        with pytest.raises(RuntimeError, match="embedder failed"), index.writing():
            index.commit(changes())
        for reader in (index, self.make_index(tmp_path)):
            with reader.writing():
                pass
            snapshot = reader.snapshot()
            assert snapshot is not None
            assert [d.text for d in snapshot.documents()] == ["as it was"]

    def test_a_version_is_gone_back_to_with_changes_or_not_at_all(self, tmp_path: Path, embedder: HashedWords) -> None:
        index = self.make_index(tmp_path)
        for text in ("first words", "second words"):
            with index.writing():
                index.commit([change_of([Document("x", text), Document("y", "other words")], embedder, removed=["x", "y"])])
        old = index.snapshot(1)
        assert old is not None
        rows, vectors = old.stored(["x", "y", "z"])
        assert {(r.passage.document, r.passage.text, r.indexed) for r in rows} == {
            ("x", "first words", "first words"),
            ("y", "other words", "other words"),
        }
        assert {r.key: v.tolist() for r, v in zip(rows, vectors, strict=True)} == {
            key: v.tolist() for key, v in old.vectors([r.key for r in rows]).items()
        }
        secret = Document("x", "first words", groups=("staff",))

        def broken() -> Iterator[Change]:
            yield change_of([secret], embedder, removed=["x"])
            raise RuntimeError("no rights")

        with pytest.raises(RuntimeError, match="no rights"):
            index.rollback(1, broken())
        with index.writing():
            pass
        now = index.snapshot()
        assert now is not None
        assert ([d.text for d in now.documents(["x"])], now.held) == (["second words"], False)
        index.rollback(1, [change_of([secret], embedder, removed=["x"])])
        back = self.make_index(tmp_path).snapshot()
        assert back is not None
        assert (back.held, index.versions()[0].made_by) == (True, "rollback to 1")
        assert back.groups == {"x": ("staff",), "y": ()}
        lookups = [
            Lookup("words", embedder.embed(["words"], kind="query")[0], g, 5) for g in (frozenset({"staff"}), frozenset())
        ]
        texts = [{p.text for p in some} for some in back.search(lookups, Fusion())]
        assert texts == [{"first words", "other words"}, {"other words"}]

    def test_versions_are_listed_and_gone_back_to(self, tmp_path: Path, embedder: HashedWords) -> None:
        index = self.make_index(tmp_path)
        for text in ("first", "second", "third"):
            with index.writing():
                index.commit([change_of([Document("x", text)], embedder, removed=["x"])])
        assert [v.number for v in index.versions()] == [3, 2, 1]
        index.rollback(2)
        back = self.make_index(tmp_path).snapshot()
        assert back is not None
        assert [d.text for d in back.documents()] == ["second"]
        assert (back.version, back.held, index.versions()[0].made_by) == (4, True, "rollback to 2")
        vector = embedder.embed(["second"], kind="query")[0]
        assert [p.text for p in back.search([Lookup("second", vector, None, 5)], Fusion())[0]] == ["second"]
        with index.writing():
            index.commit([change_of([Document("y", "fourth")], embedder)])
        now = index.snapshot()
        assert now is not None
        assert (sorted(now.state.documents), now.held) == (["x", "y"], False)
        assert [d.text for d in now.documents()] == ["second", "fourth"]
        with pytest.raises(UserError, match=r"no version 77 .* there are: 1, 2, 3, 4"):
            index.rollback(77)
        index.prune()
        assert len(index.versions()) == 1
        after = self.make_index(tmp_path).snapshot()
        assert after is not None
        assert [d.text for d in after.documents()] == ["second", "fourth"]
