"""A small project that needs no weights: `model: scripted`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Commands

DOCUMENTS = {
    "returns.md": "# Returns\n\nYou may return an item within thirty days of delivery.\n\n"
    "The customer pays for the return parcel.\n",
    "shipping.md": "# Shipping\n\nExpress shipping costs nine euros and takes one day.\n\n"
    "We ship to Norway and to Sweden.\n",
    "staff.md": "---\ntitle: Discounts\ngroups: [staff]\n---\nStaff buy everything at forty percent discount.\n",
}
CASES: list[dict[str, Any]] = [
    {
        "id": "r1",
        "question": "Within how many days may you return an item?",
        "answers": ["thirty days"],
        "quote": "thirty days",
    },
    {"id": "r2", "question": "Who pays for the return parcel?", "answers": ["The customer"], "quote": "The customer pays"},
    {
        "id": "s1",
        "question": "What does express shipping cost?",
        "answers": ["nine euros"],
        "quote": "nine euros",
        "doc": "shipping",
    },
    {"id": "s2", "question": "Do we ship to Norway?", "answers": ["Norway"], "quote": "ship to Norway", "doc": "shipping"},
    {"id": "u1", "question": "Who is the chief executive officer?", "answers": [], "answerable": False},
    {
        "id": "d1",
        "question": "At what discount do staff buy everything?",
        "answers": ["forty percent"],
        "quote": "forty percent",
        "doc": "staff",
        "as": ["staff"],
    },
    {
        "id": "d2",
        "question": "At what discount do staff buy everything, please?",
        "answers": [],
        "answerable": False,
        "as": ["customer"],
    },
]
YAML = """\
name: shop
task: Answer the customer.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]
bar: {correct: 0.2, leaks: 0}
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:  # type: ignore[type-arg]
        """Stdout as the one line of JSON that it must be."""
        assert self.out.count("\n") == 1, self.out + self.err
        value: dict = json.loads(self.out)  # type: ignore[type-arg]
        return value


Run = Callable[..., Ran]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project."""
    return make_shop(tmp_path / "shop")


def make_shop(folder: Path) -> Path:
    """The project in this folder."""
    (folder / "docs").mkdir(parents=True)
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    rows = []
    for case in CASES:
        row: dict[str, Any] = {"split": "test", **case}
        quote, document = row.pop("quote", None), row.pop("doc", "returns")
        if quote:
            row["evidence"] = [{"document": f"docs/{document}.md", "quote": quote}]
        rows.append(row)
    rows.append({"id": "t1", "question": "How fast is express?", "answers": ["one day"], "split": "train"})
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return folder


@pytest.fixture
def rung(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> Run:
    """The command, as a user runs it: another process."""
    files = tmp_path_factory.mktemp("output")

    def run(*words: str | Path, code: int | None = 0, env: Sequence[tuple[str, str]] = ()) -> Ran:
        done = commands.run(list(map(str, words)), cwd=tmp_path, env={**os.environ, **dict(env)}, files=files)
        assert code is None or done.code == code, f"exit {done.code}\n{done.out}\n{done.err}"
        assert "Traceback" not in done.err, done.err
        return Ran(done.code, done.out, done.err)

    return run
