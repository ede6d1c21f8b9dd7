"""What does a search lose whose passages are embedded by the table, and what while the encoder is half way through?

    python benchmarks/table_quality.py [SET …] [--whole] [--half] [--keep FOLDER]

The sets, cases, metrics and weights of `retrieval_quality.py`; of each corpus a sample unless --whole (all gold documents of
the queries, and others up to the number in `SAMPLE`; of long documents so many, and the questions about them). Questions are
embedded by the encoder everywhere. --half adds an index of which a fixed half of the passages is the encoder's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from retrieval_quality import (
    CACHE,
    JUDGED,
    MAX_CASES,
    SPANS,
    Set,
    against,
    chosen,
    judged,
    search_all,
    set_of,
    spanned,
)

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.chunking.passages import key_of
from rung.models.catalog import embedder
from rung.models.protocol import Embedder
from rung.records import digest

SAMPLE = {  # documents of each corpus
    "scifact": 450,
    "cranfield": 600,
    "cosqa": 800,
    "dbpedia_mini": 900,
    "squad2": 400,
    "covidqa": 14,
    "cuad": 22,
    "chunking_eval": 2,
}
QUERIES = {"scifact": 200, "squad2": 200}
CHOOSING = {"scifact": 100, "cosqa": 100, "squad2": 80}


class Half:
    """Passages by either of two, as their text's digest says."""

    def __init__(self, table: Embedder, encoder: Embedder) -> None:
        self.table, self.encoder, self.identity = table, encoder, f"half:{table.identity}"
        self.dimensions, self.max_tokens, self.count_tokens = encoder.dimensions, encoder.max_tokens, encoder.count_tokens

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Rows of unit length."""
        if kind == "query":
            return self.encoder.embed(texts, kind=kind)
        vectors = self.table.embed(texts, kind=kind)
        places = [at for at, text in enumerate(texts) if int(key_of(text)[:8], 16) & 1]
        vectors[places] = self.encoder.embed([texts[at] for at in places], kind=kind)
        return vectors


def sample(which: Set) -> Set:
    """Some of its documents, always the same ones."""
    test = sorted(which.test, key=lambda case: digest("limit", case.id))[: QUERIES.get(which.name, 600)]
    choose = sorted(which.choose, key=lambda case: digest("weight", case.id))[: CHOOSING.get(which.name, MAX_CASES)]
    order = sorted(which.documents, key=lambda document: digest("sub", document.id))
    if which.name in SPANS:
        held = {document.id for document in order[: SAMPLE[which.name]]}
        test, choose = ([case for case in of if set(case.gold_documents) <= held] for of in (test, choose))
    else:
        held = {gold for case in (*test, *choose) for gold in case.gold_documents}
        others = [document.id for document in order if document.id not in held]
        held |= set(others[: max(0, SAMPLE[which.name] - len(held))])
    documents = tuple(document for document in which.documents if document.id in held)
    return replace(which, documents=documents, test=tuple(test), choose=tuple(choose))


def measure(which: Set, who: Embedder, folder: Path) -> dict[str, np.ndarray]:
    """The scores of all test cases, by arm."""
    knowledge = Knowledge.open(folder, embedder=who)
    knowledge.sync(which.documents)
    cases, choosing = list(which.test), list(which.choose)
    arms = {"BM25": Fusion(0.0), "dense": Fusion(1.0), "hybrid .5": Fusion()}
    rankings = {name: search_all(knowledge, cases, fusion) for name, fusion in arms.items()}
    _, rankings["hybrid, chosen"] = chosen(knowledge, cases, choosing, Fusion())
    scores = {
        name: judged(which, cases, found) if which.grades else spanned(knowledge, cases, found)
        for name, found in rankings.items()
    }
    return {name: np.asarray(next(iter(of.values()))) for name, of in scores.items()}


def main() -> None:
    """Measure the sets that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*JUDGED, *SPANS])
    parser.add_argument("--whole", action="store_true", help="whole corpora: hours for the encoder on two cores")
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--keep", type=Path, default=CACHE.with_name("table_quality"))
    options = parser.parse_args()
    encoder, table = embedder("minilm-l6-v2"), embedder("table")
    others = {"table": table} | ({"half": Half(table, encoder)} if options.half else {})
    print("set; documents, test queries; by what | BM25 | dense | hybrid .5 | hybrid, chosen")
    for name in options.sets:
        which = set_of(name) if options.whole else sample(set_of(name))
        folder = options.keep / ("whole" if options.whole else "sample") / name
        base = measure(which, encoder, folder / "encoder")
        size = f"{name}; {len(which.documents):,}, {len(which.test):,}"
        print(f"{size}; encoder | " + " | ".join(f"{of.mean():.3f}" for of in base.values()), flush=True)
        for other, who in others.items():
            scores = measure(which, who, folder / other)
            differences = (against(scores[arm].tolist(), base[arm].tolist()) for arm in base if arm != "BM25")
            print(f"{size}; {other} | {scores['BM25'].mean():.3f} | " + " | ".join(differences), flush=True)


if __name__ == "__main__":
    main()
