"""What would change the choice, on random boards: whoever follows what is said gets that choice.

Each claim is held against a choice made anew, with today's as the last one: just before the value and just past it, at
points on the way there, and within the stretch for which it is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pytest

from rung.records import Effort, Evaluation, Hosted, Latency, Reason, RungResult
from rung.scoring import metrics
from rung.verdict.bar import Bar, bar_of
from rung.verdict.choice import Choice
from rung.verdict.costs import Demand, Prices, bill
from rung.verdict.decide import decide
from rung.verdict.eligible import chooser
from rung.verdict.judging import DecisionContext
from rung.verdict.sensitivity import FARTHEST, Economy, flips, flips_of_shares, priced
from rung.verdict.share_flips import Flip
from rung.verdict.would_change import in_words
from tests.verdict.weighing import Floats, rung, share

BESIDE = 1e-7  # of a value: so near to it on either side
BESIDE_BAR = 1.1e-5  # bars are found to a hundredth's 1024th
PRICES = Prices(1.0, gpu_usd_per_hour=4, labour_usd_per_hour=50, documents_hours=2, storage_usd_per_gb_month=0.1)
SLACK = 2e-9  # by which a number may be over a limit for rounding


@dataclass(frozen=True)
class Board:
    """Rungs, and what is asked of them."""

    rungs: list[Evaluation]
    bar: Bar
    economy: Economy
    incumbent: str

    def choice(self, changed: Mapping[str, Any] | None = None) -> Choice | None:
        """The choice made anew, with something changed."""
        board = replace(self, **(changed or {}))
        results = [priced(w.result, board.economy) for w in board.rungs]
        return self._choose(results, board.bar)

    @cached_property
    def _choose(self) -> Callable[[Sequence[RungResult], Bar], Choice | None]:
        return chooser(self.rungs, incumbent=self.incumbent)

    def winner(self, changed: Mapping[str, Any] | None = None) -> str | None:
        """Its name."""
        found = self.choice(changed)
        return None if found is None else found.name

    def moved(self, what: str, value: float) -> dict[str, Any]:
        """What changes with one input at another value."""
        if what == "risk":
            return {"bar": replace(self.bar, risk=min(0.5, max(0.0, value)))}
        if what == "bar":
            return {"bar": replace(self.bar, correct=min(1.0, max(0.0, value)))}
        if what in self.bar.limits:
            limit = replace(self.bar.limits[what], value=value)
            return {"bar": replace(self.bar, limits={**self.bar.limits, what: limit})}
        economy = self.economy
        if what == "traffic":
            return {"economy": replace(economy, demand=replace(economy.demand, queries=value))}
        if what == "changes":
            return {"economy": replace(economy, demand=replace(economy.demand, changes=value))}
        assert what == "price"
        dearer = {n: None if e.per_query is None else e.per_query * value for n, e in economy.efforts.items()}
        efforts = {name: replace(effort, per_query=dearer[name]) for name, effort in economy.efforts.items()}
        return {"economy": replace(economy, efforts=efforts)}


def drawn(dice: np.random.Generator) -> Board:
    """Two to five rungs with costs and times, limits on some of them, sometimes an incumbent."""
    n = int(dice.choice([20, 40, 100]))
    hard = dice.normal(size=n)
    rungs = [_rung(f"r{place}", place, hard, dice) for place in range(int(dice.integers(2, 6)))]
    limits = {
        "usd_per_1k": (0.5, 0.3, 8.0),
        "usd_per_month": (0.5, 10.0, 800.0),
        "usd_per_passed": (0.3, 0.001, 0.1),
        "p95_seconds": (0.4, 0.5, 3.0),
        "p50_seconds": (0.2, 0.3, 1.5),
    }
    asked = {name: float(dice.uniform(low, high)) for name, (often, low, high) in limits.items() if dice.random() < often}
    correct = None if dice.random() < 0.15 else round(float(dice.uniform(0.2, 0.95)), 2)
    bar = bar_of(asked, metrics(), correct=correct, risk=float(dice.choice([0.05, 0.2, 0.3])))
    demand = Demand(
        float(dice.choice([1e3, 1e4, 1e5])),
        float(dice.choice([0, 1, 4])),
        float(dice.choice([0, 1, 4, 30])),
        float(dice.choice([0.1, 1.0])),
    )
    economy = Economy({w.result.name: _effort(w, dice) for w in rungs}, PRICES, demand)
    incumbent = str(dice.choice(["", "", *economy.efforts]))
    return Board([*rungs, rung("oracle", (dice.random(n) < 0.9).astype(float), order=9)], bar, economy, incumbent)


def _rung(name: str, order: int, hard: Floats, dice: np.random.Generator) -> Evaluation:
    score = 0.7 * hard + 0.7 * dice.normal(size=len(hard))
    column = (score < np.quantile(score, dice.uniform(0.1, 0.98))).astype(float)
    if dice.random() < 0.3:
        column = np.clip(column * 0.7 + dice.uniform(0, 0.3, len(hard)), 0, 1)
    times = tuple(float(t) for t in dice.lognormal(6.5, 0.5, int(dice.choice([20, 40]))))
    latency = Latency(float(np.percentile(times, 50)), float(np.percentile(times, 95)), len(times), times=times)
    made = rung(name, column, order=order)
    return replace(made, result=replace(made.result, latency=latency if dice.random() < 0.9 else None))


def _effort(weighed: Evaluation, dice: np.random.Generator) -> Effort:
    per_query = float(dice.choice([0, 0.0005, 0.001, 0.002, 0.004, 0.01]) * dice.uniform(0.5, 2))
    return Effort(
        None if dice.random() < 0.07 else per_query,
        float(max(0.05, (weighed.values["correct"] >= 0.5).mean())),
        uses_documents=bool(dice.random() < 0.5),
        training_seconds=float(dice.choice([0, 0, 3_600, 36_000])),
        indexing_seconds=float(dice.choice([0, 600, 3_600])),
        stored_bytes=float(dice.choice([0, 1e9])),
    )


def after(board: Board) -> Board:
    """Who decides again has today's choice as the last one."""
    return replace(board, incumbent=board.winner() or "")


