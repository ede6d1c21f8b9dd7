"""Where the choice flips, input by input: what a row names is what deciding there names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records import Effort, Evaluation
from rung.verdict.bar import Bar
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import settle
from rung.verdict.judging import DecisionContext
from rung.verdict.turns import Turn, in_words, turns
from tests.verdict.weighing import rung

DEMAND = Demand(1_000.0, 0.0, 0.0)


def _rungs() -> list[Evaluation]:
    low, high = rung("low", [1.0] * 66 + [0.0] * 34, order=0), rung("high", [1.0] * 90 + [0.0] * 10, order=1)
    return [replace(one, effort=Effort(training_seconds=seconds)) for one, seconds in ((low, 0.0), (high, 3_600.0))]


def _rows(rungs: list[Evaluation], bar: Bar, context: DecisionContext) -> dict[str, Turn]:
    return {row.what: row for row in turns(settle(rungs, bar, context), bar=bar, context=context)}


def test_bar_and_risk_flip_where_it_is_said() -> None:
    rungs, bar, context = _rungs(), Bar(0.6, risk=0.2), DecisionContext(demand=DEMAND)
    assert settle(rungs, bar, context).verdict.winner == "low"
    rows = _rows(rungs, bar, context)
    checked = 0
    for flip in (rows["bar"].changes[0], *rows["risk"].changes):
        for beyond, winner in ((1.1e-5, flip.winner), (-1.1e-5, "low")):
            value = flip.value + (beyond if flip.upwards else -beyond)
            other = replace(bar, correct=value) if flip.what == "bar" else replace(bar, risk=value)
            assert settle(rungs, other, context).verdict.winner == winner
            checked += 1
    assert checked >= 4
    where, then = in_words(rows["bar"].changes[0])
    assert (where.split()[0], then) == ("between", "high, shown to clear the bar")


@pytest.mark.parametrize(
    ("incumbent", "own", "then"),
    [("", 0.8, "none would be shown to clear the bar; high would stand in"),
     ("high", 0.8, "high, kept as the last choice, and not shown to clear the bar"),
     ("", 0.6, "none would be shown to clear the bar; high would stand in")],
)  # fmt: skip
def test_from_which_bar_on_no_rung_clears_it_is_what_deciding_there_says(incumbent: str, own: float, then: str) -> None:
    rungs, bar, context = _rungs(), Bar(own, risk=0.2), DecisionContext(demand=DEMAND, incumbent=incumbent)
    rows = _rows(rungs, bar, context)
    flip = next(one for one in rows["bar"].changes if in_words(one)[1] == then)

    def clears(value: float) -> bool:
        return settle(rungs, replace(bar, correct=value), context).verdict.clears_bar

    shown = float(flip.shown)
    assert (clears(shown), clears(shown + 1e-6)) == (shown == flip.value, False)
    on_the_way = np.arange(own, shown, 0.01)
    assert len(on_the_way) >= 5
    assert all(map(clears, on_the_way))
    verdict = settle(rungs, replace(bar, correct=shown + 1e-6), context).verdict
    assert verdict.winner == flip.winner


def test_below_which_bar_something_clears_it_is_told_where_nothing_does() -> None:
    rungs, bar, context = _rungs(), Bar(0.95, risk=0.2), DecisionContext(demand=DEMAND)
    assert not settle(rungs, bar, context).verdict.clears_bar
    (flip, *_) = _rows(rungs, bar, context)["bar"].changes
    assert (flip.upwards, flip.winner, in_words(flip)[1]) == (False, "high", "high, shown to clear the bar")
    beside = [settle(rungs, replace(bar, correct=flip.value + step), context).verdict.clears_bar for step in (-1e-6, 1.1e-5)]
    assert beside == [True, False]


def test_without_a_bar_a_risk_says_nothing_of_one() -> None:
    changes = _rows(_rungs(), Bar(None, risk=0.2), DecisionContext(demand=DEMAND))["risk"].changes
    assert all(in_words(flip)[1] in ("low", "high") for flip in changes)


def test_every_input_has_a_row_that_says_why_nothing_changes() -> None:
    rows = _rows(_rungs(), Bar(None), DecisionContext())
    assert list(rows) == ["traffic", "changes", "price", "bar", "risk"]
    assert rows["traffic"].note == "not stated: give it a value"
    assert rows["bar"].note == "no bar is set"
    few = [rung("low", [1.0] * 5, order=0), rung("high", [1.0] * 5, order=1)]
    assert all("too few" in row.note for row in _rows(few, Bar(0.6), DecisionContext(demand=DEMAND)).values())


def test_traffic_flips_where_the_cheapest_is_taken() -> None:
    rungs = [replace(one, outcomes=()) for one in _rungs()]
    prices = Prices(gpu_usd_per_hour=12.0, storage_usd_per_gb_month=0.0)
    ladder = _rows(rungs, Bar(0.5), DecisionContext(prices=prices, demand=DEMAND))
    assert "no limit is on money" in ladder["traffic"].note
    by_cost = _rows(rungs, Bar(0.5, prefer="cost"), DecisionContext(prices=prices, demand=DEMAND))
    assert "no limit is on money" not in by_cost["traffic"].note
