"""From how many cases on may they choose `knowledge.dense_weight`? Draws of few queries that choose, judged by the others.

    python benchmarks/dense_weight.py [SET …] [--draws 400] [--keep FOLDER]

For every set of `retrieval_quality` with judged documents or spans and at least 120 queries: nDCG@10 of each query at each
weight, once. Then n queries are drawn, choose as `rung` chooses (`retrieval_quality.choose`, without its least number), and
all other queries say what that weight gains over one half. Shown are the means of each set's draws, how often more than .005
is lost, and what the twentieth that loses most loses. The data is ../shared/data beside the checkout; what is absent is said
and left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from retrieval_quality import CACHE, JUDGED, set_of

from rung.builders.retrieval_quality import WEIGHTS, chosen_among, tried
from rung.knowledge import Knowledge
from rung.models.catalog import embedder
from rung.records import digest
from rung.runtime.engines import DEFAULT_DENSE_WEIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETS = (*(name for name in JUDGED if name != "dbpedia_mini"), "covidqa", "chunking_eval")  # dbpedia_mini has 40 queries
SIZES = (2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60)
QUERIES = 400  # of a set, always the same ones
LOST = 0.005


def table(name: str, keep: Path) -> NDArray[np.float64]:
    """nDCG@10 of every query (rows) at every weight (columns); kept in a file, since the search takes minutes."""
    path = keep / f"{name}.weights.npy"
    if path.exists():
        found: NDArray[np.float64] = np.load(path)
        return found
    which = set_of(name)
    knowledge = Knowledge.open(keep / name, embedder=embedder("minilm-l6-v2"))
    knowledge.sync(which.documents, progress=_tell)
    cases = sorted((*which.choose, *which.test), key=lambda case: digest("weight", case.id))[:QUERIES]
    made = np.array(tried(knowledge, cases), dtype=np.float64)
    np.save(path, made)
    return made


def gains(values: NDArray[np.float64], n: int, draws: int) -> NDArray[np.float64]:
    """What the weight that n queries choose gains over one half on all the others, for each draw."""
    drawn, even = np.random.default_rng((n, len(values))), WEIGHTS.index(DEFAULT_DENSE_WEIGHT)
    found = []
    for _ in range(draws):
        order = drawn.permutation(len(values))
        best = chosen_among(values[order[:n]].tolist())
        rest = values[order[n:]].mean(axis=0)
        found.append(float(rest[best] - rest[even]))
    return np.array(found)


def _tell(done: int, total: int) -> None:
    print(f"\r  {done:,} of {total:,} passages", end="", file=sys.stderr)


def main() -> None:
    """Print a table for the sets that were named, or for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*SETS])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--keep", type=Path, default=CACHE)
    arguments = parser.parse_args()
    tables = {}
    for name in arguments.sets:
        try:
            tables[name] = table(name, arguments.keep)
        except FileNotFoundError as error:
            print(f"{name}: left out, there is no {error}")
    for name, values in tables.items():
        best = int(values.mean(axis=0).argmax())
        told = f"{len(values)} queries; best {WEIGHTS[best]:g}: {values.mean(axis=0)[best]:.3f}"
        print(f"{name}: {told}, at one half {values.mean(axis=0)[WEIGHTS.index(DEFAULT_DENSE_WEIGHT)]:.3f}")
    print(f"\n| n | {' | '.join(tables)} | loses over {LOST:g} | lowest twentieth |\n|{'---|' * (len(tables) + 3)}")
    for n in SIZES:
        each = [gains(values, n, arguments.draws) for values in tables.values()]
        every = np.concatenate(each)
        means = " | ".join(f"{one.mean():+.3f}" for one in each)
        print(f"| {n} | {means} | {(every < -LOST).mean():.0%} | {np.quantile(every, 0.05):+.3f} |")


if __name__ == "__main__":
    main()
