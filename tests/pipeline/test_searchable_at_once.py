"""Who waits for the embedder and who does not, and is it said how many passages a table stands in for?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.pipeline.prepare import embed_the_rest, stand_ins, up_to_date
from rung.pipeline.searchable import at_hand
from rung.runtime.engines import Engines, open_engines
from rung.testing.knowledge import HashedWords

COUNT = 300


class Slow(HashedWords):
    """Has a stand-in."""

    def __init__(self) -> None:
        super().__init__()
        self.quick = HashedWords(name="stand-in")


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    rows = [json.dumps({"id": f"d{n}", "text": f"word{n} of number{n}"}) for n in range(COUNT)]
    (tmp_path / "docs.jsonl").write_text("\n".join(rows), encoding="utf-8")
    settings = "task: a\nmodel: scripted\nembedder: scripted\nknowledge: {sources: [docs.jsonl]}\n"
    (tmp_path / "rung.yaml").write_text(settings, encoding="utf-8")
    with open_engines(load_project(tmp_path)) as opened:
        opened.__dict__["embedder"] = Slow()
        yield opened


def test_a_search_does_not_wait_and_says_so(engines: Engines) -> None:
    indexed = up_to_date(engines, at_once=True)
    assert stand_ins(indexed.knowledge) == "300 of 300 passages are still searched by the table's vectors"
    assert indexed.problems == ()
    assert embed_the_rest(engines) == COUNT
    assert embed_the_rest(engines) == 0
    after = indexed.knowledge.version
    same = at_hand(engines)
    assert same is not None
    assert (stand_ins(same), same.version) == ("", after)  # no source was read again


def test_a_measurement_waits(engines: Engines) -> None:
    up_to_date(engines, at_once=True)
    indexed = up_to_date(engines)
    assert (indexed.report.embedded, stand_ins(indexed.knowledge)) == (COUNT, "")


def test_a_measurement_that_cannot_wait_says_so(engines: Engines) -> None:
    knowledge = up_to_date(engines, at_once=True).knowledge
    knowledge.index.rollback(knowledge.version)
    told = [str(problem) for problem in up_to_date(engines).problems]
    assert any("300 of 300 passages are still searched by the table's vectors, and measured so" in line for line in told)
