"""Does a re-cut index follow the documents beside answering, and give nothing meanwhile that does not stand any more?"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from rung.errors import UserError
from rung.knowledge import Chunking, Knowledge, KnowledgeEngine
from rung.records import Asker, Document
from rung.records.steps import Request, Search, SearchResult
from rung.serving import following
from rung.serving.following import Following
from rung.serving.noting import NotingSearch
from rung.testing.knowledge import HashedWords

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

STAFF = Asker(frozenset({"staff"}))


class Held(HashedWords):
    """Embeds passages when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.let.set()
        self.trouble = ""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        if kind == "passage":
            assert self.let.wait(30)
            if self.trouble:
                raise UserError(self.trouble)
        return super().embed(texts, kind=kind)


def documents() -> list[Document]:
    return [Document(f"d{n}", f"word{n} of the pump", f"Title {n}", source=f"d{n}.md") for n in range(6)]


class Watched:
    """The project's index, one that is cut in another way and follows it, and who searches the latter."""

    def __init__(self, folder: Path) -> None:
        self.held = Held()
        self.elsewhere = self._opened(folder / "own", HashedWords())  # another process
        self.sync(documents())
        self.documents = self._opened(folder / "own", HashedWords())
        self.cuttings = {"cut": self._opened(folder / "cut", self.held)}
        self.following = Following(self.documents, self.cuttings)
        engine = KnowledgeEngine(
            self.documents, example_indexes={}, embedder=lambda: self.documents.embedder, cuttings=self.cuttings
        )
        self.noting = NotingSearch(engine, self.following)

    def _opened(self, folder: Path, embedder: HashedWords) -> Knowledge:
        return Knowledge.open(folder, embedder=embedder, chunking=Chunking(32, 4))

    def sync(self, every: Sequence[Document]) -> None:
        self.elsewhere.sync(every)

    def found(self, query: str = "pump", asker: Asker = STAFF) -> set[str]:
        """Documents, after a look at the newest version."""
        self.following.refresh()
        ((_, result),) = self.noting.run([Request(Search(query, 50, index="cut"), asker)])
        assert isinstance(result, SearchResult)
        assert {passage.document for passage in result.passages} <= self.noting.documents
        return {passage.document for passage in result.passages}

    def has_followed(self) -> bool:
        """Whether it has, when what was begun has ended."""
        thread = self.following._thread
        assert thread is not None
        thread.join(30)
        return self.following.is_current


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    one = Watched(tmp_path)
    yield one
    one.held.let.set()
    one.following.close()


ALL = {f"d{n}" for n in range(6)}


def test_the_first_time_it_has_followed_before_anything_is_answered(watched: Watched) -> None:
    assert watched.found() == ALL
    assert watched.following.is_current


def test_the_old_one_answers_until_the_new_one_is_there(watched: Watched) -> None:
    assert watched.found() == ALL
    watched.held.let.clear()
    watched.sync([*documents(), Document("new", "a newcomer to the pump", source="new.md")])
    assert [watched.found() for _ in range(3)] == [ALL] * 3
    assert not watched.following.is_current
    watched.held.let.set()
    assert watched.has_followed()
    assert watched.found() == {*ALL, "new"}


def test_meanwhile_nothing_is_given_that_does_not_stand_any_more(watched: Watched) -> None:
    """One is gone, one is the staff's alone, one says something else."""
    assert watched.found() == ALL
    watched.held.let.clear()
    _, closed, changed, *rest = documents()
    watched.sync([replace(closed, groups=("staff",)), replace(changed, text="another word of the pump"), *rest])
    assert watched.found() == ALL - {"d0", "d2"}
    assert watched.found(asker=Asker(frozenset({"guest"}))) == ALL - {"d0", "d1", "d2"}
    watched.held.let.set()
    assert watched.has_followed()
    assert watched.found() == ALL - {"d0"}
    assert watched.found(asker=Asker(frozenset({"guest"}))) == ALL - {"d0", "d1"}


def test_what_is_not_there_any_more_is_waited_for(watched: Watched, tmp_path: Path) -> None:
    """As after a sync that removed a document: nothing of it may stay."""
    assert watched.found() == ALL
    watched.sync(documents()[1:])
    shutil.rmtree(tmp_path / "cut")
    assert watched.found() == ALL - {"d0"}
    assert watched.following.is_current


def test_who_cannot_follow_says_so_once_and_tries_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "_PAUSE", 0.0)
    assert watched.found() == ALL
    watched.held.trouble = "the server is away"
    watched.sync([*documents(), Document("new", "a newcomer to the pump", source="new.md")])
    for _ in range(3):
        assert watched.found() == ALL
        assert not watched.has_followed()
    assert watched.following.trouble == "the server is away"
    assert caplog.text.count("the server is away") == 1
    watched.held.trouble = ""
    watched.following.refresh()
    assert watched.has_followed()
    assert watched.found() == {*ALL, "new"}
    assert watched.following.trouble == ""


def test_the_first_time_a_trouble_is_raised(watched: Watched) -> None:
    watched.held.trouble = "the server is away"
    with pytest.raises(UserError, match="the server is away"):
        watched.following.refresh()


def test_a_server_that_stops_does_not_wait_for_it(watched: Watched) -> None:
    assert watched.found() == ALL
    watched.held.let.clear()
    watched.sync([*documents(), Document("new", "a newcomer to the pump", source="new.md")])
    watched.following.refresh()
    threading.Timer(0.2, watched.held.let.set).start()
    watched.following.close()
    assert watched.found() == ALL
    assert watched.following.trouble == ""
