"""How often are two equal rungs told apart, and how often two that differ? Issue 5, measurement 3.

    python benchmarks/false_alarms.py [--comparisons 1000] [--seed 0]

Each line compares two rungs so many times on cases drawn anew, by `rung.verdict.statistics.paired`. Equal rungs have the
same chance on every case; clustered cases stand five to a document, and a document is luckier for one rung than for the
other, by chance and on average not at all. Alarms are differences with p < 0.05. "told": the test was told of the
documents. Exits with 1 if it alarms in significantly more than 5 % (one-sided binomial, 5 %) of comparisons of equal rungs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from rung.stats.estimates import wilson
from rung.verdict.statistics import paired

Floats = NDArray[np.float64]
ALPHA = 0.05


@dataclass(frozen=True)
class Setting:
    """Cases of one kind: how many, how many to a document, 0 or 1 or in between, and how much better one rung is."""

    cases: int
    per_document: int = 1
    binary: bool = True
    better: float = 0.0
    told: bool = True

    def __str__(self) -> str:
        kind = f"{self.cases:>4} cases, {self.per_document} to a document, {'0 or 1' if self.binary else 'shares'}"
        return f"{kind}, {'told' if self.told or self.per_document == 1 else 'not told'}, better by {self.better:.2f}"

    def drawn(self, dice: np.random.Generator) -> tuple[Floats, Floats, list[int] | None]:
        """The scores of both rungs case by case, and the clusters where the test is told of them."""
        documents = np.arange(self.cases) // self.per_document
        hard = dice.normal(0, 1, self.cases)  # cases differ in difficulty, for both alike
        both = [self._scores(hard, documents, dice) for _ in range(2)]
        both[0] = np.where(dice.random(self.cases) < 2 * self.better, 1.0, both[0])  # half of them were right before
        clustered = self.told and self.per_document > 1
        return both[0], both[1], documents.tolist() if clustered else None

    def _scores(self, hard: Floats, documents: NDArray[np.int_], dice: np.random.Generator) -> Floats:
        luck = dice.normal(0, 1.5 if self.per_document > 1 else 0, documents[-1] + 1)[documents]
        chance = 1 / (1 + np.exp(-(hard + luck)))
        drawn: Floats = (
            (dice.random(self.cases) < chance).astype(float) if self.binary else dice.beta(4 * chance, 4 - 4 * chance)
        )
        return drawn


def settings() -> Sequence[Setting]:
    """The lines of the table."""
    equal = [Setting(n, per, binary) for n in (30, 100, 400) for per in (1, 5) for binary in (True, False)]
    blind = [Setting(n, 5, told=False) for n in (100, 400)]
    real = [Setting(n, per, better=better) for n in (100, 400) for per in (1, 5) for better in (0.1, 0.2)]
    return [*equal, *blind, *real]


def alarms(setting: Setting, comparisons: int, seed: int) -> int:
    """How many comparisons find a difference."""
    dice = np.random.default_rng((seed, setting.cases, setting.per_document, setting.binary))
    found = 0
    for _ in range(comparisons):
        a, b, clusters = setting.drawn(dice)
        found += paired(a, b, clusters=clusters).p < ALPHA
    return found


def allowed(comparisons: int) -> int:
    """The most alarms that are no sign of a rate above 5 %: the 95 % point of the binomial distribution."""
    return int(binom.ppf(0.95, comparisons, ALPHA))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--comparisons", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=0)
    said = options.parse_args()
    failed = False
    print(f"at most {allowed(said.comparisons)} alarms in {said.comparisons} are allowed for equal rungs")
    for setting in settings():
        found = alarms(setting, said.comparisons, said.seed)
        share = found / said.comparisons
        low, high = wilson(share, n=said.comparisons)
        print(f"{setting}: {share:6.1%} [{low:.1%}, {high:.1%}]", flush=True)
        blind = setting.per_document > 1 and not setting.told
        failed |= setting.better == 0 and not blind and found > allowed(said.comparisons)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
