"""Can the check of citations tell a right one from a wrong one? `rung.text.support.support`, measured where truth is known.

    python benchmarks/support_check.py [--limit 2000]

Sentences with a label, half of them to choose the threshold on ("dev": articles or claims whose digest is even), half to
report on. Support is 1 by construction in a, b, c's first halves; in their second halves the cited text is another one.

a. verbatim: a sentence of a SQuAD paragraph, cited to that paragraph, or to another one of the same article.
b. restated: "question words + answer" of a SQuAD question, cited to its paragraph, or to another one of the same article.
c. wrong answer: the same, with the right paragraph, but another question's answer in the sentence.
d. contradicted: SciFact claims that their abstract supports, against claims that their abstract contradicts.

Prints the area under the ROC curve, and precision and recall of "supported" at the threshold that ships. The data is
../shared/data beside the checkout, which is not part of the project; what is absent is said and left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rung.records import digest
from rung.text.sentences import sentences
from rung.text.support import SUPPORTED_FROM, support

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_ASKING = re.compile(
    r"\b(?:what|who|whom|whose|which|when|where|why|how(?: many| much| long| often)?|did|does|do)\b", re.IGNORECASE
)
Pair = tuple[str, str, str, bool]  # what it hangs on (for the halves), sentence, cited text, supported


def main() -> None:
    """Print a line of JSON for each kind of pair and half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    globals()["DATA"] = args.data
    kinds = {"verbatim": _verbatim, "restated": _restated, "wrong answer": _wrong, "contradicted": _scifact}
    for name, pairs in kinds.items():
        made = _taken(pairs, args.limit)
        for half in ("dev", "test"):
            part = [p for p in made if (int(digest(p[0])[:4], 16) % 2 == 0) == (half == "dev")]
            if part:
                print(json.dumps({"pairs": name, "half": half, **_measured(part)}), flush=True)


def _taken(pairs: Callable[[], Iterator[Pair]], limit: int) -> list[Pair]:
    return sorted(pairs(), key=lambda p: digest("take", *p[:3]))[:limit]


def _measured(pairs: list[Pair]) -> dict[str, Any]:
    scores = np.array([support(sentence, cited) for _, sentence, cited, _ in pairs])
    truth = np.array([supported for *_, supported in pairs])
    said = scores >= SUPPORTED_FROM
    hits = int((said & truth).sum())
    order = {round(t, 2): _f1(scores >= t, truth) for t in np.arange(0.3, 1.01, 0.05)}
    return {
        "n": len(pairs), "supported": int(truth.sum()), "auroc": round(_auroc(scores, truth), 4),
        "precision": round(hits / max(1, int(said.sum())), 4), "recall": round(hits / max(1, int(truth.sum())), 4),
        "false_alarms": round(float((said & ~truth).sum() / max(1, int((~truth).sum()))), 4),
        "threshold": SUPPORTED_FROM, "best_f1_at": max(order, key=lambda t: order[t]), "f1": round(_f1(said, truth), 4),
    }  # fmt: skip


def _auroc(scores: Any, truth: Any) -> float:
    """The chance that a supported pair scores above an unsupported one, ties counted half (Mann and Whitney)."""
    from scipy.stats import rankdata

    ranks, positive = rankdata(scores), int(truth.sum())
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def _f1(said: Any, truth: Any) -> float:
    return float(2 * (said & truth).sum() / max(1, said.sum() + truth.sum()))


def _verbatim() -> Iterator[Pair]:
    for title, paragraphs in _articles().items():
        for place, paragraph in enumerate(paragraphs):
            for a, b in sentences(paragraph)[1:3]:  # not the first, which names the topic
                yield title, paragraph[a:b], paragraph, True
                yield title, paragraph[a:b], paragraphs[place - 1], False


def _restated() -> Iterator[Pair]:
    texts, articles = _texts(), _articles()
    for case in _cases():
        title, text = texts[case["gold_documents"][0]]
        others = [p for p in articles[title] if p != text]
        said = f"{_ASKING.sub('', case['question']).strip(' ?')} {case['answers'][0]}"
        yield title, said, text, True
        if others:
            yield title, said, others[int(digest(case["id"])[:6], 16) % len(others)], False


def _wrong() -> Iterator[Pair]:
    texts = _texts()
    by_article: dict[str, list[dict[str, Any]]] = {}
    for case in _cases():
        by_article.setdefault(texts[case["gold_documents"][0]][0], []).append(case)
    for title, cases in by_article.items():
        for place, case in enumerate(cases):
            asked, text = _ASKING.sub("", case["question"]).strip(" ?"), texts[case["gold_documents"][0]][1]
            other = cases[place - 1]["answers"][0]
            yield title, f"{asked} {case['answers'][0]}", text, True
            if other.casefold() not in (answer.casefold() for answer in case["answers"]):
                yield title, f"{asked} {other}", text, False


def _scifact() -> Iterator[Pair]:
    folder = DATA / "retrieval" / "scifact"
    corpus = {r["_id"]: f"{r.get('title', '')}. {r['text']}" for r in _rows(folder / "corpus.jsonl")}
    for query in _rows(folder / "queries.jsonl"):
        labels = (query.get("metadata") or {}).get("labels") or {}
        for document, label in labels.items():
            said = label if isinstance(label, str) else str(label)
            if str(document) in corpus and ("SUPPORT" in said) != ("CONTRADICT" in said):
                yield str(query["_id"]), query["text"], corpus[str(document)], "SUPPORT" in said


def _articles() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for title, text in _texts().values():
        found.setdefault(title, []).append(text)
    return {title: paragraphs for title, paragraphs in found.items() if len(paragraphs) > 1}


def _texts() -> dict[str, tuple[str, str]]:
    return {r["id"]: (r["title"], r["text"]) for r in _rows(DATA / "knowledge" / "squad2" / "documents.jsonl")}


def _cases() -> list[dict[str, Any]]:
    folder = DATA / "knowledge" / "squad2"
    rows = [r for part in ("train", "dev", "test") for r in _rows(folder / f"cases_{part}.jsonl")]
    articles, texts = _articles(), _texts()
    return [r for r in rows if r["answers"] and r["gold_documents"] and texts[r["gold_documents"][0]][0] in articles]


def _rows(path: Path) -> list[dict[str, Any]]:
    for file in (path, path.with_suffix(path.suffix + ".gz")):
        if file.exists():
            said = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            return [json.loads(line) for line in said.decode().split("\n") if line.strip()]
    print(json.dumps({"left out": f"{path} is absent"}))
    return []


if __name__ == "__main__":
    main()
