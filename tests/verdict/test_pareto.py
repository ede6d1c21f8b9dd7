"""Which rungs are worth a thought: by hand, on random points, and by the cost that the choice goes by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Bill, Effort, Estimate, Latency, Reason, RungResult
from rung.verdict.bar import Bar
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import decide
from rung.verdict.pareto import axes, better_than, front
from rung.verdict.sensitivity import Economy, priced
from tests.verdict.test_flips_at_random import drawn
from tests.verdict.weighing import rung as scored


def rung(name: str, correct: float, usd: float | None, p95: float | None, month: float | None = None) -> RungResult:
    latency = None if p95 is None else Latency(p95 * 500, p95 * 1000, 9)
    scores = {"correct": Estimate(correct, None, None, 9)}
    bill = None if month is None else Bill({}, {}, None, per_month=month)
    return RungResult(name, {}, "measured", scores=scores, usd_per_1k=usd, latency=latency, bill=bill)


def test_the_front_by_hand() -> None:
    rungs = [rung("cheap", 0.5, 1, 1), rung("fast", 0.6, 3, 0.5), rung("good", 0.8, 3, 2), rung("worse", 0.6, 3, 2)]
    assert front(rungs) == ("cheap", "fast", "good")
    assert better_than("worse", rungs) == ("fast", "good")
    assert front([*rungs, replace(rung("oracle", 1, 0, 0), reference=True)]) == ("cheap", "fast", "good")
    assert front([]) == ()


def test_one_unknown_price_leaves_the_prices_of_the_others() -> None:
    """All alike but for the price of three of four, and some milliseconds: the slower is the cheaper."""
    rungs = [rung("cheap", 0.93, 0.29, 0.06), rung("dear", 0.93, 0.7, 0.05), rung("mute", 0.93, 0.44, 0.04)]
    half = rung("half", 0.93, None, 0.06)
    assert axes([*rungs, half]) == ("correct", "usd_per_1k", "p95_seconds")
    assert front([*rungs, half]) == ("cheap", "mute", "half")
    assert axes([half]) == ("correct", "p95_seconds")


def test_cost_is_that_of_the_month_where_it_is_known_of_all_or_was_for_the_choice() -> None:
    """The one answers at a higher price, and needs no documents."""
    rungs = [rung("prompt", 0.9, 0.26, 1, month=52), rung("rag", 0.9, 0.03, 1, month=90)]
    assert front(rungs) == ("prompt",)
    other = rung("other", 0.2, 0.5, 2)
    assert front([*rungs, other]) == ("rag",)
    assert front([*rungs, other], axes([*rungs, other], monthly=True)) == ("prompt", "other")


def test_a_rung_that_the_race_stopped_throws_none_off_the_front() -> None:
    """It was good in twenty cases; nobody timed it."""
    rungs = [rung("cheap", 0.5, 1, 1), rung("good", 0.8, 3, 2)]
    stopped = replace(
        rung("stopped", 0.9, 1, None), stopped=Reason("not_needed", "not needed: stopped after 20 of 100 cases")
    )
    assert front([*rungs, stopped]) == front(rungs) == ("cheap", "good")
    assert axes([*rungs, stopped]) == axes(rungs)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_nothing_on_the_front_is_beaten_and_everything_off_it_is(points: list[tuple[int, int, int]]) -> None:
    rungs = [rung(str(i), q / 4, float(usd), float(p95)) for i, (q, usd, p95) in enumerate(points)]
    on = {int(name) for name in front(rungs)}

    def beats(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
        return one != other and one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2]

    assert all((i in on) is not any(beats(other, point) for other in points) for i, point in enumerate(points))


def test_the_cheapest_of_equals_is_on_the_front_by_the_cost_that_it_was_chosen_by() -> None:
    right = [1.0] * 90 + [0.0] * 10
    rungs = [scored("prompt", right, order=0), scored("rag", right, order=1), scored("poor", [1.0] + [0.0] * 99, order=2)]
    efforts = {"prompt": Effort(0.0003), "rag": Effort(0.0001, uses_documents=True), "poor": Effort(0.0001, stored_bytes=9)}
    prices = Prices(labour_usd_per_hour=60, documents_hours=10)  # storage has no price: of the poor one no month is known
    for queries, chosen in ((1_000.0, "prompt"), (1_000_000.0, "rag")):
        economy = Economy(efforts, prices, Demand(queries, 0.0, 0.0))
        lines = [replace(one, result=priced(one.result, economy)) for one in rungs]
        verdict = decide(lines, bar=Bar(0.7, prefer="cost"))
        assert (verdict.winner, verdict.front_by) == (chosen, ("correct", "usd_per_month"))
        assert verdict.front == (chosen, "poor")


def test_where_the_cheapest_is_taken_only_what_might_not_be_chosen_throws_it_off() -> None:
    """Another that is good enough, and dearer by the cost of the choice, does not."""
    chosen, off = 0, 0
    for number in range(60):
        board = drawn(np.random.default_rng([12, number]))
        lines = [replace(one, result=priced(one.result, board.economy)) for one in board.rungs]
        verdict = decide(lines, bar=replace(board.bar, prefer="cost"))
        better = better_than(verdict.winner or "", verdict.rungs, verdict.front_by)
        assert all(verdict.rejected[one].kind in ("limit", "not_shown", "misses") for one in better), number
        assert verdict.winner is None or (verdict.winner in verdict.front) is not bool(better)
        chosen, off = chosen + (verdict.winner is not None), off + bool(better)
    assert chosen > 40
    assert off < 12