def stretch(board: Board, flip: Flip) -> list[float]:
    """Values within that for which a claim is made, the last of them just before its end."""
    start, times = (flip.value, 10) if flip.what in board.bar.limits else (flip.now, FARTHEST)
    farthest = start * (times if flip.upwards else 1 / times)
    followed = {"risk": (0.001, 0.5), "bar": (0.0, 1.0)}.get(flip.what, (farthest, farthest))
    last = followed[flip.upwards] if flip.end is None else flip.end
    beside = min(BESIDE_BAR if flip.what in ("bar", "risk") else abs(last) * BESIDE, abs(last - flip.value) / 10)
    last += -beside if flip.upwards else beside
    return [flip.value + (last - flip.value) * share for share in (0.5, 1.0)]


def past_the_end(board: Board, flip: Flip) -> str | None:
    """The choice just past it."""
    assert flip.end is not None
    step = BESIDE_BAR if flip.what in ("bar", "risk") else max(SLACK, abs(flip.end) * BESIDE)
    return board.winner(board.moved(flip.what, flip.end + (step if flip.upwards else -step)))


def said(sentence: str) -> list[float]:
    """The one or two values of a sentence, the lower first."""
    found = re.search(r" (?:above|below|about|of|between(?: about)?) ([\d.,]*\d)(?: and ([\d.,]*\d))?", sentence)
    assert found is not None, sentence
    return [float(number.replace(",", "")) for number in found.groups() if number]


def wrong(board: Board, flip: Flip) -> list[str]:
    """What is untrue of a claim; `board` as of `after`."""
    now, side = board.winner(), 1 if flip.upwards else -1
    step = side * (BESIDE_BAR if flip.what in ("bar", "risk") else max(SLACK, abs(flip.value) * BESIDE))
    past = board.choice(board.moved(flip.what, flip.value + step))
    found = []
    if (None if past is None else past.name) != flip.winner:
        found.append(f"names {flip.winner}, past it is {past}")
    if board.bar.correct is not None and flip.clears != (past is None or past.code in ("clears", "kept")):
        found.append(f"clears: {flip.clears}, but {past}")
    way = flip.value - step - flip.now  # today's value may lie within the step
    before = [flip.now + way * share for share in (0.3, 0.9, 1.0) if way * side >= 0]
    found += [f"changes before, at {at}" for at in before if board.winner(board.moved(flip.what, at)) != now]
    found += [f"ends at {at}" for at in stretch(board, flip) if board.winner(board.moved(flip.what, at)) != flip.winner]
    if flip.end is not None and flip.what != "bar" and past_the_end(board, flip) == flip.winner:
        found.append("does not end there")
    for sentence in in_words([flip], now):
        low, *high = said(sentence)
        assert len(high) == (flip.end is not None and flip.shown != flip.shown_end)
        inwards = [(low, 1 if high or flip.upwards else -1), *((value, -1) for value in high)]
        for value, way in inwards:
            at = value + way * max(SLACK, value * 1e-5)
            if board.winner(board.moved(flip.what, at)) != flip.winner:
                found.append(f"says {value}, where it is another")
    return [f"{flip}: {one}" for one in found]


