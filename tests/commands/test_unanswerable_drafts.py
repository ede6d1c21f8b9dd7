"""Drafts without an answer: what nothing says of a thing of its kind, whether the search finds it, and their share."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.commands.comparisons import comparisons
from rung.commands.draft_cases import Drafts, draft, suggest
from rung.commands.draft_checks import Corpus
from rung.commands.search_check import MAX_DOCUMENTS, can_search
from rung.commands.unsaid_attributes import attribute_misses
from rung.config.project import load_project
from rung.records import Document
from rung.runtime.engines import open_engines
from rung.runtime.runner import StepRunner

TREATY = "The Treaty of Oslo ended the long war of the kings. Few people have read the Treaty of Oslo."
SIGNED = "In which city was the Treaty of Oslo signed?"


def asked(*texts: str) -> set[str]:
    return {miss.question for miss in attribute_misses(Corpus([Document(f"d{n}", text) for n, text in enumerate(texts)]))}


def test_what_is_asked_of_a_treaty_and_nothing_says() -> None:
    assert asked(TREATY) >= {SIGNED}


@pytest.mark.parametrize(
    "text",
    [
        "The Treaty of Oslo was signed by two kings.",
        "Kings fear the Treaty of Oslo. It was signed at night, and nobody liked what stood in it.",
    ],
)
def test_a_sentence_that_says_it_or_goes_on_about_it_is_enough(text: str) -> None:
    assert SIGNED not in asked(TREATY, text)


def test_a_name_that_may_be_anybodys_is_not_asked_for() -> None:
    text = "The International Committee met once more. We like the Department of Health, and the International Committee."
    assert asked(text, "The Department of Health likes us.") == set()


def test_a_definition_says_what_a_thing_is() -> None:
    text = "The Amber is a river in the north of the country. People fish in the Amber."
    assert asked(text) == {"How deep is the Amber?", "How long is the Amber?"}
    assert asked(text, "The Amber has a length of 90 kilometres.") == {"How deep is the Amber?"}


def project(folder: Path, **texts: str) -> Path:
    (folder / "docs").mkdir()
    for name, text in texts.items():
        (folder / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / "rung.yaml").write_text(
        "knowledge: {sources: [docs]}\ncases: [cases.jsonl]\nmodel: scripted\nembedder: scripted\n"
    )
    return folder


def unanswerable(drafts: Drafts) -> set[str]:
    return {one.question for one in drafts.drafts if one.kind == "unanswerable"}


def test_what_the_search_finds_said_in_other_words_is_no_draft(tmp_path: Path) -> None:
    """Rules find nothing about Oslo there; the search finds the passage, and its sentence has what an answer would have."""
    otherwise = "# Peace\n\nThe treaty that the kings made in the end was signed in the city of Bergen.\n"
    folder = project(tmp_path, treaty=TREATY, peace=otherwise)
    drafts = suggest(load_project(folder), folder / "d.jsonl", each=9, by="rules")
    assert drafts.searched
    assert SIGNED not in unanswerable(drafts)
    documents = [Document("treaty", TREATY), Document("peace", otherwise)]
    ruled = draft(None, documents, each=9, by="rules", excluded=frozenset())
    assert not ruled.searched
    assert SIGNED in unanswerable(ruled)


def test_an_index_of_many_documents_is_not_made_for_drafts_alone(tmp_path: Path) -> None:
    with open_engines(load_project(project(tmp_path, treaty=TREATY))) as engines, StepRunner(engines) as runner:
        assert not can_search(runner, MAX_DOCUMENTS + 1)
        assert not (tmp_path / ".rung" / "index").exists()
        assert can_search(runner, 1)


NAMES = ("Oslo", "Bergen", "Narvik", "Tromso", "Alta", "Moss")
MANY = [
    Document(
        f"d{n}", f"The Treaty of {name} ended the war. Few read the Treaty of {name}. {name} Tower was opened in 190{n}."
    )
    for n, name in enumerate(NAMES)
]


@pytest.mark.parametrize(("share", "least"), [(0.0, 0), (0.25, 1), (0.5, 2)])
def test_a_share_of_the_drafts_has_no_answer(share: float, least: int) -> None:
    counts = draft(None, MANY, each=6, by="rules", excluded=frozenset(), share=share).counts()
    answered = sum(counts.values()) - counts["unanswerable"]
    assert answered >= 4
    assert counts["unanswerable"] == round(share * answered / (1 - share))
    assert counts["unanswerable"] >= least


def test_where_too_few_have_no_answer_the_others_keep_the_share() -> None:
    few = [
        Document("t", TREATY),
        *(Document(f"d{n}", f"{name} Tower was opened in 190{n}.") for n, name in enumerate(NAMES)),
    ]
    drafts = draft(None, few, each=6, by="rules", excluded=frozenset(), share=0.9)
    counts = drafts.counts()
    answered = sum(counts.values()) - counts["unanswerable"]
    assert answered == round(counts["unanswerable"] / 9)
    assert "keep their share" in drafts.short["answerable"]


BOXERS = [
    Document("a", "Ada Byron was born in 1901. Ada Byron was an English boxer of the lightest class."),
    Document("b", "Max Planck Junior was born in 1950. Max Planck Junior was an English boxer of the heaviest class."),
    Document("c", "Eva Stone was born in 1930. She studied the chemistry of salt lakes in Peru with many students."),
]


def test_who_was_born_first_takes_two_documents() -> None:
    (hop,) = comparisons(Corpus(BOXERS))  # nobody compares a boxer with a chemist
    assert hop.question in {
        "Who was born first, Ada Byron or Max Planck Junior?",
        "Who was born first, Max Planck Junior or Ada Byron?",
    }
    assert hop.answer == "Ada Byron"
    (case,) = [
        one for one in draft(None, BOXERS, each=9, by="rules", excluded=frozenset()).drafts if one.kind == "multi_hop"
    ]
    assert case.row()["evidence"] == [
        {"document": "b", "quote": "Max Planck Junior was born in 1950."},
        {"document": "a", "quote": "Ada Byron was born in 1901."},
    ]


@pytest.mark.parametrize(
    "more",
    [
        Document("d", "The boxer Ada Byron is older than Max Planck Junior, who lost."),
        Document("a", BOXERS[0].text.replace("1901", "1950")),
    ],
)
def test_what_one_sentence_says_or_years_leave_open_is_not_compared(more: Document) -> None:
    documents = {document.id: document for document in [*BOXERS, more]}
    assert list(comparisons(Corpus([*documents.values()]))) == []
