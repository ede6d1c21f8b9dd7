"""Whether verdicts by drafted cases agree with those by hand-made ones: five projects, the same rungs, the same documents.

    python benchmarks/drafted_cases.py WORK                          # all five
    python benchmarks/drafted_cases.py WORK --projects handbook --cases 12

Data: ../shared/data beside the project and examples/handbook; it says so when it is absent. Hand-made cases are the sets' own
questions, a draw by a seed. Drafts are those of `rung cases suggest` by rules, kinds in turns, as many; a reader's verdict on
each stands in `drafted_cases.tsv` (id, why it was rejected): what is not named there was approved. All cases of a project are
answered in one comparison, which is then decided upon three times by `rung rescore`: hand-made cases alone, approved drafts,
all drafts as they were made. Steps are kept in WORK, so that a stopped command goes on. One line of JSON a project is
printed, then the table.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rung.commands.draft_cases import suggest
from rung.config.project import load_project
from rung.loop import compare, rescore
from rung.pipeline.budget import CompareRequest
from rung.progress import Silent
from rung.records import Verdict, digest

HERE = Path(__file__).resolve()
DATA = HERE.parents[2] / "shared" / "data"
REJECTED = HERE.with_suffix(".tsv")
YAML = """\
name: {name}
task: Answer the question with as few words as possible.
knowledge: {{sources: [documents.jsonl], chunk_tokens: 128, dense_weight: 0.5}}
cases: {cases}
model: {model}
rungs:
  - prompt
  - rag: {{passages: [1, 3]}}
bar: {{correct: {bar}}}
"""
Row = dict[str, Any]


def rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    opened = gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else path.open(encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file if line.strip()]


def write(path: Path, values: Sequence[Row]) -> None:
    """A JSONL file."""
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")


def drawn(name: str, values: list[Row], count: int) -> list[Row]:
    """So many of them, by a seed."""
    return random.Random(digest("drafted", name)).sample(values, min(count, len(values)))


def handbook(count: int) -> tuple[list[Row], list[Row]]:
    """(documents, cases): six articles of Wikipedia, and questions of SQuAD 2.0 about three of them."""
    folder = HERE.parents[1] / "examples" / "handbook"
    documents = [
        {"id": f"docs/{path.name}", "title": path.stem, "text": path.read_text()} for path in sorted(folder.glob("docs/*"))
    ]
    return documents, drawn("handbook", rows(folder / "cases" / "test.jsonl"), count)


def squad(count: int) -> tuple[list[Row], list[Row]]:
    """Paragraphs of sixteen other articles."""
    folder = DATA / "knowledge" / "squad2"
    cases = rows(folder / "cases_test.jsonl")
    shown = {path.stem for path in (HERE.parents[1] / "examples" / "handbook" / "docs").glob("*")}
    articles = sorted({c["meta"]["article"] for c in cases} - {name for name in shown} - {n.title() for n in shown})[:16]
    documents = [d for d in rows(folder / "documents.jsonl") if d["id"].split(":")[1] in articles]
    return documents, drawn("squad2", [c for c in cases if c["meta"]["article"] in articles], count)


def of_contexts(name: str, cases: list[Row], documents: list[Row], count: int) -> tuple[list[Row], list[Row]]:
    """Cases, and the documents that come with their questions."""
    chosen = drawn(name, cases, count)
    there = {id for case in chosen for id in (*case["gold_documents"], *case["meta"].get("context_documents", ()))}
    return [document for document in documents if document["id"] in there], chosen


def hotpot(count: int) -> tuple[list[Row], list[Row]]:
    """Questions over two documents, with distractors."""
    folder = DATA / "multidoc" / "hotpotqa"
    return of_contexts("hotpotqa", rows(folder / "cases_test.jsonl"), rows(folder / "documents.jsonl"), count)


def musique(count: int) -> tuple[list[Row], list[Row]]:
    """Questions over two to four documents, with distractors."""
    folder = DATA / "multidoc" / "musique"
    return of_contexts("musique", rows(folder / "cases_train.jsonl"), rows(folder / "documents.jsonl"), count)


def covid(count: int) -> tuple[list[Row], list[Row]]:
    """Long scientific articles, and experts' questions."""
    folder = DATA / "realdocs" / "covidqa"
    documents = drawn("covid documents", rows(folder / "documents.jsonl"), 20)
    ids = {document["id"] for document in documents}
    return documents, drawn("covidqa", [c for c in rows(folder / "cases.jsonl") if set(c["gold_documents"]) <= ids], count)


