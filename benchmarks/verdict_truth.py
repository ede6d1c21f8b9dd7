"""How often is the verdict right, and what does it give away? On ladders whose true means are known.

    python benchmarks/verdict_truth.py [--draws 400] [--seed 0] [--only PART ...]

SIMULATED: ladders of three to eight rungs with true means, on which 30 to 300 cases are drawn; rungs share a difficulty per
case (three to seven tenths of the variance of a normal score), so that their answers hang together as those of one model do.
Scores are 0 or 1, or fractions (beta); clustered cases stand five to a document, and documents are luckier for one rung than
for another. Parts, each a table:

- `free`: no bar. Regret in points against the best rung's true mean; how often the lower of two equal rungs is chosen.
- `bar`: a bar near the true mean of one rung. How often "clears" is untrue; how far the choice is short of the bar; how
  often it is higher than need be; loss: points short, and 2 for a choice that is too high.
- `sweep`: 1, 12 and 50 settings of the middle rung of three; and so many settings that are all 3 points below the bar.
- `again`: two verdicts on new cases each: how often the choice changes, with and without the last one as incumbent.
- `limits`: `format: 0.99` on 98 cases, and `p95_seconds`, for rungs that truly keep or break them.
- `more`: how often "about N more cases would settle it" comes true.
- `intervals`: how often the 95 % interval of a mean covers the truth.

Rules: `point` is that of the means (the first mean that reaches the bar; else Holm's correction over paired bootstrap and
permutation tests at 5 %), `new` the product's, `best` the highest mean, `oracle` knows the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rung.records import Latency, RungResult
from rung.stats.estimates import estimate
from rung.verdict.bar import MAX_TIMES, MIN_TIMES, RISK, Bar, bar_of, is_timed_enough, keeping
from rung.verdict.choice import FLOOR, Contender, choose, shared
from rung.verdict.probability import at_least, cases_needed, tries_of
from rung.verdict.statistics import holm, paired_with

Floats = NDArray[np.float64]
CASES = (30, 60, 100, 300)
EACH = 5  # cases to a document
TOO_HIGH = 0.02  # what a choice that is higher than need be costs beside the points that it is short
SETTINGS = ("rag", "rag[k=1]", "rag[k=2]")


@dataclass(frozen=True)
class Kind:
    """How scores are drawn."""

    name: str
    fractions: bool = False
    clustered: bool = False


KINDS = (Kind("0 or 1"), Kind("fractions", fractions=True), Kind("0 or 1, in fives", clustered=True))


@dataclass(frozen=True)
class Drawn:
    """Rungs from the lowest: their names, true means, and scores on the cases; clusters where cases have them."""

    names: tuple[str, ...]
    means: Floats
    scores: Floats
    clusters: tuple[int, ...] | None

    def contenders(self) -> list[Contender]:
        """As the product takes them."""
        return [Contender(name, scores) for name, scores in zip(self.names, self.scores, strict=True)]


def ladder(rng: np.random.Generator) -> Floats:
    """True means: most steps up, some none, some down."""
    k = int(rng.integers(3, 9))
    steps = rng.exponential(0.06, k) * rng.choice([0, 1, 1, -0.3], k)
    return np.clip(rng.uniform(0.2, 0.7) + np.cumsum(steps), 0.03, 0.97)


def steep(rng: np.random.Generator) -> Floats:
    """True means with twice as large steps."""
    k = int(rng.integers(3, 9))
    steps = rng.exponential(0.12, k) * rng.choice([0, 1, 1, 1, -0.5], k)
    return np.clip(rng.uniform(0.1, 0.5) + np.cumsum(steps), 0.03, 0.97)


def drawn(means: Floats, cases: int, kind: Kind, rng: np.random.Generator, names: Sequence[str] = ()) -> Drawn:
    """Scores of every rung on the same cases."""
    alike = rng.uniform(0.3, 0.7)
    k = len(means)
    luck = np.zeros((k, cases))
    groups = np.arange(cases) // EACH
    if kind.clustered:
        luck = rng.normal(size=(k, groups[-1] + 1))[:, groups]
    own = (0.5**0.5 * luck + 0.5**0.5 * rng.normal(size=(k, cases))) if kind.clustered else rng.normal(size=(k, cases))
    score = alike**0.5 * rng.normal(size=(1, cases)) + (1 - alike) ** 0.5 * own
    normal = NormalDist()
    if kind.fractions:
        table = [_beta(row, mean, rng) for row, mean in zip(score, means, strict=True)]
    else:
        table = [(row < normal.inv_cdf(float(mean))).astype(float) for row, mean in zip(score, means, strict=True)]
    named = tuple(names) or tuple(f"rung_{'abcdefghij'[place]}" for place in range(k))
    return Drawn(named, means, np.array(table), tuple(groups.tolist()) if kind.clustered else None)


def _beta(score: Floats, mean: float, rng: np.random.Generator) -> Floats:
    """Beta scores with this mean that go with the normal ones: the draw of a rank goes to the score of that rank."""
    fractions = np.sort(rng.beta(6 * mean, 6 * (1 - mean), len(score) * 50))
    ranks = np.array([NormalDist().cdf(-one) for one in score])
    return fractions[np.minimum((ranks * len(fractions)).astype(int), len(fractions) - 1)]


Rule = Callable[[Drawn, Bar], tuple[int, bool]]


def by_the_point(data: Drawn, bar: Bar) -> tuple[int, bool]:
    """The first mean that reaches the bar; else the lowest that is not significantly worse than the best."""
    means = data.scores.mean(axis=1)
    clearing = np.flatnonzero(means >= (2 if bar.correct is None else bar.correct) - 1e-9)
    if len(clearing):
        return int(clearing[0]), True
    best = int(means.argmax())
    others = {str(place): row for place, row in enumerate(data.scores) if place != best}
    compared = paired_with(data.scores[best], others, clusters=data.clusters)
    adjusted = holm({name: one.p for name, one in compared.items()})
    return next(p for p in range(len(means)) if p == best or adjusted[str(p)] >= 0.05), False


def by_the_product(data: Drawn, bar: Bar) -> tuple[int, bool]:
    """What `decide` does."""
    choice = choose(data.contenders(), bar, clusters=data.clusters)
    assert choice is not None
    clears = choice.code == "clears"
    return data.names.index(choice.name), clears


def by_the_best(data: Drawn, bar: Bar) -> tuple[int, bool]:
    """The highest mean."""
    means = data.scores.mean(axis=1)
    return int(means.argmax()), bar.correct is not None and bool(means.max() >= bar.correct)


def by_the_truth(data: Drawn, bar: Bar) -> tuple[int, bool]:
    """The lowest that truly reaches the bar; else the lowest within 2 points of the best."""
    clearing = np.flatnonzero(data.means >= (2 if bar.correct is None else bar.correct))
    if len(clearing):
        return int(clearing[0]), True
    return int(np.flatnonzero(data.means >= data.means.max() - FLOOR)[0]), False


RULES: dict[str, Rule] = {
    "point": by_the_point,
    "new": by_the_product,
    "best": by_the_best,
    "oracle": by_the_truth,
}


def free(draws: int, seed: int) -> Iterator[str]:
    """Without a bar."""
    yield "| cases | scores | ladder | " + " | ".join(f"{rule}: regret" for rule in RULES) + " | right: point, new, best |"
    yield "|---|---|---|" + "---|" * (len(RULES) + 1)
    for kind in KINDS:
        for cases in CASES:
            for name, shape in (("gentle", ladder), ("steep", steep), ("two equal", None)):
                rng = np.random.default_rng((seed, cases, *name.encode(), *kind.name.encode()))
                lost: dict[str, list[float]] = {rule: [] for rule in RULES}
                right: dict[str, list[bool]] = {rule: [] for rule in RULES}
                for _ in range(draws):
                    means = np.full(2, rng.uniform(0.3, 0.8)) if shape is None else shape(rng)
                    data = drawn(means, cases, kind, rng)
                    truth = by_the_truth(data, Bar())[0]
                    for rule, choice in RULES.items():
                        place = choice(data, Bar())[0]
                        lost[rule].append(float(means.max() - means[place]))
                        right[rule].append(place == truth)
                told = " | ".join(f"{100 * np.mean(lost[rule]):.1f}" for rule in RULES)
                shares = ", ".join(f"{np.mean(right[rule]):.0%}" for rule in ("point", "new", "best"))
                yield f"| {cases} | {kind.name} | {name} | {told} | {shares} |"


@dataclass
class Tally:
    """What a rule came to, draw by draw."""

    untrue: list[bool]
    short: list[float]
    high: list[bool]
    right: list[bool]

    @classmethod
    def new(cls) -> Tally:
        """Empty."""
        return cls([], [], [], [])

    def add(self, data: Drawn, bar: float, place: int, clears: bool) -> None:
        """One draw. Settings of one rung stand equally high."""
        rungs = [name.partition("[")[0] for name in data.names]
        order = [rungs.index(name) for name in rungs]
        true = [order[p] for p in np.flatnonzero(data.means >= bar)]
        wanted = min(true) if true else None
        target = bar if wanted is not None else float(data.means.max())
        self.untrue.append(bool(clears and data.means[place] < bar))
        self.short.append(max(0.0, target - float(data.means[place])))
        self.high.append(wanted is not None and order[place] > wanted)
        near = data.means[place] >= data.means.max() - FLOOR
        self.right.append(bool(near if wanted is None else order[place] == wanted and data.means[place] >= bar))

    def __str__(self) -> str:
        short, high = float(np.mean(self.short)), float(np.mean(self.high))
        loss = 100 * (short + TOO_HIGH * high)
        return f"{np.mean(self.untrue):.2f}, {100 * short:.1f}, {high:.2f}, {loss:.1f}, {np.mean(self.right):.0%}"


HEAD = "untrue, short, too high, loss, right"


def barred(draws: int, seed: int) -> Iterator[str]:
    """With a bar."""
    yield "| cases | scores | " + " | ".join(f"{rule}: {HEAD}" for rule in RULES) + " |"
    yield "|---|---|" + "---|" * len(RULES)
    for kind in KINDS:
        for cases in CASES:
            rng = np.random.default_rng((seed, cases, *kind.name.encode()))
            tallies = {rule: Tally.new() for rule in RULES}
            for _ in range(draws):
                means = ladder(rng)
                bar = float(np.clip(means[rng.integers(len(means))] + rng.normal(0, 0.05), 0.1, 0.95))
                data = drawn(means, cases, kind, rng)
                for rule, choice in RULES.items():
                    tallies[rule].add(data, bar, *choice(data, Bar(bar)))
            yield f"| {cases} | {kind.name} | " + " | ".join(str(tallies[rule]) for rule in RULES) + " |"


def swept(draws: int, seed: int) -> Iterator[str]:
    """One to fifty settings of a rung."""
    yield "| settings | cases | " + " | ".join(f"{rule}: {HEAD}" for rule in RULES) + " | all 3 below: point, new |"
    yield "|---|---|" + "---|" * (len(RULES) + 1)
    for settings in (1, 12, 50):
        for cases in CASES:
            rng = np.random.default_rng((seed, settings, cases))
            tallies = {rule: Tally.new() for rule in RULES}
            below: dict[str, list[bool]] = {"point": [], "new": []}
            names = ["prompt", *(f"rag[k={n}]" for n in range(settings)), "hybrid"]
            for _ in range(draws):
                centre = rng.uniform(0.4, 0.8)
                middle = np.clip(centre + rng.normal(0, 0.04, settings), 0.05, 0.95)
                ends = rng.uniform(0.2, 0.6), float(np.clip(centre + rng.uniform(-0.05, 0.15), 0.05, 0.95))
                data = drawn(np.array([ends[0], *middle, ends[1]]), cases, KINDS[0], rng, names)
                bar = float(np.clip(centre + rng.normal(0, 0.06), 0.1, 0.9))
                for rule, choice in RULES.items():
                    tallies[rule].add(data, bar, *choice(data, Bar(bar)))
                flat = drawn(np.full(settings, 0.67), cases, KINDS[0], rng, names[1:-1])
                for rule, claims in below.items():
                    claims.append(RULES[rule](flat, Bar(0.7))[1])
            told = ", ".join(f"{np.mean(some):.0%}" for some in below.values())
            yield f"| {settings} | {cases} | " + " | ".join(str(tallies[rule]) for rule in RULES) + f" | {told} |"


def again(draws: int, seed: int) -> Iterator[str]:
    """A second verdict on new cases."""
    yield "| cases | changed: point | new, no incumbent | new | from a right choice: point | new, no incumbent | new |"
    yield "|---|---|---|---|---|---|---|"
    for cases in CASES:
        rng = np.random.default_rng((seed, cases, 5))
        changed: dict[str, list[tuple[bool, bool]]] = {"point": [], "fresh": [], "new": []}
        for _ in range(draws):
            means = ladder(rng)
            bar = Bar(float(np.clip(means[rng.integers(len(means))] + rng.normal(0, 0.05), 0.1, 0.95)))
            first, second = (drawn(means, cases, KINDS[0], rng) for _ in range(2))
            right = by_the_truth(first, bar)[0]
            old, now = by_the_point(first, bar)[0], by_the_point(second, bar)[0]
            changed["point"].append((old != now, old == right))
            old, now = by_the_product(first, bar)[0], by_the_product(second, bar)[0]
            changed["fresh"].append((old != now, old == right))
            kept = choose(second.contenders(), bar, incumbent=first.names[old])
            changed["new"].append((kept is not None and kept.name != first.names[old], old == right))
        switched = [f"{np.mean([one for one, _ in some]):.0%}" for some in changed.values()]
        away = [f"{np.mean([one and good for one, good in some]):.0%}" for some in changed.values()]
        yield f"| {cases} | " + " | ".join((*switched, *away)) + " |"


def limits(draws: int, seed: int) -> Iterator[str]:
    """Hard limits: how often a rung is thrown out."""
    yield "| limit | truth | point: thrown out | new: thrown out |\n|---|---|---|---|"
    rng = np.random.default_rng((seed, 6))
    bar = bar_of({"format": 0.99})
    for truth in (0.999, 0.995, 0.98, 0.97, 0.95):
        columns = [(rng.random(98) < truth).astype(float) for _ in range(draws)]
        point = np.mean([column.mean() < 0.99 - 1e-9 for column in columns])
        empty = RungResult("rag", {}, "measured")
        kept = [keeping(empty, {"format": column}, bar)["format"] for column in columns]
        new = np.mean([bar.is_broken("format", float(c.mean()), p) for c, p in zip(columns, kept, strict=True)])
        yield f"| format at least .99, 98 cases | {truth} | {point:.0%} | {new:.0%} |"
    times: dict[str, Callable[[int], Floats]] = {
        "lognormal, σ .3": lambda n: rng.lognormal(0, 0.3, n),
        "lognormal, σ .6": lambda n: rng.lognormal(0, 0.6, n),
        "one answer in ten slow": lambda n: np.where(rng.random(n) < 0.1, rng.normal(5, 0.8, n), rng.normal(1, 0.2, n)),
    }
    for name, draw in times.items():
        true = float(np.percentile(draw(400_000), 95))
        for words, factor in (("25 % over", 1 / 1.25), ("20 % under", 1.25)):
            limit = bar_of({"p95_seconds": true * factor})
            point = np.mean([np.percentile(draw(5), 95) > true * factor for _ in range(draws)])
            new = np.mean([_is_slow(draw, limit) for _ in range(draws)])
            yield f"| p95_seconds, {name} | {words} | {point:.0%} (five timings) | {new:.0%} (20 to 60) |"


def _is_slow(draw: Callable[[int], Floats], bar: Bar) -> bool:
    """Whether the live pass throws a rung out: it is timed, in turns of four, until that is settled, or 60 times."""
    times = draw(MAX_TIMES) * 1000
    n = MIN_TIMES
    while n < MAX_TIMES and not is_timed_enough(tuple(times[:n]), bar):
        n += 4
    line = RungResult("rag", {}, "measured", latency=Latency(0, 0, n, times=tuple(times[:n])))
    p95 = float(np.percentile(times[:n], 95)) / 1000
    return bar.is_broken("p95_seconds", p95, keeping(line, {}, bar)["p95_seconds"])


def more(draws: int, seed: int) -> Iterator[str]:
    """ "About N more cases would settle it": of the choices that are neither cleared, shared among the tries, nor likely
    missed by themselves. All rungs are asked the further cases, by which there may be fewer tries."""
    yield (
        "| cases | scores | said | comes true | comes true, tries left out | N, median | hardly settled |\n"
        "|---|---|---|---|---|---|---|"
    )
    for kind in KINDS[:2]:
        for cases in CASES:
            rng = np.random.default_rng((seed, cases, 7, kind.fractions))
            kept, without, sizes, hardly = list[bool](), list[bool](), list[int](), 0
            for _ in range(draws):
                means = ladder(rng)
                bar = Bar(float(np.clip(means[rng.integers(len(means))] + rng.normal(0, 0.05), 0.1, 0.95)))
                data = drawn(means, cases, kind, rng)
                place = by_the_product(data, bar)[0]
                if _is_settled(data, place, bar):
                    continue
                alone, chance = _chances(data, place, bar)
                needed, plain = (
                    cases_needed(data.scores[place], bar.correct or 0.0, risk=RISK, tries=tries)
                    for tries in (tries_of(alone, chance), 1.0)
                )
                if needed is None or plain is None:
                    hardly += 1
                    continue
                for count, told in ((needed, kept), (plain, without)):
                    further = drawn(means, max(1, count - cases), kind, rng).scores
                    told.append(_is_settled(replace(data, scores=np.hstack([data.scores, further])), place, bar))
                sizes.append(needed - cases)
            shares = f"{np.mean(kept):.0%} | {np.mean(without):.0%}"
            yield f"| {cases} | {kind.name} | {len(kept)} | {shares} | {np.median(sizes):,.0f} | {hardly} |"


def _chances(data: Drawn, place: int, bar: Bar) -> tuple[float, float]:
    """The probability of one rung by itself, and shared."""
    contenders = data.contenders()
    alone = {one.name: at_least(one.values, bar.correct or 0.0) or 0.0 for one in contenders}
    return alone[data.names[place]], shared(contenders, alone, bar)[data.names[place]]


def _is_settled(data: Drawn, place: int, bar: Bar) -> bool:
    alone, chance = _chances(data, place, bar)
    return bar.is_likely_missed(alone) or bar.is_cleared(chance)


def intervals(draws: int, seed: int) -> Iterator[str]:
    """Coverage of the 95 % interval."""
    yield "| truth | " + " | ".join(f"{n} cases, 0 or 1 | beta | mostly 0 or 1" for n in (10, 30, 100)) + " |"
    yield "|---|" + "---|" * 9
    for truth in (0.05, 0.2, 0.5, 0.8, 0.95, 0.98):
        told = []
        for n in (10, 30, 100):
            rng = np.random.default_rng((seed, n, int(truth * 100)))
            kinds: tuple[Callable[[], Floats], ...] = (
                lambda: (rng.random(n) < truth).astype(float),  # noqa: B023
                lambda: rng.beta(2 * truth, 2 - 2 * truth, n),  # noqa: B023
                lambda: np.where(rng.random(n) < 2 * min(truth, 1 - truth), rng.random(n), float(truth > 0.5)),  # noqa: B023
            )
            for draw in kinds:
                found = [estimate(draw()) for _ in range(draws)]
                told.append(f"{np.mean([(e.low or 0) <= truth <= (e.high or 0) for e in found]):.0%}")
        yield f"| {truth} | " + " | ".join(told) + " |"


PARTS: dict[str, Callable[[int, int], Iterator[str]]] = {
    "free": free,
    "bar": barred,
    "sweep": swept,
    "again": again,
    "limits": limits,
    "more": more,
    "intervals": intervals,
}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--draws", type=int, default=400)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    asked = options.parse_args()
    for name in asked.only:
        print(f"\n{name}, {asked.draws} draws a line\n")
        for line in PARTS[name](asked.draws, asked.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()
