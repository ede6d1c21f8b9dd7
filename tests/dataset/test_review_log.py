"""Does the log of reviews only grow, and does an approval take as many different people as are asked for?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import Project, load_project
from rung.dataset.review_log import HEAD, LOG, add_review, approvers, deciding, people, reviews
from rung.errors import UserError


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "rung.yaml").write_text("task: Answer.\n", "utf-8")
    return load_project(tmp_path)


def decided(project: Project, *events: tuple[str, str]) -> Path:
    """(action, by) each, on one subject."""
    with deciding(project):
        for action, by in events:
            add_review(project, {"what": "draft", "action": action, "subject": "s", "by": by})
    return project.root / LOG


def test_it_is_read_as_it_was_written(project: Project) -> None:
    assert reviews(project) == ()
    decided(project, ("approve", "Ada"), ("reject", "Grace"))
    assert [(one["action"], one["by"]) for one in reviews(project)] == [("approve", "Ada"), ("reject", "Grace")]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_line_that_was_changed_or_taken_out_is_found_and_nothing_is_decided_upon_it(
    project: Project, how: str, index: int
) -> None:
    """Also the last one, which no line after it names."""
    log = decided(project, ("approve", "Ada"), ("approve", "Grace"))
    lines = log.read_text("utf-8").splitlines()
    kept = [line if n != index else line.replace("A", "E").replace("G", "E") for n, line in enumerate(lines)]
    log.write_text("\n".join(kept if how == "changed" else [kept[1 - index]]) + "\n", "utf-8")
    with pytest.raises(UserError, match="the log only grows"):
        reviews(project)
    before = log.read_text("utf-8")
    with pytest.raises(UserError, match="the log only grows"):
        decided(project, ("approve", "Mallory"))
    assert log.read_text("utf-8") == before


def test_two_copies_that_grew_apart_are_put_together(project: Project) -> None:
    log = decided(project, ("approve", "Ada"))
    common = log.read_text("utf-8")
    ours = decided(project, ("approve", "Grace")).read_text("utf-8")
    log.write_text(common, "utf-8")  # the other copy, which has not seen it
    (project.state / HEAD).unlink()
    theirs = decided(project, ("reject", "Emmy")).read_text("utf-8")
    log.write_text(ours + theirs.removeprefix(common), "utf-8")
    assert [one["by"] for one in reviews(project)] == ["Ada", "Grace", "Emmy"]
    decided(project, ("approve", "Ada"))
    assert len(reviews(project)) == 4


def test_lines_of_an_earlier_rung_and_one_that_a_crash_cut_stay(project: Project) -> None:
    log = project.root / LOG
    log.write_text(json.dumps({"action": "approve", "by": "Ada"}) + '\n{"action": "rej', "utf-8")
    decided(project, ("approve", "Grace"))
    assert [one["by"] for one in reviews(project)] == ["Ada", "Grace"]
    assert log.read_text("utf-8").count("\n") == 3


@pytest.mark.parametrize(
    ("events", "names"),
    [
        ([("approve", "Ada"), ("approve", "ada ")], ("Ada",)),
        ([("approve", "Ada"), ("approve", "Grace")], ("Ada", "Grace")),
        ([("approve", "Ada"), ("reject", "Grace")], ()),
        ([("reject", "Grace"), ("approve", "Ada")], ("Ada",)),
        ([("request", "Ada")], ()),
    ],
)
def test_who_approved(project: Project, events: list[tuple[str, str]], names: tuple[str, ...]) -> None:
    decided(project, *events)
    assert approvers(reviews(project), "draft", "s") == names
    assert approvers(reviews(project), "draft", "another") == ()
    assert approvers(reviews(project), "training", "s") == ()


def test_people_are_told_apart_by_name() -> None:
    assert people(["", " ", "Ada", "ADA", "Grace"]) == ("Ada", "Grace")


@pytest.mark.parametrize(
    "other",
    ["Zo\u00eb  Lee", "Zo\u00eb\u00a0Lee", "Zo\u00eb\u200b Lee", "Zoe\u0308 Lee", "ZO\u00cb\tLEE", "\ufeffZo\u00eb Lee"],
)
def test_one_person_is_one_however_the_name_is_written(other: str) -> None:
    assert people(["Zo\u00eb Lee", other, "\u200b"]) == ("Zo\u00eb Lee",)
