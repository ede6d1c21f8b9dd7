"""The cases of a run, as people filter, open and mend them."""

from __future__ import annotations

import html
import json
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rung.config.project import load_project
from rung.dataset.review_log import reviews
from rung.pipeline.evaluation_store import EVALUATIONS
from rung.pipeline.judge_labels import read_labels
from rung.pipeline.publishing import published, read_list
from rung.scoring.answer_labels import CHOSEN
from tests.web.asking import DOOR, asking, field, page_of
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def opened(page: Page, board: Watched, path: str) -> None:
    """Go to a page and wait until it has been read."""
    page.goto(board.url(path))
    page.locator("progress").wait_for(state="detached", timeout=20_000)


@pytest.mark.slow
def test_a_person_filters_opens_a_case_and_mends_it(browser: Browser, board: Watched, measured: Path) -> None:
    with looking(browser, board) as page:
        opened(page, board, "cases")
        assert "7 of 7 cases" in page.get_by_role("status").inner_text()
        page.get_by_label("Words in question").fill("norway")
        page.get_by_text("1 of 7 cases").wait_for()
        assert page.get_by_label("Words in question").evaluate("e => e === document.activeElement")
        page.get_by_role("link", name="Do we ship to Norway?").click()
        page.get_by_text("Accepted answers", exact=True).wait_for()
        answer = page.get_by_role("article").filter(has_text="rag")
        answer.get_by_text("The grade of rag is wrong").click()
        answer.get_by_label("Your name").fill("Ada")
        answer.get_by_role("button", name="It is wrong").click()
        page.get_by_text("Ada says wrong").wait_for()
        page.get_by_text("Change its accepted answers").click()
        form = page.locator("form", has=page.get_by_role("button", name="Write it into the case"))
        assert form.get_by_label("Your name").input_value() == "Ada"  # it is remembered
        form.get_by_label("Accepted answer 2").fill("to Norway")
        form.get_by_role("button").click()
        page.get_by_text("The gold was changed since this run").wait_for()
        page.get_by_text("Make a new case of it").click()
        page.get_by_role("textbox", name="Question").fill("Do we ship to Sweden?")
        page.get_by_role("button", name="Draft it").click()
        page.get_by_text("The new case is drafted").wait_for()
    project = load_project(measured)
    (label,) = read_labels(project)
    assert (label.case, label.rung, label.good, label.by, label.plan) == ("s2", "rag", False, "Ada", CHOSEN)
    row = json.loads((measured / "cases.jsonl").read_text("utf-8").splitlines()[3])
    assert (row["id"], row["answers"]) == ("s2", ["Norway", "to Norway"])
    (draft,) = map(json.loads, (measured / "board.drafts.jsonl").read_text("utf-8").splitlines())
    assert (draft["question"], draft["drafted_by"], draft["meta"]) == ("Do we ship to Sweden?", "Ada", {"made_of": "s2"})
    assert draft["evidence"] == row["evidence"]


@pytest.mark.slow
def test_without_scripts_the_form_and_its_button_do(browser: Browser, seen: Watched) -> None:
    with looking(browser, seen, scripts=False) as page:
        page.goto(seen.url("cases"))
        page.get_by_role("combobox", name="Rung", exact=True).select_option("oracle")
        page.get_by_role("combobox", name="Outcome").select_option("right")
        page.get_by_role("button", name="Show").click()
        assert "outcome=right" in page.url
        assert "of 7 cases" in page.get_by_role("status").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_pages_fit_the_window_and_are_accessible(browser: Browser, seen: Watched, width: str, dark: bool) -> None:
    with looking(browser, seen, width=width, dark=dark) as page:
        for path in ("runs/1/cases", "runs/1/cases/s1"):
            opened(page, seen, path)
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            assert not is_wider_than_its_window(page)
            assert faults(page) == []


@pytest.mark.slow
def test_a_run_is_scored_again_by_a_button(browser: Browser, board: Watched) -> None:
    with looking(browser, board) as page:
        opened(page, board, "runs/1/cases/s2")
        page.get_by_role("button", name="Score this run again").click()
        page.get_by_text("The verdict anew is").wait_for(timeout=30_000)
        page.get_by_role("main").get_by_role("link", name="run 2").click()
        page.get_by_role("heading", name="Run 2").wait_for()


