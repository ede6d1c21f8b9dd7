"""Every answer is scored once, however often a comparison looks at its score; and comes to what scoring all at once does."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.budget import CompareRequest
from rung.pipeline.grading import score_answers
from rung.records import Answer, Case, Evaluation, Evidence, Failure, Json, Outcome, Passage, RungResult, digest
from rung.records.steps import Generate
from rung.scoring import ScoringContext, metrics, score_run, scorers
from tests.labels_project import write_labels
from tests.working import working

TEST, DEV = 150, 12
PLUGIN = """
from rung.records import Metric

CALLS = []


class Counting:
    metrics = (Metric("counted", "format", "that it was scored"),)

    def __init__(self, scoring_context): ...

    def __call__(self, case, outcome):
        CALLS.append((case.id, outcome))
        return {"counted": 1.0}
"""
MORE = """\
rungs: [prompt, few_shot: {shots: [1, 2, 3, 4]}, structured]
bar: {correct: 0.6, p95_seconds: 60}
"""


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A scorer of another package, installed for this test."""
    site = tmp_path / "site"
    info = site / "counting_scorer-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "counting_scorer.py").write_text(PLUGIN, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting-scorer\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[rung.scorers]\ncounting = counting_scorer:Counting\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    for known in (scorers, metrics):
        known.cache_clear()
    yield import_module("counting_scorer")
    sys.modules.pop("counting_scorer")
    for known in (scorers, metrics):
        known.cache_clear()


def labels(folder: Path) -> Path:
    split = [("test", n) for n in range(TEST)] + [("dev", n) for n in range(DEV)]
    rows: list[Json] = [{"id": f"{s}{n}", "question": f"{s} {n}?", "answers": ["red"], "split": s} for s, n in split]
    return write_labels(folder, rows, MORE)


def says(step: Generate) -> str:
    share = 0.9 if step.choices else 0.3 + 0.15 * len(step.messages)
    return "red" if int(digest(step.messages[-1].content, share)[:8], 16) / 16**8 < share else "blue"


def test_a_raced_comparison_with_a_sweep_scores_every_answer_once(tmp_path: Path, counting: ModuleType) -> None:
    with working(load_project(labels(tmp_path)), CompareRequest(trials=4)) as at:
        at.engines.generator = ScriptedGenerator(says)
        done, found = at.compare()
    coverage = done.verdict.coverage
    assert coverage.error  # the race stopped one
    assert coverage.searched
    times = Counter((case, id(outcome)) for case, outcome in counting.CALLS)
    assert set(times.values()) == {1}
    assert len(counting.CALLS) == coverage.answers + 4 * DEV
    assert all(e.scorecard.values["counted"].shape == (TEST,) for e in found.evaluations if e.outcomes)


def passage(n: int) -> Passage:
    return Passage(f"d{n}#0-5", f"d{n}", 0, 5, "hello")


@pytest.mark.parametrize("first", [3, 6, 11])
def test_block_by_block_comes_to_what_all_at_once_does(tmp_path: Path, first: int) -> None:
    """From the seventh answer on there is a ranking: those before then turn out to have found nothing."""
    cases = [Case(f"c{n}", "?", ("yes",), evidence=(Evidence(f"d{n}", 0, 5),)) for n in range(12)]
    outcomes = tuple(
        Outcome(f"c{n}", failure=Failure("no"))
        if n == 4
        else Outcome(f"c{n}", Answer("yes" if n % 2 else "no", retrieved=(passage(n),) if n > 6 else ()))
        for n in range(12)
    )
    by_id, context = {case.id: case for case in cases}, ScoringContext("f1")
    with working(load_project(labels(tmp_path))) as at:
        one = Evaluation(RungResult("rag", {}, "not_applicable"))
        for upto in (first, first, 12):
            one = score_answers(at.runner, context, Evaluation(one.result, outcomes=outcomes[:upto], cards=one.cards), by_id)
    whole = score_run(cases, outcomes, scoring_context=context)
    assert one.scorecard.cases == whole.cases
    assert set(one.values) == set(whole.values)
    for metric, column in whole.values.items():
        np.testing.assert_array_equal(one.values[metric], column)
