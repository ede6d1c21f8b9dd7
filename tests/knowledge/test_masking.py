"""Documents whose personal data is masked before anything sees, or remembers, it."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.knowledge.masking import Masking
from rung.pipeline.prepare import prepare
from rung.pipeline.sources import Sources
from rung.records import Document, Json
from tests.working import working

MAIL = "ann.miller@corp.de"
YAML = "task: x\ncases: cases.jsonl\nmodel: scripted\nembedder: scripted\nrungs: [rag]\n"


def project(folder: Path, policy: str) -> Path:
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "a.html").write_text(f"<h1>Letters</h1><p>Returns: write to {MAIL} within thirty days.</p>", "utf-8")
    evidence = [{"document": "docs/a.html", "quote": f"write to {MAIL} within thirty days"}]
    row = {"id": "c", "question": "When?", "answers": ["thirty days"], "split": "test", "evidence": evidence}
    (folder / "cases.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (folder / "rung.yaml").write_text(f"{YAML}knowledge: {{sources: [docs/*], personal_data: {policy}}}\n", encoding="utf-8")
    return folder


def remembered(folder: Path) -> str:
    with closing(sqlite3.connect(folder / ".rung" / "reading.db")) as database:
        return "".join(zlib.decompress(items).decode() for (items,) in database.execute("SELECT items FROM read"))


@pytest.mark.slow
def test_the_index_and_the_memory_of_files_hold_none_of_it_and_quotes_are_found(tmp_path: Path) -> None:
    folder = project(tmp_path, "mask")
    with working(load_project(folder)) as work:
        prepared = prepare(work.engines)
        (document,) = work.engines.documents.documents()
    assert document.text.count("[an e-mail address]") == 1
    (case,) = prepared.cases
    (span,) = case.evidence
    assert document.text[span.start : span.end] == "write to [an e-mail address] within thirty days"
    for path in (folder / ".rung").rglob("*"):
        assert not path.is_file() or MAIL.encode() not in path.read_bytes(), path
    assert MAIL not in remembered(folder)


@pytest.mark.slow
def test_when_the_policy_changes_files_are_read_anew(tmp_path: Path) -> None:
    folder = project(tmp_path, "allow")
    (before,) = Sources(load_project(folder))
    assert MAIL in before.text
    project(tmp_path, "mask")
    (after,) = Sources(load_project(folder))
    assert MAIL not in after.text
    assert MAIL not in remembered(folder)


def test_where_pages_begin_is_moved_along() -> None:
    text = f"One {MAIL}. Two {MAIL}. Three."
    meta: dict[str, Json] = {
        "pages": [0, text.index("Two"), text.index("Three")],
        "body_start": 4,
        "author": f"Ann <{MAIL}>",
        "n": 3,
    }
    masked = Masking("forms")(Document("d", text, f"To {MAIL}", meta=meta, source="d"))
    pages = masked.meta["pages"]
    assert isinstance(pages, list)
    assert [masked.text[int(str(at)) :].split(" ")[0] for at in pages] == ["One", "Two", "Three."]
    assert masked.meta["author"] == "Ann <[an e-mail address]>"
    assert (masked.title, masked.meta["n"], masked.source) == ("To [an e-mail address]", 3, "d")
