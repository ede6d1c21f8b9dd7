"""What a key that is held to groups cannot learn from the board: by asking, by errors, by what others see there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from rung.commands.label_cases import LabelPlan, Shown
from rung.commands.review import waiting
from rung.config.project import load_project
from rung.dataset.proposals import Comment, Rows, propose
from rung.errors import UserError
from rung.pipeline.judge_labels import read_labels
from rung.pipeline.publishing import published
from rung.pipeline.run_control import LOG
from rung.pipeline.run_record import recorded
from rung.report.html.markup import join
from rung.web.case_index import CaseFilter
from rung.web.case_reading import read_index
from rung.web.document_access import groups_of, may_read_all
from rung.web.document_list import DocumentList
from rung.web.documents import _about
from rung.web.jobs import Job, job_pane
from rung.web.project_at_hand import ProjectAtHand
from rung.web.queue_decisions import Chosen, Overtaken, decided
from rung.web.queue_entries import UNTOLD, draft_entry, queue
from rung.web.reviewer import NAME
from rung.web.viewer import Viewer
from tests.web.asking import DOOR, asking, field, page_of
from tests.web.watched import watched

STAFF, NOBODY, OWNER = Viewer("s", frozenset({"staff"})), Viewer("n", frozenset()), Viewer("o")


def drafted(folder: Path, name: str, **row: Any) -> None:
    """A draft of feedback."""
    row = {"id": name, "question": f"{name}?", "answers": ["so"], **row, "drafted_by": "feedback", "approved_by": ""}
    with (folder / "feedback.drafts.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(row)}\n")


def test_evidence_in_a_document_that_one_may_not_read_is_as_in_one_that_is_not_there(measured: Path) -> None:
    def answered(client: Any, **evidence: str) -> str:
        stamp = field(page_of(client, "runs/1/cases/r1"), "stamp")
        form = {"case": "r1", "stamp": stamp, "answer": "x", "was": "{}", "span": "", "quote": "", **evidence}
        response = client.post("runs/1/gold", data=form)
        assert response.status_code == 409, evidence
        refusal, _, written = response.text.partition("What you wrote")
        assert evidence["document"] in written  # their own words, which tell nothing
        return str(refusal).replace(evidence["document"], "DOCUMENT")

    before = (measured / "cases.jsonl").read_bytes()
    with watched(measured, DOOR) as board, asking(board, "nobody+") as client:
        told = {
            answered(client, document=document, **place)
            for document in ("docs/staff.md", "docs/none.md")
            for place in ({"quote": "forty percent"}, {"quote": "not there"}, {"span": "1-99999"})
        }
    assert len(told) == 1
    assert (measured / "cases.jsonl").read_bytes() == before


def test_a_document_that_is_gone_is_read_by_nobody_who_is_held_to_groups(measured: Path, tmp_path: Path) -> None:
    project = load_project(measured)
    assert may_read_all(STAFF, ["docs/staff.md", "docs/returns.md"], project)
    assert not may_read_all(NOBODY, ["docs/staff.md"], project)
    assert not may_read_all(STAFF, ["docs/gone.md"], project)
    assert may_read_all(OWNER, ["docs/gone.md"], project)
    rows = [json.loads(line) for line in (measured / "cases.jsonl").read_text("utf-8").splitlines()]
    rows[0] |= {"gold_documents": ["docs/gone.md"], "answers": ["of a secret"]}
    (measured / "cases.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    with watched(measured, DOOR) as board:
        with asking(board, "staff") as client:
            text = page_of(client, "runs/1/cases/r1")
            assert "not for you by now" in text
            assert "of a secret" not in text
        (measured / ".rung" / "index").rename(tmp_path / "index")
        with asking(board, "staff") as client:
            assert "thirty days" not in page_of(client, "runs/1/cases/r1").split('class="columns answers"')[0]
        with asking(board, "nobody") as client:
            assert "nine euros" not in page_of(client, "runs/1/cases/s1").split('class="columns answers"')[0]


def test_a_draft_of_feedback_is_for_who_reads_all_that_its_asker_read(measured: Path) -> None:
    drafted(measured, "of-both", **{"as": ["hr", "staff"]})
    drafted(measured, "of-staff", **{"as": ["staff"]})
    drafted(measured, "of-nobody", **{"as": []})
    drafted(measured, "of-untold")
    at_hand = ProjectAtHand(measured)
    try:
        seen = [{one.title for one in queue(at_hand, who).of("feedback")} for who in (STAFF, NOBODY, OWNER)]
    finally:
        at_hand.close()
    assert seen == [{"of-staff?", "of-nobody?"}, {"of-nobody?"}, {"of-both?", "of-staff?", "of-nobody?", "of-untold?"}]


def test_an_example_that_feedback_drafts_says_who_asked(measured: Path) -> None:
    said = [Comment("How long?", "No.", False, ("Thirty days.",), asker=asker) for asker in ((), None)]
    rows = [propose([one], Rows(teach="example", judging=0)).proposals[0].row() for one in said]
    assert [row["meta"].get("as") for row in rows] == [[], None]  # type: ignore[union-attr]
    (measured / "feedback.drafts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    entries = [draft_entry(one) for one in waiting(load_project(measured))]
    assert [(one.needs, one.documents) for one in entries] == [((), ()), ((), UNTOLD)]
    as_case = waiting(load_project(measured))[0].used_as("case")
    assert as_case.row["as"] == []
    assert as_case.used_as("example").meta("as") == []


@pytest.mark.parametrize("name", ["", " ", "Ada, Eve", "x" * 101])
def test_a_name_is_of_one_person_wherever_it_is_kept(measured: Path, name: str) -> None:
    with watched(measured) as board, asking(board) as client:
        form = {"case": "s2", "rung": "rag", "good": "no", "by": name}
        page_of(client, "runs/1/cases/s2")
        refused = [client.post("runs/1/label", data=form), client.post("reviewer", data={"name": name, "to": ""})]
        client.cookies.set(NAME, quote(name), path="/board")
        refused.append(client.post("queue/decide", data={"kind": "label", "subject": "x", "action": "approve"}))
        assert [one.status_code for one in refused] == [400, 400, 400]
        assert not any(one.headers.get("set-cookie", "").startswith(NAME) for one in refused)
    assert read_labels(load_project(measured)) == []


def test_a_reviewer_who_is_held_to_groups_reads_no_output_of_a_comparison(shop: Path) -> None:
    project = load_project(shop)

    def compare() -> None:
        with recorded(project, None) as recorder:
            recorder.say("case d1 says forty percent")
            raise UserError("row 7 of cases.jsonl says forty percent")

    with pytest.raises(UserError):
        compare()
    (project.state / LOG).write_text("case d1 says forty percent\n", "utf-8")
    with watched(shop, DOOR) as board, asking(board, "nobody+") as client:
        text = client.get("live").text
        assert "1 message, for who may read everything" in text
        assert "Ended without a verdict" in text
        assert 'action="/board/live/start"' in text  # they may steer
        with client.stream("GET", "live/events") as response:
            event = next(line for line in response.iter_lines() if line.startswith("data:"))
    assert "forty" not in text + event
    with watched(shop) as board, asking(board) as client:
        assert client.get("live").text.count("forty percent") == 3


def test_what_goes_wrong_is_told_in_full_to_who_may_read_everything(measured: Path) -> None:
    background = ProjectAtHand(measured)
    job = Job("A look", "ada", "2026-01-01T00:00", "failed", ("case d1 says forty percent",))
    assert "forty" in job_pane(job, OWNER)
    assert "forty" not in job_pane(job, STAFF)
    assert "did not work" in job_pane(job, STAFF)
    background.close()
    listed = DocumentList(version=1, why="docs/staff.md cannot be read")
    assert "staff.md" in join(*_about(listed, OWNER))
    assert "staff.md" not in join(*_about(listed, NOBODY))
    (measured / "cases.jsonl").rename(measured / "forty.jsonl")
    (measured / "rung.yaml").write_text(
        (measured / "rung.yaml").read_text("utf-8").replace("cases: cases.jsonl", "cases: forty-percent.jsonl"), "utf-8"
    )
    with watched(measured, DOOR) as board, asking(board, "nobody") as client:
        for path in ("queue", "runs/1/cases"):
            text = page_of(client, path)
            assert "Why is told to who may read everything" in text, path
            assert "forty-percent" not in text, path
    with watched(measured) as board, asking(board) as client:
        for path in ("queue", "runs/1/cases"):
            assert "forty-percent" in page_of(client, path), path


def test_todays_gold_is_searched_by_who_may_read_it_today(measured: Path) -> None:
    cases = measured / "cases.jsonl"
    rows = [json.loads(line) for line in cases.read_text("utf-8").splitlines()]
    rows[0] |= {"answers": ["a hidden quantity"], "gold_documents": ["docs/staff.md"]}  # public when it was compared
    rows[1] |= {"answers": ["an open quantity"]}
    cases.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    project = load_project(measured)
    index, access = read_index(project, published(project, "1")), groups_of(project)

    def ids(groups: frozenset[str] | None, **asked: str) -> set[str]:
        return {index.ids[number] for number in index.matching(CaseFilter(**asked), groups, access)}

    assert ids(None, text="hidden quantity") == {"r1"}
    assert ids(STAFF.groups, text="hidden quantity") == {"r1"}
    assert ids(NOBODY.groups, text="hidden quantity") == set()
    assert ids(NOBODY.groups, text="open quantity") == {"r2"}
    assert "r1" in ids(None, document="staff.md")
    assert "r1" not in ids(NOBODY.groups, document="staff.md")
    access = {**access, "docs/returns.md": ("hr",)}  # restricted since
    assert ids(NOBODY.groups, text="open quantity") == set()
    assert ids(None, text="open quantity") == {"r2"}
    with watched(measured, DOOR) as board, asking(board, "nobody") as client:
        assert "0 of " in page_of(client, "runs/1/cases?text=hidden+quantity")
        assert "1 of " in page_of(client, "runs/1/cases?text=open+quantity")


def test_a_label_is_refused_on_what_one_may_not_read_and_todays_documents_count(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = (Shown("r1", "How long?", ("thirty days",), "thirty", ("rag",)),)
    plan = LabelPlan("judge", ("rag",), 1, shown, 0, None, False, 45.0)
    monkeypatch.setattr("rung.web.queue_entries.label_plan", lambda _: plan)
    rows = [json.loads(line) for line in (measured / "cases.jsonl").read_text("utf-8").splitlines()]
    rows[0] |= {"gold_documents": ["docs/staff.md"]}
    (measured / "cases.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    at_hand = ProjectAtHand(measured)
    try:
        (entry,) = queue(at_hand, OWNER).of("label")
        assert set(entry.documents) == {"docs/staff.md", "docs/returns.md"}
        assert queue(at_hand, NOBODY).of("label") == ()
        chosen = Chosen("label", entry.subject, "approve", "Ada")
        with pytest.raises(Overtaken, match="another verdict"):
            decided(at_hand, NOBODY, chosen)
        with pytest.raises(UserError, match="one person"):
            decided(at_hand, STAFF, replace(chosen, by="Ada, Eve"))
        assert read_labels(load_project(measured)) == []
        assert "called good" in decided(at_hand, STAFF, chosen)
        assert [one.by for one in read_labels(load_project(measured))] == ["Ada"]
    finally:
        at_hand.close()
