"""Stored answers of a race scored again: who was stopped stays so and says why; a judge is asked; settings count."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import rung
from rung.commands.rescore import rescore_verdict
from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import rescore
from rung.models.scripted import ScriptedGenerator
from rung.records import Json, Verdict, digest
from rung.records.steps import Generate
from tests.labels_project import write_labels
from tests.working import working

pytestmark = pytest.mark.slow

N = 150
MORE = """\
rungs: [prompt, few_shot, structured]
bar: {correct: 0.6}
"""


def rows_of(answer: Callable[[int], str]) -> list[Json]:
    return [{"id": f"c{n}", "question": f"Thing {n}?", "answers": [answer(n)], "split": "test"} for n in range(N)]


def write(folder: Path, answer: Callable[[int], str]) -> None:
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows_of(answer))), encoding="utf-8")


def says(step: Generate) -> str:
    share = 0.9 if step.choices else 0.8 if len(step.messages) > 3 else 0.2
    return "red" if int(digest(step.messages[-1].content, share)[:8], 16) / 16**8 < share else "blue"


def yaml(folder: Path, old: str, new: str) -> None:
    path = folder / "rung.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def raced(tmp_path: Path) -> tuple[Path, Verdict]:
    """A project, and the verdict of a race that stopped prompt and structured."""
    with working(load_project(write_labels(tmp_path, rows_of(lambda _: "red"), MORE))) as at:
        at.engines.generator = ScriptedGenerator(says)
        return tmp_path, at.compare()[0].verdict


def test_who_was_stopped_stays_so_and_is_not_said_to_miss_a_bar_of_today(raced: tuple[Path, Verdict]) -> None:
    folder, before = raced
    assert before.winner == "few_shot"
    stopped = {r.name for r in before.rungs if r.stopped}
    assert "prompt" in stopped
    yaml(folder, "correct: 0.6", "correct: 0.1")
    after = rescore(load_project(folder)).verdict
    assert {r.name for r in after.rungs if r.stopped} == stopped
    assert after.winner == "few_shot"  # prompt would clear this bar, but nobody knows its other answers
    assert after.why_not("prompt").startswith("not needed then: stopped after")
    assert {r.name: r.scores for r in after.rungs} == {r.name: r.scores for r in before.rungs}
    assert (after.executed, after.coverage.answers) == (0, before.coverage.answers)


def test_the_interval_of_who_was_stopped_is_of_todays_scores(raced: tuple[Path, Verdict]) -> None:
    folder, before = raced
    write(folder, lambda n: "red" if n % 2 else "blue")
    after = rung.open(folder).rescore()
    for was, now in zip(before.rungs, after.rungs, strict=True):
        if was.stopped:
            score = now.scores["correct"]
            assert (score.n, now.answered) == (was.scores["correct"].n, was.answered)
            assert score.low is not None
            assert score.high is not None
            assert score.mean is not None
            assert score.low <= score.mean <= score.high
            assert score.high - score.low > 0.1
    assert f"Accepted answers or gold changed: {N // 2} cases." in after.coverage.rescored
    first = rescore(load_project(folder), "1").verdict
    assert [r.scores for r in first.rungs] == [r.scores for r in after.rungs]  # of the same answers, whoever kept them


def test_a_rung_with_other_settings_is_not_the_one_that_answered(raced: tuple[Path, Verdict]) -> None:
    folder, _ = raced
    yaml(folder, "few_shot,", "{few_shot: {shots: 2}},")
    after = rescore(load_project(folder)).verdict
    assert "few_shot, which rung.yaml has otherwise" in after.coverage.rescored
    assert "few_shot" not in {r.name for r in after.rungs}
    yaml(folder, "model: scripted", "model: smollm2-135m-instruct")
    with pytest.raises(UserError, match="run 'rung compare'"):
        rescore(load_project(folder))


def test_what_would_be_taught_or_held_to_otherwise_today_counts_no_more(raced: tuple[Path, Verdict]) -> None:
    """Another example changes what few_shot is shown; another label changes what everybody is held to."""
    folder, _ = raced
    examples = folder / "examples.jsonl"
    examples.write_text(examples.read_text("utf-8").replace("Other 3?", "Another 3?"), encoding="utf-8")
    again = rescore(load_project(folder)).verdict
    assert "few_shot" not in {r.name for r in again.rungs if r.status == "measured"}
    assert "prompt" in {r.name for r in again.rungs if r.status == "measured"}
    assert "few_shot" in again.coverage.rescored
    yaml(folder, "labels: [red, blue]", "labels: [red, blue, green]")
    with pytest.raises(UserError, match=r"no stored answer of .* counts any more"):
        rescore(load_project(folder))


def test_a_judge_is_asked_for_what_it_has_not_graded(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text(
        "task: Explain.\ncases: cases.jsonl\nmodel: scripted\nrungs: [prompt]\nbar: {metric: judge, correct: 0.6}\n",
        encoding="utf-8",
    )
    write(tmp_path, lambda _: "well")
    asked: list[str] = []

    def grades(step: Generate) -> str:
        asked.append(step.messages[-1].content)
        return "Grade: 5"

    with working(load_project(tmp_path)) as at:
        at.engines.judge = ScriptedGenerator(grades, name="judge")
        at.compare()
    first = len(asked)
    for answer, more in (("well", 0), ("better", first)):
        write(tmp_path, lambda _, answer=answer: answer)  # type: ignore[misc]
        before = len(asked)
        with working(load_project(tmp_path)) as at:
            at.engines.judge = ScriptedGenerator(grades, name="judge")
            at.engines.generator = ScriptedGenerator(lambda step: pytest.fail("a rung was asked"))
            verdict = rescore_verdict(at.runner).verdict
        assert len(asked) - before == more
        assert verdict.rungs[0].scores["correct"].mean == 1.0
