"""The sequential test of a canary (`rung.stats.sequential`) on simulated deployments, looked at after every answer.

    python -m benchmarks.canary                  # all parts; some hours on one core
    python -m benchmarks.canary --streams 400    # quicker, and less sure
    python -m benchmarks.canary errors | power | askers

`errors`: how often it says what is not so, at the edge of each claim, where that is likeliest: "worse" of one that is as
good, "not worse" of one that is worse by just the margin. `power`: answers, of both together, until a drop is found, or one
that is as good is shown to be. `askers`: the same errors where answers of one asker go together, which the proof does not
cover.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.stats.sequential import log_evidence

Drawn = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]  # is it the new one's, is it good, does it count
Draw = Callable[[np.random.Generator, NDArray[np.int64]], Drawn]  # one answer for each stream that is live


@dataclass(frozen=True)
class Ended:
    """How streams ended: 0 undecided, 1 "worse", 2 "not worse"; and after how many answers, [streams]."""

    said: NDArray[np.int64]
    answers: NDArray[np.int64]

    def share(self, said: int) -> float:
        """Of the streams that ended so."""
        return float((self.said == said).mean())

    def quantile(self, said: int, share: float) -> float:
        """Answers after which so large a share of all streams had ended so; infinite where fewer did."""
        needed = np.sort(np.where(self.said == said, self.answers.astype(float), np.inf))
        return float(needed[math.ceil(share * len(needed)) - 1])


def independent(old: float, new: float, share: float) -> Draw:
    """Answers of as many people, who rate one each."""

    def draw(rng: np.random.Generator, live: NDArray[np.int64]) -> Drawn:
        is_new = rng.random(len(live)) < share
        return is_new, rng.random(len(live)) < np.where(is_new, new, old), np.ones(len(live), dtype=bool)

    return draw


def askers(
    old: float, new: float, share: float, *, count: int, spread: float, rng: np.random.Generator, streams: int, once: bool
) -> Draw:
    """The same by `count` askers in each stream, who stay with one and rate again and again, a third of them nine tenths of
    the ratings. `spread`: standard deviation of their own rates; `once`: each counts once, by their first rating."""
    side = rng.random((streams, count)) < share
    mean = np.where(side, new, old)
    size = mean * (1 - mean) / spread**2 - 1
    rates = rng.beta(mean * size, (1 - mean) * size)
    busy = np.where(np.arange(count) < count / 3, 0.9 / math.ceil(count / 3), 0.1 / (count - math.ceil(count / 3)))
    counted = np.zeros((streams, count), dtype=bool)

    def draw(rng: np.random.Generator, live: NDArray[np.int64]) -> Drawn:
        who = rng.choice(count, size=len(live), p=busy)
        is_new, good = side[live, who], rng.random(len(live)) < rates[live, who]
        counts = ~counted[live, who] | (not once)
        counted[live, who] = True
        return is_new, good, counts

    return draw


def simulate(draw: Draw, *, streams: int, most: int, margin: float, tolerance: float, risk: float, seed: int) -> Ended:
    """Streams that end with the first claim that is shown, or after `most` answers. Every answer is looked at."""
    rng, needed = np.random.default_rng(seed), math.log(1 / risk)
    counts = np.zeros((streams, 4))
    said, answers, live = np.zeros(streams, dtype=np.int64), np.full(streams, most), np.arange(streams)
    for answer in range(1, most + 1):
        is_new, good, is_counted = draw(rng, live)
        counts[live, np.where(is_new, 2, 0) + ~good] += is_counted
        if not is_counted.any():
            continue
        now = counts[live]
        worse = log_evidence(now, margin=tolerance, claim="worse") >= needed
        enough = (log_evidence(now, margin=margin, claim="not worse") >= needed) & ~worse
        said[live[worse]], said[live[enough]] = 1, 2
        answers[live[worse | enough]] = answer
        live = live[~(worse | enough)]
        if not len(live):
            break
    return Ended(said, answers)


def errors(streams: int, most: int) -> None:
    """Stated and simulated error, with two standard errors of the simulation."""
    print(f"\nWrong decisions in {streams:,} streams of at most {most:,} answers, risk 0.05\n")
    print("| old | new | share of the new | margin | tolerance | wrong claim | said wrongly | 2 s.e. | other claim | open |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for base in (0.5, 0.8, 0.95):
        for share in (0.5, 0.1):
            row(base, base, share, 0.05, 0.0, wrong=1, streams=streams, most=most)
            row(base, base - 0.05, share, 0.05, 0.05, wrong=0, streams=streams, most=most)
            row(base, base - 0.05, share, 0.05, 0.0, wrong=2, streams=streams, most=most)


def row(
    old: float, new: float, share: float, margin: float, tolerance: float, *, wrong: int, streams: int, most: int
) -> None:
    """A line of `errors`. `wrong` 0: either claim is."""
    draw = independent(old, new, share)
    ended = simulate(draw, streams=streams, most=most, margin=margin, tolerance=tolerance, risk=0.05, seed=1)
    rate = ended.share(wrong) if wrong else ended.share(1) + ended.share(2)
    other = ended.share(3 - wrong) if wrong else 0.0
    error = 2 * math.sqrt(max(rate, 1 / streams) * (1 - rate) / streams)
    what = ("either", "worse", "not worse")[wrong]
    print(
        f"| {old:.2f} | {new:.2f} | {share} | {margin} | {tolerance} | {what} | {rate:.4f} | {error:.4f} | {other:.3f} "
        f"| {ended.share(0):.3f} |",
        flush=True,
    )


def power(streams: int, most: int) -> None:
    """Answers until a decision."""
    print(f"\nAnswers, of both together, until it is decided; {streams:,} streams, risk 0.05, margin 0.05, tolerance 0\n")
    print("| old | drop | share of the new | said | half of the streams | 90 % | decided within", f"{most:,} |")
    print("|---|---|---|---|---|---|---|")
    for old in (0.8, 0.95):
        for share in (0.5, 0.1):
            for drop in (0.0, 0.05, 0.1, 0.2):
                draw, said = independent(old, old - drop, share), 1 if drop else 2
                ended = simulate(draw, streams=streams, most=most, margin=0.05, tolerance=0.0, risk=0.05, seed=2)
                half, most_of = (_shown(ended.quantile(said, q)) for q in (0.5, 0.9))
                what = "worse" if drop else "not worse"
                print(
                    f"| {old} | {drop:.2f} | {share} | {what} | {half} | {most_of} | {ended.share(said):.1%} |", flush=True
                )


def clustered(streams: int, most: int) -> None:
    """Errors where people rate often, and differ: as they are counted, and as they would be by each rating."""
    print(f"\nPeople who rate often: {streams:,} streams of at most {most:,} ratings, risk 0.05, margin 0.05, tolerance 0\n")
    print("| askers | s.d. of their own rates | as good, said to be worse | worse by the margin, said not to be |", end="")
    print(" the same two, were each rating counted |")
    print("|---|---|---|---|---|")
    for count, spread in ((1000, 0.1), (200, 0.1), (50, 0.1), (50, 0.2), (20, 0.2), (20, 0.35)):
        rates = list[float]()
        for once in (True, False):
            for drop, wrong in ((0.0, 1), (0.05, 2)):
                rng = np.random.default_rng(3)
                draw = askers(0.8, 0.8 - drop, 0.5, count=count, spread=spread, rng=rng, streams=streams, once=once)
                ended = simulate(draw, streams=streams, most=most, margin=0.05, tolerance=0.0, risk=0.05, seed=4)
                rates.append(ended.share(wrong))
        shown = [f"{rate:.1%}" for rate in rates]
        print(f"| {count} | {spread} | {shown[0]} | {shown[1]} | {shown[2]}, {shown[3]} |", flush=True)


def _shown(answers: float) -> str:
    return "not reached" if math.isinf(answers) else f"{answers:,.0f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=("errors", "power", "askers"))
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--most", type=int, default=10_000)
    given = parser.parse_args()
    began = time.monotonic()
    for name, part in (("errors", errors), ("power", power), ("askers", clustered)):
        if given.part in (None, name):
            part(given.streams, given.most)
    sys.stdout.write(f"\n{time.monotonic() - began:.0f} s\n")