def test_two_people_mend_one_case_and_nothing_is_lost(board: Watched, measured: Path) -> None:
    with asking(board) as ada, asking(board) as eve:
        pages = [page_of(client, "runs/1/cases/r1") for client in (ada, eve)]
        first, second = (
            client.post("runs/1/gold", data={"case": "r1", "stamp": field(page, "stamp"), "answer": answer, "by": by})
            for client, page, answer, by in zip((ada, eve), pages, ("30 days", "a month"), ("Ada", "Eve"), strict=True)
        )
    assert first.status_code == 303
    assert second.status_code == 409
    assert "somebody changed this row" in second.text
    assert json.loads((measured / "cases.jsonl").read_text("utf-8").splitlines()[0])["answers"] == ["30 days"]
    assert [event["by"] for event in reviews(load_project(measured))] == ["Ada"]


def test_gold_is_never_written_over_another_row(board: Watched, measured: Path) -> None:
    before = (measured / "cases.jsonl").read_bytes()
    with asking(board) as client:
        stamp = field(page_of(client, "runs/1/cases/u1"), "stamp")
        refused = client.post("runs/1/gold", data={"case": "r1", "stamp": stamp, "answer": "x", "by": "Ada"})
    assert refused.status_code == 409
    assert "nothing was written" in refused.text
    assert (measured / "cases.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"answer": "x", "by": ""}, "say who you are"),
        ({"answer": "x", "refuse": "yes", "by": "Ada"}, "has none"),
        ({"answer": "x", "by": "Ada", "was": "{}", "document": "docs/returns.md", "quote": "not there"}, "not in"),
        ({"answer": "x", "by": "Ada", "was": "{}", "document": "docs/none.md", "quote": "x"}, "is not there"),
        ({"answer": "x", "by": "Ada", "was": "{bad", "document": "docs/none.md", "quote": "x"}, "is no JSON"),
        ({"answer": "x", "by": "Ada", "was": "[" * 150_000, "document": "docs/none.md", "quote": "x"}, "is no JSON"),
        ({"answer": "x", "by": "Ada", "was": "", "document": "d", "quote": "x", "span": "\u00b2-9"}, "two numbers"),
        ({"answer": "x", "by": "Ada", "was": "", "document": "d", "quote": "x", "span": f"1-{'9' * 5000}"}, "two numbers"),
        ({"answer": "x", "by": "Ada, Eve"}, "one person"),
    ],
)
def test_gold_that_cannot_be_is_refused(board: Watched, measured: Path, form: dict[str, str], words: str) -> None:
    before = (measured / "cases.jsonl").read_bytes()
    with asking(board) as client:
        stamp = field(page_of(client, "runs/1/cases/u1"), "stamp")
        response = client.post("runs/1/gold", data={"case": "u1", "stamp": stamp, "span": "", **form})
    assert response.status_code in (400, 409)
    assert words in response.text
    assert (measured / "cases.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("referer", "address"),
    [
        ("{base}/board/runs/1/cases/u1?rung=rag", "/board/runs/1/cases/u1?rung=rag"),
        ("http://elsewhere.example/board/runs/1", ""),
        ("{base}/boarding", ""),
        ("{base}/", ""),
        ("{base}//elsewhere.example/board", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_refused_form_leads_back_and_shows_what_was_written(seen: Watched, referer: str, address: str) -> None:
    with asking(seen) as client:
        page_of(client, "runs/1/cases")
        headers = {"Referer": referer.format(base=seen.base)}
        form = {"case": "u1", "question": "Is <b>this</b> lost?", "by": "Ada, Eve"}
        refused = client.post("runs/1/draft", data=form, headers=headers)
        assert refused.status_code in (400, 409)
        assert "Is &lt;b&gt;this&lt;/b&gt; lost?" in refused.text
        assert re.findall(r'<a href="([^"]*)" class="button">Back', refused.text) == ([address] if address else [])
        limit = client.post("live/start", data={"limit": "0"}, headers=headers)
        assert (limit.status_code, '<dd dir="auto" class="text">0</dd>' in limit.text) == (400, True)
        queue = client.post("queue/decide", data={"reason": "kept words", "kind": "x", "action": "odd"}, headers=headers)
        assert (queue.status_code, "kept words" in queue.text) == (400, True)


def test_who_may_not_read_a_case_sees_nothing_of_it_and_cannot_mend_it(measured: Path) -> None:
    with watched(measured, DOOR) as board:
        with asking(board, "nobody+") as client:
            listed = page_of(client, "runs/1/cases")
            assert "left out" in listed
            assert "0 of 6 cases" in page_of(client, "runs/1/cases?text=forty+percent")
            assert "forty" not in listed
            page_of(client, "runs/1/cases/d1", 404)
            assert client.post("runs/1/gold", data={"case": "d1", "answer": "x"}).status_code == 404
            assert client.post("runs/1/label", data={"case": "d1", "rung": "rag", "good": "no"}).status_code == 404
            assert "forty" not in client.post("runs/1/draft", data={"case": "d1", "question": "x"}).text
        with asking(board, "staff") as client:
            assert "forty percent" in page_of(client, "runs/1/cases/d1")
            for path in ("gold", "label", "draft", "rescore"):
                assert client.post(f"runs/1/{path}", data={"case": "r1"}).status_code == 403


def test_hostile_text_stays_text(measured: Path) -> None:
    cases = measured / "cases.jsonl"
    rows = [json.loads(line) for line in cases.read_text("utf-8").splitlines()]
    rows[0] |= {"answers": [HOSTILE], "gold_documents": [HOSTILE]}
    cases.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    with watched(measured) as board, asking(board) as client:
        for path in ("runs/1/cases/r1", f"runs/1/cases?text={HOSTILE}&document={HOSTILE}", f"runs/1/cases?rung={HOSTILE}"):
            response = client.get(path)
            assert "<script>document" not in response.text
            assert "<img src=x" not in response.text


def test_what_is_gone_or_unknown_is_told(board: Watched, measured: Path) -> None:
    run = published(load_project(measured), "1")
    with asking(board) as client:
        assert "no case &#x27;c99&#x27;" in page_of(client, "runs/1/cases/c99", 404)
        page_of(client, "runs/1/cases?rung=none", 404)
        page_of(client, "runs/1/cases?outcome=odd", 404)
        page_of(client, "runs/7/cases", 404)
        assert client.get("runs/1/rescored").status_code == 404
        (run.folder / EVALUATIONS).unlink()
        assert "is missing" in page_of(client, "runs/1/cases", 409)
        shutil.rmtree(run.folder)
        page_of(client, "runs/1/cases", 409)


@pytest.mark.slow
def test_a_run_is_scored_again_once_however_often_it_is_asked_for(board: Watched, measured: Path) -> None:
    with asking(board) as ada, asking(board) as eve:
        for client in (ada, eve, ada):
            response = client.post("runs/1/rescore")
            assert (response.status_code, response.headers["location"]) == (303, "/board/runs/1/rescored")
        for _ in range(300):
            pages = [client.get("runs/1/rescored").text for client in (ada, eve)]
            if not any("data-again" in text for text in pages):
                break
            time.sleep(0.1)
    for text in pages:
        assert '<a href="/board/runs/2">run 2</a>' in text
    assert [line.number for line in read_list(load_project(measured))] == [1, 2]


def test_a_case_stands_among_those_of_the_filter_one_came_with(board: Watched) -> None:
    def links(text: str) -> dict[str, str]:
        listed = re.findall(r'<a href="([^"]+)"(?: rel="[a-z]+")?(?: dir="auto")?>([^<]+)</a>', text)
        return {words: html.unescape(address) for address, words in listed}

    with asking(board) as client:
        listed = page_of(client, "runs/1/cases?rung=prompt&text=e")
        assert '<a href="/board/cases" aria-current="page">Cases</a>' in listed
        assert listed.count('aria-current="page"') == 1
        ids = re.findall(r'href="/board/runs/1/cases/([^"?]+)\?rung=prompt&amp;text=e" dir="auto"', listed)
        assert len(ids) > 2
        here = f"runs/1/cases/{ids[1]}?rung=prompt&text=e"
        text = page_of(client, here)
        assert '<a href="/board/cases" aria-current="page">Cases</a>' in text
        assert links(text)["Cases of run 1"] == "/board/runs/1/cases?rung=prompt&text=e"
        assert links(text)["Previous case"] == f"/board/runs/1/cases/{ids[0]}?rung=prompt&text=e"
        assert links(text)["Next case"] == f"/board/runs/1/cases/{ids[2]}?rung=prompt&text=e"
        assert f" · 2 of {len(ids)}" in text
        form = {"case": ids[1], "rung": "prompt", "good": "no", "by": "Ada"}
        sent = client.post("runs/1/label", data=form, headers={"Referer": board.url(here)})
        assert sent.headers["location"] == f"/board/{here}&done=label"
        assert "Previous case" not in page_of(client, f"runs/1/cases/{ids[0]}?rung=prompt&text=e")
        assert '<a href="/board" aria-current="page">Runs</a>' in page_of(client, "runs/1")


def test_before_the_first_run_there_are_no_cases(shop: Path) -> None:
    with watched(shop) as board, asking(board) as client:
        assert "There is no run yet" in page_of(client, "cases")
