"""How often is an answer taken for a refusal, and a refusal not seen? `rung.text.refusals.is_refusal`, on marked and public text.

    python benchmarks/refusals.py

The marked sentences (four languages) are those of tests/scoring/refusals.jsonl; no rule was made after reading its half
"held out". Accepted answers of public question sets, and sentences of their documents, are answers all but a few: what is
taken for a refusal there is printed to be judged. That data is ../shared/data beside the checkout, not part of the project.
"""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rung.text.refusals import is_refusal
from rung.text.sentences import sentences

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "grounded"


def main() -> None:
    """Print the counts."""
    marked = list(_rows(ROOT / "tests" / "scoring" / "refusals.jsonl"))
    for part in ("dev", "held out"):
        refusals = [row["text"] for row in marked if row["part"] == part and row["refusal"]]
        answers = [row["text"] for row in marked if row["part"] == part and not row["refusal"]]
        missed = sum(not is_refusal(text) for text in refusals)
        taken = sum(map(is_refusal, answers))
        print(f"{part}: {missed} of {len(refusals)} refusals not seen, {taken} of {len(answers)} answers taken for one")
    if not DATA.is_dir():
        print(f"left out: the public data, {DATA} is not there")
        return
    _show(
        "accepted answers",
        [a for path in DATA.glob("*/cases.jsonl.gz") for row in _rows(path) for a in row.get("answers", [])],
    )
    _show("sentences of documents", list(_sentences()))


def _show(name: str, texts: Sequence[str]) -> None:
    once = list(dict.fromkeys(map(str, texts)))
    began = time.perf_counter()
    taken = [text for text in once if is_refusal(text)]
    each = (time.perf_counter() - began) / max(1, len(once))
    print(f"{name}: {len(taken)} of {len(once)} taken for a refusal, {each * 1e6:.0f} µs each")
    for text in taken:
        print("   ", " ".join(text.split())[:140])


def _sentences() -> Iterator[str]:
    for path in sorted(DATA.glob("*/documents.jsonl.gz")):
        documents = list(_rows(path))
        for row in random.Random(1).sample(documents, min(150, len(documents))):
            yield from [row["text"][start:end] for start, end in sentences(row["text"])][:20]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


if __name__ == "__main__":
    main()
