"""Does a forbidden passage ever come through, or a readable one stay away? Random askers, queries and filters.

    python benchmarks/leaks.py [--searches 100000] [--seed 0]

Each index has random documents with random access lists and metadata, part of them changed and deleted again; half of the
indexes have parent passages, half search by one bit a dimension. Each search has random groups, words, condition, weight and
diversity. The readable passages are computed by the definitions (`rung.testing.leaks`); a search must find only those,
and as many of them as it was asked for. Exits with 1 if one does not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from rung.testing.leaks import AT_ONCE, leaks_and_misses


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--searches", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=0)
    said = options.parse_args()
    chance, began, done, leaks, missed = random.Random(said.seed), time.monotonic(), 0, 0, 0
    while done < said.searches:
        count = min(10 * AT_ONCE, said.searches - done)
        with tempfile.TemporaryDirectory() as folder:
            one, other = leaks_and_misses(Path(folder), chance, count)
        done, leaks, missed = done + count, leaks + one, missed + other
        print(
            f"{done:>7,} searches, {leaks} forbidden, {missed} readable missed, {time.monotonic() - began:.0f} s", flush=True
        )
    sys.exit(1 if leaks or missed else 0)


if __name__ == "__main__":
    main()
