"""Logs whose lines name one another stay whole when the words of some go; files in other encodings come through."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rung.commands.forget import look
from rung.config.project import Project, load_project
from rung.dataset.review_log import add_review, decided_ids, reviews
from rung.erasure import verdicts, written
from rung.erasure.derived import arisen_from
from rung.erasure.naming import target_of
from rung.erasure.sources import left_in_files
from rung.erasure.target import Target, folded
from rung.erasure.written import Written
from rung.errors import UserError
from rung.files.durable import altered, files_in, seal, sha256, write_whole

ANN = Target("text", "Ann Smith", (folded("Ann Smith"),))


def digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:32]


def test_a_chain_of_reviews_holds_after_words_of_it_went(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    lines: list[str] = []
    for number, words in enumerate(("fine", "by Ann Smith", "fine", "Ann Smith again", "last")):
        before = digest(lines[-1]) if lines else ""
        lines.append(json.dumps({"by": f"r{number}", "reason": words, "previous": before}))
    (tmp_path / "reviews.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / ".rung").mkdir()
    (tmp_path / ".rung" / "reviews.head").write_text(digest(lines[-1]), encoding="utf-8")
    place = Written(load_project(tmp_path))
    assert [(one.store, one.count) for one in place.find(ANN)] == [("reviews.jsonl", 2)]
    place.erase(ANN)
    changed = (tmp_path / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    rows = list(map(json.loads, changed))
    assert [row["by"] for row in rows] == ["r0", "r1", "r2", "r3", "r4"]
    assert [row["reason"] for row in rows] == ["fine", "[forgotten]", "fine", "[forgotten]", "last"]
    assert [row["previous"] for row in rows] == ["", *map(digest, changed[:-1])]
    assert (tmp_path / ".rung" / "reviews.head").read_text(encoding="utf-8") == digest(changed[-1])
    assert place.find(ANN) == []


def test_lines_that_are_no_utf8_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    path = tmp_path / "x.drafts.jsonl"
    path.write_bytes(b'{"id": "caf\xe9"}\n{"id": "d", "question": "Ann  SMITH?"}\n')
    Written(load_project(tmp_path)).erase(ANN)
    assert path.read_bytes() == b'{"id": "caf\xe9"}\n'


def test_keys_and_files_that_nobody_looks_after_are_named(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    (tmp_path / ".rung" / "watch").mkdir(parents=True)
    (tmp_path / ".rung" / "keys.json").write_text(json.dumps({"keys": [{"name": "Ann Smith"}]}), encoding="utf-8")
    (tmp_path / ".rung" / "watch" / "baseline.json").write_text(json.dumps(["Ann\u00a0Smith"]), encoding="utf-8")
    (tmp_path / ".rung" / "watch" / "other.json").write_text("[]", encoding="utf-8")
    named = {Path(one.path).name: one.why for one in Written(load_project(tmp_path)).left(ANN)}
    assert set(named) == {"keys.json", "baseline.json"}
    assert "rung keys revoke" in named["keys.json"]


@pytest.mark.parametrize("writes", [1, 2])
def test_a_kill_while_the_log_is_rewritten_leaves_a_log_that_is_whole(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    project = load_project(tmp_path)
    (tmp_path / ".rung").mkdir()
    for words in ("fine", "by Ann Smith"):
        add_review(project, {"by": "cy", "reason": words})
    real, done = write_whole, list[Path]()

    def broken(path: Path, content: str | bytes) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path)
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(written, "write_whole", broken)
        with pytest.raises(KeyboardInterrupt):
            Written(project).erase(ANN)
    assert [path.name for path in done] == ["reviews.head", "reviews.jsonl"][:writes]
    assert len(reviews(project)) == 2
    Written(project).erase(ANN)
    assert "Ann" not in (tmp_path / "reviews.jsonl").read_text(encoding="utf-8")
    add_review(project, {"by": "cy", "reason": "goes on"})
    lines = (tmp_path / "reviews.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "reviews.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(UserError, match="the log only grows"):
        reviews(project)


def test_files_that_are_no_log_or_draft_of_this_project_stay(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "inner" / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    names = ["reviews-of-products.jsonl", "inner/deep/x.drafts.jsonl", ".venv/x.drafts.jsonl"]
    for name in (*names, "deep.drafts.jsonl"):
        (tmp_path / name).write_text(json.dumps({"id": "1", "question": "Ann Smith?"}) + "\n", encoding="utf-8")
    project = load_project(tmp_path)
    assert [one.store for one in Written(project).find(ANN)] == ["deep.drafts.jsonl"]
    Written(project).erase(ANN)
    assert [(tmp_path / name).stat().st_size > 0 for name in names] == [True, True, True]
    named = {one.path for one in left_in_files(project, ANN)[0]}
    assert named == {"reviews-of-products.jsonl", "inner/deep/x.drafts.jsonl"}


def test_a_kill_while_a_verdict_is_changed_leaves_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    folder = tmp_path / ".rung" / "verdicts" / "v"
    folder.mkdir(parents=True)
    for name, content in (("verdict.json", '{"task": "of Ann Smith"}'), ("verdict.txt", "Ann Smith")):
        (folder / name).write_text(content, encoding="utf-8")
    seal(folder, {name: sha256(folder / name) for name in files_in(folder)})

    def broken(_folder: Path, _files: object) -> None:
        raise KeyboardInterrupt

    place = verdicts.Verdicts(load_project(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "seal", broken)
        with pytest.raises(KeyboardInterrupt):
            place.erase(ANN)
    assert (place.find(ANN), altered(folder, others=True, thoroughly=True)) == ([], "")


def test_files_elsewhere_in_other_encodings_and_over_lines_are_looked_at_and_what_was_not_is_said(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "rung.yaml").write_text('task: x\ncases: [../c.jsonl, "../*.big.jsonl"]\n', encoding="utf-8")
    (tmp_path / "c.jsonl").write_text(json.dumps({"id": "1", "question": "Ann Smith?"}) + "\n", encoding="utf-8")
    (tmp_path / "x.big.jsonl").write_bytes(b"\0")
    (root / "latin.txt").write_bytes(b"caf\xe9 of Ann Smith")
    (root / "wide.txt").write_text("of Ann Smith", encoding="utf-16")
    (root / "pretty.json").write_text(json.dumps({"a": "\u00c4nn Smith"}, indent=1), encoding="utf-8")
    (root / "image.bin").write_bytes(b"\0Ann Smith")
    with (root / "large.txt").open("wb") as file:
        file.truncate(65 << 20)
    target = Target("text", "Ann Smith", (folded("Ann Smith"), folded("\u00c4nn Smith")))
    listed, unread = left_in_files(load_project(root), target)
    assert {(one.path, one.line) for one in listed} == {
        (str(tmp_path / "c.jsonl"), 1),
        ("latin.txt", 1),
        ("wide.txt", 1),
        ("pretty.json", 0),
    }
    assert [one.path for one in unread.named] == [str(tmp_path / "x.big.jsonl")]
    assert unread.others == ("image.bin", "large.txt")
    with pytest.raises(UserError, match=r"found nowhere.*not looked at: .*x.big.jsonl, image.bin, large.txt"):
        look(load_project(root), "Bertha Borg")
    report = look(load_project(root), "Ann Smith")
    assert report.left[-1].why.startswith("not looked at")
    assert not report.is_whole


def test_who_decided_stays_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: x\n", encoding="utf-8")
    project = load_project(tmp_path)
    add_review(project, {"by": "Ann Smith", "reason": "fine"})
    add_review(project, {"by": "Ann Smith", "reason": "as Ann Smith said"})
    place = Written(project)
    assert [(one.store, one.count) for one in place.find(ANN)] == [("reviews.jsonl", 1)]
    place.erase(ANN)
    assert [(event["by"], event["reason"]) for event in reviews(project)] == [
        ("Ann Smith", "fine"),
        ("Ann Smith", "[forgotten]"),
    ]
    assert (place.find(ANN), [(one.path, one.line) for one in place.left(ANN)]) == (
        [],
        [("reviews.jsonl", 1), ("reviews.jsonl", 2)],
    )


SHORT = {"question": "Who is Ann?", "answers": ["Ann."], "drafted_by": "feedback", "approved_by": ""}


def project_of_drafts(root: Path) -> Project:
    """`d1` waits, `d2` was divided into `d2-1` and `d2-2`, `d3` was rejected, `d4` approved; each has short words alone."""
    (root / "rung.yaml").write_text("task: x\ncases: [feedback.drafts.jsonl]\n", encoding="utf-8")
    project = load_project(root)
    rows: dict[str, dict[str, Any]] = {
        id: {**SHORT, "id": id, "meta": {"feedback": [int(id[1])], "expectations": [9]}} for id in ("d1", "d2", "d3", "d4")
    }
    rows["d3"]["meta"] = {"expectations": [3]}
    parts = [{**rows["d2"], "id": f"d2-{n}", "question": f"Is {n} Ann?"} for n in (1, 2)]
    approved = {**rows["d4"], "approved_by": "cy"}
    (root / "feedback.drafts.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in (rows["d1"], *parts, approved)), encoding="utf-8"
    )
    add_review(project, {"by": "cy", "what": "draft", "action": "split", "before": rows["d2"], "after": [*parts]})
    add_review(project, {"by": "cy", "what": "draft", "action": "reject", "before": rows["d3"], "after": None})
    add_review(project, {"by": "cy", "what": "draft", "action": "approve", "before": rows["d4"], "after": approved})
    return project


def drafts_and_questions(project: Project) -> tuple[list[str], list[str]]:
    """Ids of the drafts that are there, and what the log says was asked."""
    lines = (project.root / "feedback.drafts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for event in reviews(project) for row in written.reviewed_rows(event)]
    return [str(json.loads(line)["id"]) for line in lines], [str(row["question"]) for row in rows]


@pytest.mark.parametrize(
    ("id", "drafts", "questions"),
    [
        (
            "d1",
            ["d2-1", "d2-2", "d4"],
            ["Who is Ann?", "Is 1 Ann?", "Is 2 Ann?", "Who is Ann?", "Who is Ann?", "Who is Ann?"],
        ),
        ("d2", ["d1", "d4"], ["[forgotten]"] * 3 + ["Who is Ann?"] * 3),
        ("d2-1", ["d1", "d2-2", "d4"], ["[forgotten]"] * 3 + ["Who is Ann?"] * 3),
        (
            "d3",
            ["d1", "d2-1", "d2-2", "d4"],
            ["Who is Ann?", "Is 1 Ann?", "Is 2 Ann?", "[forgotten]", "Who is Ann?", "Who is Ann?"],
        ),
        ("d4", ["d1", "d2-1", "d2-2", "d4"], ["Who is Ann?", "Is 1 Ann?", "Is 2 Ann?", "Who is Ann?"] + ["[forgotten]"] * 2),
    ],
)
def test_a_row_goes_by_its_id_from_drafts_and_log_however_short_its_words(
    id: str, drafts: list[str], questions: list[str], tmp_path: Path
) -> None:
    project = project_of_drafts(tmp_path)
    target = target_of(project, id)
    assert target.kind == "row"
    Written(project).erase(target)
    assert drafts_and_questions(project) == (drafts, questions)
    assert Written(project).find(target) == [], "erased once"
    who = [(event["by"], event["action"]) for event in reviews(project)]
    assert who == [("cy", "split"), ("cy", "reject"), ("cy", "approve")]
    assert decided_ids(project) == {"d2", "d3"}, "what was decided on does not come back"
    named = [(one.path, one.line) for one in left_in_files(project, target)[0]]
    assert named == ([("feedback.drafts.jsonl", 4)] if id == "d4" else [])


@pytest.mark.parametrize(
    ("stored", "ids"),
    [
        ([{"number": 1, "rating": "up"}], {"d1"}),
        ([{"number": 2, "rating": "down"}], {"d2", "d2-1", "d2-2"}),
        ([{"number": 3, "expected": {}}], {"d3"}),
        ([{"number": 3, "rating": "up"}], set()),
        ([{"number": 9, "expected": {}}], {"d1", "d2", "d2-1", "d2-2", "d4"}),
        ([{"number": 4}], set()),
    ],
)
def test_what_feedback_on_an_answer_became_is_known_by_the_numbers_in_meta(
    stored: list[dict[str, object]], ids: set[str], tmp_path: Path
) -> None:
    assert arisen_from(project_of_drafts(tmp_path), stored) == ids


def test_what_somebody_else_calls_feedback_is_no_number(tmp_path: Path) -> None:
    project = project_of_drafts(tmp_path)
    row = {"id": "own", "question": "Who is Bo?", "meta": {"feedback": [{"stars": 5}, [1]], "expectations": "none"}}
    with (tmp_path / "feedback.drafts.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    assert arisen_from(project, [{"number": 1, "rating": "up"}]) == {"d1"}