def claims(
    boards: int, seed: int, *, prefer: Literal["ladder", "cost"] = "ladder", prices: Prices = PRICES
) -> tuple[int, list[str]]:
    """How many claims so many boards make, and what is untrue of them."""
    count, untrue = 0, []
    for number in range(boards):
        board = drawn(np.random.default_rng([seed, number]))
        economy = replace(board.economy, prices=prices)
        board = after(replace(board, bar=replace(board.bar, prefer=prefer), economy=economy))
        told = flips(board.rungs, bar=board.bar, economy=board.economy, incumbent=board.incumbent)
        count += len(told)
        untrue += [f"board {number}: {one}" for flip in told for one in wrong(board, flip)]
    return count, untrue


@pytest.mark.slow
def test_two_thousand_claims_are_true() -> None:
    count, untrue = claims(640, seed=1)
    assert count >= 2_000
    assert untrue == []


@pytest.mark.slow
@pytest.mark.parametrize("prices", [PRICES, Prices()], ids=["whole", "answers alone"])
def test_claims_are_true_where_the_cheapest_is_taken(prices: Prices) -> None:
    count, untrue = claims(40, seed=3, prefer="cost", prices=prices)
    assert count > 60
    assert untrue == []


@pytest.mark.slow
def test_claims_of_bar_and_risk_are_true_and_none_that_is_nearer_is_left_out() -> None:
    checked = {"bar": 0, "risk": 0}
    for number in range(40):
        board = after(drawn(np.random.default_rng([4, number])))
        told = flips_of_shares(board.rungs, bar=board.bar, economy=board.economy, incumbent=board.incumbent)
        for what, now in (("bar", board.bar.correct), ("risk", board.bar.risk)):
            if now is not None:
                own = [flip for flip in told if flip.what == what]
                checked[what] += len(own)
                assert untrue_of_share(board, what, now, own) == [], f"board {number}"
    assert min(checked.values()) > 15


def untrue_of_share(board: Board, what: str, now: float, told: list[Flip]) -> list[str]:
    """What is untrue of claims on one share, and what is left out of them."""

    def seen(value: float) -> tuple[str | None, bool, bool]:
        """Who is chosen, whether they clear the bar, whether none does."""
        moved = board.moved(what, value)
        choice = board.choice(moved)
        if choice is None or board.bar.correct is None:
            return None if choice is None else choice.name, False, False
        clears = moved["bar"].is_cleared(choice.probability[choice.name])
        return choice.name, clears, not clears and choice.code != "kept"

    wrong = []
    for flip in told:
        side = 1 if flip.upwards else -1
        if flip.end is not None and seen(flip.end + side * BESIDE_BAR) == seen(flip.end):
            wrong.append(f"{flip}: does not end there")
        then = (flip.winner, flip.standing == "clears", flip.standing == "missed")
        beyond = [*stretch(board, flip), float(flip.shown) + side * 1e-6]
        beyond += [float(flip.shown_end) - side * 1e-6] if flip.shown_end else []
        wrong += [f"{flip}: at {value} it is {seen(value)}" for value in beyond if seen(value) != then]
    today, (least, most) = seen(now), {"bar": (0.0, 1.0), "risk": (0.001, 0.5)}[what]
    for look in range(3):
        for side, end in ((1, most), (-1, least)):
            steps = [now + side * 0.01 * step for step in range(1, 100) if (end - now) * side > 0.01 * step]
            first = next((value for value in (*steps, end) if seen(value)[look] != today[look]), None)
            near = [flip for flip in told if first is not None and -1e-9 <= (first - flip.value) * side <= 0.01]
            if first is not None and not any(seen(flip.value - side * BESIDE_BAR)[look] == today[look] for flip in near):
                wrong.append(f"{what}: at {first} it is {seen(first)}, and nothing is said of it: {told}")
    return wrong


def test_which_is_cheapest_hangs_on_traffic() -> None:
    rungs = [rung("trained", [1.0] * 90 + [0.0] * 10, order=1), rung("asked", [1.0] * 90 + [0.0] * 10, order=0)]
    efforts = {"trained": Effort(0.001, 0.9, training_seconds=36_000.0), "asked": Effort(0.01, 0.9)}
    economy = Economy(efforts, Prices(gpu_usd_per_hour=12.0, storage_usd_per_gb_month=0.0), Demand(1_000.0, 0.0, 0.0))
    told = flips(rungs, bar=Bar(0.5, prefer="cost"), economy=economy)
    # 10 hours at $12 over 12 months are $10 a month; each answer is $0.009 cheaper
    assert [(f.winner, round(f.value)) for f in told if f.what == "traffic"] == [("trained", 1_111)]


