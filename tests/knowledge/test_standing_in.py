"""Are many documents searchable at once by a stand-in, and does the embedder replace all that it made?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from rung.knowledge import Chunking, Fusion, Knowledge
from rung.knowledge.protocol import provisional_mark
from rung.knowledge.regrouping import regrouped
from rung.records import Asker, Document
from rung.testing.knowledge import HashedWords

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

OWNER = Asker()
COUNT = 400


class Slow(HashedWords):
    """Has a stand-in; may be told to stop after some texts, or to do something in between."""

    def __init__(self) -> None:
        super().__init__()
        self.quick = HashedWords(name="stand-in")
        self.room: int | None = None

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        if kind == "passage" and self.room is not None and len(self.embedded) + len(texts) > self.room:
            raise KeyboardInterrupt
        return super().embed(texts, kind=kind)


def documents(count: int = COUNT) -> list[Document]:
    return [Document(f"d{n}", f"Straße word{n} of number{n}", f"Title {n}", source=f"d{n}.md") for n in range(count)]


def opened(folder: Path, embedder: HashedWords) -> Knowledge:
    return Knowledge.open(folder, embedder=embedder, chunking=Chunking(32, 4))


def direct(folder: Path, rows: Sequence[Document]) -> Knowledge:
    knowledge = opened(folder, HashedWords())
    knowledge.sync(rows)
    return knowledge


def test_many_are_searchable_before_the_embedder_has_seen_one(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path / "a", slow)
    report = knowledge.sync(documents(), at_once=True)
    assert slow.embedded == []
    assert report.provisional == knowledge.provisional_count == knowledge.passage_count == COUNT
    assert knowledge.search("word7", asker=OWNER, top=1)[0].document == "d7"

    whole = direct(tmp_path / "b", documents())
    assert knowledge.content != whole.content
    between = knowledge.identity
    assert knowledge.replace_provisional() == COUNT
    assert (knowledge.provisional_count, knowledge.content) == (0, whole.content)
    assert knowledge.identity not in (between, "")
    assert sorted(slow.embedded) == sorted(f"Title {n}\n\nStraße word{n} of number{n}" for n in range(COUNT))
    assert knowledge.replace_provisional() == 0
    again = knowledge.sync(documents(), at_once=True)
    assert (again.unchanged, again.embedded, again.provisional) == (COUNT, 0, 0)


def test_a_few_need_nobody_to_stand_in(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path, slow)
    assert knowledge.sync(documents(20), at_once=True).provisional == 0
    assert len(slow.embedded) == 20


class Quick(HashedWords):
    """Embeds faster than vectors are kept."""

    at_once = True


def test_nothing_is_kept_of_what_is_embedded_at_once(tmp_path: Path) -> None:
    rows, stopped = documents(3000), Quick()

    def broken() -> Iterator[Document]:
        yield from rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "quick", stopped).sync(broken())
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "other", HashedWords()).sync(broken())
    assert [(tmp_path / name / "staging").exists() for name in ("quick", "other")] == [False, True]
    knowledge = opened(tmp_path / "quick", Quick())
    knowledge.sync(rows[:300])
    kept = direct(tmp_path / "kept", rows[:300])
    for query in ("word7", "of number 9"):
        assert knowledge.search(query, asker=OWNER) == kept.search(query, asker=OWNER)
    again = opened(tmp_path / "quick", Quick()).sync(rows[:301])
    assert (again.added, again.unchanged, again.embedded, again.provisional) == (1, 300, 1, 0)


def test_what_is_measured_never_rests_on_a_stand_in(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path / "a", slow)
    knowledge.sync(documents(), at_once=True)
    report = knowledge.sync(documents())
    assert (report.unchanged, report.changed, report.embedded, report.provisional) == (COUNT, 0, COUNT, 0)
    assert knowledge.content == direct(tmp_path / "b", documents()).content
    keys = [row.key for row in knowledge.snapshot().stored(["d1"])[0]]
    assert not any(key.startswith(provisional_mark(slow.quick)) for key in keys)


def test_another_stand_in_is_asked_anew(tmp_path: Path) -> None:
    first, second = Slow(), Slow()
    second.quick = HashedWords(name="better")
    opened(tmp_path, first).sync(documents(), at_once=True)
    assert opened(tmp_path, first).compare(documents()).unchanged == COUNT
    report = opened(tmp_path, second).sync(documents(), at_once=True)
    assert (report.changed, report.provisional, len(second.quick.embedded)) == (0, COUNT, COUNT)


def test_interrupted_it_goes_on_with_what_was_embedded(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path / "a", slow)
    many = documents(1300)
    knowledge.sync(many, at_once=True)
    slow.room = 1200
    with pytest.raises(KeyboardInterrupt):
        knowledge.replace_provisional()
    done = opened(tmp_path / "a", slow)
    assert 0 < done.provisional_count < 1300
    assert done.search("word9", asker=OWNER, top=1)[0].document == "d9"
    slow.room = None
    done.replace_provisional()
    assert 1300 <= len(slow.embedded) < 1300 + 512  # what was not staged when it stopped
    assert done.content == direct(tmp_path / "b", many).content


def test_what_searches_find_comes_first(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path, slow)
    knowledge.sync(documents(1300), at_once=True)
    for query in ("word998", "word999"):
        knowledge.search(query, asker=OWNER, top=1)
    slow.room = 1100
    with pytest.raises(KeyboardInterrupt):
        knowledge.replace_provisional()
    knowledge.refresh()
    held = knowledge.snapshot().state.documents
    marked = provisional_mark(slow.quick)
    assert not any(held[id].startswith(marked) for id in ("d998", "d999"))
    assert held["d997"].startswith(marked)


def test_a_document_that_changes_meanwhile_stays_as_it_became(tmp_path: Path) -> None:
    slow, other = Slow(), Slow()
    knowledge = opened(tmp_path, slow)
    knowledge.sync(documents(), at_once=True)
    changed = [Document("d0", "anew", source="d0.md"), *documents()[2:]]

    def meanwhile(done: int, _total: int) -> None:
        if done >= 64 and not other.embedded:
            opened(tmp_path, other).sync(changed, at_once=True)

    knowledge.replace_provisional(meanwhile)
    assert {d.id: d.text for d in knowledge.documents(["d0", "d1", "d2"])} == {"d0": "anew", "d2": changed[1].text}
    assert knowledge.provisional_count == 0
    assert knowledge.passage_count == COUNT - 1


def test_marks_outlive_a_change_of_groups(tmp_path: Path) -> None:
    slow = Slow()
    knowledge = opened(tmp_path, slow)
    knowledge.sync(documents(), at_once=True)

    class Staff:
        def groups_of(self, document: Document) -> tuple[str, ...]:
            return ("staff",) if document.id == "d3" else document.groups

    number = knowledge.version
    knowledge.index.rollback(number, regrouped(knowledge.snapshot(), Staff()))  # type: ignore[arg-type]
    knowledge.refresh()
    assert knowledge.document_groups()["d3"] == ("staff",)
    assert knowledge.provisional_count == COUNT
    assert knowledge.replace_provisional() == 0  # it is held as it was
    knowledge.fusion = Fusion(0.5)
    assert knowledge.search("word3", asker=Asker(frozenset()), top=50)[0].document != "d3"
