"""Makes what the golden tests hold against: two projects with their `.rung/`, the digests in it, verdicts, exit codes.

`python -m tests.golden.making` writes `golden.json` and the archives anew. That is right only where a change is meant to ask
models again, or to name artifacts anew, and the changelog says so: whoever upgrades pays for it once. With `--verdicts`
nothing but the verdicts in `golden.json` is written anew: where a change adds a metric, or words a verdict otherwise.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rung.builders.adapter import adapter_digest
from rung.records import Asker, Example, Json, Message, Passage
from rung.records.steps import CallTool, Classify, Generate, Request, Rerank, Search, request_digest
from rung.training import Recipe

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.json"
PROJECTS = ("shop", "desk")
# What a clock or a machine decides, at any depth of a verdict.
UNSTEADY = frozenset(
    ("latency_ms", "build_seconds", "answer_seconds", "timed", "created", "seconds", "looks", "steps", "front")
)

SHOP = """\
name: shop
task: Answer the customer.
knowledge: {sources: ["docs/*.md"]}
behaviour: {examples: examples.jsonl}
cases: cases.jsonl
model: scripted
embedder: scripted
reranker: scripted
tools: [calculator]
rungs:
  - prompt
  - few_shot: {pick: nearest, shots: 2}
  - long_context
  - rag: {chunk_tokens: [20, 384], passages: 3}
  - rag: {rerank: true, rewrite: query, candidates: 4, passages: 2}
  - tools
