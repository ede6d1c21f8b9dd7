"""A change of the choice to a rung some of whose numbers are unknown says which limits are not held against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from rung.records import Effort
from rung.scoring import metrics
from rung.verdict.bar import bar_of, measured
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import settle
from rung.verdict.judging import DecisionContext
from rung.verdict.sensitivity import Economy, changed_to, flips, flips_of_shares, priced
from rung.verdict.turns import in_words as in_row
from rung.verdict.turns import turns
from rung.verdict.would_change import in_words
from tests.verdict.test_flips_at_random import after, drawn
from tests.verdict.weighing import rung, share

ALIKE = share(90, 100, seed=1)
BAR = bar_of({"usd_per_1k": 0.6}, metrics(), correct=0.75)
HALF = [rung("cheap", ALIKE, order=0), rung("half", ALIKE, order=1)]  # of the second only one price was given


def test_an_unknown_cost_is_not_said_to_keep_a_limit_on_cost() -> None:
    economy = Economy({"cheap": Effort(0.000289), "half": Effort(None)}, Prices(), Demand(100_000.0))
    told = in_words(flips(HALF, bar=BAR, economy=economy), "cheap")
    unknown = "half would be the choice (its usd_per_1k is unknown, and that limit not checked)."
    assert [one for one in told if "half" in one] == [
        f"With a limit on usd_per_1k below 0.289, {unknown}",
        f"If an answer cost more than about 2.08 times what it does, {unknown}",
    ]


def test_a_row_of_what_if_says_it_too() -> None:
    lines = [replace(HALF[0], result=replace(HALF[0].result, usd_per_1k=0.289)), HALF[1]]
    context = DecisionContext(demand=Demand(100_000.0))
    settled = settle(lines, BAR, context)
    rows = {row.what: row for row in turns(settled, bar=BAR, context=context)}
    words = [in_row(flip)[1] for flip in rows["usd_per_1k"].changes]
    assert words == ["half, shown to clear the bar (its usd_per_1k is unknown, and that limit not checked)"]


def test_a_limit_on_time_or_on_a_score_that_is_unknown_of_the_other_is_said() -> None:
    leaks = {"leaks": np.zeros(100)}
    slow = rung("slow", share(60, 100, seed=1), order=0, p95=1.0, others=leaks)
    untimed = rung("untimed", share(90, 100, seed=2), order=1)
    bar = bar_of({"p95_seconds": 2.0, "leaks": 0.0}, metrics(), correct=0.5)
    (sentence,) = in_words(flips([slow, untimed], bar=bar, economy=Economy({})), "slow")[:1]
    assert "untimed would be the choice (its p95_seconds and leaks are unknown, and these limits not checked)" in sentence


def test_a_limit_that_is_known_of_none_is_said_of_all_at_once_and_not_here() -> None:
    bar = bar_of({"p95_seconds": 2.0}, metrics(), correct=0.5)
    rungs = [rung("low", share(60, 100, seed=1), order=0), rung("high", share(90, 100, seed=2), order=1)]
    told = in_words(flips(rungs, bar=bar, economy=Economy({})), "low")
    assert told
    assert not any("not checked" in one for one in told)


@pytest.mark.parametrize("prefer", ["ladder", "cost"])
def test_on_random_boards_what_is_unknown_past_the_change_is_what_is_said(prefer: Literal["ladder", "cost"]) -> None:
    unknown, known = 0, 0
    for number in range(25):
        board = after(drawn(np.random.default_rng([11, number])))
        board = replace(board, bar=replace(board.bar, prefer=prefer))
        every = [
            flip
            for changes in (flips, flips_of_shares)
            for flip in changes(board.rungs, bar=board.bar, economy=board.economy, incumbent=board.incumbent)
        ]
        for flip in every:
            bar, economy = changed_to(board.bar, board.economy, flip.what, flip.value)
            lines = {e.name: priced(e.result, economy) for e in board.rungs if not e.is_reference}
            anyone = {name for name in bar.limits if any(measured(line, name) is not None for line in lines.values())}
            open_ = {name for name in anyone if flip.winner is not None and measured(lines[flip.winner], name) is None}
            assert set(flip.unchecked) == open_, f"board {number}: {flip}"
            unknown, known = unknown + bool(open_), known + (not open_)
    assert unknown >= 5
    assert known >= 20
