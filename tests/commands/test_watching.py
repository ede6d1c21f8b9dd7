"""Does a watched project follow its files: saved right after the first sync, changed, deleted, and when a sync fails?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.commands.watch import watch, watched
from rung.config.project import load_project
from rung.errors import UserError
from rung.pipeline.prepare import Indexed
from rung.records import Asker
from rung.runtime.engines import open_engines


class Watching:
    """A watched project, and what it told of."""

    def __init__(self, root: Path) -> None:
        self.synced, self.errors, self.stop = list[Indexed](), list[UserError](), threading.Event()
        self._root = root
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        with open_engines(load_project(self._root)) as engines:
            watch(engines, on_sync=self.synced.append, on_error=self.errors.append, stop=self.stop)

    def until(self, count: int) -> Indexed:
        """The sync of this number, from 1."""
        end = time.monotonic() + 60
        while len(self.synced) < count:
            assert time.monotonic() < end, f"only {len(self.synced)} syncs: {self.errors}"
            time.sleep(0.01)
        return self.synced[count - 1]

    def over(self) -> None:
        self.stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Refunds\n\nRefunds take thirty days.\n", encoding="utf-8")
    text = 'model: "scripted:I don\'t know."\nembedder: scripted\nknowledge: {sources: [docs]}\n'
    (tmp_path / "rung.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def watching(project: Path) -> Iterator[Watching]:
    found = Watching(project)
    yield found
    found.over()


@pytest.mark.slow
def test_every_change_is_followed(project: Path, watching: Watching) -> None:
    assert watching.until(1).report.added == 1
    fresh = project / "docs" / "b.md"
    fresh.write_text("# Shipping\n\nWe ship to Norway.\n", encoding="utf-8")  # before the watcher stands, perhaps
    assert watching.until(2).report.added == 1
    fresh.write_text("# Shipping\n\nWe ship to Sweden.\n", encoding="utf-8")
    assert watching.until(3).report.changed == 1
    knowledge = watching.synced[-1].knowledge
    assert "Sweden" in knowledge.search("Where do we ship?", asker=Asker(), top=1)[0].text
    fresh.unlink()
    assert watching.until(4).report.removed == 1
    assert [d.id for d in knowledge.documents()] == ["docs/a.md"]
    assert watching.errors == []


@pytest.mark.slow
def test_what_goes_wrong_is_told_and_the_next_change_tries_again(project: Path, watching: Watching) -> None:
    watching.until(1)
    (project / "docs" / "a.md").rename(project / "gone.md")
    end = time.monotonic() + 60
    while not watching.errors:
        assert time.monotonic() < end
        time.sleep(0.01)
    (project / "gone.md").rename(project / "docs" / "c.md")
    assert watching.until(2).report.renamed == 1


def test_only_folders_that_can_hold_documents_are_watched(project: Path) -> None:
    text = "knowledge: {sources: [docs/**/*.md, docs/deep/x.txt, https://example.org/a]}\n"
    (project / "rung.yaml").write_text(text, encoding="utf-8")
    assert watched(load_project(project)) == [(project / "docs").resolve()]
