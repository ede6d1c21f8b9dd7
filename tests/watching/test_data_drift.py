"""Are questions that are unlike the cases told of, with their topics, and are those like them left in peace?"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rung.records import Message
from rung.state.observed import Observed
from rung.state.sessions import Session
from rung.state.tables import traces as trace_table
from rung.stats.drift import drift
from rung.watching.data_drift import judged_cases, look, refusals
from rung.watching.new_topics import topics
from rung.watching.traffic import BLOCK, stream, traffic
from tests.watching.traffic_project import Traffic, known, new, readings_of, watched

readings = partial(readings_of, look)


def test_questions_as_the_cases_ask_them_are_fine(folder: Path) -> None:
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(1), 80)))
    assert {name: one.state for name, one in said.items()} == {"refusals": "fine", "questions": "fine", "coverage": "fine"}
    assert said["coverage"].figure == 1.0
    assert said["questions"].false_alarms == 0.01


def test_a_new_topic_is_found_counted_and_named_with_examples(folder: Path) -> None:
    rng = np.random.default_rng(2)

    def fill(asked: Traffic) -> None:
        asked.ask_all(known(rng, 40))
        asked.ask_all(new(rng, 40))

    said = readings(folder, fill)
    assert said["questions"].state == "drifted"
    assert said["questions"].do
    coverage = said["coverage"]
    assert coverage.state == "drifted"
    low, high = coverage.evidence["low"], coverage.evidence["high"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low <= 0.5 <= high
    named = coverage.evidence["topics"]
    assert isinstance(named, list)
    examples = [example for topic in named if isinstance(topic, dict) for example in topic["examples"]]  # type: ignore[union-attr]
    assert any("account" in str(example) for example in examples)
    assert not any("kettle" in str(example) for example in examples)
    assert "would be" in coverage.says


def test_more_refusals_are_found_without_any_text(folder: Path) -> None:
    rng = np.random.default_rng(3)

    def fill(asked: Traffic) -> None:
        asked.ask_all(known(rng, 100), text=False)
        asked.ask_all(known(rng, 60), text=False, refused=True)

    said = readings(folder, fill)
    assert said["refusals"].state == "drifted"
    assert "since about the last" in said["refusals"].says
    for name in ("questions", "coverage"):
        assert said[name].state == "unknown"
        assert "serve: {traces: {content: true}}" in said[name].says


@pytest.mark.parametrize(
    ("questions", "why"),
    [
        (["Is the kettle in stock?"], "1 sessions with the texts of their questions so far, and 25 are needed"),
        (["Is the kettle in stock?"] * 40, "only 1 different questions among 40"),
        ([], "0 sessions with the texts of their questions so far"),
    ],
)
def test_few_and_equal_questions_are_unknown(folder: Path, questions: list[str], why: str) -> None:
    said = readings(folder, lambda asked: asked.ask_all(questions))
    assert said["questions"].state == "unknown"
    assert why in said["questions"].says


def test_one_caller_who_asks_the_same_again_and_again_is_counted_once(folder: Path) -> None:
    with watched(folder) as (surroundings, asked):
        asked.ask_all(known(np.random.default_rng(4), 5))
        for _ in range(50):
            asked.ask("Is my account blocked?", caller="key:one")
        seen = traffic(surroundings)
    assert (len(seen.answers), seen.repeated, seen.seen) == (6, 49, 55)


def test_of_each_session_the_first_question_is_a_draw(folder: Path) -> None:
    """A caller's questions without half an hour of silence, ten at most; of a chat the first; callers are apart."""
    with watched(folder) as (surroundings, asked):
        for minutes in (0, 20, 45, 80, 109, 139.1):
            asked.ask(f"Question at {minutes}?", caller="proxy:ann", minutes=minutes)
            asked.ask(f"Question at {minutes} of Bob?", caller="proxy:bob", minutes=minutes)
        for number in range(25):
            asked.ask(f"Question {number} of a program?", caller="key:1", minutes=140 + number)
        chat = (Message("user", "What does the rug cost?"), Message("assistant", "9 EUR"))
        asked.ask("And the vase?", caller="key:chat", minutes=300, turns=chat)
        seen = traffic(surroundings)
    ann = [one.question for one in seen.first if one.caller == "proxy:ann"]
    assert ann == ["Question at 0?", "Question at 80?", "Question at 139.1?"]
    assert len([one for one in seen.first if one.caller == "proxy:bob"]) == 3
    program = [one.question for one in seen.first if one.caller == "key:1"]
    assert program == [f"Question {number} of a program?" for number in (0, 10, 20)]
    assert (len(seen.first), len(seen.answers)) == (9, 38)


