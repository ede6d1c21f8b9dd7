"""Are worse ratings, citations that bear nothing out and lower grades told of, and doubtful feedback left aside?"""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.pipeline.evaluation_store import EVALUATIONS, read_evaluations
from rung.pipeline.publishing import latest
from rung.records.alerts import Reading
from rung.records.steps import Generate, Step
from rung.report.ragas import response_of
from rung.scoring.answer_labels import AnswerLabel, answer_digest
from rung.state.ratings import ratings_of
from rung.watching import quality_drift
from rung.watching.quality_drift import _graded, _grades, look, sampled
from rung.watching.traffic import LiveAnswer
from tests.watching.traffic_project import Traffic, known, readings_of, watched

readings = partial(readings_of, look)


def rated(asked: Traffic, good: int, bad: int) -> None:
    for question, rating in zip(known(np.random.default_rng(1), good + bad), ["up"] * good + ["down"] * bad, strict=True):
        asked.rate(asked.ask(question, text=False), "up" if rating == "up" else "down")


def test_ratings_that_get_worse_are_found(folder: Path) -> None:
    said = readings(folder, lambda asked: rated(asked, 60, 40))
    assert said["ratings"].state == "drifted"
    assert said["ratings"].evidence["down"] == 0.4
    assert "called bad" in said["ratings"].says
    assert said["citations"].state == "unknown"
    assert "serve: {traces: {content: true}}" in said["citations"].says


def test_ratings_that_one_person_gives_one_after_another_are_one(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        for number in range(60):
            asked.rate(asked.ask("Why?", text=False), "down", caller=f"proxy:{number // 5}")

    assert "60 answers were rated so far, in 12 sessions, and 20 sessions" in readings(folder, fill)["ratings"].says


def test_steady_ratings_are_fine_and_few_are_unknown(folder: Path) -> None:
    assert readings(folder, lambda asked: rated(asked, 40, 0))["ratings"].state == "fine"


def test_few_ratings_are_unknown(folder: Path) -> None:
    said = readings(folder, lambda asked: rated(asked, 3, 3))["ratings"]
    assert said.state == "unknown"
    assert "6 answers were rated so far" in said.says


def test_the_first_word_on_an_answer_counts_and_words_on_other_answers_do_not(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        rated(asked, 40, 0)
        for id in asked.ids:
            asked.rate(id, "down", caller="stranger")
        for _ in range(60):
            asked.rate("0" * 32, "down")

    said = readings(folder, fill)["ratings"]
    assert said.state == "fine"
    assert said.evidence["down"] == 0.0
    assert "40 rated again" in said.says


def test_ratings_stand_in_the_order_in_which_they_came_whichever_answers_they_are_of(folder: Path) -> None:
    """Else a late word on an old answer moves those that were looked at already, and the test's evidence with them."""
    with watched(folder) as (surroundings, asked):
        one, two, three = (asked.ask(question, text=False) for question in known(np.random.default_rng(1), 3))
        for id, rating in ((three, "up"), (one, "down"), (three, "down"), (two, "up")):
            asked.rate(id, "up" if rating == "up" else "down", caller=f"{id}{rating}")
        words = ratings_of(surroundings.state, surroundings.standing.current)
    assert [word.is_good for word in words.rated] == [True, False, True]
    numbers = [word.number for word in words.rated]
    assert numbers.index(max(numbers)) == 0
    assert words.again == 1


def test_citations_that_bear_nothing_out_are_found(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        asked.ask_all(known(np.random.default_rng(2), 30))
        asked.ask_all(known(np.random.default_rng(3), 40), wrong=True)

    said = readings(folder, fill)["citations"]
    assert said.state == "drifted"
    assert said.evidence["answers"] == 70


def test_citations_as_in_the_verdict_are_fine(folder: Path) -> None:
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(4), 60)))["citations"]
    assert said.state == "fine"
    assert said.evidence["live"] == 1.0


def test_without_the_verdict_citations_are_unknown(folder: Path) -> None:
    shutil.rmtree(folder / ".rung/verdicts")
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(5), 40)))["citations"]
    assert said.state == "unknown"
    assert "is gone" in said.says


