"""Does the race come to the verdict of all cases, and for how many answers?

    python benchmarks/racing.py [--seeds 50] [--reports FOLDER ...]

Fourteen small projects: seven or eight rungs and the two reference arms on 200 to 600 cases; knowledge gaps, behaviour gaps,
both; where the lowest rung clears the bar, one in the middle, the highest, or none; without a bar; two that tie; a hard
limit. SIMULATED: which case a rung gets right is drawn, not answered by a model. Rungs share a difficulty per case (half of
the variance of a normal score), so that their answers hang together as those of one model do, and the shares right are
of the size that this repository's own benchmarks measure. --reports takes folders of finished comparisons that answered
every case: there each rung's right and wrong cases are read from `report.html`, which is REAL data of a real model, and the
race is run over them in many orders.

Of each project it prints how often the race chose the rung that all cases choose, the mean regret (points of `correct` that
its choice loses against that), and the share of the exhaustive answers, arms included.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rung.pipeline.racing import FEW, FIRST, GROWTH, LEAST
from rung.records import RungResult
from rung.stats.estimates import estimates
from rung.verdict.bar import Bar, bar_of
from rung.verdict.decide import Weighed, barred, decide
from rung.verdict.racing import Entrant, broken_for_good, enough_for_gaps, order, standing

Floats = NDArray[np.float64]
LADDER = ("prompt", "few_shot", "structured", "long_context", "rag", "tuned_model", "hybrid", "router")


@dataclass(frozen=True)
class Small:
    """A project: shares right from the lowest rung, the arms' (closed book, oracle), and what is asked."""

    name: str
    shares: tuple[float, ...]
    arms: tuple[float, float]
    bar: float | None
    cases: int
    format: tuple[float, ...] = ()  # shares in the right form, where at least 0.95 is asked


