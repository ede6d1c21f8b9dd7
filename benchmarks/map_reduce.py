"""Does map-reduce reach all documents that have something to say? Against one round and `bridge`, on public paragraphs.

    python benchmarks/map_reduce.py WORK --model NAME [--names 8] [--documents 16]

Data: the paragraphs of SQuAD 2.0 in ../shared/data beside the project. A name that stands in four or five paragraphs of at
least three articles becomes the question "What is said about NAME?", over a corpus of these paragraphs and others that do
not have it, --documents in all. Measured are the documents that the answer cites against those that have the name: recall,
precision, and beside them how many of the latter had a note (their piece was not refused), tokens and generations of one
answer. What the answers say is not judged. Names are drawn by digest; replies are remembered in WORK.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from multi_hop import DATA, Ended, Replies, answered, rows

from rung.knowledge import Knowledge
from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.catalog import embedder, generator
from rung.records import Case, Document, StrategySpec, digest
from rung.text.names import names

ROOM = 64
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "rag, 5 passages": ("rag", {"passages": 5}),
    "`bridge`, 5 passages": ("multi_hop", {"passages": 5}),
    "`map_reduce`, 16 asks": ("multi_hop", {"method": "map_reduce", "tokens": 20_000, "asks": 16}),
    "`map_reduce`, 6 asks": ("multi_hop", {"method": "map_reduce", "tokens": 20_000, "asks": 6}),
}


def questions(count: int, size: int) -> Iterator[tuple[Case, list[Document]]]:
    """A question about a name, its gold the documents that have it, and the corpus."""
    paragraphs = rows(DATA.parent / "knowledge" / "squad2" / "documents.jsonl")
    holding: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in paragraphs:
        for name in {*names(row["text"])}:
            holding[name].append(row)
    fit = [n for n, of in holding.items() if 4 <= len(of) <= 5 and len({r["title"] for r in of}) >= 3 and len(n) > 4]
    for name in sorted(fit, key=lambda one: digest("name", one))[:count]:
        gold = [row["id"] for row in paragraphs if name in row["text"]]
        others = [row for row in paragraphs if name not in row["text"]]
        drawn = sorted(others, key=lambda row: digest(name, row["id"]))[: size - len(gold)]
        corpus = [row for row in paragraphs if row["id"] in gold] + drawn
        case = Case(name, f"What is said about {name}?", gold_documents=tuple(gold))
        yield case, [Document(row["id"], row["text"], title=row["title"]) for row in corpus]


def shares(case: Case, ended: Ended) -> tuple[float, float, float]:
    """(recall, precision, share of the gold that stands in front of the answer's passages) of the documents cited."""
    cited = {citation.document for citation in ended.answer.citations}
    gold = set(case.gold_documents)
    shown = {passage.document for passage in ended.answer.passages[: len(gold)]}
    return len(cited & gold) / len(gold), len(cited & gold) / len(cited) if cited else np.nan, len(shown & gold) / len(gold)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", required=True, help="a model's name, as under 'model:' in rung.yaml")
    parser.add_argument("--names", type=int, default=8)
    parser.add_argument("--documents", type=int, default=16)
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    replies = Replies(generator(given.model), given.work / f"map-{given.model}.jsonl")
    by_arm: dict[str, list[tuple[Case, Ended]]] = {name: [] for name in ARMS}
    for case, documents in questions(given.names, given.documents):
        knowledge = Knowledge.open(given.work / f"map-{digest(case.id)[:12]}", embedder=embedder("minilm-l6-v2"))
        knowledge.sync(documents)
        search = KnowledgeEngine(knowledge, example_indexes={}, embedder=lambda: embedder("minilm-l6-v2"))
        for name, (rung, settings) in ARMS.items():
            spec = StrategySpec(rung, settings, task="Answer the question.", has_documents=True, answer_tokens=ROOM)
            (ended,) = answered(spec, [case], search, replies, True)
            by_arm[name].append((case, ended))
            said = ended.answer
            print(f"\n{case.id} | {name} | left out {said.documents_left_out} | {said.text[:160]!r}", file=sys.stderr)
    print(f"{given.names} names, {given.documents} documents each, {given.model}\n")
    print("| | cited: recall | precision | in front | answers that cite | left out | tokens |\n" + "|---" * 7 + "|")
    for name, pairs in by_arm.items():
        recall, precision, front = np.asarray([shares(case, ended) for case, ended in pairs]).T
        citing = np.mean([bool(ended.answer.citations) for _, ended in pairs])
        out = np.mean([ended.answer.documents_left_out for _, ended in pairs])
        tokens = np.mean([ended.tokens for _, ended in pairs])
        shown = f"{recall.mean():.3f} | {np.nanmean(precision):.3f} | {front.mean():.3f}"
        print(f"| {name} | {shown} | {citing:.2f} | {out:.1f} | {tokens:.0f} |")


if __name__ == "__main__":
    main()
