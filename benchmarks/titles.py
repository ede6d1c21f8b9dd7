"""Are titles and headings before passages worth it? The same documents with and without, on the eight retrieval sets.

    python benchmarks/titles.py [SET …] [--queries 600] [--dense] [--keep FOLDER]

Rung puts the document's title and the headings above a passage before it, where it is searched, embedded and shown. Here
every set is indexed twice, as it is and with empty titles; headings within a document stay out of both (`chunk`s of plain
text have none). By default the word search alone is compared, which needs no embedding (vectors are of hashed words, and
not used); with --dense the embedder of `minilm-l6-v2` is, and the fusion at 0.5. nDCG@10 and recall@5 where documents are
judged; where spans are, the share of the evidence's characters among the passages that fit 512 tokens. Differences are
paired, with 95 % bootstrap intervals over queries. Sets whose documents have no title are said to have none. Questions of
CUAD name their contract by its title (see `retrieval_quality`), and titles that repeat the beginning of the text, as
covidqa's do, can add little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from retrieval_quality import CACHE, JUDGED, SPANS, Set, against, judged, search_all, sets, spanned

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.protocol import Embedder
from rung.models.catalog import embedder
from rung.records import Case, digest
from rung.testing.knowledge import HashedWords


class Counting:
    """An embedder that counts as another does, and whose vectors say nothing: for a search by words alone."""

    def __init__(self, of: Embedder) -> None:
        self.identity, self.dimensions, self.max_tokens = f"words-only/{of.identity}", 8, of.max_tokens
        self._of, self._hashed = of, HashedWords(8)

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Hashed words, cheap and not used."""
        self._hashed.embedded.clear()
        return self._hashed.embed([text[:20] for text in texts], kind=kind)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the other."""
        return self._of.count_tokens(texts)


def measure(which: Set, given: argparse.Namespace) -> None:
    """Print one set's rows."""
    titled = sum(bool(document.title) for document in which.documents)
    print(f"\n### {which.name}: {len(which.documents):,} documents, {titled:,} with a title\n", flush=True)
    if not titled:
        return
    cases = sorted(which.test, key=lambda case: digest("limit", case.id))[: given.queries]
    arms = {"words": Fusion(0.0), **({"dense": Fusion(1.0), "hybrid .5": Fusion()} if given.dense else {})}
    values = {with_titles: _scores(which, cases, arms, given, titles=with_titles) for with_titles in (True, False)}
    print(f"{len(cases)} queries\n\n| | metric | with titles | without | difference |\n|---|---|---|---|---|")
    for arm in arms:
        for metric, with_them in values[True][arm].items():
            without = values[False][arm][metric]
            if metric in ("R@20", "RR"):
                continue
            cells = f"{np.mean(with_them):.3f} | {np.mean(without):.3f} | {against(with_them, without)}"
            print(f"| {arm} | {metric} | {cells} |", flush=True)


def _scores(
    which: Set, cases: Sequence[Case], arms: dict[str, Fusion], given: argparse.Namespace, *, titles: bool
) -> dict[str, dict[str, list[float]]]:
    own = embedder("minilm-l6-v2")
    name = f"{which.name}-{'titled' if titles else 'untitled'}{'' if given.dense else '-words'}"
    knowledge = Knowledge.open(given.keep / name, embedder=own if given.dense else Counting(own))
    # An empty text has only its title to be found by, and would be left out without it.
    documents = [d if titles else replace(d, title="") for d in which.documents if d.text.strip() and d.text != d.title]
    knowledge.sync(documents, progress=lambda done, total: print(f"\r  {done} of {total}", end="", file=sys.stderr))
    scored: dict[str, dict[str, list[float]]] = {}
    for arm, fusion in arms.items():
        rankings = search_all(knowledge, cases, fusion)
        scored[arm] = judged(which, cases, rankings) if which.grades else spanned(knowledge, cases, rankings)
    return scored


def main() -> None:
    """Measure the sets that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*JUDGED, *SPANS])
    parser.add_argument("--queries", type=int, default=600, help="test queries of a set at most, always the same ones")
    parser.add_argument("--dense", action="store_true", help="embed too, and compare the dense and the fused ranking")
    parser.add_argument("--keep", type=Path, default=CACHE)
    given = parser.parse_args()
    for which in sets(given.sets):
        measure(which, given)


if __name__ == "__main__":
    main()
