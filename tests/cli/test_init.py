"""Does a project come to be over documents that are there, without touching them?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.first_look import first_look
from rung.config.project import load_project
from rung.pipeline.sources import Sources
from tests.cli.conftest import Run
from tests.knowledge.making import put


def tree(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): p.read_text("utf-8") for p in root.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_in_a_folder_with_documents_only_what_a_project_needs_is_written(rung: Run, tmp_path: Path) -> None:
    folder = tmp_path / "wiki: ours"
    put(folder, "README.md", "# Ours\n\nAll about parcels.\n")
    put(folder, "guides/a.rst", "Parcels\n=======\n\nSend them.\n")
    put(folder, "src/doc/b.md", "# B\n\nMore.\n")
    put(folder, "src/main.py", "print()\n")
    put(folder, "faq.jsonl", json.dumps({"id": "f", "text": "Parcels are free."}) + "\n")
    put(folder, "chats.jsonl", json.dumps({"messages": []}) + "\n")
    put(folder, ".git/HEAD.md", "x")
    before = tree(folder)
    told = rung("init", folder, "--dry-run")
    assert tree(folder) == before
    assert told.out.count("would write") == 2
    rung("init", folder)
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == ["cases/cases.jsonl", "rung.yaml"]
    project = load_project(folder)
    assert project.name == "wiki: ours"
    assert project.settings.knowledge.sources == ("*.md", "faq.jsonl", "guides", "src/**/*.md")
    sources = Sources(project, remember=False)
    assert sorted(document.id for document in sources) == ["README.md", "f", "guides/a.rst", "src/doc/b.md"]
    assert sources.problems == []
    assert "there already" in rung("init", folder, code=2).err
    assert tree(folder) == after


@pytest.mark.slow
def test_cases_that_are_there_stay(rung: Run, tmp_path: Path) -> None:
    put(tmp_path, "p/docs/a.md", "x")
    put(tmp_path, "p/cases/mine.jsonl", '{"question": "q", "answers": ["x"]}\n')
    rung("init", tmp_path / "p")
    assert sorted(tree(tmp_path / "p")) == ["cases/mine.jsonl", "docs/a.md", "rung.yaml"]


@pytest.mark.parametrize(
    ("files", "patterns"),
    [
        ({}, ()),
        ({"a.txt": "x", "report.html": "x", "rung.yaml": "x"}, ("*.txt",)),
        ({"report.html": "x", "page.html": "x"}, ("page.html",)),
        ({"docs/a.md": "x", "docs/deep/b.pdf": "x"}, ("docs",)),
        ({"docs/a.md": "x", "docs/data.json": "{}"}, ("docs/**/*.md",)),
        ({"docs [old]/a.md": "x", "docs [old]/a.py": "x"}, ("docs [[]old]/**/*.md",)),
        ({"data/rows.jsonl": '{"id": 1, "text": "x"}'}, ("data",)),
        ({"data/rows.json": '[\n {"id": 1, "text": "x"}]'}, ("data",)),
        ({"examples/chat.md": "x", "cases/c.md": "x", "node_modules/a/README.md": "x", ".hidden/a.md": "x"}, ()),
        ({"deep/cases/a.md": "x"}, ("deep",)),
    ],
)
def test_what_counts_as_a_document(files: dict[str, str], patterns: tuple[str, ...], tmp_path: Path) -> None:
    for name, text in files.items():
        put(tmp_path, name, text)
    assert first_look(tmp_path).patterns == patterns
