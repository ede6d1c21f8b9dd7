"""Does an open project answer as the commands do, and show each asker what they may read and nothing else?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import ask, compare
from rung.pipeline.pinned_strategy import PinnedStrategy
from rung.records import Answer, Asker, Citation, Json, Passage
from rung.serving.going_back import withdraw
from rung.serving.session import Session
from rung.serving.tool_results import MAX_CHARACTERS, MAX_QUERY, answered
from rung.state.database import State
from rung.state.feedback import all_expectations, remarks
from rung.strategies.prompt import Prompt
from tests.cli.conftest import Run
from tests.labels_project import write_labels
from tests.serving.promoting import promoted

PUBLIC, STAFF, OWNER = Asker(frozenset()), Asker(frozenset({"staff"})), Asker()
DISCOUNT = "At what discount do staff buy everything?"


@pytest.fixture
def session(shop: Path) -> Iterator[Session]:
    with Session(load_project(shop)) as opened:
        yield opened


def documents(session: Session, query: str, asker: Asker) -> set[str]:
    return {hit.document for hit in session.search(query, asker=asker, top=50).passages}


def test_search_shows_each_asker_their_own(session: Session) -> None:
    assert documents(session, DISCOUNT, PUBLIC) == {"docs/returns.md", "docs/shipping.md"}
    assert documents(session, DISCOUNT, STAFF) == documents(session, DISCOUNT, OWNER)
    assert "docs/staff.md" in documents(session, DISCOUNT, STAFF)


def test_a_hit_names_the_lines_of_its_file(session: Session, shop: Path) -> None:
    hit = session.search("forty percent", asker=STAFF, top=1).passages[0]
    lines = (shop / hit.source).read_text("utf-8").splitlines()
    assert "\n".join(lines[hit.first_line - 1 : hit.last_line]) == hit.text.rstrip("\n")
    assert session.document(hit.document, asker=STAFF, span=f"{hit.start}-{hit.end}").text == hit.text


def test_a_document_that_may_not_be_read_is_as_one_that_is_not_there(session: Session) -> None:
    assert "forty percent" in session.document("docs/staff.md", asker=STAFF).text
    texts = []
    for id in ("docs/staff.md", "docs/stuff.md"):
        with pytest.raises(UserError) as caught:
            session.document(id, asker=PUBLIC)
        texts.append(str(caught.value).replace(id, "ID"))
    assert texts[0] == texts[1]
    assert "staff" not in texts[0]


def test_an_answer_is_the_asker_s(session: Session) -> None:
    mine = session.ask(DISCOUNT, rung="rag", asker=STAFF)
    assert "forty percent" in mine.answer
    assert [(cited.document, "forty percent" in cited.quote) for cited in mine.citations] == [("docs/staff.md", True)]
    theirs = session.ask(DISCOUNT, rung="rag", asker=PUBLIC)
    assert "forty" not in json.dumps([theirs.answer, [cited.quote for cited in theirs.citations]])
    assert "docs/staff.md" not in {cited.document for cited in theirs.citations}


@pytest.mark.slow
def test_the_winner_answers_as_it_was_measured(shop: Path) -> None:
    text = (shop / "rung.yaml").read_text("utf-8")
    (shop / "rung.yaml").write_text(re.sub("(?m)^rungs:.*$", "rungs: [prompt, rag]", text), "utf-8")
    project = load_project(shop)
    verdict = compare(project)
    with Session(project) as session:
        shown = session.ask("Do we ship to Norway?", asker=OWNER)
    live, pinned = ask(project, "Do we ship to Norway?", asker=OWNER)
    assert live.value is not None
    assert (shown.rung, shown.answer) == (verdict.verdict.winner, live.value.text)
    assert (pinned.label, pinned.models[0]) == (shown.rung, shown.model)


def test_without_a_verdict_or_such_a_rung_it_says_so(session: Session) -> None:
    with pytest.raises(UserError, match="there is no verdict yet"):
        session.ask("Do we ship to Norway?", asker=OWNER)
    with pytest.raises(UserError, match="'rga' is no rung"):
        session.ask("Do we ship to Norway?", rung="rga", asker=OWNER)


def test_a_citation_that_may_not_be_read_is_withheld_and_counted() -> None:
    pinned = PinnedStrategy("rag", Prompt.__new__(Prompt), ("scripted",))
    mine = Passage("a#0-5", "a", 0, 5, "Fine.")
    given = Answer("Fine. [1] [2]", passages=(mine,), citations=(Citation(1, "a", 0, 5, "a#0-5"), Citation(2, "b", 0, 9)))
    shown = answered(given, pinned, asker=PUBLIC, access={"a": (), "b": ("staff",)})
    assert ([cited.document for cited in shown.citations], shown.withheld) == (["a"], 1)
    assert answered(given, pinned, asker=STAFF, access={"a": (), "b": ("staff",)}).withheld == 0
    with pytest.raises(UserError, match="withheld"):
        answered(given, pinned, asker=PUBLIC, access={"a": ("staff",), "b": ()})


def test_what_changed_is_found_without_a_new_session(session: Session, shop: Path) -> None:
    assert "docs/new.md" not in documents(session, "umbrella", PUBLIC)
    (shop / "docs" / "new.md").write_text("# Umbrella\n\nAn umbrella costs seven euros.\n", "utf-8")
    assert "docs/new.md" in documents(session, "umbrella", PUBLIC)
    (shop / "docs" / "returns.md").write_text("---\ngroups: [staff]\n---\nThirty days, for staff.\n", "utf-8")
    assert "docs/returns.md" not in documents(session, "umbrella", PUBLIC)
    with pytest.raises(UserError, match="no document"):
        session.document("docs/returns.md", asker=PUBLIC)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ("L1-L1", "one\n"),
        ("L2-3", "two\nthree"),
        ("L3-L99", "three"),
        ("0-3", "one"),
        (" 4 - 7 ", "two"),
        ("8-99", "three"),
        ("", "one\ntwo\nthree"),
    ],
)
def test_parts_of_a_document(shop: Path, span: str, text: str) -> None:
    (shop / "docs" / "n.md").write_text("one\ntwo\nthree", "utf-8")
    with Session(load_project(shop)) as session:
        part = session.document("./docs/n.md", asker=OWNER, span=span)
    assert part.text == text
    assert part.characters == 13
    whole = ["one", "two", "three"]
    assert "\n".join(whole[part.first_line - 1 : part.last_line]).strip() == text.strip()


@pytest.mark.parametrize("span", ["L0-L2", "L4-L9", "L3-L2", "5-5", "13-20", "9-3", "x", "-1-3", "1", "L1", "1-2-3"])
def test_a_span_that_is_none_is_said(session: Session, span: str, shop: Path) -> None:
    (shop / "docs" / "n.md").write_text("one\ntwo\nthree", "utf-8")
    with pytest.raises(UserError, match=r"span|characters|lines"):
        session.document("docs/n.md", asker=OWNER, span=span)


def test_a_long_document_comes_in_parts_and_none_is_lost(session: Session, shop: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(12_000))
    (shop / "docs" / "long.md").write_text(text, "utf-8")
    parts = [session.document("docs/long.md", asker=OWNER)]
    while parts[-1].more:
        parts.append(session.document("docs/long.md", asker=OWNER, span=parts[-1].more))
    assert "".join(part.text for part in parts) == text
    assert max(len(part.text) for part in parts) <= MAX_CHARACTERS


def test_feedback_is_kept_with_what_it_is_about(session: Session, shop: Path) -> None:
    shown = session.ask("Do we ship to Norway?", rung="rag", asker=PUBLIC)
    session.feedback(rating="down", answer_id=shown.answer_id, correction="Yes, we do.", caller="ada")
    session.feedback(rating="up", question="Who pays?\nReally?")
    with State(shop / ".rung") as state:
        rows = [(dict(row.entry or {}), row) for row in remarks(state)]
        (expected,) = all_expectations(state)
    assert [(entry["question"], row.rating, entry["answer"], row.caller) for entry, row in rows] == [
        ("Do we ship to Norway?", "down", shown.answer, "ada"),
        ("Who pays?\nReally?", "up", None, ""),
    ]
    assert (rows[0][1].details, rows[0][0]["model"]) == ({}, "rag")
    assert (expected.by, expected.answers, expected.remark, expected.entry) == ("ada", ("Yes, we do.",), 1, rows[0][0])
    for given in ({}, {"answer_id": "0123"}, {"question": " "}):
        with pytest.raises(UserError, match="give the answer_id"):
            session.feedback(rating="up", **given)


def test_what_is_promoted_answers_and_a_rung_that_is_named_answers_instead(measured: Path) -> None:
    """`rung ask` and an agent's `ask`: as a server would: before a promotion, after it, and taken back."""
    question, project = "What does express shipping cost?", load_project(measured)
    with Session(project) as session:
        assert session.ask(question, asker=PUBLIC).rung == "long_context"
        record = promoted(measured, "rag")
        assert session.ask(question, asker=PUBLIC).rung == "rag"
        assert session.ask(question, asker=PUBLIC, rung="prompt").rung == "prompt"
        live, asked = ask(project, question)
        assert (asked.label, asked.deployment, live.failure) == ("rag", record.id, None)
        assert ask(project, question, rung="prompt")[1].deployment == ""
        with State(measured / ".rung") as state:
            withdraw(project, state, by="ada", reason="a test")
        assert session.ask(question, asker=PUBLIC).rung == "long_context"
    assert ask(project, question)[1].label == "long_context"