PROJECTS = (
    Small("knowledge, rag clears", (0.12, 0.14, 0.12, 0.41, 0.58, 0.20, 0.66), (0.12, 0.74), 0.50, 300),
    Small("knowledge, long context clears", (0.10, 0.12, 0.10, 0.62, 0.60, 0.15, 0.66), (0.10, 0.72), 0.50, 400),
    Small("knowledge, only the highest clears", (0.10, 0.12, 0.10, 0.40, 0.55, 0.20, 0.72), (0.10, 0.76), 0.65, 400),
    Small("knowledge, none clears", (0.08, 0.10, 0.08, 0.30, 0.38, 0.12, 0.55), (0.08, 0.62), 0.80, 500),
    Small("knowledge, no bar", (0.15, 0.18, 0.15, 0.35, 0.62, 0.22, 0.45), (0.15, 0.75), None, 500),
    Small("behaviour, lowest clears", (0.81, 0.86, 0.84, 0.80, 0.83, 0.90, 0.92), (0.81, 0.84), 0.70, 300),
    Small("behaviour, few-shot clears", (0.30, 0.72, 0.55, 0.50, 0.55, 0.85, 0.86), (0.30, 0.40), 0.60, 300),
    Small("behaviour, tuned clears", (0.05, 0.30, 0.34, 0.20, 0.25, 0.84, 0.85), (0.05, 0.20), 0.70, 300),
    Small("behaviour, none clears", (0.02, 0.20, 0.25, 0.15, 0.18, 0.55, 0.40), (0.02, 0.10), 0.90, 600),
    Small("both, hybrid clears", (0.05, 0.10, 0.12, 0.25, 0.35, 0.30, 0.68), (0.05, 0.60), 0.55, 300),
    Small("both, eight rungs, tuned clears", (0.10, 0.18, 0.20, 0.25, 0.40, 0.66, 0.70, 0.70), (0.10, 0.60), 0.55, 400),
    Small("both, format is a limit", (0.62, 0.64, 0.60, 0.62, 0.66, 0.70, 0.72), (0.3, 0.7), 0.50, 300,
          (0.40, 0.60, 1.0, 0.55, 0.70, 1.0, 1.0)),
    Small("knowledge, two rungs tie at the top", (0.08, 0.10, 0.08, 0.30, 0.60, 0.15, 0.61), (0.08, 0.7), 0.90, 600),
    Small("few cases, rag clears", (0.10, 0.12, 0.10, 0.35, 0.62, 0.15, 0.70), (0.10, 0.75), 0.45, 200),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One race against all cases."""

    right: bool
    regret: float
    share: float


def drawn(project: Small, rng: np.random.Generator) -> tuple[dict[str, dict[str, Floats]], Bar]:
    """rung -> metric -> one value per case, and the bar."""
    hard = rng.normal(size=project.cases)

    def column(share: float) -> Floats:
        score = 0.5**0.5 * hard + 0.5**0.5 * rng.normal(size=project.cases)
        return (score < NormalDist().inv_cdf(share)).astype(float)

    names = (*LADDER[: len(project.shares)], "closed_book", "oracle")
    table = {name: {"correct": column(share)} for name, share in zip(names, (*project.shares, *project.arms), strict=True)}
    for name, share in zip(LADDER, project.format, strict=False):
        table[name]["format"] = (rng.random(project.cases) < share).astype(float)
    limits = {"format": 0.95} if project.format else {}
    return table, bar_of(limits, correct=project.bar)


def weighed(name: str, columns: Mapping[str, Floats], place: int) -> Weighed:
    """A complete rung, as `decide` takes it."""
    arm = name in ("closed_book", "oracle")
    return Weighed(RungResult(name, {}, "measured", "", estimates(columns), reference=arm, order=place), columns)


def raced(table: Mapping[str, Mapping[str, Floats]], bar: Bar, *, seed: int) -> Told:
    """One race in one order, by the product's own rules, against the verdict of all cases."""
    full = {name: weighed(name, columns, place) for place, (name, columns) in enumerate(table.items())}
    exact = decide(list(full.values()), bar=bar)
    total = len(next(iter(table.values()))["correct"])
    places = order(total, seed=seed)
    rungs = [name for name in table if name not in ("closed_book", "oracle")]
    arms = [name for name in ("closed_book", "oracle") if name in table]
    done = dict.fromkeys(table, total if total <= FEW else FIRST)

    def seen(name: str, metric: str = "correct") -> Floats:
        return table[name][metric][places[: done[name]]]

    def out(name: str) -> bool:
        if done[name] == total:
            return bool(barred(full[name], bar))
        return broken_for_good({metric: seen(name, metric) for metric in table[name]}, bar, total=total)

    while True:
        now = standing([Entrant(name, seen(name), out(name)) for name in rungs], total=total, bar=bar.correct)
        known = enough_for_gaps(*(seen(name) if name in table else None for name in ("closed_book", "oracle")))
        more = {*now.next, *(() if known else (name for name in arms if done[name] < total))}
        if not more:
            break
        done |= {name: min(total, done[name] + max(LEAST, int(done[name] * GROWTH))) for name in more}

    def quality(name: str | None) -> float:
        return 0.0 if name is None else float(table[name]["correct"].mean())

    lost = max(0.0, quality(exact.winner) - quality(now.leader))
    return Told(now.leader == exact.winner, lost, sum(done.values()) / (total * len(table)))


def reported(folder: Path) -> dict[str, dict[str, Floats]]:
    """rung -> right or wrong by case, from a page."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    listed = re.search(r'<select id="by-rung">(.*?)</select>', page, re.S)
    names = re.findall(r'<option value="\d+">(.*?)</option>', listed[1]) if listed else []
    states = [re.findall(r"([rw])\d*", line) for line in re.findall(r'data-states="([^"]*)"', page)]
    columns = zip(*(line for line in states if len(line) == len(names)), strict=True)
    return {
        name: {"correct": np.array([float(s == "r") for s in column])} for name, column in zip(names, columns, strict=True)
    }


def shown(name: str, told: list[Told], cases: int) -> str:
    """A line of the table."""
    right, regret, share = (statistics.mean(getattr(one, what) for one in told) for what in ("right", "regret", "share"))
    return f"| {name} | {cases} | {right:.0%} | {regret * 100:.2f} | {share:.0%} |"


def measured(seeds: int, reports: list[Path]) -> Iterator[str]:
    """The lines of the result."""
    yield "| project | cases | rung right | regret, points | of the answers |\n|---|---|---|---|---|"
    everything: list[Told] = []
    for project in PROJECTS:
        rng = np.random.default_rng([*project.name.encode()])
        told = []
        for seed in range(seeds):
            table, bar = drawn(project, rng)
            told.append(raced(table, bar, seed=seed))
        everything += told
        yield shown(f"{project.name} (simulated)", told, project.cases)
    yield shown("**all simulated**", everything, sum(p.cases for p in PROJECTS))
    real: list[Told] = []
    for folder in reports:
        table = reported(folder)
        means = sorted(float(c["correct"].mean()) for n, c in table.items() if n not in ("closed_book", "oracle"))
        for words, bar in (("bar between", round((means[-1] + means[-2]) / 2, 2)), ("bar low", 0.02), ("none clears", 0.99)):
            told = [raced(table, bar_of({}, correct=bar), seed=seed) for seed in range(seeds)]
            real += told
            yield shown(f"{folder.name}, {words} ({bar:g}; real answers)", told, len(next(iter(table.values()))["correct"]))
    if real:
        yield shown("**all real**", real, 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--reports", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    for line in measured(asked.seeds, asked.reports):
        print(line, flush=True)


if __name__ == "__main__":
    main()
