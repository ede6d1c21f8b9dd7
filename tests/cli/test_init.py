"""Does a project come to be over documents that are there, without touching them?"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from rung.cli.command_line import command_line
from rung.commands.agents_page import agents_page
from rung.commands.first_look import first_look
from rung.commands.found_rows import FoundRows, found_rows
from rung.commands.start import start
from rung.commands.survey import survey
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
    assert "source code is no source by itself: src/**/*.py may be named under knowledge.sources" in told.err
    assert tree(folder) == before
    assert told.out.count("would write") == 3
    rung("init", folder)
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == ["AGENTS.md", "cases/drafts.jsonl", "rung.yaml"]
    assert '# source code, if it is to be searched too: "src/**/*.py"' in (folder / "rung.yaml").read_text()
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
    put(tmp_path, "p/AGENTS.md", "mine")
    rung("init", tmp_path / "p", "--no-drafts")
    after = tree(tmp_path / "p")
    assert sorted(after) == ["AGENTS.md", "cases/mine.jsonl", "docs/a.md", "rung.yaml"]
    assert after["AGENTS.md"] == "mine"
    assert load_project(tmp_path / "p").settings.cases == ("cases/*.jsonl",)


CHAT = json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}) + "\n"


@pytest.mark.slow
def test_documents_cases_and_examples_are_found_by_looking(rung: Run, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    put(folder, "guides/parcels.md", "# Parcels\n\nExpress costs nine euros. A return is free within 30 days.\n")
    put(folder, "evals/judged [1].jsonl", '{"question": "What does express cost?", "answers": ["nine euros"]}\n' * 2)
    put(folder, "tuning/chats.jsonl", CHAT * 3)
    put(
        folder,
        "old/promptfooconfig.yaml",
        "prompts: ['{{q}}']\ntests: [{vars: {q: a}, assert: [{type: equals, value: b}]}]\n",
    )
    put(folder, "guides/faq.csv", "question,answer\nIs it dear?,no\n")
    put(folder, "data.json", "{}")
    put(folder, "broken.jsonl", '{"question"')
    before = tree(folder)
    done = rung("init", "--docs", folder)
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == ["AGENTS.md", "cases/drafts.jsonl", "rung.yaml"]
    settings = load_project(folder).settings
    assert settings.knowledge.sources == ("guides",)
    assert settings.behaviour.examples == ("tuning/chats.jsonl",)
    assert settings.cases == ("evals/judged [[]1].jsonl", "cases/*.jsonl")
    said = " ".join(done.err.split())
    assert "old/promptfooconfig.yaml is of the form promptfoo: rung import" in said
    assert "guides/faq.csv is of the form table: rung import" in said
    assert "it is read as a document, too" in said
    drafts = [json.loads(line) for line in after["cases/drafts.jsonl"].splitlines()]
    assert drafts
    assert not any(one["question"] == "What does express cost?" for one in drafts)
    assert {one["approved_by"] for one in drafts} == {""}
    checked = rung("check", folder).out
    assert "1 examples" in checked or "3 examples" in checked
    assert "stops a comparison" not in checked


@pytest.mark.slow
def test_documents_may_lie_elsewhere(rung: Run, tmp_path: Path) -> None:
    put(tmp_path, "wiki [1]/a.md", "# A\n\nExpress costs nine euros.\n")
    rung("init", "made", "--docs", "wiki [1]", "--no-drafts")
    assert sorted(tree(tmp_path / "wiki [1]")) == ["a.md"]
    project = load_project(tmp_path / "made")
    assert [document.text for document in Sources(project, remember=False)] == ["# A\n\nExpress costs nine euros.\n"]
    assert sorted(tree(tmp_path / "made")) == ["AGENTS.md", "cases/cases.jsonl", "rung.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--docs", "none"), "none is no folder"),
        (("--docs", "bare"), "bare holds no documents that can be read"),
        (("bare",), "bare is not empty and holds no documents"),
        (("--docs", "bare", "--beir", "bare"), "--beir and --docs are two corpora"),
        (("made", "--docs", "docs"), "it is a project already"),
    ],
)
def test_what_no_project_is_made_of(rung: Run, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    put(tmp_path, "bare/main.py", "print()\n")
    put(tmp_path, "docs/a.md", "x")
    put(tmp_path, "made/rung.yaml", "task: t\n")
    before = tree(tmp_path)
    assert why in rung("init", *words, code=2).err
    assert tree(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("in_the_way", "why"),
    [
        ("cases", "cases is no folder: move it away"),
        ("cases/drafts.jsonl", "drafts.jsonl is a link that leads nowhere"),
        ("rung.yaml", "rung.yaml is a link that leads nowhere"),
    ],
)
def test_a_project_is_made_whole_or_not_at_all(rung: Run, tmp_path: Path, in_the_way: str, why: str) -> None:
    put(tmp_path, "p/docs/a.md", "Express costs nine euros.")
    there = tmp_path / "p" / in_the_way
    if "." in in_the_way:
        there.parent.mkdir(exist_ok=True)
        there.symlink_to("nowhere")
    else:
        there.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for words in ((), ("--dry-run",)):
        assert why in " ".join(rung("init", "--docs", "p", *words, code=2).err.split())
        assert sorted(tmp_path.rglob("*")) == before


def test_what_fails_later_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "docs/a.md", "Express costs nine euros.")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.commands.start.draft", fail)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "new" / "p", tmp_path / "docs")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.md", "docs"]


def test_a_link_in_the_place_of_agents_md_stays(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", "Express costs nine euros.")
    (tmp_path / "AGENTS.md").symlink_to("nowhere")
    start(tmp_path, tmp_path)
    assert (tmp_path / "AGENTS.md").is_symlink()
    assert load_project(tmp_path).settings.cases == ("cases/*.jsonl",)


def test_files_among_the_cases_that_are_none_are_not_named(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", "Express costs nine euros.")
    put(tmp_path, "cases/chats.jsonl", CHAT)
    started = start(tmp_path, tmp_path, drafts=False)
    assert load_project(tmp_path).settings.cases == ("cases/cases.jsonl",)
    assert (
        f"{tmp_path / 'cases/chats.jsonl'}: no rows of cases, so rung.yaml does not name it under 'cases'" in started.notes
    )
    (tmp_path / "rung.yaml").unlink()
    put(tmp_path, "cases/mine.jsonl", '{"question": "q", "answers": ["x"]}\n')
    start(tmp_path, tmp_path)
    assert load_project(tmp_path).settings.cases == ("cases/mine.jsonl", "cases/drafts.jsonl")
    (tmp_path / "rung.yaml").unlink()
    (tmp_path / "cases/chats.jsonl").unlink()
    start(tmp_path, tmp_path)
    assert load_project(tmp_path).settings.cases == ("cases/*.jsonl",)


@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path, "a.md", "x")
    for name in ("rows.jsonl", "docs.md", "table.csv"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "link.jsonl").symlink_to("rows.jsonl")
    assert str(first_look(tmp_path)) == "1 .md"
    assert found_rows(tmp_path) == FoundRows()


def test_what_agents_are_told_is_true() -> None:
    """Each command with its options is there."""
    page = agents_page("x")
    commands = re.findall(r"`(rung [^`]+)`", page)
    assert len(commands) > 10
    for text in commands:
        words = shlex.split(text)[1:]
        command = command_line()
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for param in command.params for option in param.opts}
        assert {word for word in words if word.startswith("-")} <= known, text


@pytest.mark.parametrize(
    ("files", "patterns"),
    [
        ({}, ()),
        ({"a.txt": "x", "report.html": "x", "rung.yaml": "x"}, ("*.txt",)),
        ({"report.html": "x", "page.html": "x"}, ("*.html",)),
        ({"AGENTS.md": "x", "[a].md": "x"}, ("*.md",)),
        ({"docs/a.md": "x", "docs/deep/b.pdf": "x"}, ("docs",)),
        ({"docs/a.md": "x", "docs/data.json": "{}"}, ("docs/**/*.md",)),
        ({"docs [old]/a.md": "x", "docs [old]/a.py": "x"}, ("docs [[]old]/**/*.md",)),
        ({"data/rows.jsonl": '{"id": 1, "text": "x"}'}, ("data",)),
        ({"data/rows.json": '[\n {"id": 1, "text": "x"}]'}, ("data",)),
        ({"examples/chat.md": "x", "cases/c.md": "x", "node_modules/a/README.md": "x", ".hidden/a.md": "x"}, ()),
        ({"deep/cases/a.md": "x"}, ("deep",)),
        (
            {
                "data/a.jsonl": '{"id": 1, "text": "x"}',
                "data/c.jsonl": '{"question": "a", "answers": ["b"]}',
                "data/deep/b.jsonl": '{"id": 1, "text": "x"}',
            },
            ("data/a.jsonl", "data/deep/*.jsonl"),
        ),
    ],
)
def test_what_counts_as_a_document(files: dict[str, str], patterns: tuple[str, ...], tmp_path: Path) -> None:
    for name, text in files.items():
        put(tmp_path, name, text)
    assert first_look(tmp_path).patterns == patterns


def test_cases_and_examples_are_no_sources(tmp_path: Path) -> None:
    put(tmp_path, "data/a.jsonl", '{"id": 1, "text": "Express costs nine euros."}')
    put(tmp_path, "data/cases.jsonl", '{"question": "a", "answers": ["b"]}')
    put(tmp_path, "data/pairs.csv", "prompt,completion\nHi,Hello\nBye,Good bye\n")
    put(tmp_path, "data/table.csv", "size,price\nsmall,3\n")
    started = start(tmp_path, tmp_path, drafts=False)
    assert [path.name for path in started.rows.examples] == ["pairs.csv"]
    project = load_project(tmp_path)
    assert project.settings.knowledge.sources == ("data/a.jsonl", "data/table.csv")
    assert survey(project).problems == ()


def test_where_nothing_is_drafted_no_empty_file_is_to_be_looked_at(rung: Run, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", "Wir liefern nach Norwegen und Schweden. Der Versand dauert vier Tage.\n")
    printed = rung("init", "--docs", tmp_path).out
    assert "nothing was drafted: the rules read English" in printed
    assert "approved_by" not in printed
    assert "--by model" in printed
    printed = rung("cases", "suggest", tmp_path).out
    assert "nothing was drafted: the rules read English" in printed
    assert "approved_by" not in printed
    assert rung("cases", "suggest", tmp_path, "--json").json["file"] is None
    assert not (tmp_path / "cases.drafts.jsonl").exists()
