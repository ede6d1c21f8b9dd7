"""What was measured and gained nothing is not advised, nor what cannot be had; what helps, or was not tried, is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records import Estimate, Loss, Lost, Reason, RungResult
from rung.verdict.bar import Bar
from rung.verdict.decide import settle
from rung.verdict.judging import DecisionContext
from rung.verdict.rejections import NOT_BEGUN, not_built, superfluous
from rung.verdict.remedies import advised, in_general
from tests.verdict.weighing import rung, share

ALL = Estimate(0.2, 0.1, 0.3, 100)


def line(name: str, correct: float, *, lost: int = 0, layer: str = "wrong format") -> RungResult:
    losses = (Lost(layer, lost, ALL),) if lost else ()
    return RungResult(name, {}, "measured", scores={"correct": Estimate(correct, None, None, 100)}, losses=losses)


def told(*results: RungResult, trainable: bool = True) -> str:
    """What is said of the first one's only layer."""
    return advised(results, trainable=trainable)[0].losses[0].remedy


def test_what_nobody_tried_is_advised() -> None:
    prompt = line("prompt", 0.5, lost=20)
    assert told(prompt) == in_general("wrong format")
    assert told(prompt, trainable=False) == "Constrain the output (structured)."
    for why in (superfluous("prompt", clears=True), not_built("no budget"), NOT_BEGUN):
        assert "(structured)" in told(prompt, RungResult("structured", {}, "not_applicable", why))


def test_what_was_measured_is_advised_where_it_gained() -> None:
    prompt = line("prompt", 0.5, lost=20)
    assert told(prompt, line("structured", 0.7, lost=2), trainable=False) == "Constrain the output (structured)."
    in_vain = "structured was measured here, and gained nothing on these."
    assert told(prompt, line("structured", 0.5, lost=20), trainable=False).startswith(in_vain)
    assert told(prompt, line("structured", 0.5, lost=0), trainable=False).startswith(in_vain)  # other losses took its place
    assert told(prompt, line("structured", 0.7, lost=20), trainable=False).startswith(in_vain)  # it is better otherwise
    assert told(line("structured", 0.6, lost=5), trainable=False).startswith(in_vain)  # the rung itself
    assert "(tuned_model)" in told(prompt, line("structured", 0.5, lost=20))
    swept = line("few_shot[shots=4]", 0.4, lost=20, layer="wrong style")
    assert "(few_shot)" not in told(line("prompt", 0.5, lost=9, layer="wrong style"), swept)


def test_where_no_gaps_were_measured_none_are_pointed_at() -> None:
    prompt = line("prompt", 0.5, lost=20, layer="wrong")
    arm = RungResult("closed_book", {}, "measured", reference=True, scores={"correct": ALL})
    assert told(prompt, arm) == in_general("wrong")
    assert told(prompt) == (
        "Show examples of right answers (few_shot), or teach them (tuned_model), or use a stronger model."
    )
    assert told(prompt, line("few_shot", 0.5, lost=20, layer="wrong"), trainable=False) == (
        "Use a stronger model. few_shot was measured here, and gained nothing on these."
    )


def test_what_does_not_apply_is_not_advised() -> None:
    prompt = line("prompt", 0.5, lost=20)
    why = Reason("not_applicable", "the project has neither schema nor labels")
    structured = RungResult("structured", {}, "not_applicable", why)
    assert told(prompt, structured, trainable=False) == "The weights of this model cannot be tuned here."
    assert replace(prompt, losses=()) == advised([replace(prompt, losses=())], trainable=False)[0]


def test_a_rung_that_was_stopped_has_not_failed_as_long_as_the_rest_may_make_it_better() -> None:
    """After some of the cases it is behind, and its mean over all of them may still be above."""
    prompt = line("prompt", 0.5, lost=20)
    structured = replace(
        line("structured", 0.45, lost=4), stopped=Reason("not_needed", "not needed: stopped after 20 of 100 cases")
    )
    may, cannot = (replace(structured, scores={"correct": Estimate(0.45, 0.2, high, 20)}) for high in (0.7, 0.49))
    assert told(prompt, may, trainable=False) == "Constrain the output (structured)."
    assert told(prompt, cannot, trainable=False).startswith("structured was measured here, and gained nothing")
    ended = replace(may, stopped=None, answered=20)  # by a budget
    assert told(replace(prompt, answered=100), ended, trainable=False) == "Constrain the output (structured)."


def test_of_a_tuned_model_the_untuned_oracle_does_not_say_what_passages_win_back() -> None:
    """The oracle gets a tenth; whoever was taught may get the rest with the right passages."""
    lost: tuple[Loss | None, ...] = tuple("not retrieved" if n < 40 else None for n in range(100))
    oracle = replace(rung("oracle", share(10, 100, seed=3), order=9), held=np.ones(100))
    rungs = [
        replace(rung(name, share(60, 100)[::-1], order=place), layers=lost) for place, name in enumerate(("rag", "hybrid"))
    ]
    lines = {one.name: one.result.losses for one in settle([*rungs, oracle], Bar(0.9), DecisionContext()).evaluations}
    ((of_rag,), (of_hybrid,)) = lines["rag"], lines["hybrid"]
    assert (of_rag.at_most, of_hybrid.at_most) == (False, True)
    assert of_hybrid.wins_back.mean == pytest.approx(0.4)
    assert (of_rag.wins_back.mean or 1.0) < 0.1
