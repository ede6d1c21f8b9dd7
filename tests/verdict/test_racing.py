"""Does the race drop only what cannot win, as often as it says, and does it save answers?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from rung.scoring import metrics
from rung.verdict.bar import Bar, bar_of
from rung.verdict.choice import Contender
from rung.verdict.decide import decide
from rung.verdict.racing import (
    ERROR,
    always_valid,
    broken_for_good,
    enough_for_gaps,
    is_settled,
    order,
    standing,
    surely_below,
)
from tests.verdict.weighing import Floats, rung

N = 300
LETTERS = "abcdefgh"


def drawn(share: float, n: int, rng: np.random.Generator) -> Floats:
    column = np.zeros(n)
    column[: round(share * n)] = 1
    return rng.permutation(column)


def race(
    table: Mapping[str, Floats], bar: float | None, *, seed: int = 0, incumbent: str = ""
) -> tuple[str | None, dict[str, int]]:
    """Who wins, and how many cases each rung answered."""
    total = len(next(iter(table.values())))
    asked = Bar(bar)
    places = order(total, seed=seed)
    done = dict.fromkeys(table, 20)
    while True:
        entrants = [Contender(name, table[name][places][: done[name]]) for name in table]
        now = standing(entrants, total=total, bar=asked, incumbent=incumbent)
        if not now.next:
            assert {name for name in table if done[name] < total} == set(now.stopped)
            return None if now.choice is None else now.choice.name, done
        assert all(done[name] < total for name in now.next)
        done |= {name: min(total, done[name] + max(10, done[name] // 4)) for name in now.next}


@pytest.mark.slow
def test_a_true_claim_is_rejected_no_oftener_than_stated_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(400):
        column = drawn(0.6, 120, rng)
        rejected += any(surely_below(column[:n], 0.6, total=120) for n in range(1, 121, 3))
    assert rejected / 400 <= ERROR + 0.02


def test_a_false_claim_is_rejected_and_certainly_once_it_cannot_come_true() -> None:
    rng = np.random.default_rng(1)
    assert surely_below(drawn(0.3, 60, rng), 0.6, total=300)
    assert not surely_below(drawn(0.7, 60, rng), 0.6, total=300)
    assert surely_below(np.zeros(41), 0.6, total=100)  # 59 are left: not even all of them reach 0.6
    assert not surely_below(np.array([]), 0.6, total=100)


@pytest.mark.slow
def test_the_interval_covers_the_mean_whenever_one_stops() -> None:
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(60):
        column = drawn(0.35, 200, rng)
        intervals = [always_valid(column[:n], total=200) for n in range(20, 200, 20)]
        missed += any(not low <= 0.35 <= high for low, high in intervals)
    assert missed / 60 <= 2 * ERROR
    assert always_valid(column, total=200) == (0.35, 0.35) or always_valid(column, total=200)[0] == pytest.approx(0.35)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shares", "bar"),
    [
        ((0.7, 0.75, 0.72, 0.85, 0.9), 0.6),  # the lowest clears
        ((0.2, 0.3, 0.72, 0.6, 0.8), 0.6),  # one in the middle clears
        ((0.2, 0.3, 0.6, 0.4, 0.35), 0.9),  # none clears, one is best
        ((0.2, 0.3, 0.6, 0.4, 0.35), None),  # no bar
    ],
)
def test_the_winner_is_that_of_all_cases_for_a_part_of_the_answers(shares: tuple[float, ...], bar: float | None) -> None:
    rng = np.random.default_rng(3)
    right, answers = 0, 0
    for seed in range(20):
        table = {f"rung_{LETTERS[place]}": drawn(share, N, rng) for place, share in enumerate(shares)}
        everything = [rung(name, column, order=place) for place, (name, column) in enumerate(table.items())]
        exact = decide(everything, bar=bar_of({}, correct=bar))
        winner, done = race(table, bar, seed=seed)
        right += winner == exact.winner
        answers += sum(done.values())
        assert winner is None or done[winner] == N  # who wins has answered everything
    assert right >= 19
    assert answers / (20 * N * len(shares)) < 0.55


def test_a_tie_goes_to_the_lower_rung_and_nobody_left_is_nobody() -> None:
    same = drawn(0.5, N, np.random.default_rng(4))
    assert race({"a": same, "b": same.copy()}, None)[0] == "a"
    assert standing([], total=N, bar=Bar(0.5)).choice is None
    assert standing([Contender("a", same[:20], open=False)], total=N, bar=Bar(0.5)).stopped["a"].why == "limit"


def test_nobody_is_dropped_for_having_nothing_right_so_far() -> None:
    """Of 400 cases the first 20 are the hardest: nothing right there is no proof, and the rung may still win."""
    late = np.concatenate([np.zeros(20), np.ones(300), np.zeros(80)])
    other = np.concatenate([np.ones(4), np.zeros(16), np.tile([1.0, 0.0], 190)])
    now = standing([Contender("low", other[:20]), Contender("high", late[:20])], total=400, bar=Bar())
    assert set(now.next) == {"low", "high"}
    assert "high" not in now.stopped


def test_what_surely_misses_the_bar_waits_for_rungs_that_are_still_to_be_built() -> None:
    wrong, unsure = np.zeros(100), np.tile([1.0, 0.0], 10)
    for more_enter in (False, True):
        missed = standing([Contender("low", wrong)], total=120, bar=Bar(0.4), more_enter=more_enter)
        assert missed.next == (() if more_enter else ("low",))
        assert not missed.stopped  # it may go on once they are there
        assert standing([Contender("low", unsure)], total=120, bar=Bar(0.4), more_enter=more_enter).next == ("low",)
        assert standing([Contender("low", wrong)], total=120, bar=Bar(), more_enter=more_enter).next == ("low",)


def test_settings_of_one_rung_race_for_the_best_and_the_last_choice_alone() -> None:
    rng = np.random.default_rng(6)
    table = {"prompt": drawn(0.2, N, rng), **{f"rag[k={n}]": drawn(0.8 - 0.1 * abs(n - 1), N, rng) for n in range(4)}}
    winner, done = race(table, 0.5)
    assert winner == "rag[k=1]"
    assert done["prompt"] < N
    kept, done = race(table, 0.5, incumbent="rag[k=2]")
    assert kept == "rag[k=2]"
    assert done["rag[k=1]"] == 20  # the last choice is good enough: its better sibling is not needed


@pytest.mark.parametrize("bar", [0.6, None])
def test_what_no_rung_above_could_change_is_settled(bar: float | None) -> None:
    right, good = np.ones(60), drawn(0.8, 60, np.random.default_rng(7))
    for column, settled in ((right, True), (good, bar is not None)):
        now = standing([Contender("prompt", column)], total=60, bar=Bar(bar))
        assert now.choice is not None
        assert is_settled(now.choice, column, Bar(bar)) is settled


def test_a_limit_is_broken_for_good_only_when_nothing_could_mend_it() -> None:
    bar = bar_of({"format": 0.9, "leaks": 0}, metrics())
    out = [broken_for_good({"format": np.zeros(n)}, bar, total=100) for n in range(1, 20)]
    assert out == sorted(out)
    assert not out[9]  # 90 of 100 keep it
    first = out.index(True) + 1
    for n, kept in ((first - 1, False), (first, True)):  # the same that `decide` says of all cases
        columns = {"correct": np.ones(100), "format": np.concatenate([np.zeros(n), np.ones(100 - n)])}
        whole = rung("prompt", columns["correct"], others={"format": columns["format"]})
        assert (decide([whole], bar=bar).winner is None) is kept
    assert broken_for_good({"leaks": np.array([np.nan, 0.0, 1.0])}, bar, total=100)
    assert not broken_for_good({"leaks": np.array([0.0, 0.0]), "other": np.array([0.0])}, bar, total=100)


def test_the_arms_answer_until_the_gaps_are_known_to_ten_points() -> None:
    rng = np.random.default_rng(5)
    one, other = drawn(0.2, 300, rng), drawn(0.8, 300, rng)
    assert enough_for_gaps(None, None)
    assert not enough_for_gaps(one[:39], other[:39])
    assert not enough_for_gaps(one[:45], other[:45])
    assert enough_for_gaps(one, other)
