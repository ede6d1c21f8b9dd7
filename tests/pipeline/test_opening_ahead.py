"""Is a model opened while documents are read where it will be asked, and not where it will not?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import compare
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.prepare import prepare
from rung.runtime.engines import Engines, open_engines


class OpensAhead(ScriptedGenerator):
    """One that decodes here, as it seems."""

    def __init__(self) -> None:
        super().__init__()
        self.apart = False
        self.opened = 0

    def open_ahead(self) -> None:
        """Count it."""
        self.opened += 1

    def start_anew(self) -> None:
        """There is no cache."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "doc.md").write_text("The library opens at nine.", encoding="utf-8")
    case = '{"question": "When does the library open?", "answers": ["at nine"]}'
    (tmp_path / "cases.jsonl").write_text(case, encoding="utf-8")
    settings = "task: a\nmodel: scripted\nembedder: scripted\ncases: [cases.jsonl]\nknowledge: {sources: [doc.md]}\n"
    (tmp_path / "rung.yaml").write_text(settings + "rungs: [prompt, rag]\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def engines(folder: Path) -> Iterator[Engines]:
    with open_engines(load_project(folder)) as opened:
        opened.__dict__["generator"] = OpensAhead()
        yield opened


def opened(engines: Engines) -> int:
    model = engines.generator
    assert isinstance(model, OpensAhead)
    return model.opened


def test_it_is_opened_where_it_will_be_asked(engines: Engines) -> None:
    prepare(engines)
    assert opened(engines) == 0
    prepare(engines, asks_model=True)
    assert opened(engines) == 1


def test_answers_that_are_remembered_need_no_model(folder: Path) -> None:
    compare(load_project(folder))
    with open_engines(load_project(folder)) as again:
        again.__dict__["generator"] = OpensAhead()
        prepare(again, asks_model=True)
        assert opened(again) == 0


def test_mistakes_in_the_cases_are_found_before(engines: Engines, folder: Path) -> None:
    (folder / "cases.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(UserError):
        prepare(engines, asks_model=True)
    assert opened(engines) == 0