@pytest.mark.parametrize("queries", [20_000.0, 344_000.0, 345_000.0, 2_000_000.0])
def test_which_is_cheapest_is_said_by_the_answers_where_no_month_is_known(queries: float) -> None:
    """By hand: a server of $210 a month against $0.0006098 a query is the cheaper from 344,375 queries on."""
    both = [1.0] * 90 + [0.0] * 10
    scores = {"prompt of tokens": [0.0] * 100, "prompt of a server": [0.0] * 100, "tokens": both, "server": both}
    rungs = [rung(name, column, order=order) for order, (name, column) in enumerate(scores.items())]
    per_query = {"prompt of tokens": 0.00013, "prompt of a server": 0.0, "tokens": 0.0006098, "server": 0.0}
    efforts = {
        name: Effort(usd, 0.9, uses_documents=True, hosted=() if usd else (Hosted(210.0, None),))
        for name, usd in per_query.items()
    }
    economy = Economy(efforts, Prices(), Demand(queries))  # what documents take has no price
    board = Board(rungs, Bar(0.6, prefer="cost"), economy, "")
    assert all(bill(one, economy.prices, economy.demand).per_month is None for one in efforts.values())
    now, other = ("tokens", "server") if queries < 344_375 else ("server", "tokens")
    assert board.winner() == now
    told = flips(rungs, bar=board.bar, economy=economy)
    assert [(f.winner, round(f.value)) for f in told if f.what == "traffic"] == [(other, 344_375)]
    price = 210.0 / queries / 0.0006098
    assert [(f.winner, round(f.value, 3)) for f in told if f.what == "price"] == [(other, round(price, 3))]


@pytest.mark.slow
def test_the_choice_made_anew_is_that_of_decide() -> None:
    for number in range(25):
        board = drawn(np.random.default_rng([2, number]))
        lines = [replace(w, result=priced(w.result, board.economy)) for w in board.rungs]
        assert decide(lines, bar=board.bar, context=DecisionContext(incumbent=board.incumbent)).winner == board.winner()


@pytest.mark.slow
def test_whoever_follows_a_sentence_of_the_verdict_gets_what_it_says() -> None:
    followed = 0
    for number in range(30):
        board = drawn(np.random.default_rng([5, number]))
        lines = [replace(w, result=replace(priced(w.result, board.economy), stopped=None)) for w in board.rungs]
        verdict = decide(lines, bar=board.bar, context=DecisionContext(incumbent=board.incumbent))
        after_it = DecisionContext(incumbent=verdict.winner or "")
        for sentence in verdict.flips:
            if found := re.search(r"^With a bar .*, (\S+) would be the choice", sentence):
                low, high = (*said(sentence), 1.0)[:2] if " above " in sentence else (0.0, *said(sentence))[-2:]
                for value in np.linspace(low + 1e-5, high - 1e-5, 4):
                    again = decide(lines, bar=replace(board.bar, correct=float(value)), context=after_it)
                    assert again.winner == found[1], sentence
                    followed += 1
    assert followed > 40


@pytest.mark.parametrize(
    ("context", "left_above"), [(DecisionContext(), 0.64), (DecisionContext(is_kept=False), 0.55)], ids=["kept", "afresh"]
)
def test_the_last_choice_is_todays_where_that_is_kept_and_else_the_one_before(
    context: DecisionContext, left_above: float
) -> None:
    """60 of 100 right clear a bar of 0.55 at a risk of 0.2, and are likely below one of 0.65."""
    rungs = [rung("low", share(60, 100, seed=1), order=0), rung("high", share(90, 100, seed=2), order=1)]
    verdict = decide(rungs, bar=Bar(0.5), context=context)
    assert verdict.winner == "low"
    (sentence,) = verdict.flips
    assert re.match(r"With a bar between .*, high would be the choice", sentence)
    low, high = said(sentence)
    assert low == pytest.approx(left_above, abs=0.011)
    again = DecisionContext(incumbent=context.incumbent_after("low"))
    winners = [decide(rungs, bar=Bar(value), context=again).winner for value in (low - 0.01, low + 1e-3, high)]
    assert winners == ["low", "high", "high"]


def test_a_stopped_rung_counts_with_what_it_answered_unless_it_would_win_today() -> None:
    rungs = [rung("low", [1.0] * 60 + [0.0] * 40, order=0), rung("high", [1.0] * 70 + [0.0] * 30, order=1)]
    behind = Reason("worse", "behind")
    stopped = replace(rungs[1], result=replace(rungs[1].result, stopped=behind))
    assert [flip.winner for flip in flips([rungs[0], stopped], bar=Bar(0.5), economy=Economy({})) if flip.upwards] == [
        "high"
    ]
    alone = replace(rungs[0], result=replace(rungs[0].result, stopped=behind))
    told = flips([alone, rungs[1]], bar=Bar(0.5), economy=Economy({}))
    assert "low" not in {flip.winner for flip in told}
