"""Does the engine answer each search as it was asked, for who asked it?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from rung.errors import InputError, UserError
from rung.knowledge import Chunking, Fusion, Knowledge, KnowledgeEngine, build_example_index
from rung.knowledge.examples_index import ExamplesIndex
from rung.knowledge.protocol import Lookup
from rung.records import Asker, Document, Failure, Passage
from rung.records.steps import Engine, Generate, Request, Search, SearchResult
from rung.testing.knowledge import QUERIES, HashedWords

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

DOCUMENTS = [
    Document(
        "b.md", "---\nx: 1\n---\n# Refunds\n\nRefunds take thirty days.\n", "Refunds", meta={"body_start": 13}, source="b.md"
    ),
    Document("a.md", "We ship to Norway and Sweden.", "Shipping", source="a.md"),
    Document("c.md", "Refunds of the board are secret.", "Board", ("board",), source="c.md"),
]
EXAMPLES = (
    ("turn on the lamp", "Q: turn on the lamp\nA: lamp_on"),
    ("play a song", "Q: play\nA: play"),
    ("play a song", "twin"),
)
BOARD, PUBLIC = Asker(frozenset({"board"})), Asker(frozenset())


class Counting(HashedWords):
    """Remembers the queries of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        self.calls.append(list(texts))
        return super().embed(texts, kind=kind)


@pytest.fixture
def embedder() -> Counting:
    return Counting()


@pytest.fixture
def knowledge(tmp_path: Path, embedder: Counting) -> Knowledge:
    knowledge = Knowledge.open(tmp_path / "index", embedder=embedder, chunking=Chunking(32, 4))
    knowledge.sync(DOCUMENTS)
    embedder.calls.clear()
    return knowledge


def run(engine: Engine, *requests: Request) -> list[tuple[Passage, ...] | Failure]:
    results = dict(engine.run(requests))
    assert sorted(results) == list(range(len(requests)))
    ordered = [results[place] for place in range(len(requests))]
    return [r.passages if isinstance(r, SearchResult) else r for r in ordered if isinstance(r, (SearchResult, Failure))]


def ids(result: tuple[Passage, ...] | Failure) -> list[str]:
    assert isinstance(result, tuple)
    return [passage.document for passage in result]


def test_each_search_is_answered_for_its_asker(knowledge: Knowledge) -> None:
    asked = Search("refunds", top=9)
    everyone, public, board = run(knowledge.engine(), Request(asked), Request(asked, PUBLIC), Request(asked, BOARD))
    assert set(ids(everyone)) == {"a.md", "b.md", "c.md"} == set(ids(board))
    assert set(ids(public)) == {"a.md", "b.md"}
    assert isinstance(public, tuple)
    best = public[0]
    assert (best.document, best.title, best.source) == ("b.md", "Refunds", "b.md")
    assert best.text == "# Refunds\n\nRefunds take thirty days."
    assert DOCUMENTS[0].text[best.start : best.end] == best.text
    assert best.score == 1  # the best of both rankings


def test_equal_queries_are_embedded_once_and_in_one_call(knowledge: Knowledge, embedder: Counting) -> None:
    requests = [Request(Search(f"query {n % 3}", top=2 + n % 2), BOARD) for n in range(30)]
    results = run(knowledge.engine(), *requests)
    assert embedder.calls == [["query 0", "query 1", "query 2"]]
    assert results[0] == results[6]
    assert results[:6] == [run(knowledge.engine(), request)[0] for request in requests[:6]]


def test_everything_is_each_readable_document_whole_in_order(knowledge: Knowledge, embedder: Counting) -> None:
    asked = Search("refunds", top=100, everything=True)
    everyone, public, first = run(
        knowledge.engine(), Request(asked), Request(asked, PUBLIC), Request(Search("", top=1, everything=True), BOARD)
    )
    assert ids(everyone) == ["a.md", "b.md", "c.md"]
    assert ids(public) == ["a.md", "b.md"]
    assert ids(first) == ["a.md"]
    assert isinstance(public, tuple)
    assert public[1].text == "# Refunds\n\nRefunds take thirty days."
    assert DOCUMENTS[0].text[public[1].start : public[1].end] == public[1].text


@pytest.mark.parametrize("query", [*QUERIES, "\ud83d half", "word " * 30_000])
def test_no_query_breaks_it(query: str, knowledge: Knowledge) -> None:
    (result,) = run(knowledge.engine(), Request(Search(query, top=3)))
    assert len(ids(result)) == (3 if query.strip() else 0)
    assert len(knowledge.search(query, asker=PUBLIC, top=3)) == (2 if query.strip() else 0)


def test_no_top_finds_nothing(knowledge: Knowledge) -> None:
    assert run(knowledge.engine(), Request(Search("refunds", top=0)), Request(Search("refunds", top=-1))) == [(), ()]


def test_a_removed_document_is_gone_from_the_next_search(knowledge: Knowledge) -> None:
    engine = knowledge.engine()
    before = engine.identity
    knowledge.sync(DOCUMENTS[1:])
    (result,) = run(engine, Request(Search("refunds", top=9)))
    assert set(ids(result)) == {"a.md", "c.md"}
    assert engine.identity != before


