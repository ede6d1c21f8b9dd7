"""What would change the choice: the values found are those at which `decide` really changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.records import Effort, Evaluation, Hosted, Latency, RungResult
from rung.scoring import metrics
from rung.verdict.bar import Bar, bar_of
from rung.verdict.costs import Demand, Prices
from rung.verdict.decide import decide, settle
from rung.verdict.judging import DecisionContext
from rung.verdict.sensitivity import Economy, flips, priced
from rung.verdict.share_flips import Partly
from rung.verdict.would_change import cheaper_from, in_words, what_would_change
from tests.verdict.weighing import rung, share

N = 200
LADDER = [
    rung("prompt", share(100, N, seed=1), order=0, p95=0.2),
    rung("rag", share(150, N, seed=2), order=1, p95=1.0),
    rung("hybrid", share(170, N, seed=3), order=2, p95=0.8),
    rung("oracle", share(190, N, seed=4), order=3),
]
EFFORTS = {
    "prompt": Effort(per_query=0.001, passed=0.5),
    "rag": Effort(per_query=0.004, passed=0.75, uses_documents=True, indexing_seconds=3600, stored_bytes=1e9),
    "hybrid": Effort(per_query=0.002, passed=0.85, uses_documents=True, training_seconds=36_000, indexing_seconds=3600),
}
PRICES = Prices(
    machine_usd_per_hour=1.0, gpu_usd_per_hour=12.0, labour_usd_per_hour=50, documents_hours=2, storage_usd_per_gb_month=0.1
)
ECONOMY = Economy(EFFORTS, PRICES, Demand(queries=10_000, retrainings=1, changes=4))


def choice(bar: Bar, economy: Economy = ECONOMY) -> str | None:
    """What `decide` names, with everything priced."""
    return decide([replace(w, result=priced(w.result, economy)) for w in LADDER], bar=bar).winner


def test_the_bars_nearest_changes_are_where_decide_changes() -> None:
    bar = Bar(0.7)
    up, down = flips(LADDER, bar=bar, economy=ECONOMY)
    assert (choice(bar), up.winner, down.winner) == ("rag", "hybrid", "prompt")
    assert 0.7 < up.value < 0.75  # where rag's probability falls under .8, below its mean
    assert 0.45 < down.value < 0.5
    assert choice(Bar(up.value)) == "rag"
    assert choice(Bar(up.value + 0.001)) == "hybrid"
    assert choice(Bar(down.value)) == "prompt"
    assert choice(Bar(down.value + 0.001)) == "rag"
    assert in_words([up, down], "rag") == [
        "With a bar between 0.73 and 0.82, hybrid would be the choice.",
        "With a bar at or below 0.47, prompt would be the choice.",
    ]


def test_a_limit_on_time_flips_at_a_rungs_own_number() -> None:
    bar = bar_of({"p95_seconds": 0.9}, correct=0.6)
    assert choice(bar) == "hybrid"
    found = {(f.what, f.upwards): f for f in flips(LADDER, bar=bar, economy=ECONOMY)}
    wider, tighter = found["p95_seconds", True], found["p95_seconds", False]
    assert (wider.value, wider.winner) == (1.0, "rag")
    assert (tighter.value, tighter.winner) == (0.8, "prompt")
    assert choice(bar_of({"p95_seconds": 1.0}, correct=0.6)) == "rag"
    assert choice(bar_of({"p95_seconds": 0.79}, correct=0.6)) == "prompt"


def test_a_limit_on_time_flips_where_the_times_are_likely_over_it() -> None:
    times = tuple(float(n) * 10 for n in range(1, 101))  # p95 of these is .95 s; so little over it may well be chance
    slow = [replace(w, result=replace(w.result, latency=Latency(500, 950, 100, times=times))) for w in LADDER[:1]]
    rungs = [*slow, *LADDER[1:]]
    bar = bar_of({"p95_seconds": 0.945}, correct=0.4)
    assert decide(rungs, bar=bar).winner == "prompt"
    (tighter,) = (f for f in flips(rungs, bar=bar, economy=Economy({})) if f.what == "p95_seconds" and not f.upwards)
    assert tighter.value == 0.94
    for limit, winner in ((tighter.value, "prompt"), (tighter.value - 0.001, tighter.winner)):
        assert decide(rungs, bar=bar_of({"p95_seconds": limit}, correct=0.4)).winner == winner


def test_traffic_pace_and_price_flip_through_a_limit_on_money() -> None:
    bar = bar_of({"usd_per_month": 200.0}, correct=0.7)
    assert choice(bar) == "rag"
    found = {(f.what, f.upwards): f for f in flips(LADDER, bar=bar, economy=ECONOMY)}
    traffic = found["traffic", True]
    more, same = (replace(ECONOMY, demand=replace(ECONOMY.demand, queries=traffic.value * x)) for x in (1.001, 0.999))
    assert choice(bar, more) == traffic.winner != "rag"
    assert choice(bar, same) == "rag"
    assert found["price", True].value == pytest.approx((200 - (0.1 + 4 * 1 + (100 + 1) / 12)) / 40)
    assert "times what it does" in in_words([found["price", True]], "rag")[0]
    # a month of 40 for answers, 0.1 stored, (100 + 1) / 12 made once, and each change of the documents one more
    assert found["changes", True].value == pytest.approx(200 - 40 - 0.1 - 101 / 12)


def test_without_a_limit_on_money_traffic_changes_nothing_but_who_is_cheaper() -> None:
    bar = Bar(0.7)
    assert {f.what for f in flips(LADDER, bar=bar, economy=ECONOMY)} == {"bar"}
    results = decide(LADDER, bar=bar).rungs
    (said,) = cheaper_from("rag", results, bar, ECONOMY)
    once = 120 / 12 + 120  # training, spread over twelve months, and again every month
    volume = f"{round((once - 0.1) / 0.002, -2):,.0f}"
    assert said == f"hybrid costs less than rag from about {volume} queries a month on (the stated traffic is 10,000)."
    assert cheaper_from("rag", decide(LADDER, bar=Bar(0.9)).rungs, Bar(0.9), ECONOMY) == []


def test_an_unknown_part_is_no_break_even() -> None:
    unknown = replace(ECONOMY, prices=replace(PRICES, gpu_usd_per_hour=None, machine_usd_per_hour=None))
    assert cheaper_from("rag", decide(LADDER, bar=Bar(0.7)).rungs, Bar(0.7), unknown) == []


def test_nothing_weighed_flips_nothing() -> None:
    assert flips([], bar=Bar(0.5), economy=Economy({})) == ()
    assert priced(RungResult("x", {}, "measured"), Economy({})).bill is None


def test_a_rung_that_stands_in_is_not_said_to_clear_the_bar() -> None:
    near = [rung("prompt", share(16, 30, seed=1), order=0), rung("rag", share(18, 30, seed=2), order=1)]
    bar = Bar(0.48)
    assert (decide(near, bar=bar).winner, decide(near, bar=bar).code) == ("rag", "clears")
    up, down = flips(near, bar=bar, economy=Economy({}))
    assert (up.winner, up.clears, down.winner, down.clears) == ("prompt", False, "prompt", True)
    first, second = in_words([up, down], "rag")
    assert "no rung would be shown to clear it; prompt would then stand in" in first
    assert second.endswith("prompt would be the choice.")


def test_of_rungs_with_few_answers_nothing_is_said() -> None:
    found = flips(LADDER, bar=Bar(0.7), economy=ECONOMY)
    assert any("hybrid" in line for line in in_words(found, "rag"))
    assert not any("hybrid" in line for line in in_words(found, "rag", thin={"hybrid"}))
    assert in_words(found, "rag", thin={"rag"}) == []


def test_a_change_through_a_limit_says_whether_the_choice_would_clear_the_bar() -> None:
    rungs = [rung("quick", share(20, 100, seed=1), order=0, p95=0.1), rung("good", share(90, 100, seed=2), order=1, p95=0.5)]
    bar = bar_of({"p95_seconds": 1.0}, metrics(), correct=0.7)
    (sentence,) = (one for one in decide(rungs, bar=bar).flips if "p95_seconds" in one)
    assert sentence.startswith("With a limit on p95_seconds ")
    assert "no rung would be shown to clear the bar; quick would then stand in" in sentence


def test_a_limit_that_the_choice_was_measured_beyond_and_may_keep_is_said() -> None:
    times = tuple([200.0] * 19 + [900.0])
    fast = rung("fast", share(90, 100, seed=2), order=1)
    latency = Latency(200.0, 320.0, len(times), times=times)
    fast = replace(fast, result=replace(fast.result, latency=latency))
    verdict = decide([fast], bar=bar_of({"p95_seconds": 0.3}, metrics(), correct=0.7))
    assert verdict.winner == "fast"
    (said,) = (one for one in verdict.warnings if "p95_seconds" in one)
    assert said.startswith("fast was measured at p95_seconds 0.32, allowed ")
    assert "not certain, kept with probability 0.43" in said


def test_what_is_cheaper_says_by_how_many_answers_it_is_told() -> None:
    results = decide(LADDER, bar=Bar(0.7)).rungs
    (said,) = cheaper_from("rag", results, Bar(0.7), ECONOMY, partly={"hybrid": Partly("hybrid", 40, N)})
    assert said.endswith("(the stated traffic is 10,000), going by the 40 of 200 cases that hybrid answered.")


def test_a_rung_that_is_out_is_not_said_to_be_cheaper() -> None:
    """It forgot too much in its training; or, without a bar, it is shown to be worse."""

    def said(rungs: list[Evaluation], bar: Bar) -> list[str]:
        settled = settle(rungs, bar, DecisionContext())
        found = settled.verdict
        told = what_would_change(settled.evaluations, found.winner, found.rejected, bar=bar, economy=ECONOMY)
        return [one.partition(" from ")[0] for one in told if "costs less" in one]

    forgot = [replace(one, marked="it forgot") if one.name == "hybrid" else one for one in LADDER]
    assert said(LADDER, Bar(0.7)) == ["hybrid costs less than rag"]
    assert said(forgot, Bar(0.7)) == []
    assert decide(LADDER).winner == "hybrid"
    assert said(LADDER, Bar()) == []


def test_a_server_that_is_dearer_again_at_its_next_step_is_said_to_be() -> None:
    both = [rung("api", share(180, N, seed=1), order=0), rung("server", share(180, N, seed=2), order=1)]
    efforts = {"api": Effort(0.003), "server": Effort(0.0, hosted=(Hosted(200.0, 100_000),))}
    economy = Economy(efforts, Prices(), Demand(10_000.0))
    (said,) = cheaper_from("api", decide(both, bar=Bar(0.7)).rungs, Bar(0.7), economy)
    assert said == (
        "server costs less than api from about 66,700 queries a month on (the stated traffic is 10,000), but for stretches "
        "in which it takes a server more."
    )
