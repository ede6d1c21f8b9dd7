"""Where the choice flips, input by input: what a row names is what deciding there names."""

from __future__ import annotations

from dataclasses import replace

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
    for what in ("bar", "risk"):
        for flip in rows[what].changes:
            for beyond, winner in ((1.1e-5, flip.winner), (-1.1e-5, "low")):
                value = flip.value + (beyond if flip.upwards else -beyond)
                other = replace(bar, correct=value) if what == "bar" else replace(bar, risk=value)
                assert settle(rungs, other, context).verdict.winner == winner
                checked += 1
    assert checked >= 4
    where, then = in_words(rows["bar"].changes[0])
    assert (where.split()[0], then) == ("above", "high")


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
