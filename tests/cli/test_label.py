"""`rung cases label` as a person at a terminal sees it, and what it says to a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import Terminal
from tests.pipeline.test_judge_labels import compared, essays

pytestmark = pytest.mark.slow

__all__ = ["essays"]  # the fixture

ASKS = "[q]uit:"


@pytest.fixture
def judged(essays: Path) -> Path:
    """A project with a verdict that a scripted judge made."""
    compared(essays)
    return essays


def at_a_terminal(folder: Path, keys: str) -> tuple[str, int]:
    """What `rung cases label` shows and ends with where these keys are pressed, one a question."""
    with Terminal("-m", "rung", "cases", "label", folder, "--by", "Ada", columns=200, rows=200) as terminal:
        for asked, key in enumerate(keys, start=1):
            terminal.says(ASKS, asked)
            terminal.type(f"{key}\n")
        code = terminal.ended()
    return terminal.text, code


def test_keys_at_a_terminal_and_going_on(judged: Path) -> None:
    shown, code = at_a_terminal(judged, "ynxsq")
    assert code == 0
    assert "0 of 39 cases labelled" in shown
    assert "9 more cases would likely settle it, about 14 min, if" in shown
    assert "few_shot" not in shown  # blind
    assert "2 labelled" in shown
    kept = [json.loads(line) for line in (judged / "human.labels.jsonl").read_text().splitlines()]
    assert [row["good"] for row in kept] == [True, False, None]
    assert {row["by"] for row in kept} == {"Ada"}
    assert all(row["at"] and row["of"] == 39 for row in kept)
    again, _ = at_a_terminal(judged, "q")
    assert "1 of 39 cases labelled" in again
    assert "0 labelled" in again


def test_a_pipe_is_told_and_programs_are_told_what_is_to_be_asked(rung: Run, judged: Path) -> None:
    assert "no terminal" in rung("cases", "label", judged, code=2).err
    said = rung("cases", "label", judged, "--json").json
    assert said == {
        "rungs": ["few_shot", "prompt"],
        "cases": 39,
        "labelled": 0,
        "would_settle": 9,
        "settled": False,
        "minutes": 14,
    }
    assert not (judged / "human.labels.jsonl").exists()


def test_without_a_judge_or_a_verdict_it_says_so(rung: Run, shop: Path, essays: Path) -> None:
    assert "no model judges" in rung("cases", "label", shop, code=2).err
    assert "no verdict" in rung("cases", "label", essays, code=2).err
