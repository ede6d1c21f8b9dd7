"""Is it told what the index does not hold as the sources have it, and what is too old?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError
from rung.knowledge.protocol import Version
from rung.knowledge.store.lance import LanceIndex
from rung.pipeline.prepare import up_to_date
from rung.records import Document
from rung.runtime.engines import open_engines
from rung.watching.contradictions import contradictions
from rung.watching.contradictions import look as look_for_contradictions
from rung.watching.index_drift import look, syncing
from rung.watching.surroundings import Clock
from tests.watching.around import NOW, around, by_name, states

ALL = ("sources changed", "sources missing", "sources unreadable", "sources still", "documents past their date")


VERSIONS = [(1, 90, "A"), (2, 50, "B"), (3, 3, "A"), (4, 1, "A")]  # number, days ago, content


def synced(shop: Path) -> Path:
    with open_engines(load_project(shop)) as engines:
        up_to_date(engines, asked=True)
    return shop


@pytest.fixture(scope="module")
def indexed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.cli.conftest import make_shop

    return synced(make_shop(tmp_path_factory.mktemp("indexed") / "shop"))


@pytest.fixture
def indexed(indexed_once: Path, tmp_path: Path) -> Path:
    """A shop whose index is up to date."""
    return Path(shutil.copytree(indexed_once, tmp_path / "shop", dirs_exist_ok=True))


def test_an_index_that_is_up_to_date_is_fine(indexed: Path) -> None:
    with around(indexed) as surroundings:
        readings = by_name(look, surroundings)
    assert states(readings) == {name: "unknown" if name == "sources still" else "fine" for name in ALL}
    assert all(not one.do for one in readings.values() if one.state == "fine")


def test_what_changed_came_and_went_is_counted(indexed: Path) -> None:
    (indexed / "docs/returns.md").write_text("# Returns\n\nYou may return an item within ten days.\n", encoding="utf-8")
    (indexed / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    (indexed / "docs/staff.md").unlink()
    with around(indexed) as surroundings:
        readings = by_name(look, surroundings)
    assert (readings["sources changed"].figure, readings["sources changed"].evidence["added"]) == (2, 1)
    assert readings["sources missing"].figure == 1
    assert [readings[name].state for name in ALL[:2]] == ["drifted", "drifted"]
    assert [readings[name].act for name in ALL[:2]] == ["", ""]  # a third of the documents is gone


def test_a_sync_is_harmless_where_little_goes(indexed: Path) -> None:
    (indexed / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    with around(indexed) as surroundings:
        assert by_name(look, surroundings)["sources changed"].act == "sync"


def test_an_index_that_was_gone_back_to_is_not_synced_by_itself(indexed: Path) -> None:
    index = LanceIndex(indexed / ".rung/index", indexed / ".rung/index")
    (indexed / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    synced(indexed)
    index.rollback(index.versions()[-1].number)
    with around(indexed) as surroundings:
        reading = by_name(look, surroundings)["sources changed"]
    assert (reading.state, reading.act) == ("drifted", "")


def test_a_file_that_cannot_be_read_is_told(indexed: Path) -> None:
    (indexed / "docs/broken.md").write_bytes(b"\xff\xfe\x00broken\x81")
    (indexed / "rung.yaml").write_text(
        (indexed / "rung.yaml").read_text("utf-8").replace('"docs/*.md"', '"docs/*.md", "docs/*.pdf"'), encoding="utf-8"
    )
    (indexed / "docs/broken.pdf").write_bytes(b"no pdf")
    with around(indexed) as surroundings:
        reading = by_name(look, surroundings)["sources unreadable"]
    assert reading.state == "drifted"
    assert "broken.pdf" in str(reading.evidence)


@contextmanager
def writing(shop: Path) -> Iterator[None]:
    """Another writer of the index."""
    folder = shop / ".rung/index"
    with LanceIndex(folder, folder).writing():
        yield


def test_while_a_sync_runs_it_is_neither_fine_nor_drifted(indexed: Path) -> None:
    (indexed / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    with writing(indexed), around(indexed) as surroundings:
        assert syncing(indexed / ".rung/index")
        reading = by_name(look, surroundings)["sources changed"]
    assert (reading.state, "under way" in reading.says) == ("between", True)
    assert not syncing(indexed / ".rung/index")
    assert not syncing(indexed / "nowhere")


def test_sources_that_no_longer_change_are_told_by_their_pace(indexed: Path) -> None:
    with (indexed / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("")
    path = indexed / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace('["docs/*.md"]', '["docs/*.md"], changes: weekly'), encoding="utf-8")
    now = datetime.fromtimestamp(time.time(), UTC)
    seen = {}
    for days in (1, 20, 40):
        with around(indexed, clock=Clock(1, now + timedelta(days=days))) as surroundings:
            seen[days] = by_name(look, surroundings)["sources still"].state
    assert seen == {1: "fine", 20: "fine", 40: "drifted"}


def test_sources_whose_changes_wait_for_a_sync_are_not_still(indexed: Path) -> None:
    path = indexed / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace('["docs/*.md"]', '["docs/*.md"], changes: weekly'), encoding="utf-8")
    (indexed / "docs/staff.md").unlink()
    with around(indexed, clock=Clock(1, datetime.now(UTC) + timedelta(days=40))) as surroundings:
        reading = by_name(look, surroundings)["sources still"]
    assert (reading.state, reading.says) == ("fine", "documents that came, changed or went since the last sync: 1")


def test_documents_that_are_again_as_they_once_were_have_changed_lately(indexed: Path) -> None:
    path = indexed / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace('["docs/*.md"]', '["docs/*.md"], changes: weekly'), encoding="utf-8")
    now = datetime.now(UTC)
    versions = [Version(n, now.timestamp() - days * 86_400, 3, 3, content) for n, days, content in VERSIONS]
    with around(indexed, clock=Clock(1, now)) as surroundings:
        surroundings.engines.documents.versions = lambda: tuple(reversed(versions))  # type: ignore[method-assign]
        says = by_name(look, surroundings)["sources still"].says
    assert "no document has changed for 3.0 days" in says


def test_before_the_first_sync_nothing_is_left_out(indexed: Path) -> None:
    """An alert whose reading is left out would end."""
    shutil.rmtree(indexed / ".rung/index")
    with around(indexed) as surroundings:
        readings = states(by_name(look, surroundings))
    assert readings.keys() == set(ALL)
    assert [readings[name] for name in ALL[3:]] == ["unknown", "unknown"]


def dated(shop: Path) -> None:
    for name, field in (("a", "valid_until: 2026-01-31"), ("b", "expires: 2027-01-01"), ("c", "updated: 2024-05-06")):
        (shop / f"docs/{name}.md").write_text(f"---\n{field}\n---\n# Page {name}\n\nWe sell {name}.\n", encoding="utf-8")


def test_documents_are_old_by_their_own_dates(indexed: Path) -> None:
    dated(indexed)
    path = indexed / "rung.yaml"
    path.write_text(path.read_text("utf-8") + "watch: {stale_days: 365}\n", encoding="utf-8")
    synced(indexed)
    with around(indexed) as surroundings:
        readings = by_name(look, surroundings)
    assert readings["documents past their date"].evidence["documents"] == {"docs/a.md": "2026-01-31"}
    assert readings["documents stale"].evidence["documents"] == {"docs/c.md": "2024-05-06"}
    with around(indexed, clock=Clock(1, NOW, "the clock jumped")) as surroundings:
        jumped = by_name(look, surroundings)
    assert [jumped[name].state for name in ("documents past their date", "documents stale")] == ["unknown", "unknown"]


def test_an_age_beyond_the_calendar_is_refused(indexed: Path) -> None:
    path = indexed / "rung.yaml"
    path.write_text(path.read_text("utf-8") + "watch: {stale_days: 1.0e+9}\n", encoding="utf-8")
    with pytest.raises(InputError, match="stale_days"):
        load_project(indexed)


def test_without_documents_there_is_nothing_to_look_at(shop: Path) -> None:
    path = shop / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace('knowledge: {sources: ["docs/*.md"]}\n', ""), encoding="utf-8")
    with around(shop) as surroundings:
        assert by_name(look, surroundings) == by_name(look_for_contradictions, surroundings) == {}


# --- contradictions

V1 = "You may return goods within 30 days. The buyer pays for the parcel. We do not ship to Norway at all."


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (V1, 0),
        (V1.replace("30", "14"), 1),
        (V1.replace("30 days", "thirty days"), 1),
        (V1.replace("do not ship", "do ship"), 1),
        (V1.replace("30", "14").replace("do not", "do"), 2),
        ("You may return goods within 14 days. All else is new here. Nothing is as it was. Ask us what we do.", 0),
    ],
)
def test_a_number_or_a_not_makes_a_contradiction(other: str, count: int) -> None:
    some = [Document("a/returns.md", V1, title="Returns"), Document("old/returns-2023.md", other, title="Returns (old)")]
    assert len(list(contradictions(some))) == count


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("product-12.md", "Product 12"), ("product-13.md", "Product 13")),
        (("red.md", "Red chair"), ("blue.md", "Blue chair")),
        (("a/x.md", "Chairs"), ("b/y.md", "Tables")),
    ],
)
def test_pages_of_one_form_are_no_versions(one: tuple[str, str], other: tuple[str, str]) -> None:
    text = "It weighs 12 kg and holds a person. It is made of solid wood here."
    some = [
        Document(one[0], text, title=one[1]),
        Document(other[0], text.replace("12", "14"), title=other[1]),
    ]
    assert list(contradictions(some)) == []


def test_pages_of_two_years_are_editions_and_what_they_say_of_these_is_no_contradiction() -> None:
    text = "The election of 1908 was held on October 26 in Canada. It was won by the Liberals under Laurier."
    some = [
        Document("a/Election_1908.md", text, title="Election, 1908"),
        Document("a/Election_1904.md", text.replace("1908", "1904").replace("26", "3"), title="Election, 1904"),
    ]
    assert list(contradictions(some)) == []


def test_lines_of_a_table_do_not_contradict_each_other() -> None:
    rows = "The price of one piece is 3 euros. The price of one piece is 4 euros. We sell it by the piece."
    some = [Document("a-v1.md", rows, title="T"), Document("a-v2.md", rows.replace("4", "5"), title="T")]
    assert list(contradictions(some)) == []


def test_a_version_that_says_it_holds_no_more_contradicts_nothing(indexed: Path) -> None:
    for name, days, until in (("returns-v1", 30, "valid_until: 2025-01-01\n"), ("returns-v2", 14, "")):
        (indexed / f"docs/{name}.md").write_text(
            f"---\ntitle: Return of goods\n{until}---\n"
            f"You may return goods within {days} days. The buyer pays for the parcel.\n",
            encoding="utf-8",
        )
    synced(indexed)
    with around(indexed) as surroundings:
        assert by_name(look_for_contradictions, surroundings)["contradictions"].state == "fine"
    path = indexed / "docs/returns-v1.md"
    path.write_text(path.read_text("utf-8").replace("valid_until: 2025-01-01\n", ""), encoding="utf-8")
    synced(indexed)
    with around(indexed) as surroundings:
        reading = by_name(look_for_contradictions, surroundings)["contradictions"]
    assert (reading.state, reading.figure) == ("drifted", 1)
    assert "30 days" in reading.says
    assert "14 days" in reading.says
