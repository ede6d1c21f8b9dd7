"""Is a model's sentence of context before each passage worth it? A project's documents indexed with and without.

    python benchmarks/passage_contexts.py [EXAMPLE …] [--model smollm2-135m-instruct] [--keep FOLDER]

A copy of each example of `examples/` is indexed twice, as it is and with `knowledge.context` by --model, and asked the
questions of all its cases that name where the answer stands. By the word search, by the dense search and by both at 0.5: the
share of questions for which a passage that holds evidence is the first (recall@1) or among the first five (recall@5), and
the mean of 1 / its place (MRR, of the first 20). Differences are paired, with 95 % bootstrap intervals. What the sentences
took is printed, with three of them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from retrieval_quality import against, of_ranks, search_all, shown

from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.knowledge import Fusion
from rung.pipeline.prepare import located, up_to_date
from rung.progress import Lines, reporting
from rung.records import Case, Passage
from rung.runtime.engines import open_engines

ROOT = Path(__file__).resolve().parents[1]
ARMS = {"words": Fusion(0.0), "dense": Fusion(1.0), "hybrid .5": Fusion()}


def copied(example: str, keep: Path, *, context: str) -> Path:
    """The example, with this model writing contexts; "" for none."""
    folder = keep / f"{example}-{'context' if context else 'plain'}"
    if not folder.exists():
        shutil.copytree(ROOT / "examples" / example, folder, ignore=shutil.ignore_patterns(".rung", "report.html"))
    text = (ROOT / "examples" / example / "rung.yaml").read_text("utf-8")
    if context:
        own = re.search(r"(?m)^model: *(\S+).*$", text)
        first = own[1] if own else ""
        named = f"models: {{own: {first}, writer: {context}}}" if first != context else f"models: {{writer: {context}}}"
        text = re.sub(r"(?m)^model:.*$", named, text)
        text = re.sub(r"(?m)^knowledge:$", "knowledge:\n  context: writer", text)
    (folder / "rung.yaml").write_text(text, "utf-8")
    return folder


def scores(cases: Sequence[Case], rankings: Sequence[Sequence[Passage]]) -> dict[str, list[float]]:
    """Metric -> its value for every case."""
    ranks = [
        next(
            (
                place
                for place, passage in enumerate(ranking[:20], 1)
                for evidence in case.evidence
                if passage.document == evidence.document and passage.start < evidence.end and evidence.start < passage.end
            ),
            0,
        )
        for case, ranking in zip(cases, rankings, strict=True)
    ]
    return of_ranks(ranks)


def measured(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Arm -> metric -> values."""
    with (
        reporting(Lines(lambda line: print(line, file=sys.stderr, flush=True))),
        open_engines(load_project(folder)) as engines,
    ):
        began = time.process_time()
        knowledge = up_to_date(engines).knowledge
        seconds = time.process_time() - began
        rows = located(load_dataset(engines.project), knowledge.documents())
        cases = [case for case in rows.cases if case.evidence]
        tally = engines.consumed()
        print(
            f"{folder.name}: {knowledge.passage_count:,} passages, {len(cases)} questions; {tally.executed:,} sentences, "
            f"{tally.prompt_tokens:,} + {tally.completion_tokens:,} tokens, {seconds:.0f} s of processor time"
        )
        stored, _ = knowledge.snapshot().stored(sorted(knowledge.document_groups())[:2])
        for row in [row for row in stored if row.context][:3]:
            print(f"  {row.passage.document}:{row.passage.line} {row.context}")
        return {arm: scores(cases, search_all(knowledge, cases, fusion)) for arm, fusion in ARMS.items()}


def main() -> None:
    """Measure the examples that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", default=["help-centre", "papers", "handbook"])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--keep", type=Path, default=Path(__file__).resolve().parent / ".cache" / "contexts")
    given = parser.parse_args()
    for example in given.examples:
        plain, with_them = (measured(copied(example, given.keep, context=model)) for model in ("", given.model))
        print(f"\n### {example}\n\n| | metric | without | with | difference |\n|---|---|---|---|---|")
        for arm in ARMS:
            for metric, one in plain[arm].items():
                other = with_them[arm][metric]
                print(f"| {arm} | {metric} | {shown(one)} | {shown(other)} | {against(other, one)} |", flush=True)


if __name__ == "__main__":
    main()
