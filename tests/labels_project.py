"""A project of labels that answers by a script: red or blue, with nine examples that say blue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rung.records import Json

YAML = """\
task: Say the label.
behaviour: {labels: [red, blue], examples: examples.jsonl}
cases: cases.jsonl
model: scripted
embedder: scripted
"""


def write_labels(folder: Path, cases: Sequence[Json], more: str) -> Path:
    """The project's files; `more`: what rung.yaml says beside, its rungs above all."""
    chats = [
        {"messages": [{"role": "user", "content": f"Other {n}?"}, {"role": "assistant", "content": "blue"}]}
        for n in range(9)
    ]
    for name, rows in (("cases", cases), ("examples", chats)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML + more, encoding="utf-8")
    return folder
