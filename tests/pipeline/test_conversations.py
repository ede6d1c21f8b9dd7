"""Cases of several turns in a comparison: follow-ups are found, condensing is in the bill, what was cut is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import compare

TOWNS = ("Windom", "Karlow", "Lesgate", "Morvane", "Nordby", "Ostrel", "Pellam", "Quarrin")
YAML = """\
name: towns
task: Answer the question.
knowledge: {sources: ["docs/*.md"], dense_weight: 0}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [{rag: {history: [none, join, condense], passages: 1}}]
bar: {correct: 0.5}
"""


@pytest.mark.slow
def test_follow_ups_are_found_condensing_is_paid_for_and_what_was_cut_is_said(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    rows = []
    for n, town in enumerate(TOWNS):
        (tmp_path / "docs" / f"t{n}.md").write_text(f"# {town}\n\nThe popular hotel of {town} is Resort{n}.\n", "utf-8")
        first, reply = f"Where is {town}?", "At the sea. " + ("It is warm. " * 4_000 if n == 0 else "")
        turns = [{"role": "user", "content": first}, {"role": "assistant", "content": reply}] * (2 if n == 0 else 1)
        asked = f"Which hotel is popular in {town}?" if n == 0 else "Which hotel is popular there?"
        case = {"question": asked, "answers": [f"Resort{n}"], "messages": turns, "gold_documents": [f"docs/t{n}.md"]}
        rows.append(json.dumps(case))
    (tmp_path / "cases.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    verdict = compare(load_project(tmp_path)).verdict
    by_history = {str(r.settings["history"]): r for r in verdict.rungs if not r.reference and "history" in r.settings}
    recall = {history: rung.scores["recall@3"].mean or 0.0 for history, rung in by_history.items()}
    assert recall["join"] == recall["condense"] == 1.0 > recall["none"]
    tokens = {history: rung.scores["prompt_tokens"].mean or 0.0 for history, rung in by_history.items()}
    assert tokens["condense"] > tokens["join"]
    assert any("oldest turns were left out" in remark for remark in verdict.warnings)
