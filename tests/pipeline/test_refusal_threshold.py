"""A rung that learns on the dev cases when to refuse: built, served by its spec, shown in the report, or said not to pay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import ask, compare
from rung.pipeline.evaluate import Comparison
from rung.records import RungResult

YAML = """\
name: shop
task: Answer customers.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs:
  - rag: {wrong_at_most: [0.2, 0.02]}
bar: {correct: 0.1}
"""
RIGHT, WRONG = 30, 20  # of each split


def rows(split: str) -> list[dict[str, object]]:
    """Questions of which the scripted model answers the first ones rightly and surely, and the others wrongly."""
    sure = ((f"What colour has valve {n}", f"Valve {n} has colour amber{n}") for n in range(RIGHT))
    unsure = ((f"Has a pump colour at night of shade{n}", "nobody") for n in range(WRONG))
    return [
        {"id": f"{split}{n}", "question": f"{asked}, please {split}{n}?", "answers": [answer], "split": split}
        for n, (asked, answer) in enumerate((*sure, *unsure))
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "docs").mkdir()
    for n in range(RIGHT):
        (folder / "docs" / f"v{n}.md").write_text(
            f"Valve {n} has colour amber{n}.\n\nA pump has colour at night.\n", "utf-8"
        )
    cases = [row for split in ("dev", "test") for row in rows(split)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in cases), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return folder, compare(load_project(folder))


def result(comparison: Comparison, label: str) -> RungResult:
    return next(rung for rung in comparison.verdict.rungs if rung.name == label)


@pytest.mark.slow
def test_what_was_learnt_is_a_setting_and_a_curve(shop: tuple[Path, Comparison]) -> None:
    careful = result(shop[1], "rag[wrong_at_most=0.2]")
    assert careful.status not in ("failed", "not_applicable"), careful.why
    threshold = careful.settings["refuse_below"]
    assert isinstance(threshold, float)
    assert 0 < threshold <= 1
    ((answered, limit),) = careful.learning["promise"]
    assert limit == 0.2
    assert answered == pytest.approx(RIGHT / (RIGHT + WRONG), abs=0.1)
    assert careful.learning["risk"][-1][1] > 0.2  # were it to answer all
    html = (shop[1].published.folder / "report.html").read_text("utf-8")
    assert f"at most 20% wrong, answers {answered:.0%} of the dev cases" in html


@pytest.mark.slow
def test_a_promise_that_cannot_be_shown_says_so_with_its_numbers(shop: tuple[Path, Comparison]) -> None:
    strict = result(shop[1], "rag[wrong_at_most=0.02]")
    assert strict.status == "not_applicable"
    assert "2% of its answers are wrong takes 194 dev cases at least, and the project has 50" in str(strict.why)


@pytest.mark.slow
def test_it_refuses_in_service_what_it_is_not_sure_of(shop: tuple[Path, Comparison]) -> None:
    project = load_project(shop[0])
    sure, unsure = (
        ask(project, q)[0].value for q in ("What colour has valve 3?", "Has a pump colour at night of shade3, please now?")
    )
    assert sure is not None
    assert unsure is not None
    assert (sure.refused, unsure.refused) == (False, True)
