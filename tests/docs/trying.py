"""Where documented commands and code are tried: a folder with the project `helpdesk`, all scripted, without
weights, and a table of scores from elsewhere."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = """\
{"messages": [{"role": "user", "content": "Is express dear?"}, {"role": "assistant", "content": "9 EUR"}]}
{"messages": [{"role": "user", "content": "Do you ship to Denmark?"}, {"role": "assistant", "content": "yes"}]}
"""
SCHEMA = '{"type": "object", "properties": {"answer": {"type": ["string", "null"]}}, "required": ["answer"]}\n'
SCORES = "case,prompt,rag,tuned\nq1,1,1,1\nq2,0,1,1\nq3,0,0,1\n"


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


def rung(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a `rung` command as its script would, in the working folder."""
    from rung.cli.main import main

    monkeypatch.setattr(sys, "argv", ["rung", *arguments])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return Said(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


def make_helpdesk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`folder/helpdesk` as `rung init` makes it, with scripted models, two examples and the rungs that readers meet."""
    (folder / "scores.csv").write_text(SCORES, encoding="utf-8")
    project = folder / "helpdesk"
    made = rung("init", str(project), monkeypatch=monkeypatch)
    assert made.code == 0, made.err
    text = (project / "rung.yaml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^model:.*$", "model: scripted\nembedder: scripted\nbehaviour: {examples: [examples/*.jsonl]}", text)
    text = re.sub(r"(?m)^rungs:.*$", "rungs: [prompt, few_shot, long_context, rag, tuned_model]", text)
    (project / "rung.yaml").write_text(text, encoding="utf-8")
    (project / "examples").mkdir()
    (project / "examples" / "tone.jsonl").write_text(EXAMPLES, encoding="utf-8")
    (project / "answer.schema.json").write_text(SCHEMA, encoding="utf-8")
    return project
