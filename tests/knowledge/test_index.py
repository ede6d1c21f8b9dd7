"""Does the store keep the contract, in memory and by its own scan? Does a forbidden passage ever come through?"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge import Chunking, Knowledge
from rung.knowledge.protocol import Fusion, IndexGone, Lookup
from rung.knowledge.store import table_reading
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.rows import Rows
from rung.knowledge.store.snapshot import LanceSnapshot
from rung.records import Asker, Document
from rung.testing.knowledge import HashedWords, IndexContract, change_of, is_right, may_read

EMBEDDER = HashedWords(16)
GROUPS = ["hr", "o'brien", "日本", 'a"b', "%"]
access_lists = st.lists(st.lists(st.sampled_from(GROUPS), unique=True), min_size=1, max_size=30)
askers = st.one_of(st.none(), st.frozensets(st.sampled_from([*GROUPS, "stranger"])))
searches = st.tuples(askers, st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 40))


class TestInMemory(IndexContract):
    def make_index(self, folder: Path) -> LanceIndex:
        return LanceIndex(folder)


class TestByScan(IndexContract):
    def make_index(self, folder: Path) -> LanceIndex:
        return LanceIndex(folder, memory_rows=0)


@pytest.mark.slow
@pytest.mark.parametrize("memory_rows", [0, 1000])
@settings(max_examples=25, deadline=None)
@given(lists=access_lists, words=st.integers(0, 2**32), asked=st.lists(searches, min_size=40, max_size=40))
def test_no_forbidden_passage_comes_and_no_readable_one_is_missed(
    memory_rows: int, lists: list[list[str]], words: int, asked: Sequence[tuple[frozenset[str] | None, list[int], int]]
) -> None:
    documents = [
        Document(f"d{n}", " ".join(f"w{(words >> k) * (n + 1) % 10}" for k in range(1 + n % 7)), groups=tuple(groups))
        for n, groups in enumerate(lists)
    ]
    change = change_of(documents, EMBEDDER)
    lookups = []
    for groups, numbers, top in asked:
        query = " ".join(f"w{n}" for n in numbers)
        lookups.append(Lookup(query, EMBEDDER.embed([query], kind="query")[0], groups, top))
    with tempfile.TemporaryDirectory() as folder:
        index = LanceIndex(Path(folder), memory_rows=memory_rows)
        with index.writing():
            index.commit([change])
        snapshot = index.snapshot()
        assert snapshot is not None
        for lookup, found in zip(lookups, snapshot.search(lookups, Fusion()), strict=True):
            assert all(may_read(passage, lookup.groups) for passage in found)
            assert is_right(found, change, lookup, Fusion())


@pytest.mark.slow
def test_both_ways_agree_on_a_larger_index(tmp_path: Path) -> None:
    import random

    from rung.testing.knowledge import invented

    chance, embedder = random.Random(7), HashedWords(64)
    index = LanceIndex(tmp_path)
    with index.writing():
        index.commit([change_of(invented(1500, chance), embedder)])
    lookups = []
    for _ in range(30):
        query = " ".join(f"w{chance.randrange(40)}" for _ in range(4))
        lookups.append(Lookup(query, embedder.embed([query], kind="query")[0], frozenset(chance.sample("abc", 1)), 20))
    one, other = index.snapshot(), LanceIndex(tmp_path, memory_rows=0).snapshot()
    assert one is not None
    assert other is not None
    pairs = list(zip(one.search(lookups, Fusion()), other.search(lookups, Fusion()), strict=True))
    assert sum(len({p.id for p in a} & {p.id for p in b}) for a, b in pairs) >= 0.98 * sum(len(a) for a, _ in pairs)


@pytest.mark.slow
def test_the_way_to_a_state_does_not_show_in_its_results(tmp_path: Path) -> None:
    import random

    from rung.testing.knowledge import invented

    documents, embedder = invented(80, random.Random(3)), HashedWords()
    straight, winding = LanceIndex(tmp_path / "a"), LanceIndex(tmp_path / "b")
    with straight.writing():
        straight.commit([change_of(documents, embedder)])
    with winding.writing():
        winding.commit([change_of(invented(50, random.Random(4)), embedder)])
    for part in (documents[60:], documents[20:60], documents[:20]):
        with winding.writing():
            winding.commit([change_of(part, embedder, removed=[d.id for d in part])])
    lookups = [Lookup(f"w{n} w{n + 1}", embedder.embed([f"w{n} w{n + 1}"], kind="query")[0], None, 30) for n in range(30)]
    one, other = straight.snapshot(), winding.snapshot()
    assert one is not None
    assert other is not None
    assert one.search(lookups, Fusion()) == other.search(lookups, Fusion())


def test_what_was_replaced_long_ago_is_erased(tmp_path: Path) -> None:
    embedder, index = HashedWords(), LanceIndex(tmp_path)
    with index.writing():
        index.commit([change_of([Document("x", "topsecretword"), Document("y", "other")], embedder)])
    old = index.snapshot()
    with index.writing():
        index.commit([change_of([], embedder, removed=["x"])])
    held = [p for p in tmp_path.rglob("*") if p.is_file() and b"topsecretword" in p.read_bytes()]
    assert held  # still there for those who are reading it
    with LanceIndex(tmp_path, kept_seconds=0, kept_versions=1).writing():
        pass
    assert [p for p in tmp_path.rglob("*") if p.is_file() and b"topsecretword" in p.read_bytes()] == []
    snapshot = index.snapshot()
    assert snapshot is not None
    assert list(snapshot.state.documents) == ["y"]
    assert old is not None
    with pytest.raises(IndexGone, match="run the command again"):
        old.search([Lookup("topsecretword", embedder.embed(["x"], kind="query")[0], None, 5)], Fusion())


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 10, 13, 41, 1000])
@pytest.mark.parametrize("rebuilt_rows", [20_000, 0])
def test_pruned_is_in_no_file(count: int, rebuilt_rows: int, tmp_path: Path) -> None:
    """However few the deleted rows are: the store's compaction alone keeps less than a tenth of deleted rows in a file."""
    embedder = HashedWords()
    index = LanceIndex(tmp_path, rebuilt_rows=rebuilt_rows)
    documents = [Document(f"d{n}", f"word{n}x stands here") for n in range(count)]
    with index.writing():
        index.commit([change_of(documents, embedder)])
    with index.writing():
        index.commit([change_of([Document("d0", "other words now")], embedder, removed=["d0", "d1"])])
    gone = {"word0x": documents[0], "word1x": documents[1] if count > 1 else documents[0]}
    assert _holding(tmp_path, "word0x"), "the check of the check"
    index.prune()
    assert {word: _holding(tmp_path, word) for word in gone} == {word: [] for word in gone}
    assert not [path for path in tmp_path.rglob("_deletions/*") if path.is_file()]
    snapshot = index.snapshot()
    assert snapshot is not None
    assert sorted(d.id for d in snapshot.documents()) == sorted({"d0", *(d.id for d in documents[2:])})
    if count > 2:
        query = Lookup("word2x", embedder.embed(["word2x"], kind="query")[0], None, 1)
        assert [p.document for p in snapshot.search([query], Fusion())[0]] == ["d2"]
    with index.writing():
        index.commit([change_of([Document("new", "added later")], embedder)])
    later = index.snapshot()
    assert later is not None
    assert "new" in later.state.documents


