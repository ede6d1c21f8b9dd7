"""Is a quote found where it stands, and the gold where the case says?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import UserError
from rung.knowledge import Chunking, Knowledge, find_quote, gold_passages
from rung.records import Case, Document, Evidence
from rung.testing.knowledge import HashedWords

LONG = " ".join(f"Sentence {n} of the long one." for n in range(120))
DOCUMENTS = [
    Document("long", LONG, "Long"),
    Document("short", "---\na: 1\n---\nThirty days.\n", "Short", meta={"body_start": 13}, source="short.md"),
]


@pytest.mark.parametrize(
    ("text", "quote", "wanted"),
    [
        ("a b c", "b", "b"),
        ("the end  of\n the line", "end of the line", "end  of\n the line"),
        ("well-\nknown fact", "well-known", "well-\nknown"),
        ("price\u00a0is 5 €", "price is 5 €", "price\u00a0is 5 €"),
        ("one two one two", " one two ", "one two"),
        ("a.*b (c", ".*b (c", ".*b (c"),
        ("abc", "abd", None),
        ("abc", "  ", None),
        ("", "x", None),
    ],
)
def test_a_quote_is_found_whatever_its_white_space(text: str, quote: str, wanted: str | None) -> None:
    span = find_quote(text, quote)
    assert (None if span is None else text[span[0] : span[1]]) == wanted


@given(st.text(max_size=80), st.data())
def test_any_piece_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    for quote in (piece, " ".join(piece.split())):
        span = find_quote(text, quote)
        if not piece.strip():
            assert span is None
        else:
            assert span is not None
            assert "".join(text[span[0] : span[1]].split()) == "".join(piece.split())


@pytest.fixture
def knowledge(tmp_path: Path) -> Knowledge:
    knowledge = Knowledge.open(tmp_path, embedder=HashedWords(), chunking=Chunking(60, 20))
    knowledge.sync(DOCUMENTS)
    return knowledge


def case(*evidence: tuple[str, int, int], gold: tuple[str, ...] = ()) -> Case:
    spans = tuple(Evidence(*e) for e in evidence)
    return Case("c", "?", ("x",), evidence=spans, gold_documents=gold, place="cases/dev.jsonl:12")


def test_evidence_names_the_passages_that_hold_most_of_it(knowledge: Knowledge) -> None:
    start = LONG.index("Sentence 40")
    end = LONG.index("Sentence 52")
    found = gold_passages(case(("long", start, end)), knowledge).passages
    assert len(found) > 1
    shares = [min(p.end, end) - max(p.start, start) for p in found]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0
    assert set(range(start, end)) - {i for p in found for i in range(p.start, p.end)} <= {
        i for i in range(start, end) if LONG[i].isspace()
    }
    assert set(found) <= set(knowledge.passages_of("long"))


def test_a_gold_document_is_one_passage_where_it_is_short(knowledge: Knowledge) -> None:
    gold = gold_passages(case(gold=("short",)), knowledge)
    (short,) = gold.passages
    assert (short.text, short.start) == ("Thirty days.", 13)
    assert (gold.bearing, gold.held) == (0, False)  # nothing is looked for, so nobody can tell
    assert gold_passages(case(gold=("long", "long")), knowledge).passages == knowledge.passages_of("long")
    assert len(knowledge.passages_of("long")) > 10
    both = gold_passages(case(("short", 13, 19), gold=("short",)), knowledge)
    assert [p.text for p in both.passages] == ["Thirty days."]
    assert (both.bearing, gold_passages(case(), knowledge).passages) == (1, ())


def test_of_a_long_gold_document_the_passages_that_hold_the_answer_come_first(knowledge: Knowledge) -> None:
    gold = gold_passages(case(gold=("long", "short")), knowledge, (("sentence 97",),))
    assert (gold.bearing, gold.held) == (1, True)
    assert "Sentence 97 " in gold.passages[0].text
    assert gold.teaching == gold.passages[:1]
    assert {p.document for p in gold.passages} == {"long", "short"}
    assert set(gold.passages) > set(knowledge.passages_of("long"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (case(gold=("nowhere",)), "cases/dev.jsonl:12: there is no document 'nowhere'"),
        (case(("nowhere", 0, 1)), "there is no document 'nowhere'"),
        (case(("short", 20, 900)), "the evidence 20-900 lies outside 'short', which has 26 characters"),
        (case(("short", 5, 5)), "lies outside"),
    ],
)
def test_gold_that_is_not_there_is_named_with_its_place(broken: Case, says: str, knowledge: Knowledge) -> None:
    with pytest.raises(UserError) as caught:
        gold_passages(broken, knowledge)
    assert says in str(caught.value)


def test_lookups(knowledge: Knowledge) -> None:
    assert knowledge.document("short") == DOCUMENTS[1]
    assert knowledge.document("nowhere") is None
    assert [d.id for d in knowledge.documents()] == ["long", "short"]
    assert knowledge.document_groups() == {"long": (), "short": ()}
    assert knowledge.corpus_tokens(lambda texts: [len(t) for t in texts]) == len("Long\n" + LONG) + len(
        "Short\nThirty days."
    )
    assert knowledge.tokens(["a b."]) == [3]
