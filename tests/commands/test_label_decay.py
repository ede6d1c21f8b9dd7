"""The gold of a project against its documents: what a verdict showed, rows marked for review, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rung
from rung.commands.label_decay import LabelDecay, Marked, label_decay, mark_for_review
from rung.commands.review import decide, waiting
from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.errors import UserError

SHIPPING = (
    "Standard shipping costs 4 EUR and takes five days.\nExpress shipping costs 9 EUR and arrives within two working days."
)
QUOTE = "Express shipping costs 9 EUR and arrives within two working days."
ROWS: list[dict[str, Any]] = [
    {
        "id": "quote",
        "question": "Express?",
        "answers": ["9 EUR"],
        "evidence": [{"document": "docs/ship.txt", "quote": QUOTE}],
    },
    {
        "id": "place",
        "question": "Standard?",
        "answers": ["4 EUR"],
        "evidence": [{"document": "docs/ship.txt", "start": 0, "end": 50}],
    },
    {"id": "whole", "question": "How long?", "answers": ["five days"], "gold_documents": ["docs/ship.txt"]},
    {"id": "none", "question": "Colour?", "answers": [], "answerable": False},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/ship.txt").write_text(SHIPPING)
    (tmp_path / "docs/other.txt").write_text("Returns are free within thirty days of delivery.")
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps({**row, "split": "test"}) + "\n" for row in ROWS))
    (tmp_path / "rung.yaml").write_text(
        "knowledge: {sources: [docs]}\ncases: [cases.jsonl]\nmodel: scripted\nembedder: scripted\nrungs: [rag]\n"
    )
    return tmp_path


def looked(folder: Path) -> LabelDecay:
    return label_decay(load_project(folder))


def states(folder: Path) -> dict[str, str]:
    return {one.case.id: one.state for one in looked(folder).states}


def test_nothing_decayed_while_nothing_changed(folder: Path) -> None:
    decay = looked(folder)
    assert decay.counts == {"true": 3, "moved": 0, "gone": 0, "unknown": 0}
    assert (decay.no_gold, decay.is_due) == (1, False)
    assert list(decay.as_lines()) == ["4 cases by their gold: 3 true, 0 moved, 0 gone, 0 unknown, 1 without"]


def test_the_verdict_that_was_made_before_the_change_tells_what_stood_there(folder: Path) -> None:
    """Also where another was made after it: characters that now hold something else are not true by that one."""
    rung.open(folder).compare()
    (folder / "docs/ship.txt").write_text(f"Prices of 2027, all in euros.\n{SHIPPING}")
    rung.open(folder).compare()
    assert states(folder) == {"quote": "true", "place": "moved", "whole": "true"}
    moved = next(one for one in looked(folder).states if one.case.id == "place")
    assert moved.now == {"document": "docs/ship.txt", "start": 30, "end": 80}
    (folder / "docs/ship.txt").rename(folder / "docs/prices.txt")
    assert states(folder) == {"quote": "moved", "place": "moved", "whole": "moved"}


def test_a_verdict_that_was_taken_away_leaves_it_unknown(folder: Path) -> None:
    (folder / "docs/ship.txt").write_text(f"Prices of 2027, all in euros.\n{SHIPPING}")
    assert states(folder) == {"quote": "true", "place": "unknown", "whole": "true"}


def test_a_row_that_was_marked_judges_nothing_until_it_is_approved(folder: Path) -> None:
    (folder / "docs/ship.txt").rename(folder / "docs/prices.txt")
    project = load_project(folder)
    decay = label_decay(project)
    assert decay.counts == {"true": 0, "moved": 1, "gone": 2, "unknown": 0}
    assert mark_for_review(project, decay) == Marked(3)
    assert [case.id for case in load_dataset(project).cases] == ["none"]
    drafts = {one.id: one for one in waiting(project)}
    assert drafts.keys() == {"quote", "place", "whole"}
    draft = drafts["quote"]
    assert draft.row["evidence"] == [{"document": "docs/prices.txt", "quote": QUOTE}]
    assert draft.meta("kind") == "label_moved"
    assert draft.meta("before") == {"evidence": ROWS[0]["evidence"]}
    assert drafts["place"].meta("kind") == "label_gone"
    decide(project, draft, "approve", by="ada")
    assert states(folder) == {"quote": "true"}
    assert mark_for_review(project, decay).rows == 0  # what was decided meanwhile is left alone


def test_a_row_without_an_id_keeps_its_name_and_other_lines_stay_as_they_are(folder: Path) -> None:
    lines = [
        json.dumps({"question": "Express?", "answers": ["9 EUR"], "evidence": ROWS[0]["evidence"], "split": "test"}),
        "",
        "no JSON",
    ]
    (folder / "cases.jsonl").write_text("\n".join(lines))
    project = load_project(folder)
    before = load_dataset(project).cases[0].id
    (folder / "docs/ship.txt").write_text(SHIPPING.replace("9 EUR", "12 EUR"))
    assert mark_for_review(project, label_decay(project)) == Marked(1)
    assert waiting(project)[0].id == before
    assert (folder / "cases.jsonl").read_text().split("\n")[1:] == ["", "no JSON"]


def test_the_first_row_of_a_file_that_begins_with_a_bom_is_marked_and_the_bom_kept(folder: Path) -> None:
    path = folder / "cases.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (folder / "docs/ship.txt").rename(folder / "docs/prices.txt")
    project = load_project(folder)
    assert mark_for_review(project, label_decay(project)) == Marked(3)
    assert path.read_bytes().count(b"\xef\xbb\xbf") == 1
    assert path.read_text("utf-8-sig").startswith('{"id": "quote"')
    assert {one.id for one in waiting(project)} == {"quote", "place", "whole"}


def test_rows_that_are_due_and_were_not_marked_are_counted_with_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rung.cli.cases import decay

    (folder / "cases.jsonl").rename(folder / "cases.txt")
    (folder / "rung.yaml").write_text((folder / "rung.yaml").read_text().replace("cases.jsonl", "cases.txt"))
    (folder / "docs/ship.txt").rename(folder / "docs/prices.txt")
    assert decay(folder, mark=True) == 1
    said = capsys.readouterr().out
    assert "0 rows were marked" in said
    assert "3 rows were not marked, as they stand in cases.txt, which is no .jsonl file" in said


def test_a_document_that_cannot_be_read_is_unknown_and_named(folder: Path) -> None:
    (folder / "docs/ship.txt").unlink()
    (folder / "docs/ship.txt").write_bytes(b"\x00\x01\x02\xff\xfe\x00" * 400)
    decay = looked(folder)
    assert {one.state for one in decay.states} == {"unknown"}
    assert any(line.startswith("not read: docs/ship.txt") for line in decay.as_lines())
    assert not decay.is_due


def test_without_documents_there_is_nothing_to_decay(folder: Path) -> None:
    (folder / "rung.yaml").write_text("cases: [cases.jsonl]\nmodel: scripted\n")
    with pytest.raises(UserError, match="no documents"):
        looked(folder)


def test_the_verb_lists_marks_and_ends_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.cli.cases import decay

    assert decay(folder) == 0
    (folder / "docs/ship.txt").write_text(SHIPPING.replace("9 EUR", "12 EUR"))
    assert decay(folder) == 1
    assert "gone: 'docs/ship.txt': it says something else now: Express shipping costs 12 EUR" in capsys.readouterr().out
    assert decay(folder, mark=True, json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["gone"], said["marked"]) == (1, 1)
    assert said["gold"][0]["place"] == "cases.jsonl:1"
