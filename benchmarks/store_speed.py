"""How long does a whole query take (embed, dense, BM25, access, fuse), and what does the quick way miss?

    python benchmarks/store_speed.py [--passages 10000 100000 1000000] [--clients 1 8] [--queries 300] [--keep FOLDER]

Passages: real ones of ../shared/data (not part of the project; said when absent), embedded once and kept; beyond their
number each is a mixture of two real ones, half of the words of each and the sum of their vectors with noise. Every document
has ten passages and one of 100 groups: an asker of one group reads 1 %. Recall is counted against an exact search over all
vectors in double precision. `--keep` holds the indexes, about 1.9 GB for a million passages.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from rung.knowledge.protocol import Change, Fusion, Lookup, Row
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.snapshot import LanceSnapshot
from rung.models.catalog import embedder
from rung.records import Document, Passage

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(__file__).resolve().parent / ".cache" / "store"
SETS = ("retrieval/*/corpus.jsonl*", "knowledge/*/documents.jsonl*", "multidoc/*/documents.jsonl*")
ASKED = ("retrieval/*/queries.jsonl*",)
PART, EACH, GROUPS, WORDS = 4096, 10, 100, 90
TOP, DEPTH = 10, 100
Scenario = tuple[str, "frozenset[str] | None", str]
SCENARIOS: tuple[Scenario, ...] = (
    ("all", None, ""),
    ("1 % readable", frozenset({"g7"}), ""),
    ("10 % by a filter", None, '{"year":{"gte":2029}}'),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    options.add_argument("--queries", type=int, default=300)
    options.add_argument("--real", type=int, default=10_000, help="real passages to embed")
    options.add_argument("--keep", type=Path, default=CACHE)
    said = options.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"the data is not here: {DATA}")
    said.keep.mkdir(parents=True, exist_ok=True)
    model = embedder("minilm-l6-v2")
    texts, vectors = _real(said.keep, said.real, model)
    queries = list(_texts(ASKED, "text"))
    random.Random(0).shuffle(queries)
    queries = queries[: said.queries]
    print("passages  clients  asker               p50 ms  p95 ms   per s  dense@10 dense@100  hybrid@10")
    for count in said.passages:
        _measure(said.keep / f"{count}", count, real=(texts, vectors), queries=queries, clients=said.clients, model=model)


def _measure(
    folder: Path, count: int, *, real: tuple[list[str], Any], queries: list[str], clients: Sequence[int], model: Any
) -> None:
    index = LanceIndex(folder)
    if index.snapshot() is None:
        began = time.monotonic()
        with index.writing():
            index.commit(_changes(count, *real))
        print(f"# {count:,} passages written and indexed in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    snapshot = LanceIndex(folder).snapshot()
    if snapshot is None:
        raise SystemExit("the index is empty after a commit")

    def ask(query: str, scenario: Scenario) -> None:
        vector = model.embed([query], kind="query")[0]
        snapshot.search([Lookup(query, vector, scenario[1], TOP, scenario[2])], Fusion())

    ask(queries[0], SCENARIOS[0])
    print(f"# opened and asked once in {time.monotonic() - began:.2f} s", flush=True)
    vectors = model.embed(queries, kind="query")
    snapshot.search([Lookup(q, v, None, TOP) for q, v in zip(queries[:100], vectors, strict=False)], Fusion())
    time.sleep(count / 100_000)  # the vectors are read into memory beside the searches
    for scenario in SCENARIOS:
        recall = _recall(snapshot, queries, vectors, scenario, lambda: _generated(count, *real))
        for together in clients:
            times, seconds = _timed(lambda query, s=scenario: ask(query, s), queries, together)
            p50, p95 = np.percentile(times, [50, 95]) * 1000
            found = "  ".join(f"{share:8.3f}" for share in recall)
            speed = f"{p50:6.1f}  {p95:6.1f}  {len(times) / seconds:6.0f}"
            print(f"{count:>8,}  {together:>7}  {scenario[0]:<18}  {speed}  {found}", flush=True)
    _small_commits(index, folder, queries, ask, real)


def _timed(ask: Callable[[str], None], queries: list[str], clients: int) -> tuple[list[float], float]:
    """Seconds of each query, and of all."""
    for query in queries[:10]:
        ask(query)

    def one(query: str) -> float:
        began = time.perf_counter()
        ask(query)
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = list(pool.map(one, queries))
    return times, time.perf_counter() - began


def _recall(
    snapshot: LanceSnapshot, queries: list[str], vectors: Any, scenario: Scenario, corpus: Callable[[], Iterator[Any]]
) -> tuple[float, float, float]:
    """Shares of the exact dense 10 and 100 that the dense ranking holds, and of the exact hybrid 10 that are found."""
    from rung.knowledge.ranking import fused

    _, groups, where = scenario
    exact: list[list[tuple[float, str]]] = [[] for _ in queries]
    for ids, some, allowed in corpus():
        readable = np.array([(groups is None or g == "g7") and (not where or year >= 2029) for g, year in allowed])
        if not readable.any():
            continue
        scores = vectors.astype(np.float64) @ some[readable].T.astype(np.float64)
        names = [id for id, ok in zip(ids, readable, strict=True) if ok]
        for place, row in enumerate(scores):
            best = np.argsort(-row)[:DEPTH]
            exact[place] = sorted([*exact[place], *((-round(float(row[i]), 6), names[i]) for i in best)])[:DEPTH]
    shares = []
    for query, vector, truth in zip(queries, vectors, exact, strict=True):
        lookup = Lookup(query, vector, groups, DEPTH, where)
        explained = snapshot.explain(lookup, Fusion(1.0))
        dense = [e.passage.id for e in explained]
        both = snapshot.explain(Lookup(query, vector, groups, 2 * DEPTH, where), Fusion(depth=DEPTH))
        bm25 = sorted((e.bm25.rank, e.passage.id, e.bm25.score) for e in both if e.bm25)[:DEPTH]
        wanted = fused([(id, -score) for score, id in truth], [(id, score) for _, id, score in bm25], Fusion(), TOP)
        found = snapshot.search([Lookup(query, vector, groups, TOP, where)], Fusion())[0]
        ids = [id for _, id in truth]
        shares.append(
            (
                _share(ids[:10], dense[:10]),
                _share(ids, dense[:DEPTH]),
                _share([id for id, _ in wanted], [p.id for p in found]),
            )
        )
    means = np.array(shares).mean(axis=0)
    return float(means[0]), float(means[1]), float(means[2])


def _share(wanted: list[str], found: list[str]) -> float:
    return len(set(wanted) & set(found)) / len(wanted) if wanted else 1.0


def _small_commits(
    index: LanceIndex, folder: Path, queries: list[str], ask: Callable[[str, Scenario], None], real: tuple[list[str], Any]
) -> None:
    """Does a query wait for small commits, or for the compaction that follows?"""
    times: list[float] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            began = time.perf_counter()
            ask(random.choice(queries), SCENARIOS[0])
            times.append(time.perf_counter() - began)

    asker = threading.Thread(target=keep_asking)
    asker.start()
    commits = []
    for number in range(12):
        change = next(_changes(2 * EACH, *real, start=10**9 + number * 2))
        began = time.perf_counter()
        with index.writing():
            index.commit([change])
        commits.append(time.perf_counter() - began)
    fresh = LanceIndex(folder).snapshot()
    if fresh is None:
        raise SystemExit("the index is empty after a commit")
    began = time.perf_counter()
    index.maintain()
    tended = time.perf_counter() - began
    over.set()
    asker.join()
    gone = frozenset(f"d{10**9 + number}" for number in range(24))
    with index.writing():
        index.commit([Change(fresh.settings, np.zeros((0, real[1].shape[1]), dtype=np.float32), removed=gone)])
    p50, p95 = np.percentile(times, [50, 95]) * 1000
    print(f"# 12 commits of 20 passages: {np.median(commits):.2f} s each, maintenance {tended:.1f} s;", end=" ")
    print(f"queries meanwhile: p50 {p50:.1f}, p95 {p95:.1f}, slowest {max(times) * 1000:.0f} ms", flush=True)


# --- the corpus


def _texts(patterns: Sequence[str], field: str) -> Iterator[str]:
    for pattern in patterns:
        for path in sorted(DATA.glob(pattern)):
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
                for line in file:
                    yield json.loads(line)[field]


def _real(folder: Path, count: int, model: Any) -> tuple[list[str], Any]:
    """Real passages of about 90 words, and their vectors, shape [count, dimensions]."""
    kept = folder / f"real-{count}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as saved:
            return saved["texts"].tolist(), saved["vectors"]
    texts: dict[str, None] = {}
    for text in _texts(SETS, "text"):
        words = text.split()
        for start in range(0, len(words), WORDS):
            texts[" ".join(words[start : start + WORDS])] = None
    chosen = sorted(texts)
    random.Random(1).shuffle(chosen)
    chosen = sorted(chosen[:count], key=len)
    vectors = np.concatenate([model.embed(chosen[s : s + 64], kind="passage") for s in range(0, len(chosen), 64)])
    order = np.random.default_rng(2).permutation(len(chosen))
    chosen, vectors = [chosen[place] for place in order], vectors[order]
    np.savez(kept, texts=np.array(chosen), vectors=vectors)
    return chosen, vectors


def _changes(count: int, texts: list[str], vectors: Any, *, start: int = 0) -> Iterator[Change]:
    settings = {"format": 0, "embedder": "benchmark", "dimensions": int(vectors.shape[1]), "chunking": {}}
    for first in range(0, count, PART):
        words, some = _part(first + start * EACH, min(PART, count - first), texts, vectors)
        documents: dict[str, Document] = {}
        rows = []
        for place, text in enumerate(words):
            number = (first + place) // EACH + start
            id = f"d{number}"
            meta = {"year": 2020 + number % 10}
            documents.setdefault(id, Document(id, id, id, (f"g{number * 7919 % GROUPS}",), meta, f"{id}.md"))
            name = f"{id}#{(first + place) % EACH}"
            passage = Passage(name, id, 0, len(text), text, id, f"{id}.md", groups=documents[id].groups, line=1)
            rows.append(Row(passage, text, f"{first + place + start * EACH:032x}"))
        yield Change(settings, some, list(documents.values()), rows, fresh=first == 0 and start == 0)


def _generated(count: int, texts: list[str], vectors: Any) -> Iterator[tuple[list[str], Any, list[tuple[str, int]]]]:
    """Ids, vectors, and (group, year) of each: what `_changes` wrote."""
    for first in range(0, count, PART):
        size = min(PART, count - first)
        places = range(first, first + size)
        _, some = _part(first, size, texts, vectors)
        about = [(f"g{p // EACH * 7919 % GROUPS}", 2020 + p // EACH % 10) for p in places]
        yield [f"d{p // EACH}#{p % EACH}" for p in places], some, about


def _part(first: int, size: int, texts: list[str], vectors: Any) -> tuple[list[str], Any]:
    chance = np.random.default_rng(first)
    one, other = (np.arange(first, first + size) % len(texts)), chance.integers(0, len(texts), size)
    share = chance.uniform(0.5, 0.9, (size, 1)).astype(np.float32)
    if first + size <= len(texts):
        return [texts[place] for place in one], vectors[one]
    mixed = share * vectors[one] + (1 - share) * vectors[other]
    mixed += chance.standard_normal(mixed.shape, dtype=np.float32) * 0.02
    words = [" ".join(texts[a].split()[::2] + texts[b].split()[::2]) for a, b in zip(one, other, strict=True)]
    return words, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