def _holding(folder: Path, word: str) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]


@pytest.mark.parametrize(
    ("text", "says", "do"),
    [
        ("{", "is damaged", "rung doctor --repair"),
        ("[]", "is damaged", "rung doctor --repair"),
        ('{"format": 99}', "another version", "rung sync"),
        ('{"format": 3, "generation": 1}', "is damaged", "rung doctor --repair"),
    ],
)
def test_a_damaged_or_newer_index_says_what_to_do(text: str, says: str, do: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0000000001.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says) as caught:
        LanceIndex(tmp_path).snapshot()
    assert do in str(caught.value)


def test_who_will_make_many_searches_has_the_vectors_in_memory(tmp_path: Path) -> None:
    embedder = HashedWords()
    knowledge = Knowledge.open(tmp_path, embedder=embedder, chunking=Chunking(32, 4))
    knowledge.index = LanceIndex(tmp_path, memory_rows=0)
    knowledge.sync([Document("a", "word of the pump")])
    before = knowledge.search("pump", asker=Asker())
    assert _rows(knowledge).held is None
    knowledge.warm()
    assert _rows(knowledge).held is not None
    assert knowledge.search("pump", asker=Asker()) == before


def _rows(knowledge: Knowledge) -> Rows:
    snapshot = knowledge.snapshot()
    assert isinstance(snapshot, LanceSnapshot)
    assert snapshot._rows is not None
    return snapshot._rows


def test_files_of_versions_that_nobody_reads_do_not_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reading, "_VERSIONS", 3)
    knowledge = Knowledge.open(tmp_path, embedder=HashedWords(), chunking=Chunking(32, 4))
    opened = []
    for number in range(16):
        knowledge.sync([Document("a", f"word {number} of the pump")])
        assert knowledge.search("pump", asker=Asker())
        gc.collect()
        opened.append(sum(str(tmp_path) in os.path.realpath(at) for at in Path("/proc/self/fd").iterdir()))
    assert max(opened) <= 6, opened
