"""Does the search find it? BM25, dense, hybrid at 0.5, hybrid at the chosen weight, and reranked, on public data.

    python benchmarks/retrieval_quality.py [SET …] [--queries 600] [--rerank NAME] [--reranked 50] [--keep FOLDER]

Sets with judged documents (`scifact cranfield cosqa dbpedia_mini squad2`): nDCG@10, recall@5, recall@20 and MRR over test
queries, scored by ir-measures, with 95 % bootstrap intervals over queries. Sets with spans (`covidqa cuad chunking_eval`):
the share of the evidence's characters among the passages that fit into 512 tokens. The weight is chosen as `rung` chooses
it (`pipeline.dense_weight`), on train or dev queries and never on those that judge: where a set has none (dbpedia_mini) each
fifth of the test queries is searched with the weight that the other four fifths choose.

The data is ../shared/data beside the checkout, which is not part of the project; what is absent is said and left out. An
index is kept in --keep (default: benchmarks/.cache/retrieval), so that only the first run embeds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rung.exporters.trec import best_of_documents
from rung.knowledge import Fusion, Knowledge, find_quote
from rung.knowledge.protocol import Lookup
from rung.knowledge.retrieval import embedded, readable
from rung.models.catalog import embedder, reranker
from rung.pipeline.dense_weight import MAX_CASES, measured
from rung.records import Case, Document, Estimate, Evidence, Passage, digest
from rung.records.gold import span_recall
from rung.records.steps import Engine, Request, Rerank, SearchResult
from rung.stats.estimates import estimate
from rung.verdict.statistics import paired

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(__file__).resolve().parent / ".cache" / "retrieval"
JUDGED = ("scifact", "cranfield", "cosqa", "dbpedia_mini", "squad2")
SPANS = ("covidqa", "cuad", "chunking_eval")
METRICS = ("nDCG@10", "R@5", "R@20", "RR")
BUDGET = 512  # tokens of passages, by the embedder's count
DEPTH = 100  # passages that are fetched
FOLDS = 5


@dataclass(frozen=True)
class Set:
    """A corpus with queries that judge and queries that may choose. `grades`: query -> document -> grade."""

    name: str
    documents: tuple[Document, ...]
    test: tuple[Case, ...]
    choose: tuple[Case, ...]
    grades: Mapping[str, Mapping[str, int]]


# --- reading the data


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """A JSONL file, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    if not path.exists() and not packed.exists():
        raise FileNotFoundError(path)
    with path.open(encoding="utf-8") if path.exists() else gzip.open(packed, "rt", encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def beir(name: str) -> Set:
    """A folder in the BEIR layout."""
    folder = DATA / "retrieval" / name
    documents = tuple(
        Document(row["_id"], row["text"] or row["title"], row.get("title", ""))
        for row in rows(folder / "corpus.jsonl")
        if row["text"].strip() or row.get("title", "").strip()
    )
    texts = {row["_id"]: row["text"] for row in rows(folder / "queries.jsonl")}
    grades: dict[str, dict[str, int]] = {}
    cases: dict[str, list[Case]] = {}
    for path in sorted((folder / "qrels").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            query, document, grade = line.split("\t")
            grades.setdefault(query, {})[document] = int(grade)
        cases[path.stem] = [
            Case(id, texts[id], gold_documents=tuple(d for d, g in of.items() if g > 0))
            for id, of in grades.items()
            if id not in {case.id for others in cases.values() for case in others}
        ]
    return Set(name, documents, tuple(cases["test"]), tuple(cases.get("train", [])), grades)


def squad2(name: str) -> Set:
    """The answerable questions; those of the dev split choose."""
    folder = DATA / "knowledge" / name
    documents = tuple(Document(row["id"], row["text"], row.get("title", "")) for row in rows(folder / "documents.jsonl"))
    read = {
        split: tuple(
            Case(row["id"], row["question"], gold_documents=tuple(row["gold_documents"]))
            for row in rows(folder / f"cases_{split}.jsonl")
            if row["answerable"]
        )
        for split in ("dev", "test")
    }
    grades = {case.id: dict.fromkeys(case.gold_documents, 1) for cases in read.values() for case in cases}
    return Set(name, documents, read["test"], read["dev"], grades)


def spans(name: str) -> Set:
    """Cases whose evidence is characters. Without a split, a fifth by digest of the id chooses; CUAD has one."""
    folder = DATA / "realdocs" / name
    documents = tuple(Document(row["id"], row["text"], row.get("title", "")) for row in rows(folder / "documents.jsonl"))
    texts = {document.id: document for document in documents}
    if name == "cuad":
        test, choose = ([_spanned(row, texts) for row in rows(folder / f"cases_{part}.jsonl")] for part in ("test", "train"))
    else:
        read = [_spanned(row, texts) for row in rows(folder / "cases.jsonl")]
        test = [case for case in read if case and int(digest("split", case.id)[:8], 16) >= 0.2 * 0x1_0000_0000]
        choose = [case for case in read if case and case not in test]
    return Set(name, documents, tuple(filter(None, test)), tuple(filter(None, choose)), {})


def _spanned(row: Mapping[str, Any], documents: Mapping[str, Document]) -> Case | None:
    """The case with its evidence as characters; None where it has none (CUAD's "No", quotes that are not there)."""
    document, meta = row["gold_documents"][0] if row["gold_documents"] else "", row["meta"]
    if document not in documents:
        return None
    text, title = documents[document].text, documents[document].title
    if "spans" in meta:
        found = [tuple(span) for span in meta["spans"]]
    elif "answer_starts" in meta:
        found = [(start, start + len(said)) for start, said in zip(meta["answer_starts"], row["answers"], strict=False)]
    else:
        found = [span for quote in meta.get("evidence", []) if (span := find_quote(text, quote))]
    evidence = tuple(Evidence(document, start, end) for start, end in found)
    question = row["question"]
    if "context_document" in meta:  # CUAD's questions do not say which contract they are about
        question = f"{question} ({title})"
    return Case(row["id"], question, evidence=evidence, gold_documents=(document,)) if evidence else None


# --- searching


def search_all(knowledge: Knowledge, cases: Sequence[Case], fusion: Fusion) -> list[tuple[Passage, ...]]:
    """The rankings of all cases, in large batches."""
    vectors = embedded([case.question for case in cases], knowledge.embedder)
    lookups = [Lookup(readable(case.question), vectors[case.question], None, DEPTH) for case in cases]
    batches = (lookups[start : start + 512] for start in range(0, len(lookups), 512))
    return [ranking for batch in batches for ranking in knowledge.snapshot().search(batch, fusion)]


def reranked(
    engine: Engine, cases: Sequence[Case], rankings: Sequence[Sequence[Passage]], count: int
) -> list[tuple[Passage, ...]]:
    """The first passages in the reranker's order, the others behind them."""
    pairs = zip(cases, rankings, strict=True)
    steps = [Rerank(case.question, tuple(ranking[:count]), count) for case, ranking in pairs]
    found: dict[int, tuple[Passage, ...]] = {}
    for done, (place, result) in enumerate(engine.run([Request(step) for step in steps]), 1):
        if not isinstance(result, SearchResult):
            raise SystemExit(f"the reranker failed: {result}")
        found[place] = (*result.passages, *rankings[place][count:])
        print(f"\r  reranked {done} of {len(steps)}", end="", file=sys.stderr)
    return [found[place] for place in range(len(steps))]


# --- scoring


def judged(which: Set, cases: Sequence[Case], rankings: Sequence[Sequence[Passage]]) -> dict[str, list[float]]:
    """Metric -> its value for every case, by ir-measures."""
    import ir_measures

    scored = [
        ir_measures.ScoredDoc(case.id, passage.document, float(-rank))
        for case, ranking in zip(cases, rankings, strict=True)
        for rank, passage in enumerate(best_of_documents(ranking, DEPTH))
    ]
    wanted = [ir_measures.Qrel(case.id, d, g) for case in cases for d, g in which.grades[case.id].items()]
    measures = [ir_measures.parse_measure(metric) for metric in METRICS]
    values = {(m.query_id, str(m.measure)): m.value for m in ir_measures.iter_calc(measures, wanted, scored)}
    return {metric: [float(values.get((case.id, metric), 0.0)) for case in cases] for metric in METRICS}


def spanned(knowledge: Knowledge, cases: Sequence[Case], rankings: Sequence[Sequence[Passage]]) -> dict[str, list[float]]:
    """Share of the evidence's characters among the first passages that fit the budget together."""
    texts = list({p.id: p for ranking in rankings for p in ranking[:20]}.values())
    tokens = dict(zip((p.id for p in texts), knowledge.tokens([p.text for p in texts]), strict=True))
    kept = [_within(ranking[:20], tokens) for ranking in rankings]
    return {f"recall@{BUDGET} tokens": [span_recall(case, some) or 0.0 for case, some in zip(cases, kept, strict=True)]}


def _within(ranking: Sequence[Passage], tokens: Mapping[str, int]) -> list[Passage]:
    kept, left = [], BUDGET
    for passage in ranking:
        left -= tokens[passage.id]
        if left < 0:
            break
        kept.append(passage)
    return kept


def of_ranks(ranks: Sequence[int]) -> dict[str, list[float]]:
    """Metric -> its value for every question, by the place of the first right passage, from 1; 0: none."""
    return {
        "recall@1": [float(rank == 1) for rank in ranks],
        "recall@5": [float(0 < rank <= 5) for rank in ranks],
        "MRR": [1 / rank if rank else 0.0 for rank in ranks],
    }


def shown(values: Sequence[float]) -> str:
    """Mean with its interval."""
    found: Estimate = estimate(values)
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def against(one: Sequence[float], other: Sequence[float]) -> str:
    """The paired difference with its interval."""
    by = paired(one, other).estimate
    return f"{by.mean:+.3f} [{by.low:+.3f}, {by.high:+.3f}]"


# --- the run


def measure(which: Set, arguments: argparse.Namespace) -> None:
    """Print one set's table."""
    folder = arguments.keep / which.name
    knowledge = Knowledge.open(folder, embedder=embedder("minilm-l6-v2"))
    began = time.perf_counter()
    report = knowledge.sync(which.documents, progress=_tell)
    seconds = time.perf_counter() - began
    cases = sorted(which.test, key=lambda case: digest("limit", case.id))[: arguments.queries]
    choosing = sorted(which.choose, key=lambda case: digest("weight", case.id))[:MAX_CASES]
    arms = {"BM25": Fusion(0.0), "dense": Fusion(1.0), "hybrid .5": Fusion(), "RRF .5": Fusion(by="ranks")}
    rankings = {name: search_all(knowledge, cases, fusion) for name, fusion in arms.items()}
    for by in ("ranks", "scores"):
        told, found = chosen(knowledge, cases, choosing, Fusion(by=by))
        auto = f"{'hybrid' if by == 'scores' else 'RRF'} auto ({told})"
        rankings[auto] = found
    if arguments.rerank:
        rankings[f"+ {arguments.rerank}"] = reranked(_reranker(arguments.rerank), cases, rankings[auto], arguments.reranked)
    score: Callable[[Sequence[Sequence[Passage]]], dict[str, list[float]]] = (
        (lambda r: judged(which, cases, r)) if which.grades else (lambda r: spanned(knowledge, cases, r))
    )
    scores = {name: score(ranking) for name, ranking in rankings.items()}
    metrics = list(next(iter(scores.values())))
    print(
        f"\n### {which.name}: {len(which.documents):,} documents, {report.passages:,} passages, {len(cases)} test queries, "
        f"weight from {len(choosing)} others (index: {seconds:.0f} s)\n"
    )
    print("| | " + " | ".join(metrics) + " |\n" + "|---" * (len(metrics) + 1) + "|")
    for name, of in scores.items():
        print(f"| {name} | " + " | ".join(shown(of[metric]) for metric in metrics) + " |")
    main = metrics[0]
    better = max(("BM25", "dense"), key=lambda name: float(np.mean(scores[name][main])))
    gain = against(scores[auto][main], scores[better][main])
    print(f"\nhybrid auto against {better}, the better of its parts, {main}: {gain}")


def chosen(
    knowledge: Knowledge, cases: Sequence[Case], choosing: Sequence[Case], fusion: Fusion
) -> tuple[str, list[tuple[Passage, ...]]]:
    """The chosen weights, and the rankings of all cases with them."""
    if choosing:
        weights = [_weight(knowledge, choosing, fusion)] * len(cases)
    else:
        fold = [int(digest("fold", case.id)[:8], 16) % FOLDS for case in cases]
        others = [[case for case, of in zip(cases, fold, strict=True) if of != n] for n in range(FOLDS)]
        found = [_weight(knowledge, some, fusion) for some in others]
        weights = [found[of] for of in fold]
    known = {w: search_all(knowledge, cases, replace(fusion, dense_weight=w)) for w in sorted(set(weights))}
    return " ".join(f"{w:g}" for w in known), [known[w][place] for place, w in enumerate(weights)]


def _weight(knowledge: Knowledge, choosing: Sequence[Case], fusion: Fusion) -> float:
    before, knowledge.fusion = knowledge.fusion, fusion
    try:
        return measured(knowledge, choosing).dense_weight
    finally:
        knowledge.fusion = before


def _tell(done: int, total: int) -> None:
    print(f"\r  {done:,} of {total:,} passages", end="", file=sys.stderr)


def _reranker(name: str) -> Engine:
    if name != "generator":
        return reranker(name)
    from rung.models.catalog import generator
    from rung.models.reranking import GeneratorReranker

    return GeneratorReranker(generator("smollm2-135m-instruct"))


def set_of(name: str) -> Set:
    """The set of this name.

    Raises:
        FileNotFoundError: it is not there.
    """
    return squad2(name) if name == "squad2" else beir(name) if name in JUDGED else spans(name)


def sets(names: Sequence[str]) -> Iterator[Set]:
    """The sets of these names; one that is not there is said, and left out."""
    for name in names:
        try:
            yield set_of(name)
        except FileNotFoundError as error:
            print(f"\n### {name}: left out, there is no {error}")


def main() -> None:
    """Measure the sets that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*JUDGED, *SPANS])
    parser.add_argument("--queries", type=int, default=600, help="test queries of a set at most, always the same ones")
    parser.add_argument("--rerank", default="", help="a reranker's name, as under 'reranker:' in rung.yaml")
    parser.add_argument("--reranked", type=int, default=50, help="passages that are reranked")
    parser.add_argument("--keep", type=Path, default=CACHE)
    arguments = parser.parse_args()
    for which in sets(arguments.sets):
        measure(which, arguments)


if __name__ == "__main__":
    main()
