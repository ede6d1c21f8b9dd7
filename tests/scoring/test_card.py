"""A run becomes a scorecard: every scorer, every case, errors as records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import pytest

from rung.errors import InternalError, UserError
from rung.records import Answer, Case, Outcome, Usage
from rung.scoring import Layer, Scorer, Yardstick, score_run, scorers
from rung.scoring.registry import BUILT_IN, METRICS, load
from rung.testing.scoring import ScorerContract
from tests.scoring.making import case, cited, failed, passage

CASES = (
    Case("1", "?", ("nine",), gold_documents=("d",)),
    Case("2", "?", ("ten",), gold_documents=("e",)),
    Case("3", "?", answerable=False),
)


def answer(case: str, text: str, *retrieved: str) -> Outcome:
    """An answer with a ranking."""
    return Outcome(case, Answer(text, text, retrieved=tuple(passage(d) for d in retrieved)), usage=Usage(100, 5, 2, 0.001))


OUTCOMES = (answer("3", "I don't know.", "d"), answer("2", "ten", "e", "d"), answer("1", "eleven"))


class Wordiness:
    """A stranger's scorer that cannot count every answer."""

    layer: ClassVar[Layer] = "style"

    def __init__(self, yardstick: Yardstick) -> None:
        del yardstick

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Words per answer; breaks on case 2."""
        if case.id == "2":
            raise ZeroDivisionError("no words")
        return {"brief": 1.0}


def test_the_matrix_has_a_row_per_case_and_nan_where_a_metric_does_not_apply() -> None:
    card = score_run(CASES, OUTCOMES, yardstick=Yardstick("f1"))
    assert card.cases == ("1", "2", "3")
    np.testing.assert_array_equal(card.values["correct"], [0, 1, 1])
    np.testing.assert_array_equal(card.values["recall@5"], [0, 1, math.nan])  # case 1 searched and found nothing
    np.testing.assert_array_equal(card.values["abstention_recall"], [math.nan, math.nan, 1])
    assert "format" not in card.values
    assert "leaks" not in card.values
    assert card.errors == ()
    assert card.of("3")["correct"] == 1
    assert "recall@5" not in card.of("3")
    assert card.layers["recall@5"] == "retrieval"


def test_estimates_count_only_where_a_metric_applies() -> None:
    found = score_run(CASES, OUTCOMES, yardstick=Yardstick("f1")).estimates()
    assert found["correct"].n == 3
    assert found["correct"].mean == pytest.approx(2 / 3)
    assert found["false_refusal"].n == 2
    assert found["prompt_tokens"].mean == 100


def test_a_failure_is_a_miss_and_stays_in_the_mean() -> None:
    outcomes = (Outcome("1", failure=failed().failure), *OUTCOMES[:2])
    assert score_run(CASES, outcomes, yardstick=Yardstick("f1")).estimates()["correct"].n == 3


def test_a_run_without_search_has_no_retrieval_scores() -> None:
    outcomes = [Outcome(case.id, Answer("ten")) for case in CASES]
    assert "recall@5" not in score_run(CASES, outcomes, yardstick=Yardstick("f1")).values


def test_a_scorers_own_error_is_neither_right_nor_wrong() -> None:
    card = score_run(CASES, OUTCOMES, yardstick=Yardstick("f1"), scorers={"words": Wordiness})
    assert [(e.case, e.scorer, e.message) for e in card.errors] == [("2", "words", "ZeroDivisionError: no words")]
    np.testing.assert_array_equal(card.values["brief"], [1, math.nan, 1])
    assert card.estimates()["brief"].n == 2


@pytest.mark.parametrize(("value", "message"), [(math.nan, "no finite number"), (math.inf, "no finite number")])
def test_a_number_that_is_none_is_an_error(value: float, message: str) -> None:
    def broken(yardstick: Yardstick) -> Scorer:
        scorer = Wordiness(yardstick)
        scorer.__class__ = type("Broken", (Wordiness,), {"__call__": lambda self, case, outcome: {"odd": value}})
        return scorer

    card = score_run(CASES, OUTCOMES, yardstick=Yardstick("f1"), scorers={"broken": broken})
    assert card.values == {}
    assert all(message in error.message for error in card.errors)
    assert len(card.errors) == 3


def test_two_scorers_of_one_metric_are_told() -> None:
    card = score_run(CASES[:1], OUTCOMES[2:], yardstick=Yardstick("f1"), scorers={"one": Wordiness, "two": Wordiness})
    assert [e.scorer for e in card.errors] == ["two"]
    assert "brief is already another scorer's metric" in card.errors[0].message


def test_rescoring_takes_the_place_of_the_old_numbers() -> None:
    card = score_run(CASES, OUTCOMES, yardstick=Yardstick("f1"))
    newer = card.updated(score_run(CASES, OUTCOMES, yardstick=Yardstick("em"), scorers={"words": Wordiness}))
    assert set(newer.values) == {*card.values, "brief"}
    assert newer.layers["brief"] == "style"
    with pytest.raises(InternalError):
        card.updated(score_run(CASES[:1], OUTCOMES[2:], yardstick=Yardstick("f1")))


def test_the_weakest_layer_is_where_the_run_lost_most() -> None:
    cases = [Case(str(i), "?", ("nine",), gold_documents=("d",)) for i in range(10)]
    lost = [answer(c.id, "nine" if int(c.id) < 4 else "I went on", "d" if int(c.id) < 4 else "e") for c in cases]
    card = score_run(cases, lost, yardstick=Yardstick("f1"))
    assert card.weakest_layer() == "retrieval"
    assert card.by_layer()["correctness"] == 1  # where the search found it, the answer was right
    unused = [answer(c.id, "nine" if int(c.id) < 4 else "I went on", "d") for c in cases]
    assert score_run(cases, unused, yardstick=Yardstick("f1")).weakest_layer() == "correctness"
    refused = [answer(c.id, "nine" if int(c.id) < 4 else "I don't know.", "d") for c in cases]
    assert score_run(cases, refused, yardstick=Yardstick("f1")).by_layer()["abstention"] == pytest.approx(0.4)


@pytest.mark.parametrize("outcomes", [OUTCOMES[:2], (*OUTCOMES, OUTCOMES[0]), (*OUTCOMES, answer("4", "x"))])
def test_cases_and_outcomes_must_be_the_same(outcomes: tuple[Outcome, ...]) -> None:
    with pytest.raises(InternalError, match="3 cases cannot be scored"):
        score_run(CASES, outcomes, yardstick=Yardstick("f1"))


def test_two_thousand_cases_are_scored_quickly() -> None:
    """Issue 5 wants 100,000 rescored in under 30 s; the margin here is for a busy machine."""
    cases = [Case(str(i), "?", (f"answer number {i}", "x"), gold_documents=("d",)) for i in range(2_000)]
    outcomes = [answer(c.id, f"the answer is number {i}", *"abcdefghij") for i, c in enumerate(cases)]
    began = time.perf_counter()
    score_run(cases, outcomes, yardstick=Yardstick("rouge_l"))
    assert time.perf_counter() - began < 3


def test_the_registry_makes_every_built_in() -> None:
    assert list(scorers())[: len(BUILT_IN)] == list(BUILT_IN)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ((EntryPoint("cost", "rung.scoring.cost:Cost", "rung.scorers"),), "two scorers are called 'cost'"),
        ((EntryPoint("new", "no.such.module:Scorer", "rung.scorers"),), "'new' of no.such.module:Scorer cannot be loaded"),
        ((EntryPoint("new", "rung.scoring.cost:Nothing", "rung.scorers"),), "cannot be loaded"),
        ((EntryPoint("new", "rung.scoring.squad:_PUNCTUATION", "rung.scorers"),), "is no callable"),
    ],
)
def test_a_strangers_scorer_that_is_none(entries: tuple[EntryPoint, ...], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load(entries)


def _contract(name: str) -> type[ScorerContract]:
    make: Callable[[ScorerContract, Yardstick], Scorer] = lambda self, yardstick: scorers()[name](yardstick)  # noqa: E731
    return type(f"Test{name.title()}Contract", (ScorerContract,), {"make": make})


TestCorrectness = _contract("correctness")
TestRetrieval = _contract("retrieval")
TestFormat = _contract("format")
TestCitation = _contract("citation")
TestAbstention = _contract("abstention")
TestAccess = _contract("access")
TestCost = _contract("cost")


def test_every_built_in_goes_through_the_contract() -> None:
    assert {f"Test{name.title()}" for name in BUILT_IN} <= set(globals())


class Careless(Wordiness):
    """Breaks the contract in one way after another."""

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Assumes that an answer came, and counts without bound."""
        assert outcome.answer is not None
        return {"words": float(len(outcome.answer.text))}


