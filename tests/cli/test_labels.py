"""Labels that are written in several ways, from outside: what `rung check` lists, and what a verdict says it forgave."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from tests.cli.conftest import Run

YAML = """task: Classify the message.
model: scripted
embedder: scripted
cases: [cases.jsonl]
behaviour:
  labels:
    - Refund
    - Lieferung für später
    - "refund"
rungs: [prompt]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    answers = ["Refund", "Refund", "“refund.”", unicodedata.normalize("NFD", "Lieferung für später")]
    rows = [{"id": str(n), "question": "REFUND", "answers": [text], "split": "test"} for n, text in enumerate(answers * 3)]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_check_names_file_and_line(rung: Run, project: Path) -> None:
    said = rung("check", project, code=None)
    told = " ".join((said.out + said.err).split())
    assert "rung.yaml:9" in told
    assert "cases.jsonl:3" in told
    assert told.count("is read as the label") == 1  # how letters are composed is nothing to mend


@pytest.mark.slow
def test_a_verdict_says_what_it_forgave(rung: Run, project: Path) -> None:
    done = rung("compare", project, "--json", code=None).json
    scores = done["rungs"][0]["scores"]
    assert scores["correct"]["mean"] == pytest.approx(0.75)
    assert scores["format"]["mean"] == 0
    shown = " ".join(rung("compare", project, code=None).out.split())
    assert "12 of 12 answers are labels only when case" in shown