def test_examples_by_nearness(tmp_path: Path, knowledge: Knowledge, embedder: Counting) -> None:
    build_example_index(EXAMPLES, tmp_path / "examples", embedder=embedder)
    engine = knowledge.engine({"digest": tmp_path / "examples"})
    nearest, every, documents = run(
        engine,
        Request(Search("please play a song", top=2, index="digest"), PUBLIC),
        Request(Search("please play a song", top=9, index="digest", everything=True), PUBLIC),
        Request(Search("please play a song", top=1), PUBLIC),
    )
    assert isinstance(nearest, tuple)
    assert [(p.text, p.id) for p in nearest] == [("Q: play\nA: play", "example-1"), ("twin", "example-2")]
    assert nearest[0].score == nearest[1].score == pytest.approx(3 / (2 * 3**0.5), abs=1e-6)
    assert isinstance(every, tuple)
    assert [p.text for p in every] == [payload for _, payload in EXAMPLES]
    assert len(ids(documents)) == 1
    assert engine.identity == knowledge.engine().identity


def test_examples_without_documents(tmp_path: Path, embedder: Counting) -> None:
    folders: dict[str, Path] = {}
    engine = KnowledgeEngine(None, example_indexes=folders, embedder=lambda: embedder)
    build_example_index(EXAMPLES, tmp_path / "examples", embedder=embedder)
    folders["later"] = tmp_path / "examples"
    found, refused, unknown, wrong = run(
        engine,
        Request(Search("lamp", top=1, index="later")),
        Request(Search("lamp", top=1)),
        Request(Search("lamp", top=1, index="nowhere")),
        Request(Generate(())),
    )
    assert isinstance(found, tuple)
    assert found[0].text.endswith("lamp_on")
    assert refused == Failure("the project has no documents to search (knowledge.sources)", step="search")
    assert unknown == Failure("there is no index 'nowhere' to search", step="search")
    assert wrong == Failure("a Generate is no search")


def test_no_examples(tmp_path: Path, embedder: Counting) -> None:
    build_example_index((), tmp_path, embedder=embedder)
    assert ExamplesIndex.open(tmp_path).search(embedder.embed(["x"], kind="query")[0], 3) == ()


def test_examples_of_another_embedder_are_refused(tmp_path: Path, embedder: Counting) -> None:
    build_example_index(EXAMPLES, tmp_path, embedder=HashedWords(8))
    engine = KnowledgeEngine(None, example_indexes={"d": tmp_path}, embedder=lambda: embedder)
    assert run(engine, Request(Search("x", top=1, index="d"))) == [
        Failure("the index 'd' was made with another embedder, hashed-words-8", step="search")
    ]


def test_a_damaged_index_of_examples_says_what_to_do(tmp_path: Path, embedder: Counting) -> None:
    with pytest.raises(InputError, match="no whole index"):
        ExamplesIndex.open(tmp_path)
    build_example_index(EXAMPLES, tmp_path, embedder=embedder)
    rows = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "rows.jsonl").write_text("\n".join(rows[:2]), encoding="utf-8")
    with pytest.raises(InputError, match="3 rows were written, 2 are there"):
        ExamplesIndex.open(tmp_path)
    assert json.loads(rows[0]) == {"text": EXAMPLES[0][0], "payload": EXAMPLES[0][1]}


def test_examples_where_nothing_can_be_written(tmp_path: Path, embedder: Counting) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="could not be written"):
        build_example_index(EXAMPLES, tmp_path / "file" / "x", embedder=embedder)


def test_a_search_may_weigh_the_rankings_in_its_own_way(knowledge: Knowledge) -> None:
    def engine(knowledge: Knowledge) -> Engine:
        return KnowledgeEngine(knowledge, example_indexes={}, embedder=lambda: knowledge.embedder)

    query, weights = "refunds in thirty days", (None, 0.0, 1.0)
    found = run(engine(knowledge), *(Request(Search(query, 3, dense_weight=w), BOARD) for w in weights))
    for weight, passages in zip(weights, found, strict=True):
        other = replace(knowledge, fusion=Fusion(0.5 if weight is None else weight))
        other.refresh()
        assert run(engine(other), Request(Search(query, 3), BOARD)) == [passages]
    assert found[1] != found[2]


def test_a_question_is_embedded_while_its_words_are_searched_and_not_where_words_alone_count(
    knowledge: Knowledge, embedder: Counting
) -> None:
    vector: Vectors = embedder.embed(["refunds"], kind="query")[0]
    snapshot, order = knowledge.snapshot(), list[str]()
    embedder.calls.clear()

    def later() -> Vectors:
        order.append("embedded")
        return vector

    at_once = snapshot.search([Lookup("refunds", vector, None, 3)], Fusion())
    assert snapshot.search([Lookup("refunds", later, None, 3)], Fusion()) == at_once
    assert order == ["embedded"]
    words = Request(Search("refunds", 3, dense_weight=0.0), BOARD)
    assert [result for _, result in knowledge.engine().run([words])] != []
    assert embedder.calls == []
    list(knowledge.engine().run([words, Request(Search("refunds", 3), BOARD), Request(Search("norway", 3), BOARD)]))
    assert embedder.calls == [["refunds", "norway"]]
