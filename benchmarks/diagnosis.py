"""Is the layer that lost a case named right? Cases are broken on purpose, in one layer each. Issue 5, measurement 4.

    python benchmarks/diagnosis.py [--seed 0]

Copies of the shipped examples `handbook` (text) and `helpdesk` (JSON) are broken in one layer: a document deleted, or made
unreadable, or closed to the asker, answers deleted from the text, the evidence cut into passages that are too small, decoys
added, the form spoiled, and five faults of the model. The index is the real one, with a scripted embedder. The model is
scripted: it answers right when all of a case's evidence is before it and refuses when not, except for the fault that is put
on. Only cases that the break touches, that are right in an unbroken copy and lost in the broken one count. Exits with 1 if
fewer than 95 % of them are named right.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.pipeline.budget import CompareRequest, Meter
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.evaluate import evaluate
from rung.pipeline.prepare import Prepared, prepare
from rung.records import Json, Loss
from rung.records.steps import Generate, Step
from rung.runtime.engines import open_engines
from rung.runtime.runner import StepRunner

EXAMPLES = Path(__file__).parent.parent / "examples"
Rows = list[dict[str, Json]]
WANTED = 0.95


@dataclass(frozen=True)
class Break:
    """One way to break a project: what it is called afterwards, how the folder and how the model is broken."""

    name: str
    loss: Loss
    example: str = "handbook"
    folder: Callable[[Path, Rows], Rows] = lambda _folder, rows: rows
    says: Callable[[str, dict[str, Json], bool], str] | None = None  # (right answer, row, evidence shown) -> what is said
    fails: bool = False
    answerable: bool = True
    more: str = ""  # settings of the rung


def documents(row: dict[str, Json]) -> list[str]:
    """The documents that a row names."""
    evidence = row.get("evidence")
    return [str(e["document"]) for e in evidence if isinstance(e, dict)] if isinstance(evidence, list) else []


def quotes(row: dict[str, Json]) -> list[str]:
    """The quotes that a row names."""
    evidence = row.get("evidence")
    return [str(e["quote"]) for e in evidence if isinstance(e, dict) and "quote" in e] if isinstance(evidence, list) else []


def about(rows: Rows, paths: Iterable[Path]) -> Rows:
    """The rows all of whose documents are among these."""
    names = {f"docs/{path.name}" for path in paths}
    return [row for row in rows if set(documents(row)) <= names]


def deleted(folder: Path, rows: Rows) -> Rows:
    """Half of the documents go away."""
    gone = sorted((folder / "docs").glob("*.md"))[::2]
    for path in gone:
        path.unlink()
    return about(rows, gone)


def passages_deleted(folder: Path, rows: Rows) -> Rows:
    """The sentences with the answers go, and the cases name only what is accepted: people's own cases often do."""
    for path in (folder / "docs").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for row in rows:
            for answer_ in row["answers"] if isinstance(row["answers"], list) else []:
                text = re.sub(rf"(?i)(?<!\w){re.escape(str(answer_))}(?!\w)", "", text)
        path.write_text(text, encoding="utf-8")
    return [{**row, "evidence": []} for row in rows]


def unreadable(folder: Path, rows: Rows) -> Rows:
    """Half of the documents are no text any more."""
    spoiled = sorted((folder / "docs").glob("*.md"))[::2]
    for path in spoiled:
        path.write_bytes(b"%PDF-1.7 \x00\xff\xfe\x00" * 50)
    return about(rows, spoiled)


