"""What the ladder costs: who writes `prefer: cost` gets what is said, and where nothing is said nothing is saved."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from rung.records import Effort, Evaluation, Reason
from rung.verdict.bar import Bar, bar_of
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import decide
from rung.verdict.judging import DecisionContext
from rung.verdict.preferring import WORTH, by_cost
from rung.verdict.sensitivity import Economy, priced
from tests.verdict.test_flips_at_random import after, drawn
from tests.verdict.weighing import rung, share

RIGHT = share(93, 100, seed=1)
BOTH = [rung("prompt[dear]", RIGHT, order=0), rung("rag[cheap]", RIGHT, order=1)]
EFFORTS = {"prompt[dear]": Effort(0.00026), "rag[cheap]": Effort(0.000034, uses_documents=True, stored_bytes=1e9)}


def said(prices: Prices, queries: float | None, *, rungs: list[Evaluation] = BOTH, bar: Bar = Bar(0.75)) -> list[str]:
    return by_cost(rungs, "prompt[dear]", bar, Economy(EFFORTS, prices, Demand(queries)))


def test_a_cheaper_rung_that_is_good_enough_is_named_though_what_documents_take_is_unknown() -> None:
    start = "With prefer: cost, rag[cheap] would be the choice"
    for queries in (None, 200_000.0):
        assert said(Prices(), queries) == [
            f"{start}: $0.034 against $0.26 per 1,000 answers, without documents and storage, of which no cost is known; "
            "correct 0.93 against 0.93."
        ]
    whole = Prices(labour_usd_per_hour=60, documents_hours=4, storage_usd_per_gb_month=0.1)  # 20.1 a month for these
    assert said(whole, 200_000.0) == [f"{start}: $26.90 against $52.00 a month; correct 0.93 against 0.93."]
    assert said(whole, 20_000.0) == []


def test_it_is_not_said_of_what_is_not_good_enough_or_unknown() -> None:
    assert said(Prices(), None, bar=Bar(0.75, prefer="cost")) == []
    poor = [BOTH[0], rung("rag[cheap]", share(60, 100, seed=1), order=1)]
    assert said(Prices(), None, rungs=poor) == []
    assert said(Prices(), None, rungs=poor, bar=Bar()) == []
    unknown = Economy({**EFFORTS, "rag[cheap]": Effort(None)}, Prices(), Demand())
    assert by_cost(BOTH, "prompt[dear]", Bar(0.75), unknown) == []


def test_a_limit_that_cannot_be_checked_and_cases_that_are_open_are_said() -> None:
    timed = replace(BOTH[0], result=replace(BOTH[0].result, latency=rung("x", [1.0], p95=1.0).result.latency))
    (sentence,) = said(Prices(), None, rungs=[timed, BOTH[1]], bar=bar_of({"p95_seconds": 2.0}, correct=0.75))
    assert "rag[cheap] would be the choice (its p95_seconds is unknown, and that limit not checked): $0.034" in sentence
    column = np.where(np.arange(100) < 80, RIGHT, np.nan)
    some = rung("rag[cheap]", column, order=1)
    some = replace(some, result=replace(some.result, stopped=Reason("not_needed", "stopped")), interval=(0.6, 0.99))
    (sentence,) = said(Prices(), None, rungs=[BOTH[0], some])
    assert sentence.startswith("With prefer: cost, rag[cheap] might be the choice: ")
    assert sentence.endswith(", going by the 80 of 100 cases that rag[cheap] answered.")


def test_why_the_cheapest_is_said_with_what_is_known_of_costs() -> None:
    def reason(costs: dict[str, float], third: int, bar: Bar) -> str:
        """Of two that answer alike and a third, with what is known of their costs."""
        rungs = [rung("a", RIGHT, order=0), rung("b", RIGHT, order=1), rung("c", share(third, 100, seed=1), order=2)]
        lines = [replace(one, result=replace(one.result, usd_per_1k=costs.get(one.name))) for one in rungs]
        return decide(lines, bar=bar).reason

    bar, none = Bar(0.75, prefer="cost"), Bar(None, prefer="cost")
    assert ", and is the cheapest rung that does: " in reason({"a": 2, "b": 3, "c": 4}, 93, bar)
    assert ", and is the cheapest rung that does, of those whose cost is known: " in reason({"a": 2, "b": 3}, 93, bar)
    assert ", and is the cheapest rung that does: " in reason({"a": 2, "b": 3}, 40, bar)
    alike = ", and is the lowest rung that does (the cheapest is preferred, and no cost is known): "
    assert alike in reason({}, 93, bar)
    worse = "a is the best, and every rung whose best setting costs less is shown to be worse, at a risk of 20%: "
    assert worse in reason({"a": 2, "b": 3, "c": 1}, 40, none)
    assert "a is the best, and none whose best setting is known to cost less could be chosen: " in reason({"a": 2}, 40, none)
    assert "b is the cheapest rung that is not shown to be worse than the best, of those whose cost is known, at a risk" in (
        reason({"a": 3, "b": 2}, 93, none)
    )


def test_whoever_prefers_cost_gets_what_is_said_and_where_nothing_is_said_nothing_is_saved() -> None:
    spoken, silent = 0, 0
    for number in range(80):
        board = after(drawn(np.random.default_rng([13, number])))
        now = board.winner()
        if now is None:
            continue
        lines = [replace(one, result=priced(one.result, board.economy)) for one in board.rungs]
        context = DecisionContext(incumbent=board.incumbent)
        cheap = decide(lines, bar=replace(board.bar, prefer="cost"), context=context)
        told = by_cost(board.rungs, now, board.bar, board.economy, incumbent=board.incumbent)
        costs = {one.result.name: one.result for one in lines}
        if told:
            named = re.match(r"With prefer: cost, (\S+) would be the choice", told[0])
            assert named is not None, told
            assert cheap.winner == named[1] != now
            spoken += 1
            continue
        silent += 1
        one, other = costs[now], costs[cheap.winner or now]
        months = [None if line.bill is None else line.bill.per_month for line in (one, other)]
        mine, theirs = (one.usd_per_1k, other.usd_per_1k) if None in months else months
        is_missed = board.bar.correct is not None and not cheap.clears_bar
        is_little = mine is None or theirs is None or theirs >= mine or theirs > mine * (1 - WORTH)
        assert is_little or is_missed, number
    assert min(spoken, silent) >= 10
