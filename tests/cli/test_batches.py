"""`rung batches`: what is said where a host cannot be asked, and which words name a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.models.batch_notes import FOLDER, BatchNotes
from tests.cli.conftest import Run


@pytest.mark.slow
def test_what_cannot_be_asked_is_said_and_only_a_name_gives_it_up(
    rung: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (tmp_path / "cases.jsonl").write_text('{"question": "Which?", "answers": ["this"]}\n', encoding="utf-8")
    text = "task: Answer.\ncases: cases.jsonl\nrungs: [prompt]\nmodel: openai:small\nserver: {batch: true, retries: 0}\n"
    (tmp_path / "rung.yaml").write_text(text, encoding="utf-8")
    notes = BatchNotes(load_project(tmp_path).state / FOLDER)
    unnamed = notes.add("openai:small", "small", ["a" * 64])
    assert "no batch is called ''" in rung("batches", "drop", tmp_path, "", code=2).err
    notes.write(replace(unnamed, name="batch_1"))
    assert "! openai:small: batch_1 cannot be asked after now" in rung("batches", "list", tmp_path).err
    assert "! whether batch_1 goes on at openai:small is not known" in rung("batches", "drop", tmp_path, "batch_1").err
    assert not list(notes)
