"""Does a tuned retriever find more, on its own domain and on others? nDCG@10 before and after, with paired intervals.

    python benchmarks/tuned_retriever.py cosqa --tests cosqa squad2 cranfield
    python benchmarks/tuned_retriever.py scifact --forms map encoder reranker --matryoshka --epochs 3

Trains on a set's train queries (scifact, cosqa: qrels/train; squad2: cases_train; cranfield: ours) as `rung train retriever`
does: pairs with mined hard negatives, a fifth of the queries held out to choose the weight of the dense ranking, before
and after alike. Then measures the test queries of each of --tests: dense alone, and the hybrid at the chosen weight. The
intervals are 95 % paired bootstrap over queries. --documents keeps a corpus to that many documents, gold ones first (always
the same): scores are then higher than on the whole corpus. Reads ../shared/data beside the checkout.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import retrieval_quality as quality

from rung.builders.retrieval_quality import WEIGHTS, choose, tried
from rung.builders.retriever import query_pairs
from rung.builders.training_pairs import pairs_of, rows_of
from rung.knowledge import Fusion, Knowledge
from rung.models.catalog import embedder
from rung.models.embedding import encoder
from rung.models.mapped import Mapped
from rung.records import Case, Pair, Passage, digest
from rung.records.steps import Request, Rerank, SearchResult
from rung.training.encoder import Encoder
from rung.training.query_map import fit
from rung.training.reranker import RerankerRecipe, train_reranker
from rung.training.retriever import RetrieverRecipe, train_encoder
from rung.verdict.statistics import paired

if TYPE_CHECKING:
    from rung.models.protocol import Embedder

CACHE = Path(__file__).resolve().parent / ".cache" / "tuned_retriever"


@dataclass(frozen=True)
class Trained:
    """An embedder, what it was trained as, and the minutes that this took."""

    name: str
    embedder: Embedder
    minutes: float = 0.0


def read(name: str, *, documents: int) -> quality.Set:
    """A set with its train queries as `choose`, its corpus cut to so many documents, gold ones first."""
    which = quality.squad2(name) if name == "squad2" else quality.beir(name)
    if name == "squad2":
        rows = quality.rows(quality.DATA / "knowledge" / name / "cases_train.jsonl")
        train = (Case(r["id"], r["question"], gold_documents=tuple(r["gold_documents"])) for r in rows if r["answerable"])
        which = replace(which, choose=tuple(train))
    gold = {d for case in (*which.test, *which.choose) for d in case.gold_documents}
    order = sorted(which.documents, key=lambda d: (d.id not in gold, digest("kept", d.id)))
    return replace(which, documents=tuple(order[: max(documents, len(gold))]))


def some(cases: Sequence[Case], most: int, what: str) -> list[Case]:
    """At most so many, always the same ones."""
    return sorted(cases, key=lambda case: digest(what, case.id))[:most]


def indexed(which: quality.Set, by: Embedder, keep: Path) -> Knowledge:
    """The set's index by this embedder; a map searches its base's."""
    base = by.base if isinstance(by, Mapped) else by
    folder = keep / f"{which.name}-{len(which.documents)}-{digest(base.identity)[:12]}"
    knowledge = Knowledge.open(folder, embedder=base)
    knowledge.sync(which.documents)
    return Knowledge(folder, by, knowledge.chunking, knowledge.fusion, knowledge.index) if base is not by else knowledge


def opened(which: quality.Set, by: Embedder, keep: Path) -> Knowledge:
    """`indexed`, looking at the newest version."""
    knowledge = indexed(which, by, keep)
    knowledge.refresh()
    return knowledge


def trained(
    own: Knowledge, pairs: Sequence[Pair], forms: Sequence[str], recipe: RetrieverRecipe, keep: Path
) -> list[Trained]:
    """What each form comes to."""
    base, found = own.embedder, []
    if "map" in forms:
        began = time.monotonic()
        fitted = fit(query_pairs(pairs, base, own), seed=recipe.seed)
        minutes = (time.monotonic() - began) / 60
        found.append(Trained(f"map (strength {fitted.strength})", Mapped(base, fitted.matrix), minutes))
    if "encoder" in forms:
        folder = keep / f"encoder-{digest(pairs, recipe)[:12]}"
        began = time.monotonic()
        if not (folder / "model.safetensors").exists():
            train_encoder(pairs, Encoder.of(base), recipe=recipe, folder=folder)
        name = "encoder" if not recipe.dims else "encoder, Matryoshka"
        found.append(Trained(name, encoder(folder), (time.monotonic() - began) / 60))
    return found


def weighed(knowledge: Knowledge, held: Sequence[Case]) -> float:
    """The weight of the dense ranking that the held-out queries choose."""
    return WEIGHTS[choose(tried(knowledge, held))] if held else 0.5


def ndcg_of(which: quality.Set, knowledge: Knowledge, cases: Sequence[Case], weight: float) -> list[float]:
    """nDCG@10 of every case."""
    return quality.judged(which, cases, quality.search_all(knowledge, cases, Fusion(weight)))["nDCG@10"]


def line(name: str, test: str, arm: str, new: Sequence[float], old: Sequence[float] | None) -> str:
    """A row of the table."""
    found = None if old is None else paired(new, old).estimate
    gain = "" if found is None else f"{found.mean or 0:+.3f} [{found.low or 0:+.3f}, {found.high or 0:+.3f}]"
    return f"| {test} | {arm} | {name} | {quality.shown(new)} | {gain} |"


def reranked(which: quality.Set, own: Knowledge, cases: Sequence[Case], folder: Path, weight: float) -> list[float]:
    """nDCG@10 with the first 20 passages in the cross-encoder's order."""
    from rung.models.cross_encoder import CrossEncoder

    rankings = quality.search_all(own, cases, Fusion(weight))
    steps = [Request(Rerank(case.question, ranking[:20], 20)) for case, ranking in zip(cases, rankings, strict=True)]
    found: dict[int, tuple[Passage, ...]] = {}
    for place, result in CrossEncoder(folder).run(steps):
        assert isinstance(result, SearchResult)
        found[place] = (*result.passages, *rankings[place][20:])
    return quality.judged(which, cases, [found[place] for place in range(len(cases))])["nDCG@10"]


