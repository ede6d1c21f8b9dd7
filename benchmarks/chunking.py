"""How fast are documents cut into passages, and do the passages hold what is asked for? Against two other chunkers.

    python benchmarks/chunking.py [--speed] [--quality SET …] [--tokens 160] [--overlap 24] [--limit 100]

Speed: megabytes of UTF-8 a second of processor time (all threads together: a busy machine does not blur it), sizes in the
tokens of the default embedder, each text once: Rung's `passages`; `semantic-text-splitter` raw, given the tokenizer (its
Markdown splitter for Markdown); and `chonkie`'s RecursiveChunker, given it too; the tokenizer alone. `over` counts passages
that are larger than was asked for.

Quality (`chunking_eval covidqa cuad`): the passages of each way are embedded with their document's title, ranked by cosine,
and shown until 512 tokens are full, the last one in part: the share of the evidence's characters that is among them, mean
over questions with a 95 % bootstrap interval. Each way is given the same size and overlap.

The data is ../shared/data beside the checkout, which is not part of the project; what is absent is said and left out, and so
is a chunker that is not installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rung.knowledge import find_quote
from rung.knowledge.chunking.passages import Chunking, passages, row
from rung.models.catalog import embedder
from rung.records import Case, Document, Evidence, Passage
from rung.records.gold import span_recall
from rung.stats.estimates import estimate

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
BUDGET = 512
Cut = Callable[[Document], Sequence[tuple[int, int]]]


def main() -> None:
    """Print a line of JSON for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--quality", nargs="*", default=[])
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--overlap", type=int, default=24)
    parser.add_argument("--limit", type=int, default=10**9, help="questions of a set")
    parser.add_argument("--megabytes", type=float, default=4.0, help="text of each kind in the speed run")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    globals()["DATA"] = args.data
    model = embedder("minilm-l6-v2")
    cuts = dict(_cutters(model, args.tokens, args.overlap))
    if args.speed or not args.quality:
        for kind, documents in _texts(args.megabytes):
            print(json.dumps({"text": kind, **_speed(documents, model, cuts)}), flush=True)
    for name in args.quality:
        documents, cases = _set(name)
        for way, cut in cuts.items():
            found = _recall((documents, cases[: args.limit]), model, way, cut, args)
            print(json.dumps({"set": name, "way": way, "tokens": args.tokens, "overlap": args.overlap, **found}), flush=True)


def _cutters(model: Any, tokens: int, overlap: int) -> Iterator[tuple[str, Cut]]:
    chunking = Chunking(tokens, overlap)

    def rung(document: Document) -> list[tuple[int, int]]:
        found = passages(document, chunking=chunking, count=model.count_tokens, max_tokens=model.max_tokens)
        return [(p.start, p.end) for p in found]

    yield "rung", rung
    tokenizer = model._counter  # the tokenizer itself: what `from_huggingface_tokenizer` wants
    try:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter

        kinds = (TextSplitter, MarkdownSplitter)
        splitters = [kind.from_huggingface_tokenizer(tokenizer, tokens, overlap) for kind in kinds]

        def semantic(document: Document) -> list[tuple[int, int]]:
            splitter = splitters[document.source.endswith(".md")]
            return [(start, start + len(text)) for start, text in splitter.chunk_indices(document.text)]

        yield "semantic-text-splitter", semantic
    except ImportError:
        print(json.dumps({"left out": "semantic-text-splitter is not installed"}))
    try:
        from chonkie import RecursiveChunker

        recursive = RecursiveChunker(tokenizer=tokenizer, chunk_size=tokens)
        yield "chonkie", lambda document: [(c.start_index, c.end_index) for c in recursive.chunk(document.text)]
    except ImportError:
        print(json.dumps({"left out": "chonkie is not installed"}))


def _texts(megabytes: float) -> Iterator[tuple[str, list[Document]]]:
    """Prose, Markdown and code of about so much UTF-8, in documents of their natural size."""
    prose = [Document(r["id"], r["text"], r["title"]) for r in _rows("realdocs/covidqa", "documents")]
    pages = [p for folder in ("docs", "examples") for p in sorted((ROOT / folder).rglob("*.md"))]
    markdown = [Document(p.name, p.read_text(encoding="utf-8"), source=p.name) for p in pages]
    code = [Document(p.name, p.read_text(encoding="utf-8"), source=p.name) for p in sorted((ROOT / "src").rglob("*.py"))]
    for kind, documents in (("prose", prose), ("Markdown", markdown), ("code", code)):
        taken: list[Document] = []
        size = 0.0
        for document in documents:
            taken.append(document)
            size += len(document.text.encode()) / 1e6
            if size >= megabytes:
                break
        if taken:
            yield kind, taken


