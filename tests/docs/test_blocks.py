"""Does everything that the documentation shows in a fenced block do what it says?"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from rung.config.project import FILE, Project, load_project
from rung.dataset.load import load_dataset
from rung.errors import InputError
from rung.pipeline.candidates import allowed
from rung.records import Json
from tests.docs.commands import calls, parse, typed
from tests.docs.pages import ROOT, Block, blocks, blocks_in, pages
from tests.docs.trying import make_helpdesk, rung

LANGUAGES = {"python", "yaml", "json", "jsonl", "console", "text", "markdown", "toml"}


def of(language: str, *words: str) -> list[Block]:
    return [b for b in blocks() if b.language == language and set(words) <= set(b.words)]


def place(block: Block) -> str:
    return block.place


def loaded(text: str, folder: Path) -> Project:
    """A block as a project's rung.yaml; rungs and their settings are checked as a comparison would."""
    (folder / FILE).write_text(text, encoding="utf-8")
    project = load_project(folder)
    allowed(project)
    return project


def test_there_are_pages_and_every_block_has_a_known_language() -> None:
    assert len(pages()) > 8
    assert [b.place for b in blocks() if b.language not in LANGUAGES] == []


@pytest.mark.parametrize("block", [b for b in of("yaml") if "wrong" not in b.words], ids=place)
def test_yaml_loads_as_a_project(block: Block, tmp_path: Path) -> None:
    loaded(block.text, tmp_path)


@pytest.mark.parametrize("block", of("yaml", "wrong"), ids=place)
def test_a_mistake_is_answered_as_the_page_says(block: Block, tmp_path: Path) -> None:
    following = list(blocks_in(block.page))
    answer = following[[b.line for b in following].index(block.line) + 1]
    with pytest.raises(InputError) as caught:
        loaded(block.text, tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/", "") == answer.text.strip()


def kind_of(row: Mapping[str, Json]) -> str:
    return "case" if "question" in row else "example" if "messages" in row else "document" if "text" in row else ""


def reads(row: Mapping[str, Json], folder: Path) -> None:
    """Hand a row to the reader that reads it in a project; nothing may be left out."""
    kind = kind_of(row)
    text = json.dumps(row, ensure_ascii=False) + "\n"
    if kind == "document":
        from rung.knowledge import read_sources

        (folder / "documents.jsonl").write_text(text, encoding="utf-8")
        report = read_sources(folder, ["documents.jsonl"])
        assert (len(report.documents), report.problems) == (1, ()), row
    elif kind:
        (folder / "cases.jsonl").write_text('{"question": "What?", "answers": ["a"], "split": "test"}\n', encoding="utf-8")
        (folder / f"{kind}.jsonl").write_text(text, encoding="utf-8")
        settings = (
            "cases: [cases.jsonl, case.jsonl]"
            if kind == "case"
            else "cases: cases.jsonl\nbehaviour: {examples: example.jsonl}"
        )
        (folder / FILE).write_text(settings, encoding="utf-8")
        found = load_dataset(load_project(folder))
        assert found.problems == (), row
        assert len(found.cases) + len(found.examples) == 2


@pytest.mark.parametrize("block", of("json") + of("jsonl"), ids=place)
def test_json_is_json_and_rows_are_read(block: Block, tmp_path: Path) -> None:
    texts = block.text.splitlines() if block.language == "jsonl" else [block.text]
    for text in texts:
        value = json.loads(text)
        if isinstance(value, dict) and "schema" not in block.words:
            reads(value, tmp_path)


@pytest.mark.parametrize("block", of("console"), ids=place)
def test_commands_exist_with_their_options(block: Block) -> None:
    lines = list(typed(block))
    assert lines, "a console block shows what is typed after '$ '"
    for line, command in lines:
        for words in calls(command):
            try:
                parse(words)
            except ValueError as error:
                raise AssertionError(f"{block.page.name}:{line}: {error}") from error


def test_commands_in_the_text_exist() -> None:
    found = [
        (p, words) for p in pages() for s in re.findall(r"`(rung [a-z][^`]*)`", p.read_text("utf-8")) for words in calls(s)
    ]
    verbs = {words[0] for _, words in found}
    assert verbs <= set(_verbs()), verbs - set(_verbs())


def _verbs() -> tuple[str, ...]:
    from rung.cli.command_line import VERBS

    return VERBS


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in pages() if p.name != "cli.md"], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_a_page_shows_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and commands, in the order of the page, in a folder that holds the project `helpdesk`; names are shared."""
    shown = [b for b in blocks_in(page) if b.language in ("python", "console") and b.runs]
    if not shown:
        return
    make_helpdesk(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    module = ModuleType(f"{page.stem.lower()}_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in shown:
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), module.__dict__)
            continue
        for line, command in typed(block):
            for words in calls(command) if command.startswith("rung ") else ():
                said = rung(*words, monkeypatch=monkeypatch)
                assert said.code in (0, 1), f"{page.name}:{line}: exit {said.code}\n{said.err}"


@pytest.mark.parametrize("block", [b for b in blocks() if any(w.startswith("file=") for w in b.words)], ids=place)
def test_a_shown_file_is_the_real_one(block: Block) -> None:
    name = next(word.removeprefix("file=") for word in block.words if word.startswith("file="))
    assert block.text == (ROOT / "tests" / "plugin" / name).read_text(encoding="utf-8")