def test_the_contract_catches_a_careless_scorer() -> None:
    made = type("Contract", (ScorerContract,), {"make": lambda self, yardstick: Careless(yardstick)})()
    with pytest.raises(AssertionError):
        made.test_stays_within_zero_and_one()
    with pytest.raises(AssertionError):
        made.test_gives_finite_numbers_by_name()


def test_every_metric_is_listed_by_name_and_every_name_is_measured() -> None:
    """The list is what a limit in `bar` may be about."""
    one = replace(case("nine", spans=(("d", 0, 10),)), groups=("staff",))
    none = replace(case(), id="u")
    told = Outcome(
        "c",
        Answer("nine [1]", "nine", citations=(cited("d"),), retrieved=(passage("d"),), passages=(passage("d"),)),
        usage=Usage(prompt_tokens=3, completion_tokens=1, usd=0.1),
    )
    refused = Outcome("u", Answer("I don't know.", "I don't know.", refused=True))
    found: set[str] = set()
    for yardstick in (
        Yardstick("f1"),
        Yardstick("rouge_l"),
        Yardstick("json", schema="{}"),
        Yardstick("label", labels=("nine", "ten")),
    ):
        found |= set(score_run([one, none], [told, refused], yardstick=yardstick, scorers=load(())).values)
    assert found == set(METRICS)


def test_passes_are_averaged_case_by_case_where_a_metric_applies() -> None:
    measure = Yardstick(correct_by="f1")
    first = score_run(CASES, OUTCOMES, yardstick=measure)
    others = (answer("3", "forty"), answer("2", "ten", "d", "e"), answer("1", "nine"))
    second = score_run(CASES, others, yardstick=measure)
    both = first.averaged([second])
    assert both.cases == first.cases
    assert list(both.values["correct"]) == [0.5, 1.0, 0.5]
    assert both.of("2")["mrr"] == 0.75
    assert "mrr" not in both.of("3")
    assert first.averaged([]) is first
    with pytest.raises(InternalError, match="different cases"):
        first.averaged([second.over(["1", "2"])])
