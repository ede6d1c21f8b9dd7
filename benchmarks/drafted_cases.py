"""Whether verdicts by drafted cases agree with those by hand-made ones: five projects, the same rungs, the same documents.

    python benchmarks/drafted_cases.py WORK                          # all five
    python benchmarks/drafted_cases.py WORK --projects handbook --cases 24 --reader smollm2-135m-grounded

Data: ../shared/data beside the project and examples/handbook; it says so when it is absent. Hand-made cases are the sets'
own questions, a draw by a seed. Drafts are those of `rung cases suggest` by rules, as many, where so many are found; a
reader's verdict on each stands in `drafted_cases.tsv` (id, why it was rejected): what is not named there was approved.
`--reader functions` (the default) answers by two functions of this file that read out the sentence nearest to the question,
one of which declines where none is near: six systems of different worth, so that many cases can be asked. `--reader
smollm2-135m-grounded` asks the shipped model: about a second a case and system on two quiet cores, so that fewer can be.
A project is compared five times, by hand-made cases, by approved drafts, by all drafts as they were made, and by the
answerable ones of both alone, each time as if for the first. Steps are kept in WORK, so that a stopped command goes on. One
line of JSON for each project is printed, then its verdicts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rung.commands.draft_cases import suggest
from rung.config.project import load_project
from rung.loop import compare
from rung.models.callables import register_named
from rung.pipeline.budget import CompareRequest
from rung.progress import Silent
from rung.records import Verdict, digest
from rung.text.refusals import REFUSAL
from rung.text.sentences import sentences
from rung.text.support import content

HERE = Path(__file__).resolve()
DATA = HERE.parents[2] / "shared" / "data"
REJECTED = HERE.with_suffix(".tsv")
YAML = """\
name: {name}
task: Answer the question with as few words as possible.
knowledge: {{sources: [documents.jsonl], chunk_tokens: 128, dense_weight: 0.5}}
cases: {cases}
"""
BY_MODEL = """\
model: {reader}
rungs: [prompt, {{rag: {{passages: [1, 3]}}}}]
bar: {{correct: 0.3}}
"""
BY_FUNCTIONS = """\
models: {{plain: {{use: "{plain}"}}, careful: {{use: "{careful}"}}}}
rungs:
  - prompt: {{model: [plain, careful]}}
  - rag: {{passages: [1, 3], model: [plain, careful]}}
bar: {{correct: 0.3, metric: contains}}
"""
FUNCTIONS = "functions"
NEAR = 0.6  # of the words of a question that a sentence has which the careful reader reads out
Row = dict[str, Any]


def nearest(messages: Sequence[Mapping[str, str]]) -> tuple[str, float]:
    """The sentence of the passages in the last turn that has most of the question's words, and the share; "" without any."""
    passages, _, question = messages[-1]["content"].rpartition("\n")
    words = content(question)
    found = [passages[a:b] for a, b in sentences(passages)]
    shown = max(found, key=lambda sentence: len(words & content(sentence)), default="")
    return shown, len(words & content(shown)) / len(words) if words else 0.0


def plain(messages: Sequence[Mapping[str, str]]) -> str:
    """Reads out the nearest sentence, whatever it says."""
    return nearest(messages)[0] or "Nobody told me."


def careful(messages: Sequence[Mapping[str, str]]) -> str:
    """Reads out the nearest sentence where it is near."""
    sentence, share = nearest(messages)
    return sentence if share >= NEAR else REFUSAL


def rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


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
    articles = sorted({c["meta"]["article"] for c in cases} - shown)[:16]
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


