"""Does a sync do only what is needed, wholly or not at all, whatever interrupts it?"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge import Chunking, Fusion, Knowledge
from rung.records import Asker, Document
from rung.testing.knowledge import HashedWords, invented

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

OWNER = Asker()


def opened(folder: Path, embedder: HashedWords | None = None, tokens: int = 32) -> Knowledge:
    return Knowledge.open(folder, embedder=embedder or HashedWords(), chunking=Chunking(tokens, 4))


def documents(count: int = 12) -> list[Document]:
    return [Document(f"d{n}", f"word{n} of document number{n}", f"Title {n}", source=f"d{n}.md") for n in range(count)]


def found(knowledge: Knowledge, query: str) -> set[str]:
    return {p.document for p in knowledge.search(query, asker=OWNER, top=50) if query in p.text}


def test_only_what_changed_is_embedded(tmp_path: Path) -> None:
    embedder, ticks = HashedWords(), list[tuple[int, int]]()
    knowledge = opened(tmp_path, embedder)
    first = knowledge.sync(documents(), progress=lambda done, total: ticks.append((done, total)))
    assert (first.added, first.passages, first.embedded, first.rebuilt) == (12, 12, 12, "")
    assert ticks == [(0, 12), (12, 12)]
    embedder.embedded.clear()

    changed = [*documents()[:9], Document("d9", "anew", source="d9.md"), Document("n", "a newcomer", source="n.md")]
    dry = knowledge.compare(changed)
    second = knowledge.sync(changed)
    assert (second.added, second.changed, second.removed, second.unchanged) == (1, 1, 2, 9)
    assert (dry.added, dry.changed, dry.removed, dry.unchanged, dry.passages) == (1, 1, 2, 9, 12)
    assert sorted(embedder.embedded) == ["a newcomer", "anew"]
    assert second.passages == knowledge.passage_count == 11
    assert found(knowledge, "word11") == set()
    assert found(knowledge, "newcomer") == {"n"}

    embedder.embedded.clear()
    third = knowledge.sync(changed)
    assert (third.added, third.changed, third.removed, third.unchanged) == (0, 0, 0, 11)
    assert embedder.embedded == []


def test_a_renamed_or_regrouped_document_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = HashedWords()
    knowledge = opened(tmp_path, embedder)
    knowledge.sync([Document("old.md", "the same text", groups=())])
    embedder.embedded.clear()
    report = knowledge.sync([Document("new.md", "the same text", groups=("staff",))])
    assert (report.added, report.removed, report.renamed, report.embedded) == (0, 0, 1, 0)
    assert embedder.embedded == []
    assert knowledge.search("same text", asker=Asker(frozenset())) == ()
    assert [p.document for p in knowledge.search("same text", asker=Asker(frozenset({"staff"})))] == ["new.md"]


def test_another_embedder_or_chunking_makes_everything_anew_and_says_so(tmp_path: Path) -> None:
    opened(tmp_path).sync(documents())
    wider = HashedWords(128)
    with pytest.raises(UserError, match="another embedder, hashed-words-64; run 'rung sync'"):
        opened(tmp_path, wider).search("word1", asker=OWNER)
    knowledge = opened(tmp_path, wider)
    report = knowledge.sync(documents())
    assert report.rebuilt == "the embedder changed from hashed-words-64 to hashed-words-128"
    assert (report.unchanged, report.embedded) == (12, 12)
    assert found(knowledge, "word3") == {"d3"}
    recut = opened(tmp_path, wider, tokens=16).sync(documents())
    assert recut.rebuilt.startswith("the chunking changed from {'tokens': 32, 'overlap': 4, 'parent_tokens': 0} to")
    assert recut.passages == 12


@pytest.mark.slow
def test_the_identity_follows_what_results_depend_on(tmp_path: Path) -> None:
    one = opened(tmp_path / "a")
    empty = one.identity
    one.sync(documents())
    full = one.identity
    other = opened(tmp_path / "b")
    other.sync(documents(3))
    other.sync(list(reversed(documents())))
    assert empty != full == other.identity
    assert opened(tmp_path / "a").identity == full
    other.sync([*documents(11), Document("d11", "word11 of document number11", "Title 11", ("hr",), source="d11.md")])
    assert other.identity != full
    other.sync(documents())
    assert other.identity == full
    assert Knowledge.open(tmp_path / "a", embedder=HashedWords(), fusion=Fusion(0.4)).identity != full
    opened(tmp_path / "a", tokens=16).sync(documents())
    assert opened(tmp_path / "a").identity != full
    code = f"from tests.knowledge.test_sync import *; print(opened(Path({str(tmp_path / 'b')!r})).identity)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert said.stdout.strip() == full


def test_no_documents_empty_the_index(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    assert knowledge.sync([]).passages == 0
    assert knowledge.search("word", asker=OWNER) == ()
    knowledge.sync(documents())
    assert knowledge.sync([]).removed == 12
    assert knowledge.search("word", asker=OWNER) == ()
    assert knowledge.documents() == ()
    assert knowledge.sync(documents()).added == 12


def test_problem_documents_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    half = Document("half", "a \ud83d b", source="half.txt")
    twice = Document("d0", "other", source="second.md")
    blank = Document("blank", "  \n ", source="blank.md")
    knowledge = opened(tmp_path)
    report = knowledge.sync([*documents(2), twice, half, blank])
    assert [str(p) for p in report.problems] == [
        "second.md: the id 'd0' is already taken by d0.md; the first one is kept",
        "half.txt: holds half characters (lone surrogates), which can be stored nowhere; left out",
    ]
    assert report.added == 3
    assert report.passages == 2
    assert found(knowledge, "word0") == {"d0"}


def test_search_before_the_first_sync(tmp_path: Path) -> None:
    knowledge = opened(tmp_path / "none")
    with pytest.raises(UserError, match=r"nothing is indexed in .* yet; run 'rung sync'"):
        knowledge.search("x", asker=OWNER)
    assert knowledge.search(" ", asker=OWNER) == ()
    assert knowledge.passage_count == 0
    assert knowledge.document_groups() == {}
    assert not (tmp_path / "none").exists()


def test_a_reader_elsewhere_sees_the_whole_new_state_or_the_whole_old_one(tmp_path: Path) -> None:
    writer, reader = opened(tmp_path), opened(tmp_path)
    writer.sync(documents())
    pinned = opened(tmp_path)
    engine_sees = pinned.identity
    writer.sync(documents(3))
    assert found(reader, "word11") == set()
    assert found(reader, "word2") == {"d2"}
    assert pinned.identity == engine_sees
    assert len(pinned.snapshot().state.documents) == 12
    pinned.refresh()
    assert pinned.identity == writer.identity


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(states=st.lists(st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 3), max_size=7), min_size=1, max_size=5))
def test_any_row_of_syncs_ends_where_a_single_one_does(states: list[dict[str, int]]) -> None:
    import tempfile

    def corpus(state: dict[str, int]) -> list[Document]:
        return [Document(id, f"version{v} of {id} " * 9, groups=("x",) * (v % 2)) for id, v in state.items()]

    with tempfile.TemporaryDirectory() as folder:
        winding, straight = opened(Path(folder) / "a"), opened(Path(folder) / "b")
        for state in states:
            winding.sync(corpus(state))
        straight.sync(corpus(states[-1]))
        assert winding.identity == straight.identity
        assert winding.passage_count == straight.passage_count
        for query in ("version1 of a", "version2", "of g"):
            for asker in (OWNER, Asker(frozenset()), Asker(frozenset("x"))):
                assert winding.search(query, asker=asker, top=99) == straight.search(query, asker=asker, top=99)


class Slow(HashedWords):
    """Takes its time, so that there is a moment to be killed at."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        time.sleep(0.004)
        if kind == "passage":
            sys.stdout.write(f"{len(texts)}\n")
            sys.stdout.flush()
        return super().embed(texts, kind=kind)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}