def test_nothing_that_was_promoted_has_no_ratings(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"question": "Is it?", "answers": ["yes"]}\n')
    (tmp_path / "rung.yaml").write_text("cases: [cases.jsonl]\nmodel: scripted\n")
    said = readings(tmp_path, lambda _asked: None)
    assert {one.state for one in said.values()} == {"unknown"}
    assert "nothing was promoted" in said["ratings"].says


def grading(step: Generate) -> str:
    """A judge that calls every other answer excellent and, after a question on tables, all bad."""
    asked = step.messages[-1].content
    return "Grade: 1" if "table" in asked or len(asked) % 2 else "Grade: 5"


def judged(folder: Path, questions: list[str]) -> Reading:
    project = folder / "rung.yaml"
    project.write_text(project.read_text() + "judge: {model: scripted}\nwatch: {judged: 400}\n")
    with watched(folder) as (surroundings, asked):
        surroundings.engines.__dict__["judge"] = ScriptedGenerator(grading)
        asked.ask_all(questions)
        return next(one for one in look(surroundings) if one.name == "judged")


def test_a_judge_s_lower_grades_are_found(folder: Path) -> None:
    said = judged(folder, known(np.random.default_rng(6), 60) + [f"Is table {n} of wood?" for n in range(60)])
    assert said.state == "drifted"
    assert said.evidence["answers"] == 110  # of the last twenty every second


def test_a_judge_that_failed_is_asked_again_and_what_it_said_is_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_drift, "MOST_GRADES", 3)
    pairs = [(f"Is {n} even?", "Yes.") for n in range(4)]
    asked_of: list[str] = []

    def fails(step: Step) -> str:
        assert isinstance(step, Generate)
        asked_of.append(step.messages[-1].content)
        return "the server is away" if len(asked_of) == 1 else ""

    rules = [("Is 1 even", "Hm."), ("", "Grade: 5")]
    with watched(folder) as (surroundings, _):
        surroundings.engines.__dict__["judge"] = ScriptedGenerator(rules, play=Play(fails=fails))
        first = [_graded(surroundings, [pair])[0] for pair in pairs[:2]]
        assert first == [None, None]
        assert _graded(surroundings, pairs[:2]) == [1.0, None]
        assert len(asked_of) == 3
        _graded(surroundings, pairs)
        assert len(_grades(surroundings.project.settings.judge.model, surroundings.project.settings.judge.rubric)) == 3


def test_a_judge_s_grades_are_shown_on_the_scale_of_people(folder: Path) -> None:
    """People call all answers bad of which the judge thinks well of half."""
    verdict = latest(load_project(folder))
    evaluation = next(e for e in read_evaluations(verdict.folder / EVALUATIONS).evaluations if e.name == "rag")
    rows = []
    for outcome in evaluation.outcomes[:20]:
        assert outcome.answer is not None
        said_then = answer_digest(outcome.case, response_of(outcome.answer))
        label = AnswerLabel(outcome.case, "rag", said_then, good=False, by="ada", at="2026-11-29", plan="p", of=40)
        rows.append(json.dumps(label.as_json()))
    (folder / "human.labels.jsonl").write_text("\n".join(rows))
    said = judged(folder, known(np.random.default_rng(7), 60))
    judge, people = said.evidence["judge"], said.evidence["corrected"]
    assert isinstance(judge, float)
    assert isinstance(people, float)
    assert judge > 0.25
    assert people < judge - 0.2
    assert said.evidence["labels"] == 20
    assert "on the scale of people" in said.says


def test_what_is_judged_hangs_on_places_alone() -> None:
    answers = [LiveAnswer(n, str(n), "", "", False, "", None) for n in range(5_000)]
    chosen = sampled(answers, 400)
    assert chosen[:100] == answers[:100]
    assert chosen[: len(sampled(answers[:1_500], 400))] == sampled(answers[:1_500], 400)
    assert 300 <= len(chosen) <= 500
    assert sampled(answers, 8_000) == answers[:2_000] + answers[2_000:4_000:2] + answers[4_000::4]


def test_the_judge_is_not_asked_unless_it_is_asked_for(folder: Path) -> None:
    assert "judged" not in readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(8), 40)))
