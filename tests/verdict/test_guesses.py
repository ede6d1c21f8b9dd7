"""Changes of the choice that hang on cases which nobody answered: said to be guesses, and those that are not are true.

Boards with a whole truth race as a comparison has them race; what is then said of other bars, limits and prices without a
"might" is held against a choice by all answers, those that the race left out among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.records import Answer, Effort, Evaluation, Outcome, Reason, Stop
from rung.scoring import metrics
from rung.stats.estimates import estimates
from rung.stats.prediction_powered import corrected
from rung.verdict.bar import Bar, bar_of
from rung.verdict.choice import Contender
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import decide, settle
from rung.verdict.guesses import guessed_choice, hedged, is_untried
from rung.verdict.judging import DecisionContext, corrected_by_labels
from rung.verdict.racing import always_valid, standing
from rung.verdict.rejections import superfluous
from rung.verdict.sensitivity import Economy, flips, flips_of_shares
from rung.verdict.share_flips import Flip
from rung.verdict.turns import in_words, turns
from rung.verdict.would_change import relevant
from tests.verdict.test_flips_at_random import Board, after, drawn
from tests.verdict.weighing import rung, share, unmeasured


def half_answered(whole: Evaluation, answered: NDArray[np.bool_], stop: Stop | None) -> Evaluation:
    """What a rung is after a race that stopped it: NaN in the cases that it did not answer."""
    column = np.where(answered, whole.values["correct"], np.nan)
    interval = always_valid(column[answered], total=len(column))
    made = rung(whole.name, column, order=whole.result.order)
    result = replace(made.result, latency=whole.result.latency, stopped=Reason("worse", stop.why) if stop else None)
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
    assert untrue / sure <= 0.02  # without the hedging it was one of twelve
    assert guesses_true / guessed < 0.9  # else "might" would be said for nothing


def test_a_lower_rung_that_was_stopped_and_may_clear_the_bar_is_named_beside_the_lowest() -> None:
    answered = np.arange(100) < 40
    low = half_answered(rung("low", share(60, 100, seed=1), order=0), answered, Stop("misses"))
    low = replace(low, result=replace(low.result, answered=40))
    high = rung("high", share(80, 100, seed=2), order=1)
    assert low.interval is not None
    may = decide([low, high], bar=Bar(round(low.interval[1], 2) - 0.02))
    assert may.code == "clears"
    assert "high clears the bar" in may.reason
    assert may.reason.endswith(
        "Lower, and stopped before it was known whether it clears this bar: low (asked 40 of 100 cases); "
        "`rung compare` asks the rest."
    )
    cannot = decide([replace(low, interval=(0.1, 0.2)), high], bar=Bar(0.6))
    assert cannot.code == "clears"
    assert "stopped before" not in cannot.reason
    higher = replace(low, result=replace(low.result, order=2))
    assert "stopped before" not in decide([higher, high], bar=Bar(0.6)).reason


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


def partly(name: str, right: int, answered: int, *, order: int = 0, seed: int = 0, stop: Stop | None = None) -> Evaluation:
    """A rung that has answered so many of 100 cases, so many of them rightly."""
    asked = np.isin(np.arange(100), np.random.default_rng(seed).permutation(100)[:answered])
    column = np.zeros(100)
    column[asked] = share(right, answered, seed=seed)
    return half_answered(rung(name, column, order=order), asked, stop or Stop("misses"))


def guessed_by(told: Sequence[Flip], rungs: Sequence[Evaluation], what: str, *, upwards: bool, **asked: Any) -> list[str]:
    """The rungs by which the one change of this input, on this side, is guessed."""
    (flip,) = (one for one in hedged(told, rungs, **asked) if (one.what, one.upwards) == (what, upwards))
    return [one.name for one in flip.going_by]


def test_a_hard_limit_that_the_other_cases_may_keep_is_no_bar_to_a_rung() -> None:
    forms = {"format": np.r_[share(34, 40, seed=1), np.full(60, np.nan)]}
    low = half_answered(
        rung("low", np.r_[share(24, 40, seed=2), np.zeros(60)], order=0), np.arange(100) < 40, Stop("misses")
    )
    low = replace(low, cards=(replace(low.cards[0], values={**low.values, **forms}),))
    low = replace(low, result=replace(low.result, scores={**low.result.scores, **estimates(forms)}))
    rungs = [low, rung("middle", share(60, 100, seed=3), order=1), rung("high", share(95, 100, seed=4), order=2)]
    asked = {"bar": bar_of({"format": 0.9}, metrics(), correct=0.8), "economy": Economy({})}
    told = flips(rungs, **asked)  # type: ignore[arg-type]
    assert [flip.winner for flip in told if not flip.upwards] == ["middle"]  # low is held to break the limit
    assert guessed_by(told, rungs, "bar", upwards=False, **asked) == ["low"]


def test_a_rung_that_has_nothing_right_so_far_may_have_in_the_end() -> None:
    none = partly("none", 0, 20, order=0)
    rungs = [none, rung("middle", share(60, 100, seed=4), order=1), rung("high", share(90, 100, seed=5), order=2)]
    told = flips(rungs, bar=Bar(0.8), economy=Economy({}))
    (below,) = (flip for flip in hedged(told, rungs, bar=Bar(0.8), economy=Economy({})) if not flip.upwards)
    assert none.interval is not None
    assert below.winner == "middle"
    assert below.end is not None
    assert 0 < below.end <= none.interval[1]


def test_a_budget_that_ended_leaves_guesses_too() -> None:
    """Where all would have answered everything, no interval stands at the rung."""
    column = np.r_[share(7, 12, seed=1), np.full(28, np.nan)]
    low = rung("low", column, order=0)
    low = replace(low, outcomes=tuple(Outcome(str(number), Answer("")) for number in range(12)))
    rungs = [low, rung("middle", share(24, 40, seed=2), order=1), rung("high", share(38, 40, seed=3), order=2)]
    asked = {"bar": Bar(0.8), "economy": Economy({})}
    told = flips(rungs, **asked)  # type: ignore[arg-type]
    assert guessed_by(told, rungs, "bar", upwards=False, **asked) == ["low"]


def test_a_rung_that_was_not_built_may_clear_a_higher_bar() -> None:
    """Nobody asked it anything; a rung that does not apply is none of these."""
    tuned = unmeasured("tuned_model", superfluous("prompt", clears=True), order=1)
    rungs = [rung("prompt", share(80, 100, seed=1)), tuned, unmeasured("rag", "no documents", order=2)]
    settled = settle(rungs, Bar(0.6), DecisionContext())
    (row,) = (turn for turn in turns(settled, bar=Bar(0.6), context=DecisionContext()) if turn.what == "bar")
    words = [then for _, then in map(in_words, row.changes) if "none" in then]
    assert words == [
        "perhaps none would be shown to clear the bar; prompt would stand in, leaving aside tuned_model, which has answered "
        "nothing"
    ]


def test_a_rung_that_does_not_apply_is_left_aside_whatever_its_words() -> None:
    """A plugin's `NotApplicable` may begin as Rung's own reasons do."""
    assert is_untried(unmeasured("tuned_model", superfluous("prompt", clears=True)))
    assert not is_untried(unmeasured("plugin", "not built for tables; not needed here"))


def test_what_holds_below_an_unbuilt_rung_is_no_guess() -> None:
    rungs = [
        rung("low", share(60, 100, seed=1), order=0),
        rung("high", share(80, 100, seed=2), order=1),
        unmeasured("tuned_model", superfluous("high", clears=True), order=2),
    ]
    asked = {"bar": Bar(0.7), "economy": Economy({})}
    told = flips(rungs, **asked)  # type: ignore[arg-type]
    assert guessed_by(told, rungs, "bar", upwards=False, **asked) == []


def test_that_none_clears_is_a_guess_where_fewer_tries_would_let_one() -> None:
    """Counted as a try, r[b] keeps r[a] from clearing; with the rest of its cases wrong it is none."""
    rungs = [rung("r[a]", share(66, 100, seed=2)), partly("r[b]", 48, 85, stop=Stop("worse", "r[a]"))]
    asked = {"bar": Bar(0.5), "economy": Economy({})}
    told = [flip for flip in flips_of_shares(rungs, **asked) if (flip.what, flip.standing) == ("bar", "missed")]  # type: ignore[arg-type]
    assert [(flip.winner, flip.upwards) for flip in told] == [("r[a]", True)]
    assert guessed_by(told, rungs, "bar", upwards=True, **asked) == ["r[b]"]


def test_kept_or_clearing_is_told_apart_where_that_is_said() -> None:
    rungs = [rung("r[a]", share(75, 100, seed=2), order=0), partly("r[b]", 30, 40, order=0, stop=Stop("worse", "r[a]"))]
    asked = {"bar": Bar(0.5), "economy": Economy({}), "incumbent": "r[a]"}
    told = [flip for flip in flips_of_shares(rungs, **asked) if flip.standing == "kept" and flip.what == "bar"]  # type: ignore[arg-type]
    assert told
    assert guessed_by(told, rungs, "bar", upwards=True, **asked, closely=True) == ["r[b]"]


def test_what_several_rungs_undo_together_is_a_guess() -> None:
    """Each of three other settings, once it answers well, is one try more, which r[a] can bear; three are too many."""
    others = [partly(f"r[{name}]", 46, 85, order=1, seed=seed) for seed, name in enumerate("bcd", 3)]
    rungs = [rung("low", share(55, 100, seed=1), order=0), rung("r[a]", share(66, 100, seed=2), order=1), *others]
    asked = {"bar": Bar(0.5), "economy": Economy({}), "incumbent": "low"}
    told = flips(rungs, **asked)  # type: ignore[arg-type]
    assert guessed_by(told, rungs, "bar", upwards=True, **asked) == ["r[b]", "r[c]", "r[d]"]


def test_a_stretch_of_traffic_is_looked_at_from_its_beginning_on() -> None:
    """Up to 15,000 queries the rung that stopped keeps the limit on money; 10,000 are where the choice no longer does."""
    rungs = [
        rung("dear", share(90, 100, seed=1), order=0),
        partly("stopped", 22, 40, order=1, stop=Stop("not needed", "dear")),
        rung("cheap", share(90, 100, seed=2), order=2),
    ]
    prices = {"dear": 0.01, "stopped": 0.1 / 15, "cheap": 0.0}
    economy = Economy({name: Effort(usd) for name, usd in prices.items()}, Prices(), Demand(5_000.0))
    asked = {"bar": bar_of({"usd_per_month": 100.0}, correct=0.5), "economy": economy}
    told = flips(rungs, **asked)  # type: ignore[arg-type]
    assert [(flip.winner, round(flip.value)) for flip in told if flip.what == "traffic"] == [("cheap", 10_000)]
    assert guessed_by(told, rungs, "traffic", upwards=True, **asked) == ["stopped"]


def test_the_choice_by_other_numbers_is_a_guess_where_other_answers_may_undo_it() -> None:
    low, high = partly("low", 20, 40, order=0), rung("high", share(90, 100, seed=2), order=1)
    economy = Economy({})
    assert guessed_choice([low, high], "high", bar=Bar(0.8), economy=economy) == ()
    assert [one.name for one in guessed_choice([low, high], "high", bar=Bar(0.5), economy=economy)] == ["low"]
    assert [one.name for one in guessed_choice([low, high], "low", bar=Bar(0.3), economy=economy)] == ["low"]


def test_the_interval_of_a_stopped_rung_is_moved_to_the_scale_of_peoples_labels() -> None:
    """People find half a point more in what the judge finds wrong."""
    one = partly("low", 20, 40)
    judged = one.values["correct"]
    people = np.where(np.arange(100) % 2, np.nan, np.minimum(judged + 0.5, 1.0))
    by = corrected(judged, people, power=1.0)
    assert by is not None
    assert one.interval is not None
    (moved,) = corrected_by_labels([one], {"low": by})
    assert moved.interval is not None
    by_how_much = by.mean - by.judged
    assert by_how_much > 0.1
    assert moved.interval == pytest.approx([min(1.0, end + by_how_much) for end in one.interval])
    assert moved.interval[0] <= by.mean <= moved.interval[1]


def test_no_limit_on_time_brings_in_a_rung_that_nobody_timed() -> None:
    """As on What if, where the race's stops are lifted."""
    low, high = partly("low", 20, 40, order=0), rung("high", share(90, 100, seed=2), order=1, p95=0.8)
    told = flips([low, high], bar=bar_of({"p95_seconds": 0.9}, correct=0.7), economy=Economy({}))
    assert [flip.winner for flip in told if flip.what == "p95_seconds"] == ["low"]
    lifted = replace(low, result=replace(low.result, stopped=None))
    for one in (low, lifted):
        assert [flip for flip in relevant(told, [one, high], {}) if flip.what == "p95_seconds"] == []