def _start(folder: Path, *, count: int, seed: int) -> subprocess.Popen[str]:
    code = f"""
        from tests.knowledge.test_sync import *
        opened(Path({str(folder)!r}), Slow()).sync(invented({count}, random.Random({seed})))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())


@pytest.mark.slow
def test_killed_at_any_moment_it_stays_readable_and_goes_on(tmp_path: Path) -> None:
    before, after = invented(40, random.Random(1)), invented(1500, random.Random(2))
    straight = opened(tmp_path / "straight")
    straight.sync(after)
    knowledge, chance, states = opened(tmp_path / "killed"), random.Random(5), set()
    knowledge.sync(before)
    old = knowledge.identity
    for _ in range(8):
        process = _start(tmp_path / "killed", count=1500, seed=2)
        assert process.stdout is not None
        process.stdout.readline()  # embedding, or done
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        states.add(opened(tmp_path / "killed").identity)
        assert opened(tmp_path / "killed").search("w1 w2", asker=OWNER)
        assert states <= {old, straight.identity}
    embedder = HashedWords()
    last = opened(tmp_path / "killed", embedder)
    report = last.sync(after)
    assert report.embedded < 1000  # what was embedded before a kill was not embedded again
    assert last.identity == straight.identity
    for query in ("w1 w2 w3", "w7", "w39 w0"):
        assert last.search(query, asker=OWNER, top=30) == straight.search(query, asker=OWNER, top=30)
    assert not (tmp_path / "killed" / "staging").exists()


@pytest.mark.slow
def test_an_interrupted_commit_is_undone(tmp_path: Path) -> None:
    """The tables have moved on, the version was not made: as after a kill between the two."""
    knowledge = opened(tmp_path)
    knowledge.sync(documents())
    knowledge.sync(documents(3))
    (tmp_path / "versions" / "0000000002.json").unlink()
    old = opened(tmp_path)
    assert len(old.documents()) == 12
    assert found(old, "word11") == {"d11"}
    report = old.sync([*documents(), Document("n", "a newcomer")])
    assert (report.added, report.unchanged, report.passages) == (1, 12, 13)
    assert found(old, "word11") == {"d11"}


FULL = """
    import resource
    from tests.knowledge.test_sync import *
    knowledge = opened(Path({folder!r}), HashedWords({dimensions}))
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    try:
        knowledge.sync(invented(900, random.Random(2)))
    except UserError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "dimensions"), [(0, 64), (2_000, 64), (60_000, 64), (150_000, 64), (150_000, 128)])
