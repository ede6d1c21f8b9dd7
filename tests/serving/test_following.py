"""Does a re-cut index follow the documents beside answering, and give nothing meanwhile that does not stand any more?"""

from __future__ import annotations

import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from rung.errors import UserError
from rung.knowledge import Chunking, Knowledge, KnowledgeEngine
from rung.knowledge.protocol import IndexGone
from rung.progress import phase
from rung.records import Asker, Document, Passage
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
        self.asked = 0
        self.before = list[Callable[[], object]]()  # done once, before passages are embedded

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        if kind == "passage":
            self.asked += 1
            now, self.before = self.before, []
            for each in now:
                each()
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


def test_the_first_time_a_trouble_is_raised_and_not_tried_again_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.held.trouble = "the server is away"
    for _ in range(3):
        with pytest.raises(UserError, match="the server is away"):
            watched.following.refresh()
    assert watched.held.asked == 1
    assert watched.following.trouble == "the server is away"
    watched.held.trouble = ""
    later = time.monotonic() + 2 * following._PAUSE
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert watched.found() == ALL
    assert watched.following.trouble == ""


NEW = Document("new", "a newcomer to the pump", "New", source="new.md")


def test_one_that_is_removed_while_another_follows_is_made_again(watched: Watched, tmp_path: Path) -> None:
    """As where a sync of another process has committed, and removes what was made of the documents only now."""
    other = Held()
    watched.cuttings["other"] = watched._opened(tmp_path / "other", other)
    assert watched.found() == ALL
    old, at_the_other = watched.cuttings["cut"], threading.Event()
    other.before.append(at_the_other.set)
    other.let.clear()
    watched.sync([*documents(), NEW])
    watched.following.refresh()
    assert at_the_other.wait(30)
    assert watched.cuttings["cut"] is not old
    shutil.rmtree(tmp_path / "cut")
    other.let.set()
    assert not watched.has_followed()
    assert watched.found() == {*ALL, "new"}
    assert watched.following.is_current


def test_one_that_was_removed_and_made_by_another_process_is_looked_at_again(watched: Watched, tmp_path: Path) -> None:
    assert watched.found() == ALL
    shutil.rmtree(tmp_path / "cut")
    watched._opened(tmp_path / "cut", HashedWords()).sync(documents())  # the folder's number may be the same
    assert not watched.following.is_current
    assert watched.found() == ALL
    assert watched.following.is_current


def test_one_that_is_removed_while_it_is_made_is_made_again(watched: Watched, tmp_path: Path) -> None:
    watched.held.before.append(lambda: shutil.rmtree(tmp_path / "cut"))
    assert watched.found() == ALL
    assert watched.following.is_current


def test_one_that_is_removed_again_and_again_is_given_up(watched: Watched, tmp_path: Path) -> None:
    class Removing:
        identity = "removing"

        def __call__(self, passages: Sequence[tuple[Document, Passage]]) -> list[str | None]:
            shutil.rmtree(tmp_path / "cut")
            raise FileNotFoundError(f"where {len(passages)} passages were to be")

    watched.cuttings["cut"].contexts = Removing()
    with pytest.raises(UserError, match="ask again in a moment"):
        watched.following.refresh()


def test_a_version_that_was_replaced_while_it_was_read_is_no_trouble(watched: Watched) -> None:
    def replaced() -> None:
        raise IndexGone("the index was replaced while it was read")

    watched.held.before.append(replaced)
    with pytest.raises(IndexGone):
        watched.found()
    assert watched.following.trouble == ""
    assert watched.found() == ALL


class Gone:
    """A search that finds files gone."""

    identity = "gone"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, SearchResult]]:
        raise IndexGone(f"the index that {len(requests)} steps ask was replaced")
        yield


@pytest.mark.parametrize(("index", "is_made_again"), [("cut", True), ("documents", False)])
def test_one_whose_files_a_search_finds_gone_is_made_again(watched: Watched, index: str, is_made_again: bool) -> None:
    assert watched.found() == ALL
    with pytest.raises(IndexGone):
        list(NotingSearch(Gone(), watched.following).run([Request(Search("pump", 50, index=index), STAFF)]))
    assert watched.following.is_current is not is_made_again
    assert watched.found() == ALL
    assert watched.following.is_current


def test_a_server_that_stops_does_not_wait_for_it(watched: Watched) -> None:
    assert watched.found() == ALL
    watched.held.let.clear()
    watched.sync([*documents(), Document("new", "a newcomer to the pump", source="new.md")])
    watched.following.refresh()
    threading.Timer(0.2, watched.held.let.set).start()
    watched.following.close()
    assert watched.found() == ALL
    assert watched.following.trouble == ""


def closed(following: Following) -> bool:
    """Whether it is within some seconds, and its thread has ended."""
    closing = threading.Thread(target=following.close, daemon=True)
    closing.start()
    closing.join(4)
    assert following._thread is not None
    return not closing.is_alive() and not following._thread.is_alive()


def test_a_server_that_stops_waits_for_no_other_process(watched: Watched, tmp_path: Path) -> None:
    assert watched.found() == ALL
    with (tmp_path / "cut" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watched.sync([*documents(), NEW])
        watched.following.refresh()
        assert closed(watched.following)


class Sentences:
    """Writes sentences of context until the work is ended."""

    identity = "sentences"

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(self, passages: Sequence[tuple[Document, Passage]]) -> list[str | None]:
        self.begun.set()
        with phase("sentences") as tick:
            for done in range(3000):
                tick(done, 3000, "")
                time.sleep(0.01)
        return [""] * len(passages)


def test_a_server_that_stops_asks_for_no_more_sentences(watched: Watched) -> None:
    assert watched.found() == ALL
    watched.cuttings["cut"].contexts = sentences = Sentences()
    watched.sync([*documents(), NEW])
    watched.following.refresh()
    assert sentences.begun.wait(30)
    assert closed(watched.following)


def test_a_server_that_stops_leaves_what_does_not_end(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_ENDING", 0.1)
    assert watched.found() == ALL
    at_the_last = threading.Event()
    watched.held.before.append(at_the_last.set)
    watched.held.let.clear()
    watched.sync([*documents(), NEW])
    watched.following.refresh()
    assert at_the_last.wait(30)
    watched.following.close()
    assert watched.following._thread is not None
    assert watched.following._thread.is_alive()
