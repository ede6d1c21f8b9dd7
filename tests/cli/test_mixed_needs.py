"""A project half of whose questions need documents and half a house style: which of them is wanting where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow
EACH = 14
YAML = """\
name: mixed
task: Answer.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot, rag]
bar: {correct: 0.95}
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Style is what an example shows; the scripted model repeats the answer of the nearest one."""
    (tmp_path / "docs").mkdir()
    rows: list[dict[str, Any]] = []
    for n in range(EACH):
        name = f"crate{n:02}"
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\nThe {name} weighs {n + 20} kilos.\n", encoding="utf-8")
        gold = {"gold_documents": [f"docs/{name}.md"], "answers": [f"{n + 20} kilos"]}
        rows.append({"id": f"k{n}", "question": f"How much weighs the {name}?", "split": "test", **gold})
        closing = {"question": f"Close letter {n} politely.", "answers": ["Otterly yours"]}
        rows.append({"id": f"s{n}", "split": "test", **closing})
    rows += [
        {"id": f"t{n}", "question": f"Close letter {n} politely.", "answers": ["Otterly yours"], "split": "train"}
        for n in range(90, 94)
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_what_style_lacks_is_no_missing_document_and_the_oracle_counts_what_it_was_shown(rung: Run, mixed: Path) -> None:
    said = rung("compare", mixed, "--exhaustive", "--json", code=None).json
    rungs = {one["name"]: one for one in said["rungs"]}
    layers = {one["layer"]: one["cases"] for one in rungs["rag"]["losses"]}
    assert "not in the corpus" not in layers
    assert sum(layers.values()) >= EACH
    oracle = rungs["oracle"]
    score = oracle["scores"]["correct"]
    lost = sum(one["cases"] for one in oracle["losses"])
    assert score["n"] == EACH
    assert lost == round(EACH * (1 - score["mean"]))
    assert "few_shot, without any document, stands above the closed book" in said["gaps"]["behaviour"]["note"]
    table = rung("report", mixed, code=None).out
    assert f"oracle n={EACH} " in table
    page = (mixed / "report.html").read_text(encoding="utf-8")
    assert f"oracle: {EACH - lost} of {EACH} right" in page
