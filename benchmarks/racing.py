"""Does the race come to the verdict of all cases, and for how many answers?

    python benchmarks/racing.py [--seeds 50] [--projects FOLDER ...]

Fourteen small projects: seven or eight rungs and the two reference arms on 200 to 600 cases; knowledge gaps, behaviour gaps,
both; where the lowest rung clears the bar, one in the middle, the highest, or none; without a bar; two that tie; a hard
limit. SIMULATED: which case a rung gets right is drawn, not answered by a model. Rungs share a difficulty per case (half of
the variance of a normal score), so that their answers hang together as those of one model do, and the shares right are
of the size that this repository's own benchmarks measure. --projects takes folders whose last verdict was made with
--exhaustive: there each rung's scores are read case by case from the verdict's `record.json`, which is REAL data of a real
model, and the race is run over them in many orders, with several bars each: below the lowest rung, between each and the
next, above all, and none.

Rungs whose weights are trained enter one after the other once the others have come to a choice, as `climbing` does, and
only where they may still change it. What counts is what `decide` says of the race's answers, against what it says of all.

Of each project it prints how often the race came to the verdict of all cases, the mean regret (points of `correct` that its
choice loses against that), the share of the exhaustive answers, arms included, and how many trainings were never begun, of
those that all rungs would have taken.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rung.pipeline.racing import FIRST, GROWTH, LEAST, MAX_UNRACED
from rung.records import Evaluation, Reason, RungResult, Scorecard
from rung.scoring import metrics
from rung.stats.estimates import estimates
from rung.verdict.bar import Bar, bar_of
from rung.verdict.choice import Contender
from rung.verdict.eligible import barred, chooser
from rung.verdict.racing import Standing, broken_for_good, enough_for_gaps, is_settled, order, standing

Floats = NDArray[np.float64]
LADDER = ("prompt", "few_shot", "structured", "long_context", "rag", "tuned_model", "hybrid", "router")
TRAINED = ("tuned_model", "hybrid", "router")
ARMS = ("closed_book", "oracle")


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
    trainings: int
    saved: int


def drawn(project: Small, rng: np.random.Generator) -> tuple[dict[str, dict[str, Floats]], Bar]:
    """rung -> metric -> one value per case, and the bar."""
    hard = rng.normal(size=project.cases)

    def column(share: float) -> Floats:
        score = 0.5**0.5 * hard + 0.5**0.5 * rng.normal(size=project.cases)
        right: Floats = (score < NormalDist().inv_cdf(share)).astype(float)
        return right

    names = (*LADDER[: len(project.shares)], "closed_book", "oracle")
    table = {name: {"correct": column(share)} for name, share in zip(names, (*project.shares, *project.arms), strict=True)}
    for name, share in zip(LADDER, project.format, strict=False):
        table[name]["format"] = (rng.random(project.cases) < share).astype(float)
    limits = {"format": 0.95} if project.format else {}
    return table, bar_of(limits, metrics(), correct=project.bar)


def weighed(name: str, columns: Mapping[str, Floats], place: int, stopped: Reason | None = None) -> Evaluation:
    """A rung, as `decide` takes it; one that the race stopped has NaN where it did not answer."""
    scores = estimates(columns)
    line = RungResult(name, {}, "measured", None, scores, reference=name in ARMS, order=place, stopped=stopped)
    cases = tuple(map(str, range(max(map(len, columns.values())))))
    return Evaluation(line, cards=(Scorecard(cases, columns),))


def winner_of(evaluations: Sequence[Evaluation], bar: Bar) -> str | None:
    """Whom `decide` would choose."""
    choice = chooser(evaluations)([evaluation.result for evaluation in evaluations], bar)
    return None if choice is None else choice.name


class Race:
    """One race in one order, by the product's own rules."""

    def __init__(self, table: Mapping[str, Mapping[str, Floats]], bar: Bar, *, seed: int) -> None:
        self.table, self.bar = table, bar
        self.full = {name: weighed(name, columns, place) for place, (name, columns) in enumerate(table.items())}
        self.total = len(next(iter(table.values()))["correct"])
        self.places = order(self.total, seed=seed)
        self.rungs = [name for name in table if name not in ARMS]
        self.done: dict[str, int] = {}

    def run(self) -> Told:
        """Against the verdict of all cases."""
        trained = [name for name in self.rungs if name in TRAINED]
        waves = [[name for name in self.table if name not in trained], *([name] for name in trained)]
        now, saved = Standing(()), 0
        for wave in waves:
            if self._is_needless(now, wave[0]):
                saved += 1
                continue
            self.done |= dict.fromkeys(wave, self.total if self.total <= MAX_UNRACED else FIRST)
            now = self._drive()
        exact = winner_of(list(self.full.values()), self.bar)
        winner = winner_of(list(self._answered()), self.bar)
        lost = max(0.0, self._quality(exact) - self._quality(winner))
        share = sum(self.done.values()) / (self.total * len(self.table))
        return Told(winner == exact, lost, share, len(trained), saved)

    def _is_needless(self, now: Standing, name: str) -> bool:
        if now.choice is None or self.rungs.index(name) < self.rungs.index(now.choice.name):
            return False
        return is_settled(now.choice, self._seen(now.choice.name), self.bar)

    def _drive(self) -> Standing:
        while True:
            rungs = [
                Contender(name, self._seen(name), open=not self._is_out(name)) for name in self.rungs if name in self.done
            ]
            now = standing(rungs, total=self.total, bar=self.bar, of=len(self.rungs))
            known = enough_for_gaps(*(self._seen(name) if name in self.table else None for name in ARMS))
            arms = [name for name in ARMS if name in self.table and self.done[name] < self.total]
            more = {*now.next, *(() if known else arms)}
            if not more:
                return now
            self.done |= {n: min(self.total, self.done[n] + max(LEAST, int(self.done[n] * GROWTH))) for n in more}

    def _seen(self, name: str, metric: str = "correct") -> Floats:
        return self.table[name][metric][self.places[: self.done[name]]]

    def _is_out(self, name: str) -> bool:
        if self.done[name] == self.total:
            return barred(self.full[name], self.bar) is not None
        return broken_for_good({metric: self._seen(name, metric) for metric in self.table[name]}, self.bar, total=self.total)

    def _answered(self) -> Iterator[Evaluation]:
        """What the race leaves to be decided upon; a rung that was not built is not among it."""
        for place, name in enumerate(self.table):
            count = self.done.get(name, 0)
            if count == self.total:
                yield self.full[name]
            elif count:
                seen = np.isin(np.arange(self.total), self.places[:count])
                columns = {metric: np.where(seen, column, np.nan) for metric, column in self.table[name].items()}
                yield weighed(name, columns, place, None if name in ARMS else Reason("not_needed", "stopped"))

    def _quality(self, name: str | None) -> float:
        return 0.0 if name is None else float(self.table[name]["correct"].mean())


