"""Which rung is chosen: by rules that can be checked by hand, and against ladders whose true means are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from rung.verdict.bar import Bar
from rung.verdict.choice import FLOOR, Choice, Contender, behind, choose, on_one_scale
from tests.verdict.weighing import Floats, share

LETTERS = "abcdefgh"


def ladder(*columns: Floats, names: Sequence[str] = ()) -> list[Contender]:
    named = names or [f"rung_{LETTERS[place]}" for place in range(len(columns))]
    return [Contender(name, column) for name, column in zip(named, columns, strict=True)]


def chosen(contenders: Sequence[Contender], bar: Bar | None = None, incumbent: str = "") -> Choice:
    choice = choose(contenders, bar or Bar(), incumbent=incumbent)
    assert choice is not None
    return choice


def drawn(means: Sequence[float], cases: int, dice: np.random.Generator, *, fractions: bool = False) -> list[Floats]:
    """Half of what makes an answer right is the case's, half the rung's."""
    hard = dice.normal(size=cases)
    normal = NormalDist()
    columns = []
    for mean in means:
        score = 0.5**0.5 * hard + 0.5**0.5 * dice.normal(size=cases)
        right = (score < normal.inv_cdf(mean)).astype(float)
        columns.append(0.8 * mean + 0.2 * right if fractions else right)
    return columns


# --- by hand


def test_thirteen_of_thirty_is_not_as_good_as_twenty_one() -> None:
    prompt, rag = share(13, 30, seed=1), share(21, 30, seed=2)
    assert chosen(ladder(prompt, rag)).name == "rung_b"
    assert chosen(ladder(prompt, rag)).code == "best"
    assert chosen(ladder(prompt, rag)).worse == {"rung_a"}


def test_few_common_cases_show_nothing() -> None:
    one, other = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    assert chosen(ladder(one, other)).name == "rung_a"
    cheap = np.array([1.0] * 39 + [0.0] + [np.nan] * 5)
    dear = np.array([np.nan] * 39 + [1.0] + [1.0] * 5)
    assert chosen(ladder(cheap, dear)).worse == frozenset()
    assert chosen(ladder(np.zeros(6), np.ones(6))).name == "rung_b"
    for cases in (5, 8, 20, 40):  # one case is even odds, however the others agree
        assert chosen(ladder(np.array([0.0] + [1.0] * (cases - 1)), np.ones(cases))).name == "rung_a"


def test_a_tie_goes_to_the_lower_rung() -> None:
    near = ladder(share(150, 200, seed=1), share(152, 200, seed=2))
    assert (chosen(near).name, chosen(near).code, chosen(near).best) == ("rung_a", "not_worse", "rung_b")
    same = share(12, 30)
    assert chosen(ladder(same, same.copy())).name == "rung_a"


def test_two_points_are_no_difference_however_many_cases_show_it() -> None:
    lower = share(7000, 10_000)
    higher = lower.copy()
    higher[7000 : 7000 + int(FLOOR * 10_000)] = 1.0
    gap, p = behind(lower, higher)
    assert gap == pytest.approx(FLOOR)
    assert p < 1e-6
    assert chosen(ladder(lower, higher)).name == "rung_a"
    higher[7200:7300] = 1.0
    assert chosen(ladder(lower, higher)).name == "rung_b"


def test_the_lowest_rung_that_likely_reaches_the_bar_clears_it() -> None:
    rungs = ladder(share(60, 100), share(72, 100), share(76, 100), share(90, 100))
    choice = chosen(rungs, Bar(0.7))
    assert (choice.name, choice.code) == ("rung_c", "clears")
    assert choice.probability["rung_a"] < 0.2
    assert 0.2 < choice.probability["rung_b"] < 0.8 <= choice.probability["rung_c"]
    assert chosen(rungs, Bar(0.7, risk=0.4)).name == "rung_b"
    assert chosen(rungs, Bar(0.99)).code == "best"


def test_the_best_setting_of_a_rung_is_its_choice() -> None:
    names = ["rag[k=1]", "rag[k=2]", "rag[k=3]", "hybrid"]
    columns = [share(n, 100, seed=n) for n in (80, 90, 85, 95)]
    assert chosen(ladder(*columns, names=names), Bar(0.7)).name == "rag[k=2]"
    assert chosen(ladder(*columns[:3], names=names[:3])).name == "rag[k=2]"


def test_a_dozen_settings_share_the_risk() -> None:
    dice = np.random.default_rng(2)
    bar, cleared, alone = Bar(0.7), 0, 0
    for _ in range(150):
        columns = drawn([0.67] * 12, 100, dice)
        names = [f"rag[k={n}]" for n in range(12)]
        cleared += chosen(ladder(*columns, names=names), bar).code == "clears"
        alone += any(column.mean() >= 0.7 for column in columns)
    assert alone / 150 > 0.6  # by the mean some setting nearly always "clears"
    assert cleared / 150 <= 0.12


def test_the_last_choice_stays_unless_it_is_likely_below_or_a_lower_one_is_likely_good_enough() -> None:
    rungs = ladder(share(60, 100, seed=1), share(69, 100, seed=2), share(90, 100, seed=3))
    bar = Bar(0.7)
    assert chosen(rungs, bar).name == "rung_c"
    stays = chosen(rungs, bar, "rung_b")
    assert (stays.name, stays.code) == ("rung_b", "kept")
    assert chosen(rungs, bar, "rung_a").name == "rung_c"  # likely below
    lower = ladder(share(85, 100, seed=1), *(one.values for one in rungs[1:]))
    assert (chosen(lower, bar, "rung_b").name, chosen(lower, bar, "rung_b").code) == ("rung_a", "clears")
    assert chosen(rungs, bar, "gone").name == "rung_c"
    assert chosen(rungs, Bar(), "rung_b") == chosen(rungs)


def test_one_that_is_stopped_counts_as_tried_and_is_not_chosen() -> None:
    columns = [share(80, 100, seed=n) for n in range(4)]
    names = [f"rag[k={n}]" for n in range(4)]
    some = [Contender(name, c, open=n == 3) for n, (name, c) in enumerate(zip(names, columns, strict=True))]
    choice = chosen(some, Bar(0.7))
    assert choice.name == "rag[k=3]"
    only = chosen(some[3:], Bar(0.7))
    assert choice.probability["rag[k=3]"] < only.probability["rag[k=3]"]
    assert choose([Contender("a", columns[0], open=False)], Bar()) is None


# --- against the truth


def steps(dice: np.random.Generator) -> Floats:
    k = int(dice.integers(3, 9))
    rise = dice.exponential(0.1, k) * dice.choice([0, 1, 1, -0.4], k)
    return np.clip(dice.uniform(0.15, 0.6) + np.cumsum(rise), 0.03, 0.97)


@pytest.mark.parametrize(("cases", "most"), [(30, 0.03), (60, 0.025), (100, 0.02), (300, 0.012)])
def test_little_is_given_away_without_a_bar(cases: int, most: float) -> None:
    dice = np.random.default_rng((7, cases))
    lost = []
    for _ in range(250):
        means = steps(dice)
        rungs = ladder(*drawn(list(means), cases, dice))
        lost.append(means.max() - means[LETTERS.index(chosen(rungs).name[-1])])
    assert np.mean(lost) <= most + 0.004  # the standard error of 250 draws is about .0025


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("cases", [30, 100, 300])
def test_of_two_equal_rungs_the_lower_is_chosen_four_times_in_five(cases: int, fractions: bool) -> None:
    dice = np.random.default_rng((8, cases))
    lower = []
    for _ in range(400):
        mean = dice.uniform(0.3, 0.8)
        lower.append(chosen(ladder(*drawn([mean, mean], cases, dice, fractions=fractions))).name == "rung_a")
    assert np.mean(lower) >= 0.76  # two standard errors of 400 draws below .8


@pytest.mark.slow
@pytest.mark.parametrize("cases", [30, 60, 100, 300])
def test_clears_is_seldom_untrue_and_the_choice_seldom_short(cases: int) -> None:
    dice = np.random.default_rng((9, cases))
    untrue: list[bool] = []
    short: list[float] = []
    by_mean_untrue: list[bool] = []
    by_mean_short: list[float] = []
    for _ in range(250):
        means = steps(dice)
        bar = float(np.clip(means[dice.integers(len(means))] + dice.normal(0, 0.05), 0.1, 0.95))
        rungs = ladder(*drawn(list(means), cases, dice))
        choice = chosen(rungs, Bar(bar))
        first = next((one for one in rungs if one.mean >= bar), max(rungs, key=lambda one: one.mean))
        target = bar if (means >= bar).any() else means.max()
        for name, claims, lies, gap in (
            (choice.name, choice.code == "clears", untrue, short),
            (first.name, first.mean >= bar, by_mean_untrue, by_mean_short),
        ):
            true = float(means[LETTERS.index(name[-1])])
            lies.append(claims and true < bar)
            gap.append(max(0.0, target - true))
    assert np.mean(untrue) <= 0.12
    assert np.mean(untrue) < np.mean(by_mean_untrue) / 2
    assert np.mean(short) < np.mean(by_mean_short)


@pytest.mark.slow
@pytest.mark.parametrize("cases", [40, 100])
def test_the_cheapest_that_clears_is_seldom_below_the_bar_and_seldom_dearer_than_it_need_be(cases: int) -> None:
    """Four models whose costs know nothing of how good they are: of many tried, luck lifts a cheap one over the bar."""
    dice = np.random.default_rng((11, cases))
    untrue, naive_untrue, paid, least = [], [], [], []
    for _ in range(400):
        means, costs = dice.uniform(0.5, 0.9, size=4), dice.permutation([1.0, 3.0, 10.0, 30.0])
        columns = drawn(list(means), cases, dice)
        rungs = [replace(one, costs=(float(cost), None)) for one, cost in zip(ladder(*columns), costs, strict=True)]
        choice = chosen(rungs, Bar(0.7, prefer="cost"))
        if choice.code == "clears":
            place = LETTERS.index(choice.name[-1])
            untrue.append(means[place] < 0.7)
            good = [cost for mean, cost in zip(means, costs, strict=True) if mean >= 0.7]
            if good and not untrue[-1]:
                paid.append(costs[place])
                least.append(min(good))
        over = [(cost, mean) for cost, mean, one in zip(costs, means, rungs, strict=True) if one.mean >= 0.7]
        naive_untrue.append(bool(over) and min(over)[1] < 0.7)
    assert np.mean(untrue) <= 0.12
    assert np.mean(untrue) < np.mean(naive_untrue) / 2
    assert np.mean(paid) <= (2.6 if cases < 100 else 2.0) * np.mean(least)


def test_of_those_that_clear_the_cheapest_by_the_month_else_by_the_answer_unknown_ones_last() -> None:
    right = np.ones(60)
    a, b, c = ladder(right, right, right)
    bar = Bar(0.7, prefer="cost")
    assert chosen([a, replace(b, costs=(5.0, 1.0)), replace(c, costs=(4.0, 2.0))], bar).name == b.name, "no month of a"
    assert chosen([replace(b, costs=(5.0, 1.0)), replace(c, costs=(4.0, 2.0))], bar).name == c.name
    assert chosen([a, b, c], bar).name == a.name
    assert on_one_scale([(5.0, 1.0), (4.0, None)]) == (True, [5.0, 4.0])
    assert on_one_scale([(5.0, 1.0), (None, 2.0), (3.0, None)]) == (False, [1.0, 2.0, None]), "never in two units"
    below = np.zeros(60)
    assert chosen([replace(a, values=below, costs=(1.0, 1.0)), replace(b, costs=(9.0, 9.0))], bar).name == b.name
    assert chosen([replace(a, costs=(9.0, 9.0)), replace(b, costs=(1.0, 1.0))], Bar(prefer="cost")).name == b.name


@pytest.mark.slow
def test_the_incumbent_halves_the_changes_of_mind() -> None:
    dice = np.random.default_rng(10)
    fresh, kept = [], []
    for _ in range(200):
        means = steps(dice)
        bar = Bar(float(np.clip(means[dice.integers(len(means))] + dice.normal(0, 0.05), 0.1, 0.95)))
        first, second = (ladder(*drawn(list(means), 60, dice)) for _ in range(2))
        old = chosen(first, bar).name
        fresh.append(chosen(second, bar).name != old)
        kept.append(chosen(second, bar, old).name != old)
    assert np.mean(kept) <= 0.6 * np.mean(fresh)
