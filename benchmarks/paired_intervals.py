"""How often do the 95 % intervals of paired differences cover the truth, and how wide are they?

    python benchmarks/paired_intervals.py [--draws 500] [--seed 0]

SIMULATED: in each case one rung is better (1), the other (-1), or neither (0); the true mean difference is 0, .05, .3 or .6.
Cases of a document take one common draw with a probability of the root of their correlation (0, .3, .9, 1), else their own;
documents have 1, 3, 5 or 10 cases, and there are 20, 60 or 200 cases. A verdict makes clusters of ten documents or more, so
fewer are left out. `one-sided`: no case has the other rung better; such small differences show in no case at all, often.
Each line is the mean over its kinds; `least` the coverage of the kind that has the lowest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.verdict.statistics import paired

Floats = NDArray[np.float64]
TRUTHS = ((0.0, 0.0), (0.0, 0.05), (0.0, 0.2), (0.05, 0.0), (0.05, 0.05), (0.3, 0.0), (0.3, 0.1), (0.6, 0.0), (0.6, 0.1))
LEAST_CLUSTERS = 10


@dataclass(frozen=True)
class Kind:
    """Cases, cases to a document, correlation within one, true difference, share of cases with the other better."""

    cases: int
    each: int
    alike: float
    true: float
    back: float

    def drawn(self, dice: np.random.Generator) -> tuple[Floats, list[int] | None]:
        """The differences, and the clusters of the cases."""
        document = np.arange(self.cases) // self.each
        common, own = (self._signs(dice.random(size)) for size in (document[-1] + 1, self.cases))
        differences = np.where(dice.random(self.cases) < self.alike**0.5, common[document], own)
        return differences, document.tolist() if self.each > 1 else None

    def _signs(self, uniform: Floats) -> Floats:
        up = self.true + self.back
        return np.where(uniform < up, 1.0, np.where(uniform < up + self.back, -1.0, 0.0))


def measured(kind: Kind, draws: int, seed: int) -> tuple[float, float]:
    """(share of intervals that cover the truth, their mean width)."""
    dice = np.random.default_rng(
        (seed, kind.cases, kind.each, int(kind.alike * 10), int(kind.true * 100), int(kind.back * 100))
    )
    hits, width = 0, 0.0
    for _ in range(draws):
        differences, clusters = kind.drawn(dice)
        found = paired(differences, np.zeros(kind.cases), clusters=clusters).estimate
        low, high = found.low or 0.0, found.high or 0.0
        hits += low - 1e-9 <= kind.true <= high + 1e-9
        width += high - low
    return hits / draws, width / draws


def lines() -> Iterator[tuple[str, list[Kind]]]:
    """What each line of the table is of."""
    for cases in (20, 60, 200):
        for each in (1, 3, 5, 10):
            if cases // each < LEAST_CLUSTERS and each > 1:
                continue
            for alike in (0.0, 0.3, 0.9, 1.0) if each > 1 else (0.0,):
                kinds = [Kind(cases, each, alike, true, back) for true, back in TRUTHS]
                start = f"| {cases} | {each} | {alike:g} |"
                yield f"{start} none differs |", [k for k in kinds if k.true == k.back == 0]
                yield f"{start} .05, one-sided |", [k for k in kinds if k.true == 0.05 and k.back == 0]
                yield f"{start} others |", [k for k in kinds if k.back > 0 or k.true > 0.05]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--draws", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    print("| cases | to a document | correlation | difference | covered | least | width |\n|---|---|---|---|---|---|---|")
    for start, kinds in lines():
        results = [measured(kind, given.draws, given.seed) for kind in kinds]
        covered, widths = zip(*results, strict=True)
        print(f"{start} {np.mean(covered):.3f} | {min(covered):.3f} | {np.mean(widths):.3f} |", flush=True)


if __name__ == "__main__":
    main()
