"""The whole bill, and what mending wins back: by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Answer, Effort, Estimate, Failure, Hosted, Latency, Loss, Lost, Outcome, RungResult, Usage
from rung.verdict.cost_words import no_price, wanting
from rung.verdict.costs import (
    Demand,
    Prices,
    answering_usd_per_1k,
    bill,
    break_even,
    dearer_beyond,
    hosted_on,
    rate,
    usd_per_1k,
)
from rung.verdict.headroom import won_back

EFFORT = Effort(0.002, 0.5, uses_documents=True, training_seconds=7200, indexing_seconds=1800, stored_bytes=5e9)
PRICES = Prices(
    machine_usd_per_hour=1, gpu_usd_per_hour=3, labour_usd_per_hour=40, documents_hours=6, storage_usd_per_gb_month=0.02
)
DEMAND = Demand(queries=10_000, retrainings=2, changes=4, changed_share=0.25)


def test_every_part_by_hand() -> None:
    found = bill(EFFORT, PRICES, DEMAND)
    assert found.once == {"documents": 240.0, "examples": 0.0, "training": 6.0, "building": 0.0, "indexing": 0.5}
    assert found.monthly == pytest.approx({"storage": 0.1, "retraining": 12.0, "re-indexing": 0.5, "hosting": 0.0})
    assert found.per_month == pytest.approx(20 + 12.6 + 246.5 / 12)
    assert found.per_1k == pytest.approx((found.per_month or 0) / 10)
    assert found.per_passed == pytest.approx((found.per_month or 0) / 10_000 / 0.5)
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("prices", "demand", "unknown"),
    [
        (replace(PRICES, labour_usd_per_hour=None), DEMAND, ("documents",)),
        (replace(PRICES, machine_usd_per_hour=None), DEMAND, ("indexing", "re-indexing")),
        (PRICES, replace(DEMAND, retrainings=None), ("retraining",)),
        (replace(PRICES, storage_usd_per_gb_month=None), DEMAND, ("storage",)),
    ],
)
def test_what_is_unknown_stays_unknown_in_every_sum(prices: Prices, demand: Demand, unknown: tuple[str, ...]) -> None:
    found = bill(EFFORT, prices, demand)
    assert found.unknown == unknown
    assert (found.per_month, found.per_1k, found.per_passed) == (None, None, None)


def test_failures_that_were_charged_for_are_in_the_price_and_those_that_were_not_are_left_out() -> None:
    """By hand: 100 and 10 tokens of an answer, 300 and 60 of one that left the labels, at $1 and $10 a million."""
    prices = Prices(prompt_usd_per_million=1.0, completion_usd_per_million=10.0)
    charged = Outcome("f", failure=Failure("left the labels"), usage=Usage(300, 60))
    gone = Outcome("g", failure=Failure("HTTP 500"))
    answered = outcomes(Usage(100, 10))
    assert usd_per_1k([*answered, gone], prices=prices) == pytest.approx(0.2)
    assert usd_per_1k([*answered, charged, gone], prices=prices) == pytest.approx((0.2 + 0.9) / 2)


def test_what_is_not_needed_costs_nothing_whatever_its_price() -> None:
    found = bill(Effort(0.001, 1.0), Prices(), Demand(queries=1000))
    assert found.unknown == ()
    assert found.per_month == pytest.approx(1.0)
    assert bill(Effort(None), Prices(), Demand(queries=1000)).unknown == ("inference",)
    assert bill(Effort(0.001), Prices(), Demand()).per_month is None  # nobody said how much is asked
    assert bill(Effort(0.001, passed=0.0), Prices(), Demand(queries=1000)).per_passed is None


def test_an_instruction_costs_its_tokens_and_where_these_have_no_price_the_machines_time() -> None:
    asked = Effort(0.001, building_usd=0.3, building_seconds=1800)
    assert bill(asked, PRICES, DEMAND).once["building"] == 0.3
    assert bill(replace(asked, building_usd=None), PRICES, DEMAND).once["building"] == 0.5
    found = bill(replace(asked, building_usd=None), replace(PRICES, machine_usd_per_hour=None), DEMAND)
    assert (found.once["building"], found.per_month) == (None, None)
    assert bill(asked, PRICES, DEMAND).monthly["retraining"] == 0


def test_break_even_is_where_both_cost_the_same() -> None:
    api, own = Effort(0.004), Effort(0.001, training_seconds=36_000, stored_bytes=1e9)
    volume = break_even(bill(api, PRICES, DEMAND), bill(own, PRICES, DEMAND), months=PRICES.months)
    assert volume is not None
    there = replace(DEMAND, queries=volume)
    assert bill(api, PRICES, there).per_month == pytest.approx(bill(own, PRICES, there).per_month)
    assert break_even(bill(api, PRICES, DEMAND), bill(Effort(0.001), PRICES, DEMAND), months=12) == 0
    assert break_even(bill(api, PRICES, DEMAND), bill(Effort(0.004), PRICES, DEMAND), months=12) is None


def test_what_both_have_unknown_is_the_same_thing() -> None:
    no_hours = replace(PRICES, documents_hours=None)
    rag, hybrid = Effort(0.004, uses_documents=True), Effort(0.001, uses_documents=True, training_seconds=3600)
    assert break_even(bill(rag, no_hours, DEMAND), bill(hybrid, no_hours, DEMAND), months=12) is not None
    assert break_even(bill(Effort(0.004), no_hours, DEMAND), bill(hybrid, no_hours, DEMAND), months=12) is None


HOUR = Prices(hosting_usd_per_hour=2, hosting_hours_per_month=730, hosting_tokens_per_second=1_000)


def hosted(queries: float | None, **more: float) -> Effort:
    """A rung on a server of $1,460 a month that carries so many queries in it."""
    return Effort(0.0, hosted=(Hosted(1460.0, queries),), **more)  # type: ignore[arg-type]


def test_a_server_by_the_hour_is_paid_whether_it_is_asked_or_not() -> None:
    server = hosted_on(HOUR, 2_000)
    assert server == Hosted(1460.0, 1_000 * 3_600 * 730 / 2_000)
    assert hosted_on(replace(HOUR, hosting_tokens_per_second=None), 2_000) == Hosted(1460.0, None)
    assert hosted_on(Prices(), 2_000) is None
    assert usd_per_1k(outcomes(Usage(1_900, 100)), prices=HOUR) == 0, "its tokens cost nothing more"
    assert usd_per_1k(outcomes(Usage(1_900, 100, usd=0.01)), prices=HOUR) == 0, "nor what the list says of its host"
    for queries, servers in ((None, 1), (0, 1), (10_000, 1), (1_314_000, 1), (1_314_001, 2), (5_000_000, 4)):
        found = bill(Effort(0.0, hosted=(server,)), Prices(), Demand(queries))
        assert found.monthly["hosting"] == 1460 * servers
        if queries:
            assert found.per_month == 1460 * servers
            assert found.per_1k == pytest.approx(1460 * servers / queries * 1000)
            assert answering_usd_per_1k(Effort(0.0, hosted=(server,)), Demand(queries)) == found.per_1k
    assert answering_usd_per_1k(Effort(0.0, hosted=(server,)), Demand()) is None


def test_a_whole_bill_by_hand_with_every_part() -> None:
    prices = replace(PRICES, prompt_usd_per_million=1.0, completion_usd_per_million=4.0, cached_prompt_usd_per_million=0.1)
    per_1k = usd_per_1k(outcomes(Usage(3_000, 500, cached_tokens=2_000)), prices=prices, latency=timed(1.0, search=36.0))
    tokens, machine = (1_000 * 1.0 + 2_000 * 0.1 + 500 * 4.0) / 1e6, 0.036 / 3_600 * 1
    assert per_1k == pytest.approx((tokens + machine) * 1000)
    effort = replace(EFFORT, per_query=tokens + machine, hosted=(Hosted(1460.0, 4_000),))
    found = bill(effort, prices, DEMAND)
    training, indexing, storage = 7_200 / 3_600 * 3, 1_800 / 3_600 * 1, 5 * 0.02
    monthly = storage + training * 2 + indexing * 4 * 0.25 + 3 * 1460.0  # 10,000 queries take three servers
    whole = 10_000 * (tokens + machine) + monthly + (6 * 40 + training + indexing) / 12
    assert found.per_month == pytest.approx(whole)
    assert found.per_passed == pytest.approx(whole / 10_000 / 0.5)


@pytest.mark.parametrize(
    ("capacity", "training", "volume"),
    [
        (None, 0.0, 365_000),  # 1,460 / 0.004, on one server however much is asked
        (1_000_000, 0.0, 365_000),
        (380_000, 0.0, 365_000),  # from 380,001 on two servers are dearer again, up to 730,000
        (368_000, 24_000.0, 735_000),  # $20 a month of training: beyond what one server carries, before two are full
        (300_000, 0.0, 0.0),  # a full server costs more than the tokens: the other is always cheaper
    ],
)
def test_break_even_of_a_server_by_the_hour_and_tokens(capacity: float | None, training: float, volume: float) -> None:
    once = Prices(gpu_usd_per_hour=36.0, months=12)
    own = hosted(capacity, training_seconds=training)  # a cent each
    api, mine = (bill(one, once, Demand(retrainings=0)) for one in (Effort(0.004), own))
    found = break_even(api, mine, months=12)
    assert found is not None
    if not volume:
        assert found == 0
        return
    there = Demand(found * (1 + 1e-12), 0)
    assert found == pytest.approx(volume)
    assert bill(own, once, there).per_month == pytest.approx(bill(Effort(0.004), once, there).per_month)
    before, after = Demand(found * 0.999, 0), Demand(found * 1.001, 0)
    assert (bill(own, once, before).per_month or 0) > (bill(Effort(0.004), once, before).per_month or 0)
    assert (bill(own, once, after).per_month or 0) < (bill(Effort(0.004), once, after).per_month or 0)


def test_a_further_server_may_make_the_cheaper_one_the_dearer_again() -> None:
    """$200 carry 100,000 queries, which are $300 by tokens: from 66,667 on, but two servers are dearer up to 133,333."""
    api, server = (bill(one, Prices(), Demand()) for one in (Effort(0.003), Effort(0.0, hosted=(Hosted(200.0, 100_000),))))
    volume = break_even(api, server, months=12)
    assert volume is not None
    assert volume == pytest.approx(66_667, abs=1)
    assert dearer_beyond(api, server, volume, months=12)
    full = bill(Effort(0.0, hosted=(Hosted(200.0, 1_000_000),)), Prices(), Demand())  # two of them cost $400 against $3,000
    assert not dearer_beyond(api, full, break_even(api, full, months=12) or 0.0, months=12)
    small, large = (
        bill(Effort(0.0, hosted=(Hosted(*one),)), Prices(), Demand()) for one in ((12.0, 100_000), (20.0, 150_000))
    )
    assert break_even(small, large, months=12) == 0
    assert dearer_beyond(small, large, 0.0, months=12)  # 120,000 queries take two small ones, $24


@given(
    usd=st.floats(0.0005, 0.05),
    one=st.floats(1e3, 1e6),
    month=st.floats(10, 5_000),
    two=st.floats(1e3, 1e6),
    other=st.booleans(),
)
def test_break_even_is_the_first_traffic_from_which_the_one_is_cheaper(
    usd: float, one: float, month: float, two: float, other: bool
) -> None:
    rival = Effort(0.0, hosted=(Hosted(usd * two, two),)) if other else Effort(usd)
    mine = Effort(0.0, hosted=(Hosted(month, one),))
    bills = [bill(effort, Prices(), Demand()) for effort in (mine, rival)]
    found = break_even(bills[0], bills[1], months=12)
    if found is None:
        return

    def dearer(queries: float) -> float:
        """By how much the one that wins at much traffic is the dearer."""
        costs = [bill(effort, Prices(), Demand(queries)).per_month or 0.0 for effort in (mine, rival)]
        return costs[0] - costs[1] if rate(bills[0]) < rate(bills[1]) else costs[1] - costs[0]

    assert dearer(found * (1 + 1e-6) + 1e-6) <= 1e-3
    assert all(dearer(found * share) >= -1e-6 * month for share in (0.01, 0.1, 0.3, 0.5, 0.9, 0.999)) or not found


def outcomes(*usages: Usage) -> list[Outcome]:
    """Answers that consumed so much."""
    return [Outcome(str(n), Answer("a", "a"), usage=usage) for n, usage in enumerate(usages)]


def timed(*seconds: float, **means: float) -> Latency:
    """A live pass; `means`: milliseconds of an answer by step kind."""
    return Latency(0, 0, len(seconds), times=tuple(1000 * s for s in seconds), means=means)


def test_a_machine_is_paid_for_slow_answers_too() -> None:
    slow = timed(*[0.1] * 15, *[10.0] * 5)
    hourly = Prices(machine_usd_per_hour=3.6)  # a tenth of a cent each second
    assert usd_per_1k(outcomes(Usage(100, 10)), prices=hourly, latency=slow) == pytest.approx((15 * 0.1 + 5 * 10) / 20)
    four_at_once = replace(hourly, machine_concurrency=4)
    assert usd_per_1k(outcomes(Usage(100, 10)), prices=four_at_once, latency=slow) == pytest.approx(2.575 / 4)
    assert usd_per_1k(outcomes(Usage(100, 10)), prices=hourly) is None  # not timed
    assert usd_per_1k(outcomes(Usage(100, 10)), prices=Prices(), latency=slow) is None


def test_tokens_by_their_prices() -> None:
    prices = Prices(prompt_usd_per_million=2.0, completion_usd_per_million=8.0)
    asked = outcomes(Usage(1_000, 100), Usage(3_000, 300))
    assert usd_per_1k(asked, prices=prices) == pytest.approx(((1_000 + 3_000) * 2e-6 + 400 * 8e-6) / 2 * 1_000)
    failed = Outcome("f", failure=Failure("timeout", step="generate"))
    assert usd_per_1k([*asked, failed], prices=prices) == usd_per_1k(asked, prices=prices)
    assert usd_per_1k([failed], prices=prices) is None


def test_cached_tokens_have_a_price_of_their_own_and_else_count_in_full() -> None:
    prices = Prices(prompt_usd_per_million=1.25, completion_usd_per_million=10.0)
    asked = outcomes(Usage(10_000, 10, cached_tokens=9_000))
    assert usd_per_1k(asked, prices=prices) == pytest.approx(12.6)
    own = replace(prices, cached_prompt_usd_per_million=0.125)
    assert usd_per_1k(asked, prices=own) == pytest.approx(1.25 + 1.125 + 0.1)
    assert usd_per_1k(asked, prices=replace(own, cached_prompt_usd_per_million=0.0)) == pytest.approx(1.25 + 0.1)


def test_what_a_host_charged_counts_where_every_answer_has_it() -> None:
    assert usd_per_1k(outcomes(Usage(9, 9, 1, 0.002), Usage(9, 9, 1, 0.004)), prices=Prices()) == pytest.approx(3.0)
    assert usd_per_1k(outcomes(Usage(9, 9, 1, 0.002), Usage(9, 9, 1)), prices=Prices()) is None
    mixed = outcomes(Usage(9, 9, 1, 0.002), Usage(steps=1))  # a router: one question to the model, one to a classifier
    assert usd_per_1k(mixed, prices=Prices()) == pytest.approx(1.0)


def test_what_uses_no_tokens_costs_machine_time_or_nobody_knows_what() -> None:
    tokens = Prices(prompt_usd_per_million=2.0, completion_usd_per_million=8.0)
    both = replace(tokens, machine_usd_per_hour=3.6)
    labels, latency = outcomes(Usage(steps=1), Usage(steps=1)), timed(0.006, 0.01, classify=7.0)
    assert usd_per_1k(labels, prices=tokens, latency=latency) is None
    assert usd_per_1k(labels, prices=both, latency=latency) == pytest.approx(0.008)
    searched = timed(1.0, 3.0, search=20.0, generate=1_900.0)
    asked = outcomes(Usage(1_000, 0), Usage(1_000, 0))
    assert usd_per_1k(asked, prices=tokens, latency=searched) == pytest.approx(2.0)
    assert usd_per_1k(asked, prices=both, latency=searched) == pytest.approx(
        2.0 + 0.020
    )  # the search is ours, the model not


def rung(name: str, correct: float, usd: float | None, p95: float | None) -> RungResult:
    latency = None if p95 is None else Latency(p95 * 500, p95 * 1000, 9)
    return RungResult(
        name, {}, "measured", scores={"correct": Estimate(correct, None, None, 9)}, usd_per_1k=usd, latency=latency
    )


def test_what_mending_wins_back_is_the_oracles_or_the_most_there_is() -> None:
    layers: list[Loss | None] = [None, "not retrieved", "not retrieved", "wrong format", "not in the corpus", None]
    correct = np.array([1.0, 0.0, 0.2, 0.0, 0.0, 1.0])
    oracle = np.array([1.0, 1.0, 0.1, 0.5, 0.0, 0.9])
    by_layer = {lost.layer: lost for lost in won_back(layers, correct, oracle=oracle)}
    assert by_layer["not retrieved"].wins_back.mean == pytest.approx((1.0 - 0.1) / 6)
    assert by_layer["wrong format"].wins_back.mean == pytest.approx(1 / 6)
    assert by_layer["not in the corpus"].wins_back.mean == pytest.approx((1.0 + 1.0 + 0.1 + 0.5 + 0.9) / 5 / 6)
    assert [by_layer[layer].at_most for layer in ("not retrieved", "wrong format", "not in the corpus")] == [
        False,
        True,
        True,
    ]
    assert all(lost.wins_back.n == 6 and lost.wins_back.low is not None for lost in by_layer.values())
    assert all(lost.at_most for lost in won_back(layers, correct))
    assert won_back([None, None], np.array([1.0, 1.0])) == ()


def test_what_was_wrong_where_the_oracle_had_nothing_to_show_may_be_all_to_gain() -> None:
    """Cases of style among those of knowledge: what the oracle makes of passages says nothing of them."""
    layers: list[Loss | None] = ["wrong", "wrong", None, None]
    oracle = np.array([0.4, np.nan, 1.0, 0.0])
    (lost,) = won_back(layers, np.array([0.0, 0.0, 1.0, 1.0]), oracle=oracle)
    assert lost.wins_back.mean == pytest.approx((0.4 + 1.0) / 4)
    assert lost.at_most
    (lost,) = won_back(["wrong", None, None, None], np.array([0.0, 1.0, 1.0, 1.0]), oracle=oracle)
    assert lost.wins_back.mean == pytest.approx(0.4 / 4)
    assert not lost.at_most


def test_most_to_gain_comes_first() -> None:
    layers: list[Loss | None] = ["failed", "not retrieved", "not retrieved", None]
    found = won_back(layers, np.array([0.0, 0.0, 0.0, 1.0]), oracle=np.array([0.0, 0.2, 0.2, 1.0]))
    assert [(lost.layer, lost.cases) for lost in found] == [("failed", 1), ("not retrieved", 2)]
    assert isinstance(found[0], Lost)


@pytest.mark.parametrize(
    ("part", "prices", "demand", "lacks"),
    [
        ("re-indexing", Prices(), Demand(changes=4), "prices.machine_usd_per_hour"),
        ("re-indexing", Prices(machine_usd_per_hour=1), Demand(), "knowledge.changes"),
        ("re-indexing", Prices(), Demand(), "knowledge.changes and prices.machine_usd_per_hour"),
        ("retraining", Prices(), Demand(retrainings=1), "prices.gpu_usd_per_hour or prices.machine_usd_per_hour"),
        ("retraining", Prices(gpu_usd_per_hour=2), Demand(), "retrain.when"),
        ("documents", Prices(documents_hours=2), Demand(), "prices.labour_usd_per_hour"),
        ("documents", Prices(labour_usd_per_hour=2), Demand(), "prices.documents_hours"),
        ("examples", Prices(), Demand(), "prices.examples_hours and prices.labour_usd_per_hour"),
        ("training", Prices(), Demand(), "prices.gpu_usd_per_hour or prices.machine_usd_per_hour"),
        ("building", Prices(), Demand(), "the prices of tokens, or prices.machine_usd_per_hour"),
        (
            "building",
            Prices(prompt_usd_per_million=1, completion_usd_per_million=1),
            Demand(),
            "prices.machine_usd_per_hour",
        ),
        ("indexing", Prices(), Demand(), "prices.machine_usd_per_hour"),
        ("storage", Prices(), Demand(), "prices.storage_usd_per_gb_month"),
    ],
)
def test_what_an_unknown_part_is_for_want_of_names_no_key_that_is_set(
    part: str, prices: Prices, demand: Demand, lacks: str
) -> None:
    effort = Effort(
        uses_documents=True,
        uses_examples=True,
        training_seconds=1,
        indexing_seconds=1,
        stored_bytes=1,
        building_usd=None,
        building_seconds=1,
    )
    assert part in bill(effort, prices, demand).unknown
    assert wanting(part, effort, prices, demand) == lacks


def test_what_nobody_can_know_is_asked_of_nobody() -> None:
    effort = Effort(indexing_seconds=None, stored_bytes=None)
    prices, demand = Prices(machine_usd_per_hour=1, storage_usd_per_gb_month=1), Demand(changes=1)
    for part in ("indexing", "re-indexing", "storage"):
        assert part in bill(effort, prices, demand).unknown
        assert wanting(part, effort, prices, demand).startswith("nobody can know how l")


def test_one_price_of_tokens_without_the_other_is_named() -> None:
    assert no_price(Prices()).startswith("neither rung.yaml (prices.prompt_usd_per_million and prices.completion_usd_per_m")
    one = no_price(Prices(completion_usd_per_million=1))
    assert one == "rung.yaml names prices.completion_usd_per_million without prices.prompt_usd_per_million"
    assert "beside its own" in no_price(Prices(prompt_usd_per_million=1, completion_usd_per_million=1))