def drafts_of(folder: Path, count: int, share: float | None) -> list[Row]:
    """As many drafts by rules, kinds in turns, answerable ones first; stale ones are answerable, too.

    `share`: of those without an answer, None for a quarter or what the others leave free.
    """
    path = folder / "suggested.jsonl"
    if not path.exists():
        suggest(load_project(folder), path, each=count, by="rules", share=share, reporter=Silent())
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in rows(path) if path.exists() else []:
        by_kind[row["meta"]["kind"]].append(row)
    if share is not None:
        without = by_kind.pop("unanswerable", [])[: round(share * count)]
        most = round(len(without) * (1 - share) / share) if share else count
        return [*_in_turns(by_kind.values())[: min(most, count - len(without))], *without]
    plain = [*by_kind.pop("answerable", []), *by_kind.pop("stale", [])]
    others = _in_turns(by_kind.values())[: max(count // 4, count - len(plain))]
    return [*plain[: count - len(others)], *others]


def _in_turns(kinds: Iterable[Sequence[Row]]) -> list[Row]:
    return [row for some in zip_longest(*kinds) for row in some if row is not None]


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


def with_cases(folder: Path, name: str, reader: str, cases: list[str]) -> None:
    """The project's rung.yaml."""
    by = BY_MODEL.format(reader=reader)
    if reader == FUNCTIONS:
        by = BY_FUNCTIONS.format(**{f.__name__: register_named(f, name=f.__name__, version="1") for f in (plain, careful)})
    text = YAML.format(name=name, cases=json.dumps(cases)) + by
    (folder / "rung.yaml").write_text(text, encoding="utf-8")


def measured(work: Path, name: str, reader: str, count: int, by_share: bool) -> dict[str, Judged]:
    """One project: answered once, decided upon five times. `by_share`: of the drafts as many have no answer as of the
    hand-made cases."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    documents, hand = PROJECTS[name](count)
    kept = ("id", "question", "answers", "answerable")
    write(folder / "documents.jsonl", documents)
    gold = lambda case: case.get("gold_documents") or [span["document"] for span in case.get("evidence", ())]  # noqa: E731
    write(folder / "hand.jsonl", [{**{k: c[k] for k in kept}, "gold_documents": gold(c), "split": "test"} for c in hand])
    with_cases(folder, name, reader, ["hand.jsonl"])
    rejected = {line.split("\t")[0] for line in REJECTED.read_text().splitlines()} if REJECTED.exists() else set()
    share = sum(not case["answerable"] for case in hand) / len(hand) if by_share else None
    drafts = [{**row, "split": "test", "approved_by": "a reader"} for row in drafts_of(folder, count, share)]
    write(folder / "rejected.jsonl", [row for row in drafts if row["id"] in rejected])
    write(folder / "approved.jsonl", [row for row in drafts if row["id"] not in rejected])
    for file in ("hand", "approved"):
        write(folder / f"{file}.answerable.jsonl", [r for r in rows(folder / f"{file}.jsonl") if r["answerable"]])
    sets = {
        "hand": ["hand.jsonl"],
        "approved": ["approved.jsonl"],
        "as drafted": ["approved.jsonl", "rejected.jsonl"],
        "hand, answerable": ["hand.answerable.jsonl"],
        "approved, answerable": ["approved.answerable.jsonl"],
    }
    said = {}
    for label, files in sets.items():
        shutil.rmtree(folder / ".rung" / "verdicts", ignore_errors=True)  # no choice before this one counts
        with_cases(folder, name, reader, files)
        compared = compare(load_project(folder), allowed=CompareRequest(exhaustive=True), reporter=Silent())
        said[label] = judged(compared.verdict)
    return said


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--projects", nargs="*", default=list(PROJECTS), choices=list(PROJECTS))
    parser.add_argument("--reader", default=FUNCTIONS)
    parser.add_argument("--cases", type=int, default=60, help="of each kind of set, at most")
    parser.add_argument(
        "--share", action="store_true", help="as many drafts without an answer, in proportion, as there are hand-made ones"
    )
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    work = asked.work / f"{asked.reader}{'-share' if asked.share else ''}"
    for name in asked.projects:
        said = measured(work, name, asked.reader, asked.cases, asked.share)
        print(json.dumps({"project": name, **{label: vars(one) for label, one in said.items()}}), flush=True)
        for label, one in said.items():
            means = ", ".join(f"{rung} {m:.2f} [{low:.2f}, {high:.2f}]" for rung, (m, low, high) in one.means.items())
            print(f"{name:<9} {label:<20} {one.cases:>3} cases: {one.winner} ({one.code}); {means}", flush=True)


if __name__ == "__main__":
    main()