bar: {correct: 0.2, leaks: 0}
"""
DESK = """\
name: desk
task: Say the label.
behaviour: {examples: examples.jsonl, labels: [cancel card, cancel loan, cancel order, renew card, renew loan, renew order]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [structured, classifier, router]
bar: {correct: 0.5}
"""
DOCUMENTS = {
    "returns.md": "# Returns\n\nYou may return an item within 30 days.\n\n## Costs\n\nThe sender pays 4.50 EUR.\n",
    "shipping.md": "# Shipping\n\nExpress costs 9 EUR and takes one day.\n\n| to | days |\n|---|---|\n| Norway | 3 |\n",
    "staff.md": "---\ntitle: Discounts\ngroups: [staff]\nyear: 2024\n---\nStaff buy everything at 40 % discount.\n",
}
CASES = """\
{"question": "Within how many days may you return an item?", "answers": ["30 days"], "gold_documents": ["docs/returns.md"]}
{"question": "What pays the sender?", "answers": ["4.5 EUR"], "evidence": [{"document": "docs/returns.md", "quote": "4.50"}]}
{"question": "How long to Norway?", "answers": ["3 days", "three days"], "gold_documents": ["docs/shipping.md"]}
{"question": "Who is the chief executive?", "answers": [], "answerable": false}
{"question": "At what discount do staff buy?", "answers": ["40 %"], "gold_documents": ["docs/staff.md"], "as": ["staff"]}
{"question": "At what discount do staff buy, please?", "answers": [], "answerable": false, "as": ["customer"]}
{"question": "How fast is express?", "answers": ["one day"], "split": "dev", "gold_documents": ["docs/shipping.md"]}
{"question": "What does express cost?", "answers": ["9 EUR"], "split": "train", "gold_documents": ["docs/shipping.md"]}
"""
COMMANDS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "a verdict that clears the bar": (("compare", "shop"), 0),
    "a bar that is missed": (("compare", "high"), 1),
    "no project": (("compare", "nowhere"), 2),
    "a mistake in rung.yaml": (("check", "broken"), 2),
    "an unknown rung": (("ask", "shop", "x?", "--rung", "nothing"), 2),
    "an answer": (("ask", "shop", "How fast is express?", "--rung", "rag"), 0),
    "a search": (("search", "shop", "express"), 0),
    "a check": (("check", "shop"), 0),
    "a dry run": (("compare", "shop", "--dry-run"), 0),
    "an unknown verb": (("weigh", "shop"), 2),
    "the report of a missed bar": (("report", "high"), 1),
    "an output that is there": (("report", "shop", "-o", "shop/rung.yaml"), 2),
}


def requests() -> dict[str, str]:
    """Digests of steps, as `rung.db` names what it remembers."""
    passage = Passage("p1", "docs/a.md", 0, 9, "The text.", title="Title")
    talk = (Message("system", "Be short."), Message("user", "How?"))
    staff = Asker(frozenset(("staff", "hr")))
    asked: dict[str, Request] = {
        "search": Request(Search("how", 5)),
        "search as staff": Request(Search("how", 5), staff),
        "search as nobody": Request(Search("how", 5), Asker(frozenset())),
        "search an index": Request(Search("how", 5, index="ab" * 32)),
        "search everything": Request(Search("", 100, everything=True), staff),
        "search where": Request(Search("how", 5, where='year >= 2024 and kind in ("manual")')),
        "search diverse": Request(Search("how", 5, diversity=0.3, dense_weight=0.7)),
        "search of unusual letters": Request(Search("wie groß – 返品？", 1)),
        "rerank": Request(Rerank("how", (passage, passage), 1)),
        "rerank by a model": Request(Rerank("how", (passage,), 1, model="m"), staff),
        "generate": Request(Generate(talk)),
        "generate as staff": Request(Generate(talk), staff),
        "generate long": Request(Generate(talk, max_tokens=500)),
        "generate by an adapter": Request(Generate(talk, adapter="cd" * 32)),
        "generate JSON": Request(Generate(talk, schema='{"type": "object"}')),
        "generate by a pattern": Request(Generate(talk, regex="[0-9]+")),
        "generate a choice": Request(Generate(talk, choices=("yes", "no"))),
        "generate at random": Request(Generate(talk, temperature=0.7, seed=3)),
        "generate by another model": Request(Generate(talk, model="other")),
        "classify": Request(Classify("text", ("a", "b"), model="ef" * 32)),
        "call a tool": Request(CallTool("calculator", '{"expression": "1+1"}')),
    }
    return {name: request_digest(request, "engine/1") for name, request in asked.items()}


def adapters() -> dict[str, str]:
    """Digests of adapters, each named by chats, recipe and base model; training is not needed for that."""
    rows = [Example(str(n), (Message("user", f"Gift {n}?"), Message("assistant", f"Box {n}."))) for n in range(3)]
    engines: Any = SimpleNamespace(trainee=SimpleNamespace(identity="model/1"))
    recipes: dict[str, dict[str, Json]] = {
        "default": {},
        "small": {"rank": 4, "epochs": 1},
        "in float32": {"precision": "float32"},
    }
    found = {name: Recipe.of(said, rows=len(rows), seed=0) for name, said in recipes.items()}
    return {
        **{name: adapter_digest(engines, rows, (), recipe) for name, recipe in found.items()},
        "with replay": adapter_digest(engines, rows, rows[:1], found["default"]),
    }


def steady(value: object) -> object:
    """A verdict without what a clock or a machine decides, numbers to nine digits."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in UNSTEADY}
    if isinstance(value, list):
        return [steady(inner) for inner in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def remembered(project: Path) -> list[str]:
    """The digests of all steps in a project's memory, in order."""
    with sqlite3.connect(project / ".rung" / "rung.db") as database:
        return [row[0] for row in database.execute("SELECT digest FROM steps ORDER BY digest")]


def built(project: Path) -> list[str]:
    """`kind/digest` of all that was built, documents cut in other ways too."""
    kinds = [*(project / ".rung" / "artifacts").glob("*/*/manifest.json"), *(project / ".rung" / "cuttings").glob("*/*")]
    return sorted({f"{path.relative_to(project / '.rung').parts[-3]}/{path.parent.name}" for path in kinds})


def rung(*words: str, inside: Path) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it."""
    command = [sys.executable, "-m", "rung", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=inside)


def write_projects(root: Path) -> None:
    """Both projects, without any memory; `high` and `broken` are what some commands are tried on."""
    shop, desk = root / "shop", root / "desk"
    for name, text in DOCUMENTS.items():
        _write(shop / "docs" / name, text)
    _write_rows(
        shop / "cases.jsonl",
        [{"id": f"c{n}", "split": "test", **case} for n, case in enumerate(map(json.loads, CASES.splitlines()))],
    )
    _write_rows(shop / "examples.jsonl", [_example(n, f"Gift {n}?", f"Box {n}.") for n in range(4)])
    _write(shop / "rung.yaml", SHOP)
    pairs = [(verb, thing) for verb in ("cancel", "renew") for thing in ("card", "loan", "order")]
    tails = ("now", "today", "again", "soon", "please", "tomorrow", "at once", "right away", "quickly", "this week")
    texts = [(f"{verb} my {thing} {tail}", f"{verb} {thing}") for verb, thing in pairs for tail in tails]
    _write_rows(desk / "examples.jsonl", [_example(n, *row) for n, row in enumerate(texts) if row[1] != "renew loan"])
    asked = [(f"{who} {verb} the {thing}", f"{verb} {thing}") for who in "abcdefghijklmn" for verb, thing in pairs]
    random.Random(1).shuffle(asked)
    rows = [
        {"id": f"c{n}", "question": text, "answers": [label], "split": "dev" if n % 2 else "test"}
        for n, (text, label) in enumerate(asked)
    ]
    _write_rows(desk / "cases.jsonl", rows)
    _write(desk / "rung.yaml", DESK)
    shutil.copytree(shop, root / "high")
    _write(root / "high" / "rung.yaml", SHOP.replace("correct: 0.2", "correct: 0.99"))
    _write(root / "broken" / "rung.yaml", "name: broken\nrungs: [promt]\n")


def compared(project: Path) -> dict[str, Any]:
    """The verdict of a comparison in which every rung answers every case, as JSON."""
    done = rung("compare", project.name, "--json", "--exhaustive", inside=project.parent)
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def _example(number: int, text: str, answer: str) -> dict[str, Any]:
    return {"id": f"e{number}", "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]}


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    _write(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """See the module."""
    only_verdicts = sys.argv[1:] == ["--verdicts"]
    golden: dict[str, Any] = (
        json.loads(GOLDEN.read_text("utf-8")) if only_verdicts else {"requests": requests(), "adapters": adapters()}
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_projects(root)
        for name in PROJECTS:
            verdict = compared(root / name)
            if only_verdicts:
                golden[name]["verdict"] = steady(verdict)
                continue
            golden[name] = {"verdict": steady(verdict), "steps": remembered(root / name), "built": built(root / name)}
            shutil.make_archive(str(HERE / name), "zip", root, name)
    GOLDEN.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
