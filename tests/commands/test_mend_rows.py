"""Rows are mended where they stand: whole, by a person with a name, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from rung.commands.mend_rows import CASE, EXAMPLE, add_draft, changed_by, replace_row, row_at
from rung.commands.review import waiting
from rung.config.project import Project, load_project
from rung.dataset.review_log import reviews
from rung.errors import UserError

YAML = (
    "name: p\ntask: Answer.\ncases: [cases.jsonl]\nbehaviour: {examples: [taught.jsonl]}\nmodel: scripted\nrungs: [prompt]\n"
)
CASES = [{"id": f"c{n}", "question": f"Who is {n}?", "answers": [f"Ada {n}"], "split": "test"} for n in range(6)]
TAUGHT = [{"prompt": f"Say {n}", "completion": str(n), "approved_by": "Ada", "approved_at": "2026-01-01"} for n in range(3)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "rung.yaml").write_text(YAML, "utf-8")
    (tmp_path / "cases.jsonl").write_text("\ufeff" + "\n".join(map(json.dumps, CASES)) + "\n", "utf-8")
    (tmp_path / "taught.jsonl").write_text("\n".join(map(json.dumps, TAUGHT)) + "\n{broken\n", "utf-8")
    return load_project(tmp_path)


def test_one_line_changes_and_the_log_says_by_whom(project: Project) -> None:
    path = project.root / "cases.jsonl"
    before, line = path.read_text("utf-8").split("\n"), row_at(project, CASE, "cases.jsonl:3")
    replace_row(project, CASE, ("cases.jsonl:3", line.stamp), {**line.row, "answers": ["Eve"]}, by="Ada")
    after = path.read_text("utf-8").split("\n")
    assert [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [2]
    assert json.loads(after[2])["answers"] == ["Eve"]
    (event,) = reviews(project)
    assert (event["what"], event["action"], event["by"], event["before"]) == ("case", "mend", "Ada", CASES[2])


def test_what_somebody_else_wrote_meanwhile_is_kept(project: Project) -> None:
    seen = row_at(project, CASE, "cases.jsonl:1")
    replace_row(project, CASE, ("cases.jsonl:1", seen.stamp), {**seen.row, "answers": ["first"]}, by="Ada")
    with pytest.raises(UserError, match="somebody changed this row"):
        replace_row(project, CASE, ("cases.jsonl:1", seen.stamp), {**seen.row, "answers": ["second"]}, by="Eve")
    assert row_at(project, CASE, "cases.jsonl:1").row["answers"] == ["first"]


def test_two_at_once_lose_nothing(project: Project) -> None:
    def mend(number: int) -> None:
        location = f"cases.jsonl:{number}"
        line = row_at(project, CASE, location)
        replace_row(project, CASE, (location, line.stamp), {**line.row, "answers": [f"new {number}"]}, by=f"P{number}")

    threads = [threading.Thread(target=mend, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row_at(project, CASE, f"cases.jsonl:{n}").row["answers"] for n in range(1, 7)] == [
        [f"new {n}"] for n in range(1, 7)
    ]
    assert len(reviews(project)) == 6


def test_a_row_that_moved_is_found_again(project: Project) -> None:
    seen = row_at(project, CASE, "cases.jsonl:4")
    first = row_at(project, CASE, "cases.jsonl:1")
    replace_row(project, CASE, ("cases.jsonl:1", first.stamp), None, by="Ada")
    replace_row(project, CASE, ("cases.jsonl:4", seen.stamp), {**seen.row, "answers": ["moved"]}, by="Eve")
    assert row_at(project, CASE, "cases.jsonl:3").row["answers"] == ["moved"]


@pytest.mark.parametrize(
    ("location", "after", "by", "words"),
    [
        ("cases.jsonl:1", {"id": "c0", "answers": ["x"]}, "Ada", "'question' is missing"),
        ("cases.jsonl:1", {"question": "Who?", "answers": [], "answerable": True}, "Ada", "'answers' is empty"),
        ("cases.jsonl:1", CASES[0], "", "who reviews"),
        ("rung.yaml:1", CASES[0], "Ada", "no place in the files"),
        ("../cases.jsonl:1", CASES[0], "Ada", "no place in the files"),
    ],
)
def test_what_cannot_be_read_or_is_nobodys_is_refused(
    project: Project, location: str, after: dict[str, object], by: str, words: str
) -> None:
    before = (project.root / "cases.jsonl").read_bytes()
    stamp = row_at(project, CASE, "cases.jsonl:1").stamp
    with pytest.raises(UserError, match=words):
        replace_row(project, CASE, (location, stamp), after, by=by)  # type: ignore[arg-type]
    assert (project.root / "cases.jsonl").read_bytes() == before
    assert reviews(project) == ()


def test_a_line_that_is_no_row_can_be_mended_in_a_file_of_rows_only(project: Project) -> None:
    line = row_at(project, EXAMPLE, "taught.jsonl:4")
    assert (line.row, line.text) == ({}, "{broken")
    replace_row(project, EXAMPLE, ("taught.jsonl:4", line.stamp), TAUGHT[0], by="Ada")
    assert row_at(project, EXAMPLE, "taught.jsonl:4").row == TAUGHT[0]
    (project.root / "taught.jsonl").write_text(json.dumps(TAUGHT, indent=1), "utf-8")
    with pytest.raises(UserError, match="not one row on each line"):
        row_at(project, EXAMPLE, "taught.jsonl:3")


def test_whoever_changes_an_approved_row_approves_it() -> None:
    after = changed_by(TAUGHT[0], {"completion": "nothing"}, "Eve", today="2026-02-02")
    assert (after["approved_by"], after["approved_at"]) == ("Eve", "2026-02-02")
    assert changed_by(TAUGHT[0], {}, "Eve") == TAUGHT[0]


def test_a_draft_waits_for_a_review(project: Project) -> None:
    add_draft(project, {"id": "new", "question": "And who is 7?", "answers": ["Eve"], "drafted_by": "Ada"})
    assert [one.id for one in waiting(project)] == ["new"]
    with pytest.raises(UserError, match="who reviews"):
        add_draft(project, {"id": "other", "question": "Who?", "answers": ["Eve"]})
