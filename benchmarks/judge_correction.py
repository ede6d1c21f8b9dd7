"""Do the intervals of a judge that few labels correct cover the truth? Issue 15, item 10.

    python benchmarks/judge_correction.py [--draws 2000] [--cases 100] [--seed 0]

Answers are good or not, by a known share; a judge calls good ones good with one probability, others with another, and
people label some, drawn at random. Ways to the mean are held against the truth, on the same draws: people's labels alone
(their mean, with Wilson's interval), plain PPI++ (arXiv:2311.01453: tuned power, normal interval), what Rung does
(`rung.stats.prediction_powered.corrected`), the same where cases are drawn in two strata, those with more of the judge's
errors twice as often, and the judge's own mean. For each: how often its 95 % interval covers, how wide it is on average, and
how far off its mean is. Then how often a judge clears a bar that the truth misses by 0.1. Exits with 1 if Rung's coverage is
significantly below 93 % in any setting (one-sided binomial, 1 % in all).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from rung.stats.estimates import wilson
from rung.stats.prediction_powered import corrected
from rung.verdict.probability import at_least

Floats = NDArray[np.float64]
JUDGES = {  # P(says good | good), P(says good | not good)
    "errs never": (1.0, 0.0),
    "good": (0.95, 0.10),
    "fair": (0.85, 0.25),
    "too kind": (1.0, 0.6),
    "too strict": (0.6, 0.02),
    "a coin": (0.5, 0.5),
}
LABELS = (10, 20, 50)
TRUTHS = (0.3, 0.7, 0.9)
WANTED = 0.93
TESTS = len(LABELS) * len(TRUTHS) * len(JUDGES)


@dataclass
class Tally:
    """What one way did in one setting."""

    covered: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    off: list[float] = field(default_factory=list)

    def add(self, mean: float, low: float, high: float, truth: float) -> None:
        """One interval."""
        self.covered.append(low <= truth <= high)
        self.widths.append(high - low)
        self.off.append(mean - truth)

    def __str__(self) -> str:
        return f"{np.mean(self.covered):6.1%} ±{np.mean(self.widths) / 2:.2f} {np.mean(self.off):+.3f}"


def answers(rng: np.random.Generator, cases: int, truth: float, judge: tuple[float, float]) -> tuple[Floats, Floats]:
    """(the judge's scores, the truth) of each case."""
    y = (rng.random(cases) < truth).astype(float)
    f = (rng.random(cases) < np.where(y == 1, *judge)).astype(float)
    return f, y


def plain(f: Floats, y: Floats, asked: NDArray[np.int_]) -> tuple[float, float, float]:
    """PPI++ as published: mean, low, high."""
    n, total = len(asked), len(f)
    g, labels = f[asked], y[asked]
    spread = g.var(ddof=1)
    power = 0.0 if spread == 0 else min(1.0, max(0.0, float(np.cov(labels, g)[0, 1] / spread / (1 + n / total))))
    mean = power * f.mean() + (labels - power * g).mean()
    error = (power**2 * f.var(ddof=1) / total + (labels - power * g).var(ddof=1) / n) ** 0.5
    return mean, mean - 1.96 * error, mean + 1.96 * error


def by_strata(rng: np.random.Generator, f: Floats, y: Floats, labels: int) -> tuple[Floats, Floats]:
    """Labels and probabilities where two thirds of the labels are of open cases."""
    open_ = rng.random(len(f)) < np.where(f == y, 0.25, 0.75)
    human, probability = np.full(len(f), np.nan), np.full(len(f), np.nan)
    first = min(-(-2 * labels // 3), int(open_.sum()))
    for stratum, n in ((np.flatnonzero(open_), first), (np.flatnonzero(~open_), labels - first)):
        asked = rng.choice(stratum, min(n, len(stratum)), replace=False)
        human[asked], probability[asked] = y[asked], len(asked) / max(len(stratum), 1)
    return human, probability


@dataclass(frozen=True)
class Setting:
    """How many cases, how many labels, the share of good answers, and the judge."""

    cases: int
    labels: int
    truth: float
    judge: tuple[float, float]


def measured(rng: np.random.Generator, draws: int, setting: Setting) -> dict[str, Tally]:
    """Every way, over so many draws."""
    cases, labels, truth, judge = setting.cases, setting.labels, setting.truth, setting.judge
    found = {name: Tally() for name in ("labels", "PPI++", "Rung", "strata", "judge")}
    for _ in range(draws):
        f, y = answers(rng, cases, truth, judge)
        asked = rng.choice(cases, labels, replace=False)
        share = float(y[asked].mean())
        found["labels"].add(share, *wilson(share, n=labels), truth)
        found["PPI++"].add(*plain(f, y, asked), truth)
        found["judge"].add(float(f.mean()), *wilson(float(f.mean()), n=cases), truth)
        human = np.full(cases, np.nan)
        human[asked] = y[asked]
        for name, (given, probability) in {
            "Rung": (human, None),
            "strata": by_strata(rng, f, y, labels),
        }.items():
            one = corrected(f, given, probability)
            if one is not None and one.estimate.low is not None and one.estimate.high is not None:
                found[name].add(one.mean, one.estimate.low, one.estimate.high, truth)
    return found


def untrue(rng: np.random.Generator, draws: int, cases: int, labels: int, judge: tuple[float, float]) -> tuple[float, float]:
    """How often the judge, and the corrected one, clear a bar of 0.7 that the truth (0.6) misses."""
    by_judge, by_people = [], []
    for _ in range(draws):
        f, y = answers(rng, cases, 0.6, judge)
        human = np.full(cases, np.nan)
        asked = rng.choice(cases, labels, replace=False)
        human[asked] = y[asked]
        one = corrected(f, human)
        by_judge.append((at_least(f, 0.7) or 0.0) >= 0.8)
        by_people.append(one is not None and (at_least(one.values, 0.7) or 0.0) >= 0.8)
    return float(np.mean(by_judge)), float(np.mean(by_people))


def main() -> int:
    """Print a line a setting; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    failed = False
    ways = ("labels", "PPI++", "Rung", "strata", "judge")
    print("coverage of 95 % intervals, mean half width, mean error; by", ", ".join(ways))
    worst: dict[tuple[int, str], float] = {}
    for labels in LABELS:
        for truth in TRUTHS:
            for name, judge in JUDGES.items():
                found = measured(rng, given.draws, Setting(given.cases, labels, truth, judge))
                told = " | ".join(str(found[way]) for way in ways)
                print(f"{labels:>3} labels, truth {truth}, judge {name:14} {told}", flush=True)
                for way in ways:
                    covered = float(np.mean(found[way].covered))
                    worst[labels, way] = min(covered, worst.get((labels, way), 1.0))
                right, n = sum(found["Rung"].covered), len(found["Rung"].covered)
                failed |= bool(binom.cdf(right, n, WANTED) < 0.01 / TESTS)
    for labels in LABELS:
        print(f"{labels:>3} labels, worst coverage:", ", ".join(f"{way} {worst[labels, way]:.1%}" for way in ways))
    for labels in LABELS:
        for name in ("good", "too kind"):
            judged, heard = untrue(rng, given.draws, given.cases, labels, JUDGES[name])
            told = f"judge {judged:.1%}, corrected {heard:.1%}"
            print(f"{labels:>3} labels, judge {name}: clears a bar of .7 at a truth of .6: {told}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
