"""Changes of the choice that hang on cases which nobody answered: said to be guesses, and those that are not are true.

Boards with a whole truth race as a comparison has them race; what is then said of other bars, limits and prices without a
"might" is held against a choice by all answers, those that the race left out among them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.records import Evaluation, Stop
from rung.verdict.bar import Bar
from rung.verdict.choice import Contender
from rung.verdict.decide import decide, settle
from rung.verdict.guesses import hedged
from rung.verdict.judging import DecisionContext
from rung.verdict.racing import always_valid, standing
from rung.verdict.sensitivity import Economy, flips, flips_of_shares
from rung.verdict.turns import in_words, turns
from tests.verdict.test_flips_at_random import Board, after, drawn
from tests.verdict.weighing import rung, share


def half_answered(whole: Evaluation, answered: NDArray[np.bool_], stop: Stop | None) -> Evaluation:
    """What a rung is after a race that stopped it: NaN in the cases that it did not answer."""
    column = np.where(answered, whole.values["correct"], np.nan)
    interval = always_valid(column[answered], total=len(column))
    made = rung(whole.name, column, order=whole.result.order)
    result = replace(made.result, latency=whole.result.latency, stopped=stop.why if stop else "")
    return replace(made, result=result, stop=stop, interval=interval)


def raced(board: Board, seed: int) -> Board:
    """The same board after a race: those that it stopped have not answered every case."""
    rungs = [one for one in board.rungs if not one.is_reference]
    total = len(rungs[0].values["correct"])
    places = np.random.default_rng(seed).permutation(total)
    done = dict.fromkeys((one.name for one in rungs), 15)
    while True:
        entrants = [Contender(one.name, one.values["correct"][places[: done[one.name]]]) for one in rungs]
        now = standing(entrants, total=total, bar=board.bar, incumbent=board.incumbent)
        if not now.next:
            break
        done |= {name: min(total, done[name] + 5) for name in now.next}
    left = []
    for one in board.rungs:
        n = done.get(one.name, total)
        answered = np.isin(np.arange(total), places[:n])
        left.append(one if n == total else half_answered(one, answered, now.stopped.get(one.name)))
    return replace(board, rungs=left)


@pytest.mark.slow
def test_what_is_said_without_a_might_is_so_once_every_case_is_answered() -> None:
    """The race may err in one of twenty comparisons, and so may an interval that a claim goes by."""
    sure = guessed = untrue = guesses_true = 0
    for number in range(150):
        whole = drawn(np.random.default_rng([7, number]))
        whole = replace(whole, bar=replace(whole.bar, limits={}))
        board = after(raced(whole, number))
        if not any(one.result.stopped for one in board.rungs):
            continue
        asked = {"bar": board.bar, "economy": board.economy, "incumbent": board.incumbent}
        told = [*flips(board.rungs, **asked), *flips_of_shares(board.rungs, **asked)]  # type: ignore[arg-type]
        truth = replace(whole, incumbent=board.incumbent)
        for flip in hedged(told, board.rungs, **asked):  # type: ignore[arg-type]
            end = {"bar": (0.0, 1.0), "risk": (0.001, 0.5)}[flip.what][flip.upwards] if flip.end is None else flip.end
            values = [flip.value + (end - flip.value) * part for part in (0.05, 0.5, 0.95)]
            is_true = all(truth.winner(truth.moved(flip.what, value)) == flip.winner for value in values)
            if flip.going_by:
                guessed, guesses_true = guessed + 1, guesses_true + is_true
            else:
                sure, untrue = sure + 1, untrue + (not is_true)
    assert sure >= 60
    assert guessed >= 60
    assert untrue / sure <= 0.1
    assert guesses_true / guessed < 0.9  # else "might" would be said for nothing


def test_a_change_to_a_rung_that_was_stopped_is_a_guess_and_says_by_what() -> None:
    truth = share(50, 100, seed=1)
    answered = np.isin(np.arange(100), np.random.default_rng(1).permutation(100)[:40])
    low = half_answered(rung("low", truth, order=0), answered, Stop("misses"))
    high = rung("high", share(80, 100, seed=2), order=1)
    verdict = decide([low, high], bar=Bar(0.7))
    assert verdict.winner == "high"
    (sentence,) = (one for one in verdict.flips if "low" in one)
    assert sentence.startswith("With a bar at or below 0.")
    assert sentence.endswith("low might be the choice, going by the 40 of 100 cases that low answered.")
    settled = settle([low, high], Bar(0.7), DecisionContext())
    (row,) = (turn for turn in turns(settled, bar=Bar(0.7), context=DecisionContext(incumbent="high")) if turn.what == "bar")
    words = [then for _, then in map(in_words, row.changes) if "low" in then]
    assert words
    assert all(one.startswith("perhaps low") and one.endswith("the 40 of 100 cases that low answered") for one in words)


def test_a_change_that_no_unanswered_case_can_undo_is_none() -> None:
    """A rung that is far behind whatever it would have answered: who comes next is known without it."""
    answered = np.arange(100) < 60
    far = half_answered(rung("far", share(2, 100, seed=3), order=0), answered, Stop("misses"))
    middle, high = rung("middle", share(60, 100, seed=4), order=1), rung("high", share(90, 100, seed=5), order=2)
    told = flips([far, middle, high], bar=Bar(0.8), economy=Economy({}))
    (below,) = (flip for flip in hedged(told, [far, middle, high], bar=Bar(0.8), economy=Economy({})) if not flip.upwards)
    assert (below.winner, below.going_by) == ("middle", ())
    assert far.interval is not None
    assert below.end is not None
    assert far.interval[0] < below.end <= far.interval[1] + 0.1  # from there on it hangs on what was not answered
    assert float(below.shown_end) >= below.end


def test_whole_boards_have_no_guesses() -> None:
    rungs = [rung("low", share(60, 100, seed=1), order=0), rung("high", share(90, 100, seed=2), order=1)]
    told = flips(rungs, bar=Bar(0.5), economy=Economy({}))
    assert told
    assert hedged(told, rungs, bar=Bar(0.5), economy=Economy({})) == list(told)