def _speed(documents: Sequence[Document], model: Any, cuts: dict[str, Cut]) -> dict[str, float]:
    size = sum(len(d.text.encode()) for d in documents) / 1e6
    alone = _rate(lambda: [model._counter.encode_batch_fast([d.text]) for d in documents], size)
    found = {"megabytes": round(size, 2), "tokenizer": alone}
    for way, cut in cuts.items():
        model._counts = {}  # no text is known before, to none of the ways
        found[way] = _rate(lambda cut=cut: [cut(d) for d in documents], size)
    return found


def _rate(work: Callable[[], object], size: float) -> float:
    """Once: a second time, what a way remembers would be counted."""
    began = time.process_time()
    work()
    return round(size / (time.process_time() - began), 2)


def _recall(
    data: tuple[Sequence[Document], Sequence[Case]], model: Any, way: str, cut: Cut, args: argparse.Namespace
) -> dict[str, Any]:
    documents, cases = data
    found = [p for document in documents for p in _passages(document, way, cut, model, args)]
    vectors = model.embed([row(p, count=model.count_tokens).indexed for p in found], kind="passage")
    sizes = model.count_tokens([p.text for p in found])
    scores = model.embed([case.question for case in cases], kind="query") @ vectors.T
    shares = []
    for case, ranked in zip(cases, np.argsort(-scores, axis=1, kind="stable"), strict=True):
        of_one = case.meta.get("context_document")
        places = [int(i) for i in ranked if not of_one or found[int(i)].document == of_one]
        share = span_recall(case, list(_within(places, found, sizes)))
        assert share is not None
        shares.append(share)
    mean = estimate(np.array(shares))
    lengths = np.array(sizes)
    return {
        "span_recall@512": round(mean.mean or 0, 4), "low": round(mean.low or 0, 4), "high": round(mean.high or 0, 4),
        "questions": mean.n, "passages": len(found), "mean_tokens": round(float(lengths.mean()), 1),
        "over": int((lengths - 2 > args.tokens).sum()),
    }  # fmt: skip


def _passages(document: Document, way: str, cut: Cut, model: Any, args: argparse.Namespace) -> Sequence[Passage]:
    if way == "rung":  # with its headers, which are part of it
        chunking = Chunking(args.tokens, args.overlap)
        return passages(document, chunking=chunking, count=model.count_tokens, max_tokens=model.max_tokens)
    spans = [(a, b) for a, b in cut(document) if document.text[a:b].strip()]
    return [Passage(f"{document.id}#{a}-{b}", document.id, a, b, document.text[a:b], document.title) for a, b in spans]


def _within(places: Sequence[int], found: Sequence[Passage], sizes: Sequence[int]) -> Iterator[Passage]:
    """The best passages that fill the budget, the last one in part."""
    room = BUDGET
    for place in places:
        passage, size = found[place], max(1, sizes[place] - 2)
        if size > room:
            end = passage.start + (passage.end - passage.start) * room // size
            yield Passage(passage.id, passage.document, passage.start, end, "")
            return
        yield passage
        room -= size


def _set(name: str) -> tuple[list[Document], list[Case]]:
    documents = [Document(r["id"], r["text"], r["title"], source=r["id"]) for r in _rows(f"realdocs/{name}", "documents")]
    texts = {d.id: d.text for d in documents}
    cases = []
    for r in (r for part in ("cases", "cases_test") for r in _rows(f"realdocs/{name}", part)):
        meta, gold = r["meta"], r["gold_documents"][0] if r["gold_documents"] else ""
        spans = meta.get("spans") or [span for answer in r["answers"] if (span := find_quote(texts.get(gold, ""), answer))]
        if spans and gold:
            evidence = tuple(Evidence(gold, a, b) for a, b in spans)
            cases.append(Case(r["id"], r["question"], tuple(r["answers"]), evidence=evidence, meta=meta))
    return documents, cases


def _rows(folder: str, name: str) -> list[dict[str, Any]]:
    """A file of the shared data; empty where it is absent, which is said."""
    for path in (DATA / folder / f"{name}.jsonl", DATA / folder / f"{name}.jsonl.gz"):
        if path.exists():
            said = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return [json.loads(line) for line in said.decode().split("\n") if line.strip()]
    if name != "cases_test":
        print(json.dumps({"left out": f"{DATA / folder / name} is absent"}))
    return []


if __name__ == "__main__":
    main()
