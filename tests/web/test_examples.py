"""Examples with what is wrong with them, mended by people where they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rung.config.project import load_project
from rung.dataset.review_log import reviews
from tests.web.asking import DOOR, asking, field, page_of
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<script>document.title='taken'</script>"


def chat(question: str, answer: str) -> dict[str, object]:
    """A row."""
    return {
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        "approved_by": "Bo",
    }


ROWS = [
    chat("How long?", "Thirty days."),
    chat("How long?", "Thirty days."),
    chat("Who?", ""),
    chat(HOSTILE, HOSTILE),
    {"prompt": "Where?", "completion": "In Norway."},
]


@pytest.fixture
def teaching(shop: Path) -> Path:
    """The shop with examples, one line of which is broken."""
    (shop / "taught.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS) + "{broken\n", "utf-8")
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {examples: taught.jsonl}\n")
    return shop


@pytest.fixture
def taught(teaching: Path) -> Iterator[Watched]:
    """Its board."""
    with watched(teaching) as board:
        yield board


@pytest.mark.slow
def test_a_person_finds_a_flaw_mends_it_and_deletes_a_repeat(browser: Browser, taught: Watched, teaching: Path) -> None:
    with looking(browser, taught) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(taught.url("examples"))
        page.get_by_role("combobox", name="Finding").select_option("empty")
        page.get_by_text("1 of 6 rows").wait_for(timeout=20_000)
        page.get_by_role("link", name="taught.jsonl:3").click()
        page.get_by_label("Turn 2: assistant").fill("The customer.")
        page.get_by_label("Your name").first.fill("Ada")
        page.get_by_role("button", name="Write it into the file").first.click()
        page.get_by_text("The row is changed in its file").wait_for(timeout=20_000)
        page.get_by_role("link", name="taught.jsonl:2").click()
        page.get_by_text("Delete it").click()
        page.get_by_label("Yes, take it out").check()
        page.get_by_role("button", name="Delete the row").click()
        page.get_by_text("The row is taken out").wait_for(timeout=20_000)
        page.get_by_text("5 of 5 rows").wait_for()
    lines = (teaching / "taught.jsonl").read_text("utf-8").splitlines()
    mended = json.loads(lines[1])
    assert mended["messages"][1]["content"] == "The customer."
    assert mended["approved_by"] == "Ada"  # who changed it, not who approved what it was
    assert [json.loads(lines[0]), lines[4]] == [ROWS[0], "{broken"]
    assert [(e["action"], e["by"]) for e in reviews(load_project(teaching))] == [("mend", "Ada"), ("remove", "Ada")]


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_window_and_are_accessible(browser: Browser, taught: Watched, width: str) -> None:
    for dark in (False, True):
        with looking(browser, taught, width=width, dark=dark) as page:
            for path in ("examples", "examples/row?location=taught.jsonl:4", "examples/row?location=taught.jsonl:6"):
                page.goto(taught.url(path))
                page.locator("progress").wait_for(state="detached", timeout=20_000)
                page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
                assert not is_wider_than_its_window(page)
                assert faults(page) == []
                assert "taken" not in page.title()


def test_findings_stand_beside_the_rows(taught: Watched) -> None:
    with asking(taught) as client:
        listed = page_of(client, "examples")
        assert "the same input and output (with line 2)" in listed
        assert "is no JSON" in listed
        assert "<script>document" not in listed
        assert "2 of 6 rows" in page_of(client, "examples?finding=duplicate")
        assert "1 of 6 rows" in page_of(client, "examples?finding=unreadable")
        page_of(client, "examples?finding=odd", 404)
        page_of(client, "examples/row?location=rung.yaml:1", 409)
        page_of(client, "examples/row?location=taught.jsonl:99", 409)
        page_of(client, "examples/row?location=taught.jsonl:\u00b2", 409)


def test_a_broken_line_is_mended_as_json_and_what_is_no_example_is_refused(taught: Watched, teaching: Path) -> None:
    with asking(taught) as client:
        stamp = field(page_of(client, "examples/row?location=taught.jsonl:6"), "stamp")
        form = {"location": "taught.jsonl:6", "stamp": stamp, "by": "Ada"}
        before = (teaching / "taught.jsonl").read_bytes()
        for row, words in (
            ("{no", "no JSON"),
            ("[1]", "an object"),
            ('{"odd": 1}', "no example"),
            ('{"prompt":"a","completion":""}', "empty"),
        ):
            refused = client.post("examples/json", data={**form, "row": row})
            assert refused.status_code == 409
            assert words in refused.text
        assert "sure" in client.post("examples/delete", data=form).text
        assert (teaching / "taught.jsonl").read_bytes() == before
        assert client.post("examples/json", data={**form, "row": '{"prompt": "a",\n "completion": "b"}'}).status_code == 303
        assert client.post("examples/json", data={**form, "row": '{"prompt": "x", "completion": "y"}'}).status_code == 409
    assert (teaching / "taught.jsonl").read_text("utf-8").splitlines()[5] == '{"prompt": "a", "completion": "b"}'


@pytest.mark.parametrize("way", ["texts", "json"])
def test_a_row_that_moved_is_mended_where_it_stands_and_no_other(taught: Watched, teaching: Path, way: str) -> None:
    with asking(taught) as client:
        fourth, second = (page_of(client, f"examples/row?location=taught.jsonl:{n}") for n in (4, 2))
        gone = {"location": "taught.jsonl:2", "stamp": field(second, "stamp"), "by": "Bo", "sure": "yes"}
        assert client.post("examples/delete", data=gone).status_code == 303
        rows = {"texts": {"turn-1": "The customer."}, "json": {"row": json.dumps(chat(HOSTILE, "The customer."))}}
        form = {"location": "taught.jsonl:4", "stamp": field(fourth, "stamp"), "by": "Ada", **rows[way]}
        assert client.post(f"examples/{way}", data=form).status_code == 303
        assert "somebody changed this row" in client.post(f"examples/{way}", data=form).text
    lines = (teaching / "taught.jsonl").read_text("utf-8").splitlines()
    assert [*map(json.loads, [*lines[:2], lines[3]])] == [ROWS[0], ROWS[2], ROWS[4]]
    mended = json.loads(lines[2])
    assert mended.pop("approved_at")
    assert mended == {**chat(HOSTILE, "The customer."), "approved_by": "Ada"}


SHEET = (
    'Question,Answer,approved_by\r\nWhere?,"\nIn Norway,\r\nup north.",Bo\r\nWho?,,Bo\r\nWhen?,On Monday, at noon.,Bo\r\n'
)


@pytest.fixture
def tabled(shop: Path) -> Path:
    """The shop with examples in a table: an empty answer, and a comma without quotes."""
    (shop / "taught.csv").write_bytes(SHEET.encode())
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {examples: taught.csv}\n")
    return shop


@pytest.mark.slow
def test_a_person_mends_a_table_in_place(browser: Browser, tabled: Path) -> None:
    with watched(tabled) as board, looking(browser, board) as page:
        page.goto(board.url("examples"))
        page.get_by_role("link", name="taught.csv:6").click()
        assert page.get_by_role("heading", name="As it stands").is_visible()
        assert page.get_by_role("textbox", name="approved_by").input_value() == " at noon.,Bo"
        page.get_by_role("textbox", name="Answer").fill("On Monday, at noon.")
        page.get_by_role("textbox", name="approved_by").fill("Bo")
        page.get_by_label("Your name").first.fill("Ada")
        page.get_by_role("button", name="Write it into the file").first.click()
        page.get_by_text("The row is changed in its file").wait_for(timeout=20_000)
        page.goto(board.url("examples/row?location=taught.csv:2"))
        page.get_by_role("textbox", name="Question").fill("Where is it?")
        page.get_by_role("button", name="Write it into the file").first.click()
        page.get_by_text("The row is changed in its file").wait_for(timeout=20_000)
    after = SHEET.replace("On Monday, at noon.,Bo", '"On Monday, at noon.",Ada').replace("Where?", "Where is it?")
    assert (tabled / "taught.csv").read_bytes().decode() == after.replace('north.",Bo', 'north.",Ada')


def test_rows_of_a_table_are_mended_and_no_other_byte(tabled: Path) -> None:
    with watched(tabled) as board, asking(board) as client:
        assert "1 of 3 rows" in page_of(client, "examples?finding=unreadable")
        stamp = field(page_of(client, "examples/row?location=taught.csv:5"), "stamp")
        form = {"location": "taught.csv:5", "stamp": stamp, "by": "Ada"}
        more = json.dumps({"Question": "Who?", "Answer": "Eve", "mood": "good"})
        assert "the table has no such column" in client.post("examples/json", data={**form, "row": more}).text
        assert "empty" in client.post("examples/texts", data={**form, "cell-1": " "}).text
        assert client.post("examples/texts", data={**form, "cell-1": "Eve,\r\nsurely"}).status_code == 303
        assert "somebody changed this row" in client.post("examples/texts", data={**form, "cell-1": "Bo"}).text
        moved = {**form, "stamp": field(page_of(client, "examples/row?location=taught.csv:2"), "stamp"), "sure": "yes"}
        assert client.post("examples/delete", data={**moved, "location": "taught.csv:2"}).status_code == 303
    head, _, last = SHEET.partition("Where?")
    last = last.partition("Who?,,Bo\r\n")[2]
    assert (tabled / "taught.csv").read_bytes().decode() == f'{head}Who?,"Eve,\nsurely",Ada\r\n{last}'
    assert [(e["action"], e["by"]) for e in reviews(load_project(tabled))] == [("mend", "Ada"), ("remove", "Ada")]


def test_who_may_only_look_changes_nothing(teaching: Path) -> None:
    before = (teaching / "taught.jsonl").read_bytes()
    with watched(teaching, DOOR) as board, asking(board, "customer") as client:
        assert "Write it into the file" not in page_of(client, "examples/row?location=taught.jsonl:1")
        form = {"location": "taught.jsonl:1", "stamp": "x", "sure": "yes", "row": "{}"}
        for path in ("texts", "json", "delete"):
            assert client.post(f"examples/{path}", data=form).status_code == 403
    assert (teaching / "taught.jsonl").read_bytes() == before


def test_a_project_without_examples_says_so(seen: Watched) -> None:
    with asking(seen) as client:
        assert "names no examples" in page_of(client, "examples")
