"""Does the judge's word become a score, its silence neither right nor wrong, and its agreement with people a number?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from rung.records import Answer, Case, Failure, Outcome
from rung.records.steps import Conversation, Generate, GenerateResult, StepFailed
from rung.scoring import ScoringContext, score_run
from rung.scoring.card import Judgement
from rung.scoring.judge import Agreement, agreement, graded, labels, preferred
from rung.stats.estimates import estimates

CASE = Case("c", "Why is the sky blue?")


def spoken_with(talk: Conversation[float], *replies: str) -> tuple[float, list[Generate]]:
    """Drive a judgement by hand."""
    asked: list[Generate] = []
    left = list(replies)
    try:
        step = next(talk)
        while True:
            assert isinstance(step, Generate)
            asked.append(step)
            step = talk.send(GenerateResult(left.pop(0)))
    except StopIteration as stop:
        return float(stop.value), asked


@pytest.mark.parametrize(
    ("said", "grade"), [("Fine.\nGrade: 5", 1.0), ("grade 1", 0.0), ("Grade: 2? No.\n**Grade**: 4", 0.75)]
)
def test_a_grade_becomes_a_share(said: str, grade: float) -> None:
    value, asked = spoken_with(graded(CASE, "Scattering.", rubric="Be strict."), said)
    assert value == grade
    assert "Be strict." in asked[0].messages[0].content
    assert "Scattering." in asked[0].messages[1].content


def test_a_reply_without_a_grade_fails() -> None:
    with pytest.raises(StepFailed, match="names no grade"):
        spoken_with(graded(CASE, "x"), "Nice, 7 of 5!")


@pytest.mark.parametrize(
    ("first", "second", "won"),
    [("A", "B", 1.0), ("B", "A", 0.0), ("A", "A", 0.5), ("B", "B", 0.5), ("tie", "tie", 0.5), ("A", "tie", 0.5)],
)
def test_pairs_are_asked_both_ways_round_and_a_favoured_place_is_a_tie(first: str, second: str, won: float) -> None:
    value, asked = spoken_with(preferred(CASE, "mine", "theirs"), f"Better: {first}", f"Better: {second}")
    assert value == won
    texts = [step.messages[1].content for step in asked]
    assert texts[0].index("mine") < texts[0].index("theirs")
    assert texts[1].index("theirs") < texts[1].index("mine")


def test_equal_answers_are_not_worth_a_call() -> None:
    assert spoken_with(preferred(CASE, "same", "same ")) == (0.5, [])


def test_what_the_judge_did_not_say_is_left_out_and_a_failed_answer_is_a_miss() -> None:
    cases = [Case(id, "q") for id in "abcd"] + [Case("e", "q", answerable=False)]
    outcomes = [
        *(Outcome(id, Answer("said")) for id in "abc"),
        Outcome("d", None, Failure("gone")),
        Outcome("e", Answer("x")),
    ]
    replies = iter(["Grade: 4", "Nice."])

    def carry(talks: Sequence[Callable[[], Conversation[Judgement]]]) -> list[Judgement]:
        done: list[Judgement] = []
        for talk in talks[:2]:
            said = talk()
            next(said)
            with pytest.raises(StopIteration) as ended:
                said.send(GenerateResult(next(replies)))
            done.append(ended.value.value)
        return [*done, "the budget ended before it was judged"]

    card = score_run(cases, outcomes, scoring_context=ScoringContext("judge"), run=carry)
    column = card.values["correct"]
    assert column[0] == 0.75
    assert math.isnan(column[1])
    assert math.isnan(column[2])
    assert list(column[3:]) == [0.0, 0.0]
    assert [(error.case, "names no grade" in error.message) for error in card.errors] == [("b", True), ("c", False)]
    assert card.errors[1].message == "the budget ended before it was judged"
    assert estimates(card.values)["correct"].n == 3


def test_labels_and_agreement() -> None:
    rows = [{"answer": "a", "good": True}, {"answer": "b", "other": "c", "good": False}, {"answer": 3, "good": True}, "x"]
    case = Case("c", "q", meta={"human": rows})  # type: ignore[dict-item]
    assert [label.answer for label in labels([case, CASE], pairwise=False)] == ["a"]
    assert [(label.answer, label.other) for label in labels([case], pairwise=True)] == [("b", "c")]
    assert agreement([]) is None
    always = agreement([(True, True), (True, True)])
    assert always == Agreement(2, 1.0, None)
    assert "Do not rely" in always.words("j")
    good = Agreement(20, 0.95, 0.9).words("j")
    assert good == "The judge j agrees with 95% of 20 human labels (kappa 0.90)."
