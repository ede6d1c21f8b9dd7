"""Two rungs that are right on different cases are told from two that differ by chance, on boards of known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records import Evaluation
from rung.verdict.bar import Bar
from rung.verdict.complements import complements
from rung.verdict.decide import decide
from tests.verdict.weighing import rung, share, unmeasured

BOARDS = 400


def board(seed: int, *, cases: int = 60, halves: bool = False, rungs: int = 4) -> list[Evaluation]:
    """Rungs whose chance of being right hangs on how hard a case is to all; with `halves` two of them know one half each."""
    rng = np.random.default_rng(seed)
    hard = rng.random(cases)
    made = []
    for number in range(rungs):
        chance = np.clip(rng.uniform(0.2, 0.9) + rng.choice([0.0, 1.0]) * (0.5 - hard), 0, 1)
        if halves and number < 2:
            chance = np.where((np.arange(cases) % 2 == number), 0.85, 0.15)
        made.append(rung(f"r{number}", (rng.random(cases) < chance).astype(float), order=number))
    return made


def test_chance_and_hardness_make_no_complements() -> None:
    told = sum(complements(board(seed)) is not None for seed in range(BOARDS))
    assert told <= 0.05 * BOARDS + 2 * (0.05 * 0.95 * BOARDS) ** 0.5


def test_rungs_that_know_one_half_each_are_told() -> None:
    found = [complements(board(seed, halves=True)) for seed in range(BOARDS)]
    assert sum(one is not None and one.cases == 60 for one in found) >= 0.85 * BOARDS
    named = [{one.first, one.second} for one in found if one is not None]
    assert sum(pair == {"r0", "r1"} for pair in named) >= 0.8 * BOARDS  # another may do more beside one of them


@pytest.mark.parametrize("size", [2, 5])
def test_cases_that_hang_together_are_counted_as_what_they_are_worth(size: int) -> None:
    told = 0
    for seed in range(BOARDS):
        rng = np.random.default_rng(seed)
        clusters = tuple(int(c) for c in np.repeat(np.arange(60 // size), size))
        columns = [(rng.random(60 // size) < 0.5).astype(float)[list(clusters)] for _ in range(2)]
        pair = [replace(rung(f"r{i}", column, order=i), clusters=clusters) for i, column in enumerate(columns)]
        told += complements(pair) is not None
    assert told <= 0.05 * BOARDS + 2 * (0.05 * 0.95 * BOARDS) ** 0.5


def test_it_is_said_with_its_numbers_where_the_bar_is_not_cleared() -> None:
    one = rung("few_shot", [1.0] * 30 + [0.0] * 30, order=1)
    other = rung("rag", [0.0] * 29 + [1.0] * 29 + [0.0] * 2, order=4)
    said = decide([one, other], bar=Bar(0.8)).flips[-1]
    assert said.startswith(
        "few_shot and rag are right on different cases (29 only by the one, 28 only by the other, of 60): whoever always "
        "asked the right one would be at 0.97 [0.89, 0.99] instead of 0.50. That is the most that `router` can reach"
    )
    assert "right on different cases" not in "".join(decide([one, other], bar=Bar(0.3)).flips)  # good enough as it is


def test_of_what_chooses_already_or_was_not_measured_nothing_is_said() -> None:
    one = rung("few_shot", share(30, 60), order=1)
    other = rung("rag", 1 - share(30, 60), order=4)
    assert complements([one, other]) is not None
    assert complements([one, other, unmeasured("router", "needs dev cases", order=9)]) is None
    assert complements([one, rung("few_shot[examples=8]", 1 - share(30, 60), order=1)]) is None  # settings of one rung
    assert complements([one, rung("oracle", 1 - share(30, 60))]) is None
    assert complements([one, other], but={"rag"}) is None
    assert complements([one, replace(other, interval=(0.4, 0.6))]) is None  # it has not answered all
    assert complements([one]) is None
    assert complements([]) is None
