"""Is a drop within a stream found, and a quiet one seldom called so, whatever the level and the spread of its scores?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import InternalError
from rung.stats.conformal_martingale import start_share
from rung.stats.drop import EVERY, drop, moments
from rung.stats.sequential import log_evidence

Floats = NDArray[np.float64]
RISK = 0.05


def ever(scores: Floats, *, tolerance: float = 0.0, reference: tuple[float, float] | None = None) -> float:
    """Answers after which a drop is first shown, looked at after every eighth; infinite where never."""
    ends = range(EVERY, len(scores) + 1, EVERY)
    return next(
        (float(end) for end in ends if drop(scores[:end], tolerance=tolerance, reference=reference).shows(RISK)), math.inf
    )


def test_it_is_the_weighed_sum_that_it_says() -> None:
    scores = np.random.default_rng(1).random(40)
    said = drop(scores, tolerance=0.1)
    whole, starts = 0.0, moments(40, first=EVERY)
    for number, start in enumerate(starts, 1):
        counts = [
            scores[:start].sum(),
            start - scores[:start].sum(),
            scores[start:].sum(),
            40 - start - scores[start:].sum(),
        ]
        whole += start_share(number) * math.exp(float(log_evidence(np.array([counts]), margin=0.1, claim="worse")[0]))
    assert said.evidence == pytest.approx(math.log(whole + 1 / math.log2(len(starts) + 2)))


def test_the_expected_evidence_of_a_quiet_stream_is_at_most_one() -> None:
    """Over every outcome of sixteen answers, by their counts before and after the one moment: nothing is drawn."""
    rate, whole = 0.7, 0.0
    for first in range(EVERY + 1):
        for last in range(EVERY + 1):
            chance = (
                math.comb(EVERY, first) * math.comb(EVERY, last) * rate ** (first + last) * (1 - rate) ** (16 - first - last)
            )
            scores = np.array([1.0] * first + [0.0] * (EVERY - first) + [1.0] * last + [0.0] * (EVERY - last))
            whole += chance * math.exp(drop(scores).evidence)
    assert whole <= 1


def test_moments_are_the_same_whatever_comes_after() -> None:
    assert list(moments(33)) == [0, 8, 16, 24, 32]
    long, short = moments(300_000), moments(100_000)
    assert list(long[: len(short)]) == list(short)
    assert len(long) < 300_000 / EVERY / 2
    assert not len(moments(0))


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "reference"), [(0.5, None), (0.95, None), (0.9, 60)])
def test_quiet_streams_are_seldom_called_worse(rate: float, reference: int | None) -> None:
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = (rng.random(240) < rate).astype(float)
        good = None if reference is None else int((rng.random(reference) < rate).sum())
        wrong += ever(scores, reference=None if good is None else (good, reference - good)) < math.inf  # type: ignore[operator]
    assert wrong / 40 <= RISK


@pytest.mark.slow
def test_shares_between_good_and_bad_keep_the_error_too() -> None:
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        wrong += ever(rng.beta(0.4, 0.2, size=240), reference=(40.0, 20.0)) < math.inf
    assert wrong / 40 <= RISK


def test_a_drop_is_found_and_placed() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([(rng.random(800) < 0.9), (rng.random(200) < 0.6)]).astype(float)
    said = drop(scores, tolerance=0.05)
    assert said.shows(0.01)
    assert said.since is not None
    assert abs(said.since - 800) <= 40
    assert said.before is not None
    assert said.after is not None
    assert said.before > 0.85
    assert said.after < 0.7
    assert ever(scores) - 800 <= 100


def test_a_rise_is_no_drop_and_neither_is_one_within_the_tolerance() -> None:
    rng = np.random.default_rng(3)
    rising = np.concatenate([(rng.random(400) < 0.5), (rng.random(240) < 0.9)]).astype(float)
    assert not drop(rising).shows(0.05)
    slight = np.concatenate([np.tile([1.0] * 9 + [0.0], 60), np.tile([1.0] * 17 + [0.0] * 3, 30)])
    assert not drop(slight, tolerance=0.1).shows(0.05)


def test_against_a_reference_a_stream_that_was_worse_from_its_first_answer_is_found() -> None:
    scores = np.tile([1.0, 0.0], 60)
    assert drop(scores, reference=(95.0, 5.0)).shows(0.01)
    assert not drop(scores).shows(0.05)


@pytest.mark.parametrize("count", [0, 3, EVERY])
def test_too_few_answers_say_nothing(count: int) -> None:
    said = drop(np.zeros(count))
    assert (said.evidence, said.since) == (0.0, None)


def test_scores_outside_of_their_scale_are_ours_to_mend() -> None:
    with pytest.raises(InternalError, match="scores lie"):
        drop(np.array([0.5, 1.5]))
