"""Are changes found as soon as stated, and invented no oftener than stated, where the truth is simulated?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from rung.errors import InternalError
from rung.stats.change import RATES, ROOM, Change, answers_to_find, change, changes, share_beyond, shown, together
from tests.stats.simulated import ever_shown


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_a_quiet_stream_seems_to_change_no_oftener_than_stated(share: float) -> None:
    """After every answer; at the edge, where it is likeliest. 400 streams of 1,000, at a risk of one in ten."""
    rng = np.random.default_rng(1)
    bad = rng.random((400, 1000)) < share
    wrong = ever_shown(bad, share, within=1000, risk=0.1).mean()
    assert wrong <= 0.1
    assert wrong > 0  # a test that never says so would pass too


def test_streams_one_by_one_are_as_all_at_once() -> None:
    rng = np.random.default_rng(2)
    bad = rng.random((8, 120)) < 0.15
    needed = shown(within=120, risk=0.2)
    alone = [any(change(row[: n + 1], 0.1, within=120, risk=0.2).evidence >= needed for n in range(120)) for row in bad]
    assert alone == ever_shown(bad, 0.1, within=120, risk=0.2).tolist()


def test_several_ways_together_invent_no_more_than_one() -> None:
    """Two limits of the same numbers, each at the edge; 60 streams of 300, at a risk of one in ten."""
    rng = np.random.default_rng(7)
    needed, wrong = shown(within=300, risk=0.1), 0
    for stream in rng.random((60, 300)):
        bad = stream[:, None] > np.array([0.5, 0.9])
        some = (changes(bad[:n], [0.5, 0.1], within=300, risk=0.1) for n in range(20, 301, 20))
        wrong += any(together(each) >= needed for each in some)
    assert wrong / 60 <= 0.1
    steady = [Change(2.0, 3, 0.5), Change(2.0, 3, 0.5)]
    assert together(steady) == pytest.approx(2.0)
    assert together([Change(-math.inf, 0, 0.0)] * 2) == -math.inf


@pytest.mark.parametrize(("share", "became"), [(0.05, 0.3), (0.2, 0.6), (0.3, 0.95)])
def test_a_change_is_found_within_the_stated_number(share: float, became: float) -> None:
    count = answers_to_find(share, became, within=10_000, risk=0.005)
    rng = np.random.default_rng(3)
    needed, late = shown(within=10_000, risk=0.005), 0
    for _ in range(100):
        stream = np.concatenate([rng.random(500) < share / 2, rng.random(count) < became])
        late += not any(
            change(stream[: 500 + n], share, within=10_000, risk=0.005).evidence >= needed
            for n in range(count // 2, count + 1)
        )
    assert late <= 5  # 99 % are stated
    assert count < 700


def test_where_it_began_is_told() -> None:
    rng = np.random.default_rng(4)
    seen = change(np.concatenate([rng.random(2000) < 0.05, rng.random(200) < 0.5]), 0.1, within=10_000, risk=0.01)
    assert abs(seen.since - 200) < 20
    assert abs(seen.share - 0.5) < 0.1


def test_what_went_well_again_is_seen_soon_however_long_it_went_wrong() -> None:
    needed = shown(within=10_000, risk=0.005)
    wrong, well = np.ones(5000, dtype=bool), np.zeros(200, dtype=bool)
    assert change(wrong, 0.2, within=10_000, risk=0.005).evidence <= needed + ROOM
    assert change(np.concatenate([wrong, well]), 0.2, within=10_000, risk=0.005).evidence < needed / 2


def test_nothing_and_nonsense() -> None:
    assert change(np.zeros(0, dtype=bool), 0.1, within=10, risk=0.1).evidence == -math.inf
    assert change(np.ones(3, dtype=bool), 1.0, within=10, risk=0.1).evidence < shown(within=10, risk=0.1)
    with pytest.raises(InternalError):
        shown(within=0, risk=0.1)
    with pytest.raises(InternalError):
        shown(within=1, risk=0.0)
    with pytest.raises(InternalError):
        share_beyond(3, 4, risk=0.1)
    with pytest.raises(InternalError):
        answers_to_find(0.5, 0.5, within=10, risk=0.1)
    assert RATES > 1


@pytest.mark.parametrize(("count", "place"), [(7, 7), (20, 19), (60, 57)])
def test_the_share_beyond_a_place_is_exceeded_no_oftener_than_stated(count: int, place: int) -> None:
    """Of any population: draws of a uniform one say all."""
    rng = np.random.default_rng(6)
    beyond = 1 - np.sort(rng.random((4000, count)), axis=1)[:, place - 1]
    assert (beyond > share_beyond(count, place, risk=0.05)).mean() == pytest.approx(0.05, abs=0.012)
