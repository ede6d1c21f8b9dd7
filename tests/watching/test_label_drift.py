"""Does the watch tell of gold that decayed, as a fact, and leave the rows alone?"""

from __future__ import annotations

import json
from pathlib import Path

from rung.watching.label_drift import look
from tests.watching.traffic_project import watched

YAML = "knowledge: {sources: [docs]}\ncases: [cases.jsonl]\nmodel: scripted\nembedder: scripted\n"


def test_gold_that_is_gone_is_drifted_and_listed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("The kettle costs three euros in every shop.")
    gold = [{"document": "docs/a.txt", "quote": "costs three euros"}]
    rows = json.dumps({"question": "Kettle?", "answers": ["three"], "evidence": gold}) + "\n"
    (tmp_path / "cases.jsonl").write_text(rows)
    (tmp_path / "rung.yaml").write_text(YAML)
    with watched(tmp_path) as (surroundings, _):
        (fine,) = look(surroundings)
    assert (fine.state, fine.figure) == ("fine", 0.0)
    (tmp_path / "docs/a.txt").write_text("Nothing is said of prices here, and of nothing else either.")
    with watched(tmp_path) as (surroundings, _):
        (gone,) = look(surroundings)
    assert (gone.state, gone.figure, gone.false_alarms) == ("drifted", 1.0, 0.0)
    assert "rung cases decay" in gone.do
    assert (tmp_path / "cases.jsonl").read_text() == rows


def test_without_documents_there_is_no_reading(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"question": "Is it?", "answers": ["yes"]}\n')
    (tmp_path / "rung.yaml").write_text("cases: [cases.jsonl]\nmodel: scripted\n")
    with watched(tmp_path) as (surroundings, _):
        assert not list(look(surroundings))