def test_refusals_of_one_session_are_one_and_of_whom_nobody_knows_too(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        for number in range(90):
            asked.ask("Why?", caller=f"proxy:{number // 3}", refused=number >= 87, text=False)

    assert readings(folder, fill)["refusals"].says.startswith("3% of 30 answers refuse, the first of each session")
    nobody = [Observed(number, f"a{number}", "answered", number > 60, 1.0) for number in range(90)]
    with watched(folder) as (surroundings, _):
        vars(surroundings)["observed"] = tuple(nobody)
        assert refusals(surroundings).says == "90 answers in 9 sessions so far, and 25 sessions are needed"


def test_what_is_left_of_sessions_is_said(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        for number in range(40):
            for text in known(np.random.default_rng(number), 3):
                asked.ask(f"{text} {number}", caller=f"proxy:{number % 30}", minutes=40 * (number // 30))

    said = readings(folder, fill)
    assert said["questions"].says.startswith("40 questions are drawn as the verdict's cases")
    assert "asked later in a session left out" in said["questions"].says


def test_few_sessions_of_many_questions_are_too_few(folder: Path) -> None:
    def fill(asked: Traffic) -> None:
        for number in range(60):
            asked.ask(f"What does item {number} cost?", caller=f"proxy:{number % 9}")

    said = readings(folder, fill)
    assert said["questions"].state == "unknown"
    assert said["questions"].says.startswith(
        "9 sessions with the texts of their questions so far, and 25 are needed (60 questions"
    )


def test_cases_that_are_follow_ups_are_held_against_no_first_question(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]
    with watched(folder) as (surroundings, _):
        whole = surroundings.dataset
        assert len(judged_cases(surroundings)) == len(lines) == 40
        follow_ups = tuple(replace(case, messages=tuple(Message(**turn) for turn in turns)) for case in whole.cases[:25])
        vars(surroundings)["dataset"] = replace(whole, cases=(*follow_ups, *whole.cases[25:]))
        assert len(judged_cases(surroundings)) == 15


def test_another_language_is_said_to_be_one(folder: Path) -> None:
    words = ["warum", "wird", "dieses", "konto", "gesperrt", "wenn", "niemand", "etwas", "davon", "weiss", "und", "hilft"]
    rng = np.random.default_rng(5)
    german = [" ".join(rng.permutation(words)[:7]) for _ in range(60)]
    said = readings(folder, lambda asked: asked.ask_all(german))
    assert said["questions"].state == "drifted"
    assert said["coverage"].evidence["foreign_words"] == 1.0
    assert "another language" in said["coverage"].says


def test_a_verdict_that_was_taken_away_is_unknown_and_says_what_to_do(folder: Path) -> None:
    shutil.rmtree(folder / ".rung/verdicts")
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(6), 40)))
    assert said["questions"].state == "unknown"
    assert "is gone: nothing" in said["questions"].says
    assert "'rung promote' deploys that" in said["questions"].says
    assert said["refusals"].state == "fine"


def test_cases_that_left_the_project_are_told_from_a_verdict_that_is_gone(folder: Path) -> None:
    (folder / "cases.jsonl").write_text('{"question": "Another?", "answers": ["Yes"], "split": "test"}\n')
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(6), 40)))
    assert "no case of the verdict" in said["questions"].says


def test_few_cases_are_unknown(folder: Path) -> None:
    lines = (folder / "cases.jsonl").read_text().splitlines(keepends=True)
    (folder / "cases.jsonl").write_text("".join(lines[:12]))
    said = readings(folder, lambda asked: asked.ask_all(known(np.random.default_rng(7), 40)))
    assert said["questions"].state == "unknown"
    assert "12 cases that open a chat, and 20 are needed" in said["questions"].says