def closed(folder: Path, rows: Rows) -> Rows:
    """Half of the documents are for the board, and staff ask."""
    settings = yaml.safe_load((folder / "rung.yaml").read_text(encoding="utf-8"))
    shut = sorted((folder / "docs").glob("*.md"))[::2]
    settings["knowledge"]["access"] = [{"path": f"docs/{path.name}", "groups": ["board"]} for path in shut]
    (folder / "rung.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return [{**row, "as": ["staff"]} for row in about(rows, shut)]


def cut(folder: Path, rows: Rows) -> Rows:
    """Passages of at most 16 words; a quote of 25 words or more cannot stand in one of them."""
    settings = yaml.safe_load((folder / "rung.yaml").read_text(encoding="utf-8"))
    settings["knowledge"] |= {"chunk_tokens": 16, "chunk_overlap": 0}
    (folder / "rung.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return [row for row in rows if all(len(quote.split()) >= 25 for quote in quotes(row))]


def decoys(per_case: int) -> Callable[[Path, Rows], Rows]:
    """Documents that ask each question over and over, and do not answer it."""

    def make(folder: Path, rows: Rows) -> Rows:
        for place, row in enumerate(rows):
            asked = f"{row['question']} " * 3
            for number in range(per_case):
                text = f"# {row['question']}\n\n{asked}\n\nNobody has said so yet ({number}).\n"
                (folder / "docs" / f"decoy-{place}-{number}.md").write_text(text, encoding="utf-8")
        return rows

    return make


BREAKS = (
    Break("document deleted", "not in the corpus", folder=deleted),
    Break("answers deleted, no gold named", "not in the corpus", folder=passages_deleted),
    Break("document unreadable", "not read", folder=unreadable),
    Break("access removed", "forbidden", folder=closed),
    Break("span cut", "cut by chunking", folder=cut),
    Break("6 decoys", "ranked too low", folder=decoys(6), more="passages: 3, candidates: 40"),
    Break("12 decoys, 10 candidates", "not retrieved", folder=decoys(12), more="passages: 3, candidates: 10"),
    Break("form spoiled", "wrong format", "helpdesk", says=lambda right, _row, _shown: f"Sure, here it is: {right}"),
    Break("refuses", "refused wrongly", says=lambda _right, _row, _shown: "I don't know."),
    Break("answers from elsewhere", "retrieved but not used", says=lambda _right, _row, _shown: "Zanzibar cloves perhaps"),
    Break("answers wrong words of it", "used but wrong", says=lambda right, row, _shown: misread(right, row)),
    Break("answers what nobody knows", "should have refused", says=lambda _r, _row, _s: "In 1923.", answerable=False),
    Break("no answer comes", "failed", fails=True),
)


def misread(right: str, row: dict[str, Json]) -> str:
    """Words of the evidence that are not the answer."""
    accepted = row["answers"] if isinstance(row["answers"], list) else []
    wrong = set(re.findall(r"\w+", f"{right} {' '.join(map(str, accepted))}".lower()))
    return " ".join(w for w in re.findall(r"\w+", quotes(row)[0]) if w.lower() not in wrong)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=0)
    seed = options.parse_args().seed
    right = broken = 0
    for one in BREAKS:
        named = judged(one, seed)
        hits = named[one.loss]
        right, broken = right + hits, broken + named.total()
        others = ", ".join(f"{layer} {n}" for layer, n in named.most_common() if layer != one.loss)
        print(f"{one.name:32} {one.loss:24} {hits:>3} of {named.total():>3}  {others}", flush=True)
    print(f"named right: {right} of {broken}, {right / broken:.1%}")
    sys.exit(0 if right >= WANTED * broken else 1)


def judged(one: Break, seed: int) -> Counter[str]:
    """How the cases that the break loses are named."""
    sound = carried(Break("", one.loss, one.example, answerable=one.answerable, more=one.more), seed)
    broken = carried(one, seed)
    well = {id for id, layer in sound.items() if layer is None}
    return Counter(layer for id, layer in broken.items() if id in well and layer is not None)


def carried(one: Break, seed: int) -> dict[str, Loss | None]:
    """The layer of each case of a copy of the example that was broken so; None: it was not lost."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / one.example
        shutil.copytree(EXAMPLES / one.example, folder, ignore=shutil.ignore_patterns(".rung"))
        rows = one.folder(folder, read(folder, one.answerable))
        for path in (folder / "cases").iterdir():
            path.unlink()
        (folder / "cases" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        settings = yaml.safe_load((folder / "rung.yaml").read_text(encoding="utf-8"))
        rung = yaml.safe_load(f"rag: {{{one.more}}}")
        settings |= {"model": "scripted", "embedder": "scripted", "rungs": [rung], "seed": seed}
        (folder / "rung.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return run(folder, one, {str(row["question"]): row for row in rows})


def read(folder: Path, answerable: bool) -> Rows:
    """All the example's cases as test cases, each question once, with gold that is quoted."""
    lines = [
        line for path in sorted((folder / "cases").glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    rows = {
        str(row["question"]): {**row, "split": "test"} for row in map(json.loads, lines) if row["answerable"] is answerable
    }
    return [row for row in rows.values() if quotes(row) or not answerable]


def run(folder: Path, one: Break, rows: dict[str, dict[str, Json]]) -> dict[str, Loss | None]:
    """Every stage from the documents to the diagnosis, with the scripted model."""
    play = Play(fails=lambda step: "the server is down" if one.fails and isinstance(step, Step) else "")
    with open_engines(load_project(folder)) as engines, StepRunner(engines) as runner:
        engines.generator = ScriptedGenerator(reader(one, rows), play=play)
        intake: Prepared = prepare(engines)
        candidates = [c for c in propose(ArtifactBuilder(runner), intake) if c.rung.name == "rag"]
        raced = climb(ArtifactBuilder(runner), intake, candidates, Meter.of(engines, CompareRequest(exhaustive=True)))
        (rag,) = evaluate(runner, intake, raced.evaluations).evaluations
    return dict(zip(rag.scorecard.cases, rag.layers, strict=True))


def reader(one: Break, rows: dict[str, dict[str, Json]]) -> Callable[[Generate], str]:
    """The scripted model: right where the evidence is before it, and the break's own words then; else it refuses."""

    def say(step: Generate) -> str:
        prompt = step.messages[-1].content
        row = rows[prompt.rpartition("Question: ")[2].strip()]
        shown = re.sub(r"\s+", "", prompt)
        seen = bool(quotes(row)) and all(re.sub(r"\s+", "", quote) in shown for quote in quotes(row))
        right = str(row["answers"][0]) if isinstance(row["answers"], list) and row["answers"] else "I don't know."
        refusal = '{"quote": null, "answer": null}' if one.example == "helpdesk" else "I don't know."
        if one.says is not None and (seen or not row["answerable"]):
            return one.says(right, row, seen)
        return right if seen or (one.folder is passages_deleted and accepted(row, prompt)) else refusal

    return say


def accepted(row: dict[str, Json], prompt: str) -> bool:
    """Whether an accepted answer stands in the prompt."""
    answers: Iterable[Json] = row["answers"] if isinstance(row["answers"], list) else []
    return any(str(answer_).lower() in prompt.lower() for answer_ in answers)


if __name__ == "__main__":
    main()
