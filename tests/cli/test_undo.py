"""A decision is taken back: the row is as it was, the log says both, and what was counted is counted no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.commands.feedback_drafts import draft_from_feedback
from rung.commands.review import Waiting, decide, split, waiting
from rung.commands.stakes_review import decide_rows, waiting_rows
from rung.commands.undo import take_back
from rung.config.project import Project, load_project
from rung.dataset.review_log import decided_ids, decisions, reviews
from rung.errors import UserError
from tests.cli.conftest import Run, make_shop
from tests.cli.test_feedback_review import said


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with three drafts of feedback."""
    folder = make_shop(tmp_path / "shop")
    for thing in ("shoes", "watches", "pianos"):
        said(folder, f"Do you repair the customer's {thing}?", correction=f"Yes, {thing} within a week.")
    project = load_project(folder)
    draft_from_feedback(project)
    return project


def rows(project: Project) -> list[dict[str, Any]]:
    lines = (project.root / "feedback.drafts.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def first(project: Project) -> Waiting:
    return waiting(project)[0]


def test_an_approval_is_taken_back_and_may_be_given_again(project: Project) -> None:
    before = rows(project)
    decide(project, first(project), "approve", by="Ada")
    take_back(project, by="ada")  # however the name is written
    assert rows(project) == before
    assert [event["action"] for event in reviews(project)] == ["approve", "undo"]
    assert decisions(project) == ()
    assert len(waiting(project)) == 3
    decide(project, first(project), "approve", by="Ada")
    assert rows(project)[0]["approved_by"] == "Ada"


def test_what_was_mended_is_as_it_was_before(project: Project) -> None:
    before = rows(project)
    decide(project, first(project).mended(question="Q?", answers=["Of course."], answerable=True), "approve", by="Ada")
    take_back(project, by="Ada")
    assert rows(project) == before


def test_what_moved_to_another_file_comes_back(project: Project) -> None:
    decide(project, first(project).used_as("example"), "approve", by="Ada")
    assert len(rows(project)) == 2
    take_back(project, by="Ada")
    assert sorted(row["id"] for row in rows(project)) == sorted(one.id for one in waiting(project))
    assert (project.root / "feedback.examples.drafts.jsonl").read_text("utf-8").strip() == ""


def test_what_was_rejected_or_divided_waits_again(project: Project) -> None:
    one = first(project)
    decide(project, one, "reject", by="Ada", reason="no")
    take_back(project, by="Ada")
    assert decided_ids(project) == frozenset()
    assert one.row in rows(project)
    before = rows(project)
    split(project, waiting(project)[0], ["First?", "Second?"], by="Ada")
    take_back(project, by="Ada")
    assert rows(project) == before


def test_the_first_row_of_a_file_that_begins_with_a_bom_is_taken_back(project: Project) -> None:
    path, mark = project.root / "feedback.drafts.jsonl", b"\xef\xbb\xbf"
    before = mark + path.read_bytes()
    path.write_bytes(before)
    assert (first(project).line, len(waiting(project))) == (1, 3)
    decide(project, first(project), "approve", by="Ada")
    take_back(project, by="Ada")
    assert path.read_bytes() == before
    split(project, first(project), ["First?", "Second?"], by="Ada")
    take_back(project, by="Ada")
    assert path.read_bytes() == before


def test_of_two_reviewers_one_takes_back_and_the_other_stands(project: Project) -> None:
    yaml = project.root / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8") + "review: {required: true, reviewers: 2}\n", "utf-8")
    project = load_project(project.root)
    decide(project, first(project), "approve", by="Ada")
    decide(project, first(project), "approve", by="Grace")
    assert len(waiting(project)) == 2
    take_back(project, by="Ada")
    (one,) = [draft for draft in waiting(project) if draft.by]
    assert one.by == ("Grace",)
    take_back(project, by="Grace")
    assert not [draft for draft in waiting(project) if draft.by]
    before = {row.id: row.by for row in waiting_rows(project)}
    decide_rows(project, "approve", by="Ada")
    take_back(project, by="Ada")
    assert {row.id: row.by for row in waiting_rows(project)} == before


def test_only_ones_own_last_decision_and_nothing_that_was_changed_since(project: Project) -> None:
    decide(project, first(project), "approve", by="Ada")
    with pytest.raises(UserError, match="Grace decided nothing"):
        take_back(project, by="Grace")
    path = project.root / "feedback.drafts.jsonl"
    path.write_text(path.read_text("utf-8").replace("within a week", "within a year"), "utf-8")
    with pytest.raises(UserError, match="changed since"):
        take_back(project, by="Ada")
    assert [event["action"] for event in reviews(project)] == ["approve"]


def test_the_command(rung: Run, project: Project) -> None:
    decide(project, first(project), "reject", by="Ada", reason="no")
    assert "taken back: reject draft feedback-" in rung("review", project.root, "--undo", "--by", "Ada").out
    assert "Ada: undo draft reject of feedback-" in rung("review", project.root, "--log").out
    assert "nothing that could be taken back" in rung("review", project.root, "--undo", "--by", "Ada", code=2).err


def test_what_was_set_aside_in_its_file_waits_again(project: Project) -> None:
    path = project.root / "feedback.drafts.jsonl"
    path.write_text(path.read_text("utf-8").replace('"drafted_by": "feedback"', '"drafted_by": "Grace"'), "utf-8")
    before = rows(project)
    decide(project, first(project), "reject", by="Ada", reason="no")
    assert len(rows(project)) == len(before)
    take_back(project, by="Ada")
    assert rows(project) == before
    assert len(waiting(project)) == len(before)