PROJECTS: dict[str, Callable[[int], tuple[list[Row], list[Row]]]] = {
    "handbook": handbook,
    "squad2": squad,
    "hotpotqa": hotpot,
    "musique": musique,
    "covidqa": covid,
}


def drafts_of(folder: Path, count: int) -> list[Row]:
    """As many drafts by rules, kinds in turns, answerable ones first; stale ones are answerable, too."""
    path = folder / "suggested.jsonl"
    if not path.exists():
        suggest(load_project(folder), path, each=count, by="rules", reporter=Silent())
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in rows(path) if path.exists() else []:
        by_kind[row["meta"]["kind"]].append(row)
    plain = [*by_kind.pop("answerable", []), *by_kind.pop("stale", [])]
    in_turns = [row for some in zip_longest(*by_kind.values()) for row in some if row is not None]
    others = in_turns[: max(count // 4, count - len(plain))]
    return [*plain[: count - len(others)], *others]


@dataclass(frozen=True)
class Judged:
    """What a set of cases says: the choice, the rungs by their mean, and the means with their ends."""

    cases: int
    winner: str | None
    code: str
    clears: bool
    means: dict[str, tuple[float, float, float]]

    @property
    def order(self) -> list[str]:
        """The rungs, best first."""
        return sorted(self.means, key=lambda name: -self.means[name][0])


def judged(verdict: Verdict) -> Judged:
    """A verdict's figures."""
    means = {}
    for result in verdict.rungs:
        one = result.scores.get(verdict.main_metric)
        if not result.reference and one is not None and one.mean is not None:
            means[result.name] = (one.mean, one.low or 0.0, one.high or 0.0)
    return Judged(verdict.cases, verdict.winner, verdict.code, verdict.clears_bar, means)


def with_cases(folder: Path, name: str, model: str, bar: float, cases: list[str]) -> None:
    """The project's rung.yaml."""
    text = YAML.format(name=name, model=model, bar=bar, cases=json.dumps(cases))
    (folder / "rung.yaml").write_text(text, encoding="utf-8")


def measured(work: Path, name: str, model: str, bar: float, count: int) -> dict[str, Judged]:
    """One project: answered once, decided upon three times."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    documents, hand = PROJECTS[name](count)
    kept = ("id", "question", "answers", "answerable")
    write(folder / "documents.jsonl", documents)
    gold = lambda case: case.get("gold_documents") or [span["document"] for span in case.get("evidence", ())]  # noqa: E731
    write(folder / "hand.jsonl", [{**{k: c[k] for k in kept}, "gold_documents": gold(c), "split": "test"} for c in hand])
    with_cases(folder, name, model, bar, ["hand.jsonl"])
    rejected = {line.split("\t")[0] for line in REJECTED.read_text().splitlines()} if REJECTED.exists() else set()
    drafts = [{**row, "split": "test", "approved_by": "a reader"} for row in drafts_of(folder, count)]
    write(folder / "rejected.jsonl", [row for row in drafts if row["id"] in rejected])
    write(folder / "approved.jsonl", [row for row in drafts if row["id"] not in rejected])
    sets = {
        "hand": ["hand.jsonl"],
        "approved": ["approved.jsonl"],
        "as drafted": ["approved.jsonl", "rejected.jsonl"],
    }
    shutil.rmtree(folder / ".rung" / "verdicts", ignore_errors=True)
    with_cases(folder, name, model, bar, sorted({file for files in sets.values() for file in files}))
    request = CompareRequest(exhaustive=True)
    answered = compare(load_project(folder), allowed=request, reporter=Silent()).published.folder
    said = {}
    for label, files in sets.items():
        with_cases(folder, name, model, bar, files)
        said[label] = judged(rescore(load_project(folder), str(answered), reporter=Silent()).verdict)
    return said


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--projects", nargs="*", default=list(PROJECTS), choices=list(PROJECTS))
    parser.add_argument("--model", default="smollm2-135m-grounded")
    parser.add_argument("--bar", type=float, default=0.3)
    parser.add_argument("--cases", type=int, default=24, help="of each kind of set, at most")
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    for name in asked.projects:
        said = measured(asked.work, name, asked.model, asked.bar, asked.cases)
        print(json.dumps({"project": name, **{label: vars(one) for label, one in said.items()}}), flush=True)
        for label, one in said.items():
            means = ", ".join(f"{rung} {m:.2f} [{low:.2f}, {high:.2f}]" for rung, (m, low, high) in one.means.items())
            print(f"{name:<9} {label:<10} {one.cases:>3} cases: {one.winner} ({one.code}); {means}", flush=True)


if __name__ == "__main__":
    main()
