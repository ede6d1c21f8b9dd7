"""How well a packaged model answers from passages: on articles of squad2 that taught nothing, through `rung compare`.

    python benchmarks/quality_grounded.py WORK --model smollm2-135m-grounded
    python benchmarks/quality_grounded.py WORK --model smollm2-135m-instruct

Data: ../shared/data beside the project; it says so when it is absent. Every rung answers all cases: `prompt` (closed book),
`rag` with three passages found among the passages of all held-out articles, and the arm that is shown the gold passage. F1
and exact match are SQuAD's, of what was said without citation marks; a refusal is what Rung takes for one. Results are kept
in WORK, so that a stopped command goes on.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from rung.config.project import load_project
from rung.loop import compare
from rung.pipeline.budget import CompareRequest
from rung.pipeline.evaluation_store import EVALUATIONS, read_evaluations
from rung.progress import Reporter, Silent
from rung.records import Evaluation, digest
from rung.scoring.squad import exact_match, token_f1

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "knowledge" / "squad2"
YAML = """\
name: squad2
task: Answer the question.
knowledge: {{sources: [documents.jsonl]}}
cases: cases.jsonl
model: {model}
rungs: [prompt, {{rag: {{passages: 3}}}}]
"""


def rows(path: Path) -> list[dict[str, object]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def project(work: Path, model: str, answerable: int, unanswerable: int) -> Path:
    """A project of so many held-out questions, drawn by a seed, and every passage of their articles."""
    cases = rows(DATA / "cases_test.jsonl")
    random.Random(digest("quality of the grounded model")).shuffle(cases)
    chosen = [c for c in cases if c["answerable"]][:answerable] + [c for c in cases if not c["answerable"]][:unanswerable]
    articles = {str(c["meta"]["article"]) for c in cases}  # type: ignore[index]
    documents = [d for d in rows(DATA / "documents.jsonl") if str(d["id"]).split(":")[1] in articles]
    kept = ("id", "question", "answers", "answerable", "gold_documents")
    folder = work / f"{model}-{answerable}-{unanswerable}"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "cases.jsonl", [{key: c[key] for key in kept} for c in chosen])
    write(folder / "documents.jsonl", documents)
    (folder / "rung.yaml").write_text(YAML.format(model=model), encoding="utf-8")
    return folder


def write(path: Path, values: list[dict[str, object]]) -> None:
    """A JSONL file."""
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")


def figures(evaluation: Evaluation, cases: dict[str, dict[str, object]]) -> dict[str, float]:
    """What one rung's answers come to."""
    told: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        told.setdefault(name, []).append(value)

    for outcome in evaluation.outcomes:
        case, answer = cases[outcome.case], outcome.answer
        if answer is None:
            note("failed", 1)
            continue
        answers = [str(one) for one in case["answers"]]  # type: ignore[attr-defined]
        if not case["answerable"]:
            note("unanswerable refused", answer.refused)
            continue
        said = "" if answer.refused else answer.plain
        note("F1", token_f1(said, answers))
        note("exact", exact_match(said, answers))
        note("false refusals", answer.refused)
        gold = {str(one) for one in case["gold_documents"]}  # type: ignore[attr-defined]
        shown = {passage.document for passage in answer.passages}
        if gold & shown:
            note("F1 where gold was shown", token_f1(said, answers))
        if not answer.refused and answer.passages:
            note("cited", bool(answer.citations))
        if gold & shown:
            for citation in answer.citations:
                note("citations of the gold passage", citation.document in gold)
    return {name: round(sum(values) / len(values), 3) for name, values in sorted(told.items())}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", default="smollm2-135m-grounded")
    parser.add_argument("--answerable", type=int, default=300)
    parser.add_argument("--unanswerable", type=int, default=150)
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    folder = project(asked.work, asked.model, asked.answerable, asked.unanswerable)
    reporter: Reporter = Silent()
    compared = compare(load_project(folder), allowed=CompareRequest(exhaustive=True), reporter=reporter)
    stored = read_evaluations(compared.published.folder / EVALUATIONS)
    cases = {str(row["id"]): row for row in rows(folder / "cases.jsonl")}
    found = {evaluation.name: figures(evaluation, cases) for evaluation in stored.evaluations}
    print(json.dumps({"model": asked.model, **found}, indent=2))


if __name__ == "__main__":
    main()
