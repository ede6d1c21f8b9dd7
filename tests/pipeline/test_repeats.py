"""Are cases asked again where answers are drawn, and is it told how far the scores vary?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.survey import survey
from rung.config.project import load_project
from rung.errors import InputError
from rung.loop import opened
from rung.pipeline.budget import CompareRequest
from rung.records import Verdict, digest
from rung.records.steps import Generate
from tests.pipeline.test_racing import compared, labels  # noqa: F401 - a fixture

TEMPERATURE = 0.7


def drawing(step: Generate) -> str:
    """Of every ten questions five are surely right, two surely wrong, and three are drawn by the seed."""
    assert step.temperature == TEMPERATURE
    place = int(digest(step.messages[-1].content)[:8], 16) % 10
    if place < 7:
        return "red" if place < 5 else "blue"
    return "red" if int(digest(step.messages[-1].content, step.seed)[:8], 16) % 2 else "blue"


@pytest.fixture
def sampled(labels: Path) -> Path:  # noqa: F811
    text = (labels / "rung.yaml").read_text(encoding="utf-8").replace("[prompt, few_shot, structured]", "[prompt]")
    (labels / "rung.yaml").write_text(text + "sampling: {temperature: 0.7, repeats: 3}\n", encoding="utf-8")
    return labels


def repeated(folder: Path) -> Verdict:
    return compared(folder, drawing, CompareRequest(exhaustive=True))


@pytest.mark.slow
def test_a_case_counts_once_by_the_mean_of_its_passes_and_the_variance_is_told(sampled: Path) -> None:
    verdict = repeated(sampled)
    (prompt,) = (r for r in verdict.rungs if r.name == "prompt")
    score, repeats = prompt.scores["correct"], prompt.repeats
    assert (score.n, prompt.answered) == (150, 150)
    assert score.mean == pytest.approx(0.65, abs=0.08)
    assert repeats is not None
    assert (repeats.passes, repeats.cases) == (3, 150)
    # A case that is drawn has the variance 1/4, three in ten of them are, and three in four of these turn out both ways.
    assert repeats.case_sd == pytest.approx((0.3 / 4) ** 0.5, abs=0.05)
    assert repeats.mean_sd == pytest.approx(repeats.case_sd / 150**0.5)
    assert repeats.unsettled == pytest.approx(0.3 * 0.75, abs=0.1)
    (said,) = (w for w in verdict.warnings if "3 times" in w)
    assert said.startswith("prompt was asked 150 cases 3 times: the mean of one pass varies by ±0.02")
    again = repeated(sampled)
    assert (again.executed, again.rungs) == (0, verdict.rungs)


def test_the_race_and_the_page_know_of_the_passes(sampled: Path) -> None:
    verdict = compared(sampled, drawing)
    assert verdict.winner == "prompt"
    page = sorted((sampled / ".rung").rglob("report.html"))[-1].read_text(encoding="utf-8")
    assert "prompt was asked 150 cases 3 times" in page
    line = json.loads(sorted((sampled / ".rung").rglob("verdict.json"))[-1].read_text(encoding="utf-8"))
    passes = {r["name"]: r["repeats"]["passes"] for r in line["rungs"] if r["repeats"]}
    assert passes == {"prompt": 3, "closed_book": 3}


def test_drawn_once_is_pointed_out(sampled: Path) -> None:
    text = (sampled / "rung.yaml").read_text(encoding="utf-8").replace(", repeats: 3", "")
    (sampled / "rung.yaml").write_text(text, encoding="utf-8")
    verdict = repeated(sampled)
    assert [w for w in verdict.warnings if w.startswith("Answers are drawn at temperature 0.7, each case once")]
    assert all(r.repeats is None for r in verdict.rungs)


def test_a_dry_run_counts_every_pass(sampled: Path) -> None:
    calls = {p.rung: p.forecast.calls for p in survey(load_project(sampled)).planned if p.forecast}
    assert calls["prompt"] == 3 * 150


def test_a_greedy_model_of_this_machine_is_not_asked_again(sampled: Path) -> None:
    text = (sampled / "rung.yaml").read_text(encoding="utf-8")
    text = text.replace("model: scripted", "model: smollm2-135m-instruct").replace("temperature: 0.7", "temperature: 0")
    (sampled / "rung.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"rung\.yaml:8: sampling\.repeats: .* answers the same every time"):
        opened(load_project(sampled))
