"""Does a comparison stop what cannot win, say so, keep to a budget, and go on from there?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.budget import CompareRequest
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.prepare import prepare
from rung.pipeline.racing import FIRST
from rung.records import Json, Verdict, digest
from rung.records.steps import Generate, GenerateResult
from tests.labels_project import write_labels
from tests.working import working

CASES = 150
MORE = "name: labels\nrungs: [prompt, few_shot, structured]\n"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    rows: list[Json] = [
        {"id": f"c{n}", "question": f"Thing {n}?", "answers": ["red"], "split": "test"} for n in range(CASES)
    ]
    return write_labels(tmp_path, rows, MORE)


def says(prompt: float, few_shot: float, structured: float) -> Callable[[Generate], str]:
    """Right so often, by rung: told apart by what it is given."""

    def script(step: Generate) -> str:
        share = structured if step.choices else few_shot if len(step.messages) > 3 else prompt
        drawn = int(digest(step.messages[-1].content, share)[:8], 16) / 16**8
        return "red" if drawn < share else "blue"

    script.__name__ = f"says_{prompt}_{few_shot}_{structured}"
    return script


def compared(folder: Path, script: Callable[[Generate], str], allowed: CompareRequest | None = None) -> Verdict:
    with working(load_project(folder), allowed) as at:
        at.engines.generator = ScriptedGenerator(script)
        return at.compare()[0].verdict


def bar(folder: Path, correct: float) -> None:
    with (folder / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write(f"bar: {{correct: {correct}}}\n")


@pytest.mark.slow
def test_the_verdict_is_the_exhaustive_one_and_stopped_rungs_are_shown_as_such(labels: Path) -> None:
    bar(labels, 0.6)
    script = says(0.2, 0.8, 0.9)
    raced = compared(labels, script)
    exact = compared(labels, script, CompareRequest(exhaustive=True))
    assert raced.winner == exact.winner == "few_shot"
    assert raced.clears_bar
    assert exact.coverage.answers == exact.coverage.exhaustive == raced.coverage.exhaustive
    assert raced.coverage.answers < 0.7 * raced.coverage.exhaustive
    assert (raced.coverage.error, exact.coverage.error) == (0.05, 0.0)
    rungs = {r.name: r for r in raced.rungs}
    assert rungs["few_shot"].answered == CASES
    assert rungs["prompt"].status == "measured"
    assert FIRST <= rungs["prompt"].answered < CASES
    assert raced.why_not("prompt").startswith("misses the bar: stopped after ")
    assert "surely not enough for 0.60" in raced.why_not("prompt")
    assert rungs["prompt"].latency is None
    assert raced.why_not("structured").startswith("not needed: stopped after 20 of 150 cases")
    whole = {r.name: r for r in exact.rungs}["prompt"].scores["correct"].mean
    assert whole is not None
    score = rungs["prompt"].scores["correct"]
    assert score.low is not None
    assert score.high is not None
    assert score.low <= whole <= score.high
    assert score.n == rungs["prompt"].answered
    assert rungs["closed_book"].answered >= 40  # the gap is worth something


def test_few_cases_are_all_answered(labels: Path) -> None:
    lines = (labels / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    (labels / "cases.jsonl").write_text("\n".join(lines[:40]), encoding="utf-8")
    verdict = compared(labels, says(0.2, 0.8, 0.9))
    assert verdict.coverage.answers == verdict.coverage.exhaustive == 4 * 40


@pytest.mark.slow
def test_where_nothing_clears_the_bar_the_best_is_found(labels: Path) -> None:
    bar(labels, 0.95)
    verdict = compared(labels, says(0.1, 0.7, 0.2))
    assert (verdict.winner, verdict.clears_bar) == ("few_shot", False)
    assert "lowest rung that none can surely beat" in verdict.reason
    assert verdict.why_not("prompt").startswith("worse: stopped after ")


def test_a_limit_stops_a_rung_at_once(labels: Path) -> None:
    with (labels / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("bar: {correct: 0.5, completion_tokens: 0.0001}\n")
    verdict = compared(labels, says(0.8, 0.8, 0.9))
    assert verdict.winner is None
    assert verdict.why_not("prompt").startswith(
        "breaks a limit: completion_tokens is 1, allowed at most 0.0001; stopped after 20 of 150"
    )


def test_a_budget_is_used_up_though_the_first_answers_were_dear(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr("rung.pipeline.budget.working_time", lambda: seconds[0])
    text = (labels / "rung.yaml").read_text(encoding="utf-8")
    (labels / "rung.yaml").write_text(text.replace("[prompt, few_shot, structured]", "[prompt]"), encoding="utf-8")

    def script(step: Generate) -> str:
        seconds[0] += 1.0 if seconds[0] else 30.0  # the model was loaded
        return "red" if int(digest(step.messages[-1].content)[:8], 16) % 2 else "blue"

    verdict = compared(labels, script, CompareRequest(minutes=90 / 60, began=0.0))
    assert verdict.coverage.partial
    answers = sum(r.answered for r in verdict.rungs)
    assert 50 <= answers <= 61  # a second each after the first


@pytest.mark.slow
def test_a_budget_ends_with_a_partial_verdict_and_the_next_run_goes_on(labels: Path) -> None:
    bar(labels, 0.6)
    with (labels / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("prices: {prompt_usd_per_million: 1000, completion_usd_per_million: 1000}\n")
    script = says(0.2, 0.8, 0.9)
    part = compared(labels, script, CompareRequest(usd=1.0))
    assert "Partial verdict: $" in part.warnings[0]
    assert 0 < part.coverage.answers < 4 * CASES
    assert part.coverage.partial
    spent = re.match(r"\$([\d.]+) of the \$1 allowed", part.coverage.partial)
    assert spent
    assert 0.5 < float(spent[1]) <= 1.0
    whole = compared(labels, script)
    assert whole.winner == "few_shot"
    assert not whole.coverage.partial
    assert whole.replayed >= part.coverage.answers - CASES
    none = compared(labels, script, CompareRequest(minutes=0))
    assert none.coverage.answers == 0
    assert none.why_not("prompt") == "not begun: the budget ended before its first case"
    pages = [path.read_text(encoding="utf-8") for path in (labels / ".rung" / "verdicts").glob("*/report.html")]
    assert any("not begun: </b>the budget ended" in page for page in pages)
    assert "Partial verdict" not in (labels / "report.html").read_text(encoding="utf-8")  # a trial run replaces no verdict
    assert (part.looks, whole.looks, none.looks) == (0, 1, 1)


def test_a_budget_in_dollars_needs_a_price(labels: Path) -> None:
    class Unpriced(ScriptedGenerator):
        def _answer(self, request):  # type: ignore[no-untyped-def]
            result = super()._answer(request)
            return replace(result, usd=None) if isinstance(result, GenerateResult) else result

    with working(load_project(labels), CompareRequest(usd=1.0)) as at:
        at.engines.generator = Unpriced(says(0.2, 0.8, 0.9))
        intake = prepare(at.engines)
        proposed = propose(at.builder, intake)
        with pytest.raises(UserError, match="--budget-usd cannot be kept"):
            climb(at.builder, intake, proposed, at.meter)