def test_a_trace_that_was_deleted_is_not_shown_from_memory(folder: Path) -> None:
    with watched(folder) as (surroundings, asked):
        asked.ask_all(["My secret is 42"])
        assert traffic(surroundings).answers
        with asked.state.writing() as connection:
            connection.execute(trace_table.delete())
        assert not traffic(surroundings).answers


def test_a_stream_begins_at_a_multiple_of_the_block(folder: Path) -> None:
    with watched(folder) as (surroundings, asked):
        asked.ask_all(["one", "two", "three"])
        observed = surroundings.observed
    numbered = [type(observed[0])(number, "", "answered", False, 1.0) for number in range(3 * BLOCK + 5)]
    assert stream(numbered)[0].number == 2 * BLOCK
    assert stream(numbered[: BLOCK // 2])[0].number == 0
    assert stream(()) == ()


def test_both_tests_see_what_is_new_and_neither_what_is_not() -> None:
    rng = np.random.default_rng(8)

    def drawn(count: int, middle: int) -> np.ndarray:
        vectors = np.eye(16)[rng.integers(0, 4, count) + middle] + 0.2 * rng.normal(size=(count, 16))
        long: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return long

    words = np.full(400, 8.0)
    cases = drawn(80, 0)
    quiet = drift(cases, drawn(400, 0), case_words=words[:80], live_words=words)
    assert quiet.found == "fine"
    assert [size for size, _ in quiet.looks] == [25, 50, 100, 200, 400]
    late = drift(cases, np.concatenate([drawn(340, 0), drawn(60, 8)]), case_words=words[:80], live_words=words)
    assert late.found == "drifted"
    assert late.evidence > quiet.evidence
    early = drift(cases, drawn(100, 8), case_words=words[:80], live_words=words[:100])
    assert min(p for _, p in early.looks) < 0.001


@pytest.mark.slow
def test_people_who_ask_several_questions_on_one_topic_are_no_drift_as_sessions_are_counted() -> None:
    """Quiet streams of sessions: all questions counted, most are called drifted; as they are counted, hardly one."""
    streams, alarms = 8, {"all": 0, "by person": 0, "one key": 0}
    for seed in range(streams):
        rng = np.random.default_rng((19, seed))

        def vectors(topics: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
            some = np.eye(24)[topics] + 0.15 * rng.normal(size=(len(topics), 24))
            unit: np.ndarray = some / np.linalg.norm(some, axis=1, keepdims=True)
            return unit

        cases = vectors(rng.integers(0, 24, 60))
        lengths = rng.geometric(1 / 4, 220)
        people = np.repeat(np.arange(220), lengths)
        live = vectors(np.repeat(rng.integers(0, 24, 220), lengths))
        callers: dict[str, dict[int, Session]] = {"by person": {}, "one key": {}}
        for how in alarms:
            counted = np.arange(len(live))
            if how != "all":
                keys = people if how == "by person" else np.zeros_like(people)
                of = callers[how]
                begins = [of.setdefault(int(key), Session()).begins(20_000 * n) for n, key in enumerate(keys)]
                counted = np.flatnonzero(begins)
            words = np.full(len(counted), 8.0)
            tested = drift(cases, live[counted], case_words=np.full(60, 8.0), live_words=words, seed=seed)
            alarms[how] += tested.found == "drifted"
    assert alarms["all"] >= streams // 2
    assert max(alarms["by person"], alarms["one key"]) <= 1


def test_topics_are_named_by_what_sets_them_apart() -> None:
    texts = (
        [f"Where is my refund for order {n}?" for n in range(4)]
        + [f"Reset the password of user {n}" for n in range(5)]
        + ["Hello"]
    )
    vectors = np.eye(3)[[0] * 4 + [1] * 5 + [2]]
    first, second = topics(texts, vectors, ["Where is my parcel?", "Where is the shop?"])
    assert (first.questions, second.questions) == (5, 4)
    assert "password" in first.name
    assert "refund" in second.name
    assert "where" not in second.name
    assert set(first.examples) <= set(texts)
    assert not topics(texts[:2], vectors[:2], [])
