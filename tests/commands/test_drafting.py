"""Are drafts true to the documents, always the same, and refused as cases until a person puts a name to them?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rung.commands.draft_cases import suggest
from rung.commands.draft_rows import KINDS, Draft
from rung.commands.draft_target import check_target
from rung.commands.feedback_drafts import DraftRequest, draft_from_feedback
from rung.commands.model_drafts import _asked, _checked
from rung.commands.stated_facts import absent_attribute, facts
from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.errors import UserError
from rung.records import Document, Passage
from rung.records.steps import Generate, GenerateResult

FAQ = """\
# Returns

## How long may I return an item?

You have 30 days from delivery. After that we cannot help.

The return address is Main Street 5.

| size | price |
|---|---|
| small | 3 EUR |
| large | 9 EUR |
"""
STAFF = "---\ngroups: [staff]\n---\n# Staff\n\nThe staff discount is forty percent.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "faq.md").write_text(FAQ)
    (tmp_path / "docs" / "staff.md").write_text(STAFF)
    (tmp_path / "rung.yaml").write_text(
        "knowledge: {sources: [docs]}\ncases: [cases.jsonl, cases.drafts.jsonl]\nmodel: scripted\n"
    )
    (tmp_path / "cases.jsonl").write_text('{"question": "Is it?", "answers": ["yes"], "split": "test"}\n')
    return tmp_path


def drafted(folder: Path, *, each: int = 2) -> list[Draft]:
    return list(suggest(load_project(folder), folder / "cases.drafts.jsonl", each=each, by="rules").drafts)


def test_facts_are_spans_of_the_document() -> None:
    found = list(facts(Document("faq.md", FAQ, source="faq.md")))
    asked = {fact.question: fact.answer for fact in found}
    assert asked["How long may I return an item?"] == "You have 30 days from delivery."
    assert asked["What is the price of large?"] == "9 EUR"
    assert asked["What is the return address?"] == "Main Street 5"
    assert all(fact.answer in FAQ[fact.start : fact.end] for fact in found)
    assert {fact.question for fact in found if fact.changes} >= {
        "How long may I return an item?",
        "What is the price of large?",
    }


def test_what_is_asked_of_nobody_stands_nowhere() -> None:
    corpus = "the founder and the telephone number and the street address"
    found = absent_attribute("the shop", corpus)
    assert found
    assert found not in corpus


def test_drafts_of_every_kind(folder: Path) -> None:
    found = drafted(folder)
    assert {draft.kind for draft in found} == set(KINDS) - {"multi_hop", "conversational"}
    for draft in found:
        if draft.kind in ("answerable", "stale"):
            assert draft.document == "docs/faq.md"
            assert draft.answers[0] in draft.quote in FAQ
        else:
            assert draft.answers == ()
    forbidden = next(draft for draft in found if draft.kind == "forbidden")
    assert (forbidden.document, forbidden.asker) == ("docs/staff.md", ())
    assert "forty percent" not in json.dumps([draft.row() for draft in found])  # the secret itself is not written out


def test_a_draft_is_no_case_until_somebody_approves_it(folder: Path) -> None:
    drafted(folder)
    file = folder / "cases.drafts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    read = load_dataset(load_project(folder))
    assert [case.question for case in read.cases] == ["Is it?"]
    assert len(read.problems) == len(rows)
    assert str(read.problems[0]).startswith("cases.drafts.jsonl:1: is a draft by rules")
    rows[0]["approved_by"] = "Ada"
    rows[1]["approved_by"] = "  "
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [case.question for case in load_dataset(load_project(folder)).cases] == ["Is it?", rows[0]["question"]]


def test_the_same_again_adds_nothing_and_keeps_what_was_approved(folder: Path) -> None:
    first = drafted(folder)
    file = folder / "cases.drafts.jsonl"
    before = file.read_text()
    file.write_text(before.rstrip("\n"))  # as an editor may leave it
    again = drafted(folder, each=1)
    assert not {draft.question for draft in first} & {draft.question for draft in again}
    assert file.read_text().startswith(before.rstrip("\n"))
    assert all(json.loads(line) for line in file.read_text().splitlines())
    file.unlink()
    assert drafted(folder) == first


def test_the_first_row_of_a_file_that_begins_with_a_bom_is_not_drafted_again(folder: Path) -> None:
    project, file = load_project(folder), folder / "d.jsonl"  # which no pattern of `cases` names
    first = suggest(project, file, each=2, by="rules").drafts
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    again = suggest(project, file, each=2, by="rules").drafts
    assert not {one.question for one in first} & {one.question for one in again}


def test_questions_of_cases_are_not_drafted(folder: Path) -> None:
    known = '{"question": "What is the price of large?", "answers": ["9 EUR"], "split": "test"}\n'
    (folder / "cases.jsonl").write_text(known)
    assert "What is the price of large?" not in {draft.question for draft in drafted(folder, each=99)}


def test_a_project_without_cases_can_be_drafted_for(folder: Path) -> None:
    (folder / "rung.yaml").write_text("knowledge: {sources: [docs]}\nmodel: scripted\n")
    assert drafted(folder)
    (folder / "rung.yaml").write_text("model: scripted\n")
    with pytest.raises(UserError, match="document"):
        drafted(folder)


def test_what_falls_short_is_said(folder: Path) -> None:
    (folder / "docs" / "staff.md").unlink()
    made = suggest(load_project(folder), folder / "d.jsonl", each=50, by="rules")
    assert made.short["forbidden"] == "no document is restricted to groups"
    assert set(made.short) == set(KINDS)
    assert made.counts()["answerable"] + made.counts()["stale"] > 3


@pytest.mark.slow
def test_what_a_model_drafts_is_checked(folder: Path) -> None:
    made = suggest(load_project(folder), folder / "d.jsonl", each=2, by="model")
    assert all(draft.by == "scripted" and draft.document == "docs/faq.md" for draft in made.drafts if draft.by != "rules")
    assert made.counts()["answerable"] == 2 or "answerable" in made.short


PASSAGE = Passage("d#0-60", "d", 0, 60, "The return address is Main Street 5. After 30 days we cannot help.", "Returns")
SENTENCE = "The return address is Main Street 5."


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ('{"question": "What is the return address?", "answer": "Main Street 5"}', "Main Street 5"),
        ('{"question": "What is the return address?", "answer": "Low Street 7"}', SENTENCE),  # made up
        ('{"question": "What is the return address?", "answer": "return address"}', SENTENCE),  # says nothing
        ('{"question": "What is the answer to the above question?", "answer": "Main Street 5"}', None),
        ('{"question": "Tell me the return address.", "answer": "Main Street 5"}', None),
        ('{"question": "Why?", "answer": "Main Street 5"}', None),
        ('{"question": "Who won the last world cup?", "answer": "Main Street 5"}', None),
        ('{"question": "Who is (the return) address is a street?", "answer": "Main Street 5"}', None),
        ('{"question": "What is the answer to the return address?", "answer": "Main Street 5"}', None),
        ('{"question": "What are return days, return days, return days, return days?", "answer": "Main Street 5"}', None),
        ("no JSON", None),
    ],
)
def test_a_models_answer_is_the_sentence_that_it_was_shown(said: str, answer: str | None) -> None:
    draft = _checked(said, PASSAGE, SENTENCE)
    assert (draft.answers[0] if draft else None) == answer
    assert draft is None or draft.quote == SENTENCE


@pytest.mark.parametrize(
    ("again", "stays"),
    [
        ("Main Street 5 [1]", True),
        ("It is Main Street 5.", True),
        ("30 days [1]", False),
        ("I don't know.", False),
        ("", False),
    ],
)
def test_a_models_draft_stays_where_it_gives_the_same_answer_again(again: str, stays: bool) -> None:
    conversation = _asked(PASSAGE, SENTENCE)
    drafting = next(conversation)
    assert isinstance(drafting, Generate)
    assert '"pattern"' in drafting.schema
    written = '{"question": "What is the return address?", "answer": "Main Street 5"}'
    answering = conversation.send(GenerateResult(written))
    assert isinstance(answering, Generate)
    assert answering.messages[-1].content.endswith("Question: What is the return address?")
    with pytest.raises(StopIteration) as ended:
        conversation.send(GenerateResult(again))
    assert (ended.value.value is not None) is stays


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("docs/faq.md", "ends in .jsonl"),
        ("rung.yaml", "ends in .jsonl"),
        ("../outside.jsonl", "is not in the project's folder"),
        ("docs/rows.jsonl", "is among the documents"),
        ("docs/new.jsonl", "is among the documents"),
        ("notes.jsonl", "notes.jsonl:2 is no JSON row"),
        ("examples.jsonl", "examples.jsonl:1 has no 'question'"),
        ("reviews.jsonl", "is a file that Rung keeps"),
    ],
)
def test_drafts_are_added_to_files_of_cases_alone(folder: Path, name: str, why: str) -> None:
    (folder / "docs" / "rows.jsonl").write_text('{"id": "a", "text": "b"}\n')
    (folder / "notes.jsonl").write_text('{"question": "a"}\nfree text\n')
    (folder / "examples.jsonl").write_text('{"messages": []}\n')
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    project = load_project(folder)
    with pytest.raises(UserError, match=re.escape(why)):
        suggest(project, folder / name, each=1, by="rules")
    with pytest.raises(UserError, match=re.escape(why)):
        draft_from_feedback(project, DraftRequest(folder / name))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (folder.parent / "outside.jsonl").exists()


def test_a_pattern_takes_what_it_names_and_no_more(folder: Path) -> None:
    text = (folder / "rung.yaml").read_text()
    for sources, name, is_refused in (
        ("data/*.jsonl", "data/x.jsonl", True),
        ("data/*.jsonl", "data/deep/x.jsonl", False),
        ("data/**/*.jsonl", "data/deep/x.jsonl", True),
        (".", "x.jsonl", True),
        (".", "x.drafts.jsonl", False),
        ("https://example.org/x.jsonl", "x.jsonl", False),
    ):
        (folder / "rung.yaml").write_text(text.replace("[docs]", json.dumps([sources])))
        project = load_project(folder)
        if is_refused:
            with pytest.raises(UserError, match="is among the documents"):
                check_target(project, folder / name)
        else:
            check_target(project, folder / name)


def test_what_is_drafted_anywhere_is_not_drafted_again(folder: Path) -> None:
    (folder / "docs" / "tower.md").write_text("Oslo Tower was opened in 1901. Oslo Tower was designed by Ada Berg.\n")
    first = drafted(folder, each=9)
    assert "conversational" in {draft.kind for draft in first}
    lines = (folder / "cases.drafts.jsonl").read_text().splitlines()
    mended = {**json.loads(lines[0]), "question": "Something else altogether?"}
    (folder / "other.drafts.jsonl").write_text("\n".join([json.dumps(mended), *lines[1:]]) + "\n")  # named nowhere
    (folder / "cases.drafts.jsonl").write_text("")
    again = suggest(load_project(folder), folder / "cases.drafts.jsonl", each=9, by="rules").drafts
    assert not {draft.id for draft in again} & {draft.id for draft in first}


def test_that_none_was_asked_for_is_no_lack(folder: Path) -> None:
    drafts = suggest(load_project(folder), folder / "cases.drafts.jsonl", each=1, by="rules", share=0)
    assert drafts.short["unanswerable"] == "none was asked for"
