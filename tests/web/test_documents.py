"""Documents as people look for them, read them and search them; and who may not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rung.records import Document, Passage
from rung.web import one_document
from rung.web.one_document import pieces
from tests.forked import Commands
from tests.web.asking import DOOR, asking, page_of
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PDF = Path(__file__).parents[1] / "knowledge" / "cases" / "parts.pdf"
HOSTILE = "# <script>document.title='taken'</script>\n\n<img src=x onerror=\"document.title='taken'\"> pays nine euros.\n"


@pytest.fixture(scope="module")
def library(compared: Path, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with a PDF, a broken one, and a hostile text."""
    folder = Path(shutil.copytree(compared, tmp_path_factory.mktemp("library") / "shop"))
    shutil.copy(PDF, folder / "docs")
    (folder / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "docs" / "hostile.md").write_text(HOSTILE, "utf-8")
    text = (folder / "rung.yaml").read_text("utf-8")
    (folder / "rung.yaml").write_text(text.replace('"docs/*.md"', '"docs/*"'), "utf-8")
    assert commands.run(["sync", str(folder)], cwd=folder, env={}, files=tmp_path_factory.mktemp("output")).code == 0
    return folder


@pytest.fixture(scope="module")
def shelf(library: Path) -> Iterator[Watched]:
    """Its board."""
    with watched(library) as board:
        yield board


def test_a_text_is_cut_at_the_borders_of_its_passages_and_nothing_of_it_is_lost() -> None:
    spans = [(5, 20), (15, 30), (30, 40), (30, 45), (60, 70)]
    cut = pieces(80, [Passage(f"d#{a}", "d", a, b, "") for a, b in spans])
    assert [(p.start, p.end) for p in cut] == [(0, 5), (5, 15), (15, 30), (30, 30), (30, 45), (45, 60), (60, 70), (70, 80)]
    assert [p.number for p in cut] == [0, 1, 2, 3, 4, 0, 5, 0]
    assert [p.shared for p in cut] == [0, 5, 0, 10, 0, 0, 0, 0]
    assert pieces(7, []) == pieces(7, [Passage("d", "d", 7, 7, "")])[:1]


def test_gaps_of_white_space_are_not_shown() -> None:
    text = "One.\n\nTwo. Not cut.\n\n"
    document = Document("d", text)
    shown = one_document._text(
        document, [Passage("d#0", "d", 0, 4, ""), Passage("d#1", "d", 6, 10, "")], (6, 10), None, is_anchor=True
    )
    assert shown.count('class="piece"') == 3
    assert shown.count("In no passage") == 1  # the words that no passage has
    assert "Not cut." in shown
    assert 'id="place"' in shown


@pytest.mark.slow
def test_a_person_searches_as_an_asker_and_opens_what_was_found_at_its_place(browser: Browser, shelf: Watched) -> None:
    with looking(browser, shelf) as page:
        page.goto(shelf.url("documents/search"))
        page.get_by_label("Search the documents for").fill("discount of staff")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="docs/staff.md").wait_for(timeout=20_000)
        page.get_by_role("combobox", name="As", exact=True).select_option(label="an asker with the groups that are ticked")
        page.get_by_role("button", name="Search").click()
        page.get_by_text("Asked without a group").wait_for()
        page.wait_for_load_state()
        assert page.get_by_role("link", name="docs/staff.md").count() == 0
        page.get_by_role("checkbox", name="staff").check()
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="docs/staff.md").click()
        assert page.locator("mark#place").inner_text().startswith("Staff buy everything")


@pytest.mark.slow
def test_the_page_of_a_pdf_is_drawn_with_the_place_marked(browser: Browser, shelf: Watched) -> None:
    with looking(browser, shelf) as page:
        page.goto(shelf.url("documents/docs%2Fparts.pdf?start=220&end=300"))
        picture = page.get_by_role("img", name="the place marked")
        assert picture.evaluate("async e => { await e.decode(); return e.naturalWidth }") == 1000
        page.get_by_role("link", name="Next page").first.click()
        page.get_by_role("img", name="Page 2").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_pages_fit_the_window_and_are_accessible(browser: Browser, shelf: Watched, width: str, dark: bool) -> None:
    paths = (
        "documents",
        "documents/search?q=nine+euros",
        "documents/docs%2Fparts.pdf?start=220&end=300",
        "documents/docs%2Fhostile.md",
    )
    with looking(browser, shelf, width=width, dark=dark) as page:
        for path in paths:
            page.goto(shelf.url(path))
            page.locator("progress").wait_for(state="detached", timeout=20_000)
            assert not is_wider_than_its_window(page)
            assert faults(page) == []
            assert page.title() != "taken"


def test_what_was_not_read_is_listed_with_its_reason(shelf: Watched) -> None:
    with asking(shelf) as client:
        listed = page_of(client, "documents")
        assert "docs/broken.pdf" in listed
        assert "is no PDF that can be read" in listed
        assert "5 of 5 documents" in listed
        assert "1 of 5 documents" in page_of(client, "documents?text=ship")
        assert "1 of 5 documents" in page_of(client, "documents?readers=staff")
        assert "4 of 5 documents" in page_of(client, "documents?readers=*&by=size")


def test_a_document_that_cannot_be_drawn_is_shown_as_text_and_says_why(library: Path) -> None:
    path = library / "docs" / "parts.pdf"
    whole = path.read_bytes()
    with watched(library) as board, asking(board) as client:
        for content, words in ((b"%PDF-1.4 broken", "damaged"), (None, "cannot be read")):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
            shown = page_of(client, "documents/docs%2Fparts.pdf?start=0&end=5")
            assert "cannot be drawn" in shown
            assert words in shown
            assert "P7 | blue" in shown
            assert client.get("document-pages/docs%2Fparts.pdf?sheet=1").status_code == 409
    path.write_bytes(whole)


def test_who_may_not_read_a_document_sees_nothing_of_it(library: Path) -> None:
    with watched(library, DOOR) as board:
        with asking(board, "customer") as client:
            listed = page_of(client, "documents")
            assert "1 further document left out" in listed
            assert "staff.md" not in listed
            assert "broken.pdf" not in listed
            page_of(client, "documents/docs%2Fstaff.md", 404)
            found = page_of(client, "documents/search?q=discount+of+staff")
            assert "forty percent" not in found
            page_of(client, "documents/search?q=discount&as=chosen&group=staff", 409)
        with asking(board, "staff") as client:
            assert "forty percent" in page_of(client, "documents/docs%2Fstaff.md")


def test_hostile_text_stays_text(shelf: Watched) -> None:
    with asking(shelf) as client:
        for path in (
            "documents",
            "documents/search?q=euros",
            "documents/docs%2Fhostile.md",
            "documents/search?q=<img src=x>",
        ):
            text = page_of(client, path)
            assert "<script>document" not in text
            assert "<img src=x" not in text
        page_of(client, "documents/none", 404)
        page_of(client, "documents/docs%2Freturns.md?start=-1", 400)
        page_of(client, "documents/docs%2Freturns.md?start=999999&end=2")


def test_a_project_that_indexed_nothing_says_so(shop: Path) -> None:
    with watched(shop) as board, asking(board) as client:
        assert "Nothing is indexed yet" in page_of(client, "documents")
        assert "Nothing is indexed yet" in page_of(client, "documents/search?q=x")