def dims(which: quality.Set, knowledge: Knowledge, by: Trained, cases: Sequence[Case], sizes: Sequence[int]) -> list[str]:
    """Rows of nDCG@10 by the leading dimensions alone, dense, documents by their best passage, by exact search."""
    import numpy as np

    passages = [p for d in which.documents for p in knowledge.passages_of(d.id)]
    texts = rows_of(knowledge, passages)
    held = by.embedder.embed(texts, kind="passage")
    asked = by.embedder.embed([case.question for case in cases], kind="query")
    rows = []
    for size in sizes:
        left = held[:, :size] / np.linalg.norm(held[:, :size], axis=1, keepdims=True)
        scores = asked[:, :size] @ left.T
        order = np.argsort(-scores, axis=1)[:, : quality.DEPTH]
        rankings = [tuple(passages[column] for column in row) for row in order]
        rows.append(line(by.name, which.name, f"first {size}", quality.judged(which, cases, rankings)["nDCG@10"], None))
    return rows


def measure(arguments: argparse.Namespace) -> None:
    """Train on one set, test on each of the others."""
    base, keep = embedder("minilm-l6-v2"), arguments.keep
    which = read(arguments.train, documents=arguments.documents)
    own = opened(which, base, keep)
    queries = some(which.choose, arguments.train_queries, "teach")
    held, taught = queries[: len(queries) // 5], queries[len(queries) // 5 :]
    began = time.monotonic()
    pairs = pairs_of(own, taught, ())
    print(f"{len(taught)} train queries of {which.name}, {len(pairs)} pairs, {len(held)} queries held out; "
          f"pairs in {(time.monotonic() - began) / 60:.1f} min", flush=True)  # fmt: skip
    sizes = (384, 192, 96) if arguments.matryoshka else ()
    recipe = RetrieverRecipe(epochs=arguments.epochs, learning_rate=arguments.learning_rate, dims=sizes)
    print("\n| test set | search | retriever | nDCG@10 | against before |\n|---|---|---|---|---|")
    arms = [Trained("before", base), *trained(own, pairs, arguments.forms, recipe, keep)]
    weights = [weighed(opened(which, arm.embedder, keep), held) for arm in arms]
    for name in arguments.tests or [arguments.train]:
        other = which if name == which.name else read(name, documents=arguments.documents)
        cases = some(other.test, arguments.queries, "limit")
        first: dict[str, list[float]] = {}
        for arm, weight in zip(arms, weights, strict=True):
            knowledge = opened(other, arm.embedder, keep)
            for search, by in (("dense", 1.0), (f"hybrid {weights[0]:g} → {weights[-1]:g}", weight)):
                values = ndcg_of(other, knowledge, cases, by)
                print(line(arm.name, name, search, values, first.get(search)), flush=True)
                first.setdefault(search, values)
        if arguments.matryoshka and name == which.name:
            for arm in (arms[0], arms[-1]):
                print("\n".join(dims(other, own, arm, cases, sizes)), flush=True)
        if "reranker" in arguments.forms and name == which.name:
            folder, began = keep / f"reranker-{digest(pairs)[:12]}", time.monotonic()
            if not (folder / "model.safetensors").exists():
                train_reranker(pairs, Encoder.of(base), recipe=RerankerRecipe(epochs=arguments.epochs), folder=folder)
            arms.append(Trained("reranker", base, (time.monotonic() - began) / 60))
            old = ndcg_of(other, own, cases, weights[0])
            print(line("+ reranker", name, "hybrid", reranked(other, own, cases, folder, weights[0]), old), flush=True)
    print("\nminutes: " + ", ".join(f"{arm.name} {arm.minutes:.1f}" for arm in arms[1:]))


def main() -> None:
    """Read what is wanted, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", choices=["scifact", "cosqa", "squad2", "cranfield"])
    parser.add_argument("--tests", nargs="*", default=[])
    parser.add_argument("--forms", nargs="*", default=["map", "encoder"], choices=["map", "encoder", "reranker"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=3e-5)
    parser.add_argument("--matryoshka", action="store_true")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--train-queries", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--data", type=Path, default=quality.DATA)
    parser.add_argument("--keep", type=Path, default=CACHE)
    arguments = parser.parse_args()
    quality.DATA = arguments.data
    measure(arguments)


if __name__ == "__main__":
    main()
