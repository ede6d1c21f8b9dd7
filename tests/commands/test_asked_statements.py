"""Statements as questions: what is asked, what is left alone, and which drafts are worth a look."""

from __future__ import annotations

import pytest

from rung.commands.asked_statements import asked_of
from rung.commands.draft_cases import draft
from rung.commands.draft_checks import Corpus, Unrepeated, hops
from rung.records import Document
from rung.text.past_tense import base_form

ASKED = [
    ("The Logan Center was designed by Ada Byron in 1901.", "By whom was the Logan Center designed in 1901?", "Ada Byron"),
    ("In 1825, George Stephenson built the Locomotion.", "In what year did George Stephenson build the Locomotion?", "1825"),
    ("Oslo Harbour was opened on 4 May 1910.", "On what date was Oslo Harbour opened?", "4 May 1910"),
    ("Bambara Falls is the tallest waterfall in Sri Lanka.", "What is the tallest waterfall in Sri Lanka?", "Bambara Falls"),
    ("Jem Marsh founded the Marcos car company.", "Who founded the Marcos car company?", "Jem Marsh"),
    (
        *("About 40 percent of the people of Norway live in cities.",),
        *("What percentage of the people of Norway live in cities?", "40 percent"),
    ),
    ("The Tower Library has 12 rooms in London.", "How many rooms does the Tower Library have in London?", "12"),
    ("Air Nord is based at Oslo Airport.", "Where is Air Nord based?", "at Oslo Airport"),
    ("IFITM5 interacts with the FKBP11 protein.", "What does IFITM5 interact with?", "the FKBP11 protein"),
    ("Ada Byron (born 10 December 1815) was a British writer.", "On what date was Ada Byron born?", "10 December 1815"),
    ("Ada Byron (born 1815) was a British writer of letters.", "Who was Ada Byron?", "a British writer of letters"),
    ("Some had severe acute distress syndrome (SADS).", "What does SADS stand for?", "severe acute distress syndrome"),
]


@pytest.mark.parametrize(("sentence", "question", "answer"), ASKED)
def test_what_is_asked(sentence: str, question: str, answer: str) -> None:
    found = list(asked_of(sentence, 7))
    assert {one.question: one.answer for one in found}[question] == answer
    assert all((one.start, one.end) == (7, 7 + len(sentence)) for one in found)


@pytest.mark.parametrize(
    "sentence",
    [
        "It was built in 1901 by the city of Oslo.",  # what?
        "In this study, the Logan Center was opened in 1901.",
        "Although Oslo Harbour was opened in 1910, nobody came.",
        "The fort was destroyed in 1560 by the Portuguese.",  # which fort?
        "Burton died in 1986 at the old house of his.",  # who?
        "Whose was the Logan Center in 1901?",
        "x",
        "",
        "The Logan Center was designed by Ada Byron in 1901",  # cut off
    ],
)
def test_what_points_elsewhere_is_left_alone(sentence: str) -> None:
    assert list(asked_of(sentence, 0)) == []


def test_a_surname_is_written_out_by_the_title() -> None:
    (one,) = asked_of("Burton died in 1986 at Celigny House.", 0, title="Richard Burton")
    assert (one.question, one.answer) == ("In what year did Richard Burton die at Celigny House?", "1986")


@pytest.mark.parametrize(
    ("past", "base"),
    [
        *(("introduced", "introduce"), ("worked", "work"), ("stopped", "stop"), ("carried", "carry"), ("wrote", "write")),
        *(("treated", "treat"), ("created", "create"), ("joined", "join"), ("changed", "change"), ("reached", "reach")),
        *(("targeted", ""), ("is", ""), ("controlled", "")),
    ],
)
def test_base_forms(past: str, base: str) -> None:
    assert base_form(past) == base


RHINE = "The Rhine was bridged at Mainz Castle in 1862.\n\nThe Rhine was opened to steamers on 4 May 1816."
DOCUMENTS = [
    Document("a", "The Rhine is the longest river in Germany.", title="Germany"),
    Document("b", RHINE, title="The Rhine"),
    Document("c", "The Logan Center was designed in 1901.\n\nThe QZX is old. A QZX is new. No QZX is red.", title="Logan"),
]


def test_two_statements_make_one_question() -> None:
    hop = next(hops(Corpus(DOCUMENTS)))
    assert hop.question == "In what year was the longest river in Germany bridged at Mainz Castle?"
    assert (hop.answer, hop.first[0].id, hop.second[0].id) == ("1862", "a", "b")


def test_every_kind_of_draft_says_where_it_is_from() -> None:
    drafts = {one.kind: one for one in draft(None, DOCUMENTS, each=1, by="rules", excluded=frozenset()).drafts}
    evidence = drafts["multi_hop"].row()["evidence"]
    assert isinstance(evidence, list)
    assert [one["document"] for one in evidence if isinstance(one, dict)] == ["b", "a"]
    turns = drafts["conversational"].row()["messages"]
    assert isinstance(turns, list)
    assert [turn["role"] for turn in turns if isinstance(turn, dict)] == ["user", "assistant"]
    assert drafts["conversational"].question == "On what date was it opened to steamers?"
    assert all(one.row()["approved_by"] == "" for one in drafts.values())


def unanswerable(documents: list[Document]) -> set[str]:
    made = draft(None, documents, each=9, by="rules", excluded=frozenset()).drafts
    return {one.question for one in made if one.kind == "unanswerable"}


def test_near_misses_are_said_by_nothing() -> None:
    missing = {"By whom was the Logan Center designed?", "What does QZX stand for?"}
    assert unanswerable(DOCUMENTS) >= {*missing, "On what day in 1901 was the Logan Center designed?"}
    told = Document("d", "The Logan Center was designed by Ada Byron. The Quiet Zone of Xanten is the QZX.")
    assert not unanswerable([*DOCUMENTS, told]) & missing


def test_what_another_sentence_answers_otherwise_is_not_asked() -> None:
    question, one = (
        "In what year was the Logan Center opened in Oslo?",
        Document("d", "The Logan Center was opened in 1901."),
    )
    other = Document("e", "The Logan Center of Oslo was opened in 1999.", title="Logan Center")
    assert Corpus([one]).is_only_answer(question, "1901")
    assert not Corpus([one, other]).is_only_answer(question, "1901")


def test_no_question_is_asked_twice() -> None:
    asked = Unrepeated(["What does express shipping cost?"])
    assert not asked.add("What does Express shipping cost?")
    assert asked.add("How long does express shipping take?")
    assert not asked.add("How long does the express shipping take, please?")


def test_restricted_documents_are_told_of_nobody() -> None:
    secret = Document("s", "The Logan Center was designed by Ada Byron.", groups=("staff",))
    kinds = {one.kind for one in draft(None, [secret], each=5, by="rules", excluded=frozenset()).drafts}
    assert kinds <= {"forbidden"}