def test_the_command_says_which_deployment_answers(rung: Run, measured: Path) -> None:
    record = promoted(measured, "rag")
    done = rung("ask", measured, "What does express shipping cost?")
    assert f"(rag, deployment {record.id}" in done.err
    assert rung("ask", measured, "What does express shipping cost?", "--json").json["deployment"] == record.id
    assert "deployment" not in rung("ask", measured, "Who pays?", "--rung", "prompt", "--json").json
    assert "as before any promotion" in rung("rollback", measured, "--to", "winner", "--reason", "a test").out
    assert "withdrawn by" in rung("deployments", measured).out


def test_what_is_empty_or_too_long_is_said(session: Session) -> None:
    for text, why in (("", "is empty"), (" \n", "is empty"), ("x" * (MAX_QUERY + 1), "shorten it")):
        with pytest.raises(UserError, match=why):
            session.search(text, asker=OWNER)
        with pytest.raises(UserError, match=why):
            session.ask(text, asker=OWNER)
    for top in (0, 51, -1):
        with pytest.raises(UserError, match="k must be"):
            session.search("x", asker=OWNER, top=top)


def test_nothing_is_trained_for_who_asks(tmp_path: Path) -> None:
    shades = [("crimson", "red"), ("navy", "blue"), ("scarlet", "red"), ("azure", "blue"), ("ruby", "red"), ("teal", "blue")]
    cases: list[Json] = [
        {"id": str(n), "question": f"{shade} {n}?", "answers": [label], "split": "test" if n < 12 else "train"}
        for n, (shade, label) in enumerate(shades * 12)
    ]
    project = load_project(write_labels(tmp_path, cases, "rungs: [prompt, classifier]\n"))
    with Session(project) as session, pytest.raises(UserError, match="has to be trained first"):
        session.ask("crimson?", rung="classifier", asker=OWNER)
    assert not list(tmp_path.glob(".rung/artifacts/classifier/*/manifest.json"))