def recorded(folder: Path) -> dict[str, dict[str, Floats]]:
    """rung -> scores by case, of a project's last verdict; a rung that did not answer every case is left out."""
    verdicts = folder / ".rung" / "verdicts"
    name = (verdicts / "latest").read_text(encoding="utf-8").strip()
    record = json.loads((verdicts / name / "record.json").read_text(encoding="utf-8"))
    columns = {name: said["correct"] for name, said in record["rungs"].items()}
    whole = {name: np.array(column, dtype=float) for name, column in columns.items() if None not in column}
    return {name: {"correct": column} for name, column in sorted(whole.items(), key=lambda one: one[0] in ARMS)}


def bars_for(table: Mapping[str, Mapping[str, Floats]]) -> dict[str, float | None]:
    """Bars at which the choice is another each time, by what they are, and none."""
    means = sorted({round(float(c["correct"].mean()), 3) for n, c in table.items() if n not in ARMS})
    between = {f"between {a:g} and {b:g}": (a + b) / 2 for a, b in zip(means[-4:], means[-3:], strict=False)}
    return {"below all": max(0.01, means[0] - 0.1), **between, "above all": min(0.99, means[-1] + 0.1), "no bar": None}


def shown(name: str, told: list[Told], cases: int) -> str:
    """A line of the table."""
    right, regret, share = (statistics.mean(getattr(one, what) for one in told) for what in ("right", "regret", "share"))
    trainings, saved = (sum(getattr(one, what) for one in told) for what in ("trainings", "saved"))
    never = f"{saved / trainings:.0%} of {trainings}" if trainings else "none there"
    return f"| {name} | {cases} | {right:.0%} | {regret * 100:.2f} | {share:.0%} | {never} |"


def measured(seeds: int, projects: list[Path]) -> Iterator[str]:
    """The lines of the result."""
    yield "| project | cases | verdict of all | regret, points | of the answers | trainings never begun |"
    yield "|---|---|---|---|---|---|"
    everything: list[Told] = []
    for project in PROJECTS:
        rng = np.random.default_rng([*project.name.encode()])
        told = []
        for seed in range(seeds):
            table, bar = drawn(project, rng)
            told.append(Race(table, bar, seed=seed).run())
        everything += told
        yield shown(f"{project.name} (simulated)", told, project.cases)
    yield shown("**all simulated**", everything, sum(p.cases for p in PROJECTS))
    real: list[Told] = []
    for folder in projects:
        table = recorded(folder)
        for words, value in bars_for(table).items():
            told = [Race(table, bar_of({}, correct=value), seed=seed).run() for seed in range(seeds)]
            real += told
            yield shown(f"{folder.name}, bar {words} (real answers)", told, len(next(iter(table.values()))["correct"]))
    if real:
        yield shown("**all real**", real, 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--projects", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    for line in measured(asked.seeds, asked.projects):
        print(line, flush=True)


if __name__ == "__main__":
    main()
