"""Is every row of a file of ratings and expert answers taken, or listed with its reason, and never counted twice?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.commands.feedback_drafts import DraftRequest, comments, draft_from_feedback
from rung.commands.feedback_import import ImportedFeedback, import_feedback
from rung.config.project import load_project
from rung.errors import UserError
from rung.state.database import State
from rung.state.feedback import Expectation, add_expectation, all_expectations, remarks
from rung.state.tables import answers
from tests.cli.conftest import Run

QUESTION = "Do you repair shoes?"
ID = "a" * 32
Row = dict[str, Any]


def brought(shop: Path, *rows: Row, by: str = "", dry_run: bool = False, name: str = "said.jsonl") -> ImportedFeedback:
    file = shop.parent / name
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return import_feedback(load_project(shop), file, by=by, dry_run=dry_run)


def gave(shop: Path, caller: str = ":ada") -> None:
    """A server gave an answer."""
    row = {"id": ID, "at": 1, "caller": caller, "model": "rag", "digest": "d" * 64, "process": "p"}
    with State(shop / ".rung") as state, state.writing() as connection:
        connection.execute(answers.insert().values(row))


def test_ratings_and_expert_answers_are_kept_apart_with_who_when_and_of_what(shop: Path) -> None:
    gave(shop)
    done = brought(
        shop,
        {"id": f"chatcmpl-{ID}", "rating": "thumbs up", "by": "ada", "at": "2026-03-01T09:30:00+00:00", "comment": "nice"},
        {
            "question": QUESTION,
            "expected": ["Yes.", "We do."],
            "by": "Emmy",
            "document": "docs/returns.md",
            "quote": "30",
        },
        {"question": QUESTION, "rating": -1, "by": "bob", "correction": "Yes.", "said": "No.", "groups": ["staff"]},
        {"question": "Who is the chief?", "answerable": False, "by": "Emmy", "at": 1772357400},
    )
    assert (done.rows, done.ratings, done.expectations, done.left_out, done.notes) == (4, 2, 3, (), ())
    with State(shop / ".rung") as state:
        opinions, expected, heard = [*remarks(state)], [*all_expectations(state)], [*comments(state)]
    first = opinions[0]
    assert (first.answer, first.caller, first.rating, first.at) == (ID, "ada", "up", 1772357400000)
    assert opinions[0].details["comment"] == "nice"
    assert opinions[0].details["source"] == "said.jsonl:1"
    assert "correction" not in opinions[1].details
    assert [(one.by, one.answers, one.answerable, one.remark) for one in expected] == [
        ("Emmy", ("Yes.", "We do."), True, 0),
        ("bob", ("Yes.",), True, 2),
        ("Emmy", (), False, 0),
    ]
    assert expected[0].evidence == ({"document": "docs/returns.md", "quote": "30"},)
    assert [(one.is_good, one.expected) for one in heard if one.question == QUESTION] == [
        (None, ("Yes.", "We do.")),
        (False, ("Yes.",)),
    ]
    assert heard[0].at <= heard[-1].at


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"question": QUESTION, "rating": "up"}, "nobody said it"),
        ({"rating": "up", "by": "ada"}, "it is about nothing"),
        ({"question": QUESTION, "by": "ada"}, "it says nothing"),
        ({"question": QUESTION, "rating": 4, "by": "ada"}, "say which marks are good"),
        ({"question": QUESTION, "rating": "up", "by": "ada", "at": "yesterday"}, "must be a time"),
        ({"question": QUESTION, "rating": "up", "by": "ada", "at": 1e300}, "must be a time"),
        ({"question": QUESTION, "rating": "up", "by": "ada", "at": 20260301}, "would be 1970-08-23"),
        ({"question": QUESTION, "rating": "up", "by": "ada", "at": 20260301000}, "would be 2612"),
        ({"question": QUESTION, "expected": "Yes.", "answerable": "no", "by": "ada"}, "one of the two is wrong"),
        ({"question": QUESTION, "expected": "Yes.", "answerable": "perhaps", "by": "ada"}, "true or false"),
        ({"question": QUESTION, "expected": "Yes.", "evidence": "{", "by": "ada"}, "no JSON"),
        ({"question": QUESTION, "expected": "Yes.", "evidence": [1], "by": "ada"}, "must be a list"),
        ({"question": QUESTION, "expected": "Yes.", "evidence": [{"document": {"a": 1}}], "by": "ada"}, "'document' of"),
        ({"question": QUESTION, "expected": "Yes.", "evidence": [{"document": "d", "quote": 1}], "by": "ada"}, "'quote' of"),
        ({"question": {"a": 1}, "rating": "up", "by": "ada"}, "must be text"),
        ({"question": "x" * 100_001, "rating": "up", "by": "ada"}, "100,000 characters"),
        ({"id": ID, "rating": "up", "by": "ada"}, "no answer 'aaaa"),
    ],
)
def test_what_cannot_be_taken_is_listed_and_the_rest_goes_on(shop: Path, row: Row, why: str) -> None:
    done = brought(shop, row, {"question": "Fine?", "rating": "up", "by": "ada"})
    assert [(problem.line, why in problem.message) for problem in done.left_out] == [(1, True)]
    assert done.ratings == 1


def test_an_answer_that_nobody_knows_is_taken_as_said_of_its_question_and_that_is_listed(shop: Path) -> None:
    done = brought(shop, {"id": ID, "question": QUESTION, "rating": "down", "by": "ada"})
    assert "no answer" in done.notes[0].message
    assert "counts in no trial" in done.notes[0].message
    with State(shop / ".rung") as state:
        (one,) = remarks(state)
    assert (one.answer, (one.entry or {})["question"]) == ("", QUESTION)


@pytest.mark.parametrize("with_question", [True, False])
def test_a_strangers_word_on_an_answer_counts_in_no_trial(shop: Path, *, with_question: bool) -> None:
    gave(shop)
    row = {"id": ID, "rating": "down", "by": "mallory"} | ({"question": QUESTION} if with_question else {})
    done = brought(shop, row)
    (told,) = done.notes if with_question else done.left_out
    assert "'mallory' did not get answer" in told.message
    with State(shop / ".rung") as state:
        assert [one.answer for one in remarks(state)] == ([""] if with_question else [])


def test_what_was_taken_before_is_not_counted_twice(shop: Path) -> None:
    row = {"question": QUESTION, "rating": "down", "by": "ada"}
    assert brought(shop, row, row).again == 1
    again = brought(shop, row, {**row, "rating": "up"}, name="renamed.jsonl")
    assert (again.again, again.ratings) == (1, 1)  # another opinion is another row
    assert "was taken before" in again.left_out[0].message
    with State(shop / ".rung") as state:
        assert len([*remarks(state)]) == 2


def test_a_dry_run_keeps_nothing(shop: Path) -> None:
    assert brought(shop, {"question": QUESTION, "expected": "Yes."}, by="Emmy", dry_run=True).expectations == 1
    with State(shop / ".rung") as state:
        assert [*all_expectations(state)] == []


def test_which_deployment_it_was_is_as_it_is_known_here(shop: Path) -> None:
    gave(shop)
    done = brought(
        shop,
        {"id": ID, "rating": "up", "by": "ada", "deployment": "dddd"},
        {"question": QUESTION, "rating": "up", "by": "ada", "deployment": "ffff"},
        {"id": ID, "rating": "down", "by": "ada", "deployment": "eeee"},
    )
    assert [(note.line, note.message.partition(":")[0]) for note in done.notes] == [
        (2, "no deployment 'ffff' is known here"),
        (3, f"'eeee' did not give that answer, but {'d' * 12}"),
    ]


def test_a_correction_that_repeats_a_test_case_is_never_silent_and_teaches_nothing(shop: Path) -> None:
    brought(shop, {"question": "What does express shipping cost, please?", "expected": "Ten euros.", "by": "Emmy"})
    done = draft_from_feedback(load_project(shop), DraftRequest(judging=0))
    assert (done.proposals.proposals, done.added) == ((), {})
    assert "case s1 asks it already; it accepts another answer" in done.proposals.left_out[0][1]


def test_evidence_is_looked_up_where_the_asker_may_read(shop: Path) -> None:
    quote = "Staff buy everything at forty percent discount."
    rows = [
        {"question": "Is there a discount for staff?", "expected": quote, "by": "Emmy", "groups": ["staff"]},
        {"question": "Is there any discount?", "expected": quote, "by": "Emmy", "groups": []},
        {
            "question": "Who pays to send it back?",
            "expected": "The customer pays for the return parcel.",
            "by": "E",
            "groups": [],
        },
    ]
    brought(shop, *rows)
    secret, guess, public = draft_from_feedback(load_project(shop), DraftRequest(judging=0)).proposals.proposals
    assert (secret.use, secret.evidence) == ("case", ({"document": "docs/staff.md", "quote": quote},))  # it teaches nobody
    assert (guess.use, guess.evidence) == ("train", ())
    assert (public.use, [one["document"] for one in public.evidence]) == ("train", ["docs/returns.md"])  # type: ignore[index, call-overload]


def test_evidence_of_an_earlier_rung_that_is_none_is_skipped(shop: Path) -> None:
    given = Expectation("Emmy", ("Yes, in a week.",), evidence=({"document": {"a": 1}},), entry={"question": QUESTION})
    with State(shop / ".rung") as state:
        add_expectation(state, given)
    (draft,) = draft_from_feedback(load_project(shop), DraftRequest(judging=0)).proposals.proposals
    assert draft.evidence == ()


def test_cells_that_were_kept_from_running_are_what_they_were(shop: Path) -> None:
    table = shop.parent / "said.csv"
    table.write_text("question,expected,by\n'=1+1 is what?,'-2,Emmy\n", "utf-8")
    import_feedback(load_project(shop), table)
    brought(shop, {"question": "Who?", "expected": "'-3", "by": "Emmy"})
    with State(shop / ".rung") as state:
        table_row, json_row = all_expectations(state)
    assert ((table_row.entry or {})["question"], table_row.answers) == ("=1+1 is what?", ("-2",))
    assert json_row.answers == ("'-3",)


def test_rows_behind_a_quote_that_is_never_closed_are_counted(shop: Path) -> None:
    table = shop.parent / "said.csv"
    table.write_text('question,expected,by\nHow?,So.,Emmy\nWhere?,"Oslo,Emmy\nWhen?,1961,Emmy\nWho?,Ada,Emmy\n', "utf-8")
    done = import_feedback(load_project(shop), table, dry_run=True)
    assert (done.rows, done.expectations, [problem.line for problem in done.left_out]) == (4, 1, [3, 4, 5])
    assert "the quote that line 3 opens is never closed, and lines 3 to 5 are not read" in done.left_out[0].message


def test_the_command(rung: Run, shop: Path, tmp_path: Path) -> None:
    table = tmp_path / "expert.csv"
    table.write_text(f'question,expected,by,mood\n"{QUESTION}","Yes, in a week.",Emmy,good\n"Why?",,Emmy,\n', "utf-8")
    done = rung("feedback", "import", table, shop, "--strict", code=2)
    assert "2 rows: taken 0 ratings, 1 expected answers" in done.out
    assert "expert.csv:3" in done.out + done.err
    assert "'mood' means nothing here" in done.out
    said = rung("feedback", "import", table, "-C", shop, "--json").json
    assert (said["again"], said["expectations"]) == (1, 0)
    assert "right is: Yes, in a week." in rung("feedback", "list", shop).out
    assert "there is no file" in rung("feedback", "import", tmp_path / "no.csv", shop, code=2).err


def test_a_file_that_is_not_there_is_a_sentence(shop: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        import_feedback(load_project(shop), shop / "no.csv")


@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_document_that_is_not_there_is_listed_with_what_was_meant(is_indexed: bool, shop: Path, rung: Run) -> None:
    if is_indexed:
        rung("sync", shop)
    evidence = [{"document": "docs/returns.md", "quote": "30"}, {"document": "docs/Retuns.md", "quote": "30"}]
    done = brought(
        shop,
        {"question": QUESTION, "expected": "Yes.", "by": "Emmy", "document": "docs/returns.md", "quote": "30"},
        {"question": QUESTION, "expected": "No.", "by": "Emmy", "evidence": evidence},
        {"question": "Who?", "expected": "Me.", "by": "Emmy", "document": "elsewhere/ends.pdf", "quote": "30"},
        dry_run=True,
    )
    assert (done.expectations, done.left_out) == (3, ())
    assert [str(one) for one in done.notes] == [
        "said.jsonl:2: no document 'docs/Retuns.md' is here, did you mean 'docs/returns.md'?: kept as it was said, and "
        "bears nothing out",
        "said.jsonl:3: no document 'elsewhere/ends.pdf' is here: kept as it was said, and bears nothing out",
    ]


def test_a_project_without_documents_knows_of_none_that_is_missing(shop: Path) -> None:
    yaml = shop / "rung.yaml"
    yaml.write_text("\n".join(line for line in yaml.read_text("utf-8").split("\n") if "knowledge" not in line), "utf-8")
    done = brought(shop, {"question": QUESTION, "expected": "Yes.", "by": "E", "document": "x", "quote": "30"})
    assert (done.expectations, done.notes) == (1, ())
