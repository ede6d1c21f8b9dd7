"""Does a search look at dev cases only, and send on what is best or cheapest there?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.budget import CompareRequest
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.prepare import prepare
from rung.pipeline.sweep import Searching
from rung.records.steps import Generate
from tests.working import working

YAML = """\
task: Say it.
behaviour: {examples: examples.jsonl}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot: {shots: [1, 2, 3, 4, 5, 6], pick: [fixed, nearest]}]
"""


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    rows = [
        {"id": f"{split}{n}", "question": f"{split} {n}?", "answers": ["yes"], "split": split}
        for split, count in (("dev", 12), ("test", 6))
        for n in range(count)
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    chats = [
        {"messages": [{"role": "user", "content": f"Other {n}?"}, {"role": "assistant", "content": "no"}]} for n in range(9)
    ]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def searched(folder: Path, trials: int) -> tuple[list[str], list[str], str]:
    """The candidates that go on, the questions that were asked, and what is said of it."""
    asked: list[str] = []

    def says(step: Generate) -> str:
        asked.append(step.messages[-1].content)
        shots = (len(step.messages) - 2) // 2
        number = int(step.messages[-1].content.split()[1][:-1])
        return "yes" if number < 3 * min(shots, 3) else "no"  # three shots are better than two, four are not

    with working(load_project(folder), CompareRequest(trials=trials)) as at:
        at.engines.generator = ScriptedGenerator(says, name="counts")
        intake = prepare(at.engines)
        proposed = propose(at.builder, intake)
        searching = Searching(at.builder, intake, proposed, trials)
        left, said, before = searching.left_of(proposed), searching.said(), list(asked)
        raced = climb(at.builder, intake, proposed, at.meter)
        assert raced.coverage.searched == said
        return [c.label for c in left if not c.rung.reference], before, said


def test_all_are_tried_where_the_budget_allows_it_and_the_front_goes_on(wide: Path) -> None:
    labels, asked, said = searched(wide, 12)
    assert labels[0] == "prompt"
    kept = [label for label in labels if label.startswith("few_shot")]
    assert 1 <= len(kept) <= 3
    assert any("shots=3" in label for label in kept)
    assert not any(f"shots={n}" in label for label in kept for n in (4, 5, 6))  # as good, and dearer
    assert all(question.startswith("dev") for question in asked)
    assert "12 dev cases: 12 of 12 combinations tried" in said


def test_a_small_budget_tries_fewer(wide: Path) -> None:
    labels, asked, said = searched(wide, 4)
    assert len([label for label in labels if label.startswith("few_shot")]) >= 1
    assert len(asked) <= 4 * 12
    assert "4 of 12 combinations tried" in said


def test_what_cannot_be_searched_is_said(wide: Path) -> None:
    text = (wide / "rung.yaml").read_text(encoding="utf-8")
    (wide / "rung.yaml").write_text(
        text.replace("[1, 2, 3, 4, 5, 6]", "1").replace("[fixed, nearest]", "fixed"), encoding="utf-8"
    )
    with pytest.raises(UserError, match="finds nothing to search"):
        searched(wide, 4)
    (wide / "rung.yaml").write_text(text, encoding="utf-8")
    rows = (wide / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    (wide / "cases.jsonl").write_text("\n".join(rows[5:]), encoding="utf-8")
    with pytest.raises(UserError, match="mark at least 10 cases"):
        searched(wide, 4)
