"""Drafts without an answer: what nothing says of a thing of its kind, whether the search finds it, and their share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rung.commands.comparisons import comparisons
from rung.commands.draft_cases import Drafts, draft, suggest
from rung.commands.draft_checks import Corpus, Miss
from rung.commands.draft_rows import KINDS, Draft, Kind
from rung.commands.draft_share import hold_share, without_for
from rung.commands.search_check import MAX_DOCUMENTS, AnswerSearch
from rung.commands.unsaid_attributes import attribute_misses
from rung.config.project import load_project
from rung.pipeline.prepare import up_to_date
from rung.pipeline.sources import Sources
from rung.records import Document, Failure
from rung.records.steps import Request, Result, SearchResult
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
        documents = list(Sources(engines.project))
        assert "run 'rung sync'" in AnswerSearch.over(runner, documents * (MAX_DOCUMENTS + 1)).trouble
        assert not (tmp_path / ".rung" / "index").exists()
        assert AnswerSearch.over(runner, documents).trouble == ""


def test_drafting_does_not_change_what_is_served(tmp_path: Path) -> None:
    """The index is searched only where it holds the documents of now; it is never brought up to date for drafts."""
    folder = project(tmp_path, treaty=TREATY)
    with open_engines(load_project(folder)) as engines:
        version = up_to_date(engines).knowledge.version
    (folder / "docs" / "more.md").write_text("The kings liked the sea.")
    drafts = suggest(load_project(folder), folder / "d.jsonl", each=9, by="rules")
    assert not drafts.searched
    assert drafts.unsearched.startswith("the index is not up to date (1 documents changed)")
    assert drafts.unsearched.endswith("run 'rung sync' first")
    assert SIGNED in unanswerable(drafts)
    with open_engines(load_project(folder)) as engines:
        assert engines.documents.version == version
        up_to_date(engines)
    drafts = suggest(load_project(folder), folder / "e.jsonl", each=9, by="rules")
    assert drafts.searched
    assert drafts.unsearched == ""


def test_a_store_that_others_share_is_not_filled_for_drafts(tmp_path: Path) -> None:
    folder = project(tmp_path, treaty=TREATY)
    with open_engines(load_project(folder)) as engines:
        knowledge = engines.documents  # empty, as the bucket is
    text = (folder / "rung.yaml").read_text().replace("[docs]}", "[docs], store: 's3://bucket/index'}")
    (folder / "rung.yaml").write_text(text)
    with open_engines(load_project(folder)) as engines, StepRunner(engines) as runner:
        engines.__dict__["knowledge"] = knowledge
        trouble = AnswerSearch.over(runner, [Document("treaty", TREATY)]).trouble
    assert trouble.startswith("nothing is indexed in the store yet")
    assert knowledge.version == 0


def test_an_embedder_that_is_not_there_costs_no_drafts(tmp_path: Path) -> None:
    folder = project(tmp_path, treaty=TREATY)
    text = (folder / "rung.yaml").read_text().replace("embedder: scripted", 'embedder: "http://127.0.0.1:9/v1#e"')
    (folder / "rung.yaml").write_text(text)
    drafts = suggest(load_project(folder), folder / "d.jsonl", each=9, by="rules")
    assert SIGNED in unanswerable(drafts)
    assert not drafts.searched
    assert "127.0.0.1:9" in drafts.unsearched
    assert SIGNED in (folder / "d.jsonl").read_text()


class Failing:
    """An index whose search fails for queries with one of these words; `asked` counts what it was asked."""

    identity = "failing"

    def __init__(self, *words: str) -> None:
        self.words, self.asked = words, 0

    def engine(self) -> Failing:
        return self

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        for index, request in enumerate(requests):
            self.asked += 1
            fails = any(word in str(request.step) for word in self.words)
            yield index, Failure("the index is gone", step="search") if fails else SearchResult(())


@pytest.mark.parametrize(
    ("words", "failed", "asked", "text"),
    [
        (("q1?",), 1, 40, "the search failed for 1 questions, which stay"),
        (("q",), 32, 32, "the search failed for 32 questions, which stay; the search is asked no more: the index is gone"),
        ((), 0, 40, ""),
    ],
)
def test_a_search_that_fails_drops_no_draft(
    words: tuple[str, ...], failed: int, asked: int, text: str, tmp_path: Path
) -> None:
    misses = [Miss(Document("d", "t"), f"q{n}?", "note", re.compile("x")) for n in range(40)]
    failing = Failing(*words)
    with open_engines(load_project(project(tmp_path, treaty=TREATY))) as engines, StepRunner(engines) as runner:
        engines.__dict__["knowledge"] = failing
        checked = AnswerSearch(runner)
        assert list(checked.unfound(iter(misses))) == misses
    assert (checked.failed, failing.asked, checked.words) == (failed, asked, text)


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
    assert answered == max(1, round(counts["unanswerable"] / 9))
    assert "keep their share" in drafts.short["answerable"]
    assert "no more are found" in drafts.short["unanswerable"]


def chosen(answered: int, without: int) -> dict[Kind, list[Draft]]:
    drafts: dict[Kind, list[Draft]] = {kind: [] for kind in KINDS}
    drafts["answerable"] = [Draft("answerable", f"a{n}?") for n in range(answered)]
    drafts["unanswerable"] = [Draft("unanswerable", f"u{n}?") for n in range(without)]
    return drafts


@pytest.mark.parametrize(
    ("share", "answered", "available", "expected", "short"),
    [
        (0.1, 20, 9, (20, 2), ""),
        (0.2, 10, 9, (10, 3), ""),  # 2.5: half a draft is rounded up
        (0.2, 20, 3, (14, 3), "beside 20 with an answer a share of 0.2 takes 5, and no more are found"),
        (0.2, 14, 3, (14, 3), "beside 14 with an answer a share of 0.2 takes 4, and no more are found"),
        (0.1, 20, 0, (20, 0), "beside 20 with an answer a share of 0.1 takes 2, and none is found: the others stay"),
        (0.1, 3, 9, (3, 0), "beside 3 with an answer less than half a draft makes a share of 0.1"),
        (0.9, 6, 5, (1, 5), "beside 6 with an answer a share of 0.9 takes 54, and no more are found"),
        (0.0, 6, 5, (6, 0), ""),
    ],
)
def test_a_share_takes_what_there_is(
    share: float, answered: int, available: int, expected: tuple[int, int], short: str
) -> None:
    drafts = chosen(answered, min(available, without_for(share, answered)))
    why = hold_share(drafts, share)
    assert (len(drafts["answerable"]), len(drafts["unanswerable"])) == expected
    assert why.get("unanswerable", "")[: len(short)] == short
    assert bool(why.get("unanswerable")) == bool(short)
    assert ("answerable" in why) == (expected[0] < answered)


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