def test_a_disk_that_is_full(limit: int, dimensions: int, tmp_path: Path) -> None:
    """The system refuses to let files grow past `limit`: a real error of the disk, wherever it strikes."""
    knowledge = opened(tmp_path)
    knowledge.sync(documents())
    code = textwrap.dedent(FULL.format(folder=str(tmp_path), limit=limit, dimensions=dimensions))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert "could not be written" in said.stdout
    assert "same command again" in said.stdout.replace("\n", " ")
    assert len(said.stdout.strip().splitlines()) == 1
    again = opened(tmp_path)
    assert found(again, "word11") == {"d11"}
    again = opened(tmp_path, HashedWords(dimensions))
    assert again.sync(invented(900, random.Random(2))).passages == 900
    straight = opened(tmp_path / "straight", HashedWords(dimensions))
    straight.sync(invented(900, random.Random(2)))
    assert again.search("w1 w2", asker=OWNER, top=30) == straight.search("w1 w2", asker=OWNER, top=30)


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="could not be written"):
        opened(tmp_path / "file" / "index").sync(documents())


def test_damaged_staging_is_only_a_cache(tmp_path: Path) -> None:
    from rung.knowledge.store.staging import Staging

    embedder = HashedWords()
    staging = Staging(tmp_path / "staging", embedder.identity)
    staging.put(["k"], embedder.embed(["x"], kind="query"))
    assert list(staging.get(["k", "other"])) == ["k"]
    assert Staging(tmp_path / "staging", "another embedder").get(["k"]) == {}
    staging.close()
    file = tmp_path / "staging" / "vectors.db"
    file.write_bytes(b"no database at all" * 400)
    assert staging.get(["k"]) == {}
    staging.put(["k"], embedder.embed(["x"], kind="query"))
    assert list(staging.get(["k"])) == ["k"]


@pytest.mark.slow
def test_two_syncs_at_once_do_no_harm(tmp_path: Path) -> None:
    processes = [_start(tmp_path, count=n, seed=n) for n in (150, 250)]
    assert [p.wait(timeout=120) for p in processes] == [0, 0]
    for process in processes:
        process.communicate()
    held = set(opened(tmp_path).snapshot().state.documents)
    assert held in ({f"d{n}" for n in range(150)}, {f"d{n}" for n in range(250)})
