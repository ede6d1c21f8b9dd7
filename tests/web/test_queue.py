"""The queue as people work through it: by keys, without scripts, two at once, and each with what they may read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rung.commands.feedback_drafts import draft_from_feedback
from rung.config.project import load_project
from rung.dataset.review_log import reviews
from rung.pipeline.judge_labels import read_labels
from rung.records import digest
from rung.serving.callers import Caller, Refused
from rung.web.entry import CallersDoor
from rung.web.queue_decisions import shown_row
from tests.cli.test_feedback_review import said
from tests.pipeline.test_judge_labels import compared as judged
from tests.pipeline.test_judge_labels import essays
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["essays"]  # the fixture

HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
THINGS = ("shoes", "watches", HOSTILE)
OWN = {"Sec-Fetch-Site": "same-origin"}


class Keys:
    """Two keys: `ada` reads and reviews as staff, `bob` as nobody in particular."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        name = headers.get("authorization", "").removeprefix("Bearer ")
        groups = {"ada": {"staff"}, "bob": set[str](), "eve": set[str]()}
        if name not in groups:
            raise Refused(401, "this key has expired" if name else "")
        return Caller(name, frozenset(groups[name]), frozenset({"board"} if name == "eve" else {"board", "review"}))


def drafted(folder: Path) -> Path:
    """A project with a draft for each of `THINGS`."""
    for thing in THINGS:
        said(
            folder, f"Do you repair the customer's {thing}?", correction=f"Yes, {thing} within a week.", answer=f"No {thing}"
        )
    draft_from_feedback(load_project(folder))
    return folder


@pytest.fixture
def drafts(measured: Path) -> Iterator[Watched]:
    """The board of a project with drafts."""
    with watched(drafted(measured)) as board:
        yield board


@pytest.fixture
def folder(measured: Path) -> Path:
    """The same project's folder."""
    return measured


@contextmanager
def entered(board: Watched, name: str = "Ada", credential: str = "") -> Iterator[httpx.Client]:
    """Somebody who entered and said their name."""
    with httpx.Client(headers=OWN, follow_redirects=True, timeout=60) as client:
        if credential:
            client.post(board.url("enter"), data={"credential": credential})
        else:
            client.get(board.entrance)
            assert client.post(board.url("reviewer"), data={"name": name, "to": "/board/queue"}).status_code == 200
        yield client


def fields(text: str) -> dict[str, str]:
    """The hidden fields of the entry that a page shows."""
    found = re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', text[text.index('class="decide"') :])
    return {name: unescape(value) for name, value in found if name not in ("action", "edited")}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "feedback.drafts.jsonl").read_text("utf-8").splitlines()]


def test_a_decision_needs_a_name_and_a_rejection_its_reason(drafts: Watched, folder: Path) -> None:
    with httpx.Client(headers=OWN, follow_redirects=True) as client:
        page = client.get(drafts.entrance.replace("/board?", "/board/queue?"))
        assert "Say who you are" in page.text
        assert 'class="decide"' not in page.text
        assert client.post(drafts.url("reviewer"), data={"name": "Ada, Bob"}).status_code == 400
        form = {"kind": "feedback", "subject": "x", "action": "approve"}
        assert client.post(drafts.url("queue/decide"), data=form).status_code == 400
    with entered(drafts) as ada:
        form = fields(ada.get(drafts.url("queue")).text)
        refused = ada.post(drafts.url("queue/decide"), data={**form, "action": "reject"})
        assert refused.status_code == 409
        assert "needs its reason" in refused.text
        edit = {"action": "approve", "edited": "yes", "question": "Else?", "answers": "Yes.", "use": "case"}
        assert "say why it is edited" in ada.post(drafts.url("queue/decide"), data={**form, **edit}).text
    assert reviews(load_project(folder)) == ()


def test_of_two_people_on_one_row_the_second_sees_both_versions_and_nothing_is_lost(drafts: Watched, folder: Path) -> None:
    with entered(drafts, "Ada") as ada, entered(drafts, "Grace") as grace:
        seen_by_ada, seen_by_grace = (fields(one.get(drafts.url("queue")).text) for one in (ada, grace))
        assert seen_by_ada["subject"] == seen_by_grace["subject"]
        ada.post(drafts.url("queue/decide"), data={**seen_by_ada, "action": "reject", "reason": "nobody asks that"})
        edit = {
            "action": "approve",
            "edited": "yes",
            "question": "Shoes, too?",
            "answers": "Of course.",
            "reason": "shorter",
        }
        late = grace.post(drafts.url("queue/decide"), data={**seen_by_grace, **edit})
        assert late.status_code == 409
        assert "Ada has rejected it meanwhile" in late.text
        assert "Of course." in late.text
        path = folder / "feedback.drafts.jsonl"
        form = fields(grace.get(drafts.url("queue")).text)
        path.write_text(path.read_text("utf-8").replace("within a week", "within a year"), "utf-8")
        changed = grace.post(drafts.url("queue/decide"), data={**form, "action": "approve"})
        assert changed.status_code == 409
        assert "within a week" in changed.text
        assert "within a year" in changed.text
    (event,) = reviews(load_project(folder))
    assert (event["by"], event["action"], event["reason"]) == ("Ada", "reject", "nobody asks that")
    assert len(rows(folder)) == 2


def test_a_row_changed_by_hand_is_shown_as_it_is_now_whatever_was_decided_and_taken_back_before(
    drafts: Watched, folder: Path
) -> None:
    path = folder / "feedback.drafts.jsonl"
    with entered(drafts) as ada:
        form = fields(ada.get(drafts.url("queue")).text)
        done = ada.post(drafts.url("queue/decide"), data={**form, "action": "approve"})
        mark = re.search(r'name="mark" value="([0-9a-f]+)"', done.text)
        assert mark is not None
        undone = ada.post(drafts.url("queue/undo"), data={"mark": mark[1], "at": form["following"], "filter": "decay"})
        assert fields(undone.text)["subject"] == form["subject"]  # what waits again is shown, not the next one
        assert "taken back: approved" in undone.text
        path.write_text(path.read_text("utf-8").replace("within a week", "within a year"), "utf-8")
        late = ada.post(drafts.url("queue/decide"), data={**form, "action": "approve"})
        assert late.status_code == 409
        assert "its row was changed since you were shown it: feedback.drafts.jsonl:" in late.text
        assert "meanwhile (" not in late.text
        assert late.text.index("As you were shown it") < late.text.index("within a week") < late.text.index("As it is now")
        assert "within a year" in late.text
        path.write_text("", "utf-8")
        gone = ada.post(drafts.url("queue/decide"), data={**form, "action": "approve"})
        assert "taken out of its file" in gone.text


def test_an_address_says_nothing_in_the_name_of_the_board(drafts: Watched) -> None:
    with entered(drafts) as ada:
        assert "You have won" not in ada.get(drafts.url("queue"), params={"news": "You have won"}).text
        form = fields(ada.get(drafts.url("queue")).text)
        done = ada.post(drafts.url("queue/decide"), data={**form, "action": "approve"})
        assert '<p role="status" class="notice" dir="auto">approved: ' in done.text
        assert "approved" not in str(done.url)


def test_two_people_on_two_servers_of_one_project_decide_everything_once(drafts: Watched, folder: Path) -> None:
    def work(name: str, board: Watched) -> None:
        with entered(board, name) as client:
            for _ in range(20):
                text = client.get(board.url("queue?kind=feedback")).text
                if 'class="decide"' not in text:
                    return
                client.post(board.url("queue/decide"), data={**fields(text), "action": "approve"})

    with watched(folder) as other, ThreadPoolExecutor() as pool:
        list(pool.map(work, ("Ada", "Grace"), (drafts, other)))
    events = reviews(load_project(folder))
    assert len(events) == len(THINGS)
    assert sorted(str(event["subject"]) for event in events) == sorted({str(event["subject"]) for event in events})
    assert {row["approved_by"] for row in rows(folder)} <= {"Ada", "Grace"}


def test_who_may_not_read_it_is_told_how_much_is_left_out(measured: Path) -> None:
    row: dict[str, Any] = {
        "id": "s9",
        "question": "What do staff pay?",
        "answers": ["forty percent less"],
        "drafted_by": "rules",
    }
    row |= {"evidence": [{"document": "docs/staff.md", "quote": "forty percent"}], "approved_by": ""}
    (measured / "staff.drafts.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    with watched(measured, CallersDoor(Keys())) as board:
        with entered(board, credential="bob") as bob:
            text = bob.get(board.url("queue")).text
            assert "1 entry is left out" in text
            assert "What do staff pay?" not in text
        with entered(board, credential="ada") as ada:
            text = ada.get(board.url("queue")).text
            assert "What do staff pay?" in text
            assert "<mark>forty percent</mark>" in text
            assert "You decide as <b" in text
        with entered(board, credential="eve") as eve:
            assert 'class="decide"' not in eve.get(board.url("queue")).text
            assert eve.post(board.url("queue/decide"), data=fields(text) | {"action": "approve"}).status_code == 403


def test_pages_stand_where_a_verdict_and_an_artifact_are_gone(drafts: Watched, folder: Path) -> None:
    for gone in ("verdicts", "artifacts", "index"):
        shutil.rmtree(folder / ".rung" / gone, ignore_errors=True)
    with entered(drafts) as client:
        for path in ("queue", "ask", "deployments", "traces", "watch"):
            assert client.get(drafts.url(path)).status_code == 200, path
        form = {"question": "What does express shipping cost?", "left": "rag", "groups": "everything"}
        assert "nine euros" in client.post(drafts.url("ask"), data=form).text


@pytest.mark.slow
def test_labels_correct_the_judge_and_are_taken_back(essays: Path) -> None:
    judged(essays)
    project = load_project(essays)
    with watched(essays) as board, entered(board) as ada, entered(board, "Grace") as grace:
        text = ada.get(board.url("queue?kind=label")).text
        assert "more cases labelled would likely settle the verdict" in text
        assert "few_shot" not in text  # blind
        form = fields(text)
        ada.post(board.url("queue/decide"), data={**form, "action": "approve"})
        grace.post(board.url("queue/decide"), data={**form, "action": "reject"})  # she saw the same: both count
        assert [(one.by, one.good) for one in read_labels(project)] == [("Ada", True), ("Grace", False)]
        text = ada.get(board.url("queue")).text
        assert "called good" in text
        assert fields(text)["subject"] != form["subject"]
        mark = re.search(r'name="mark" value="([0-9a-f]+)"', text)
        assert mark is not None
        undone = ada.post(board.url("queue/undo"), data={"mark": mark[1]})
        assert "taken back: called good" in undone.text
        assert [(one.by, one.good) for one in read_labels(project)] == [("Grace", False)]
        assert len((essays / "human.labels.jsonl").read_text("utf-8").splitlines()) == 3  # the file only grows
        assert ada.post(board.url("queue/undo"), data={"mark": mark[1]}).status_code == 409


def name_yourself(page: Page, board: Watched) -> None:
    page.goto(board.url("queue"))
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Keep").click()
    page.get_by_text("You decide as").wait_for()


@pytest.mark.slow
def test_by_keys_a_person_approves_edits_rejects_skips_and_undoes(browser: Browser, drafts: Watched, folder: Path) -> None:
    with looking(browser, drafts) as page:
        name_yourself(page, drafts)
        titles = [page.locator("#entry h2").text_content()]
        page.keyboard.press("s")
        page.wait_for_url("**at=**")
        titles.append(page.locator("#entry h2").text_content())
        assert len(set(titles)) == 2
        page.keyboard.press("a")
        page.get_by_role("status").filter(has_text="approved:").wait_for()
        page.keyboard.press("u")
        page.get_by_text("taken back").first.wait_for()
        assert not any(row["approved_by"] for row in rows(folder))
        page.keyboard.press("e")
        page.keyboard.type("x")  # goes into the field
        page.get_by_label("Question").fill("Shoes, too?")
        page.get_by_label("Why it is edited").fill("shorter")
        page.get_by_role("button", name="Approve as edited").click()
        page.get_by_role("status").filter(has_text="approved:").wait_for()
        page.keyboard.press("r")
        page.keyboard.type("nobody asks that")
        page.keyboard.press("Enter")
        page.get_by_text("rejected:").first.wait_for()
        assert page.title().startswith("Queue")  # nothing that was hostile ran
    events = reviews(load_project(folder))
    assert [event["action"] for event in events] == ["approve", "undo", "approve", "reject"]
    assert events[-1]["reason"] == "nobody asks that"
    assert "Shoes, too?" in [row["question"] for row in rows(folder)]


@pytest.mark.slow
def test_without_scripts_buttons_do_the_same(browser: Browser, drafts: Watched, folder: Path) -> None:
    with looking(browser, drafts, scripts=False, width="phone") as page:
        name_yourself(page, drafts)
        page.get_by_role("button", name="Approve a").click()
        page.get_by_role("button", name="Undo").click()
        page.locator("summary", has_text="Reject").click()
        page.get_by_label("Why it is rejected").fill("no")
        page.get_by_role("button", name="Reject").click()
        page.get_by_text(" of 2").first.wait_for()
    assert [event["action"] for event in reviews(load_project(folder))] == ["approve", "undo", "reject"]


@pytest.mark.slow
def test_it_fits_the_window_and_is_accessible(browser: Browser, drafts: Watched) -> None:
    for width in WIDTHS:
        for dark in (False, True):
            with looking(browser, drafts, width=width, dark=dark) as page:
                name_yourself(page, drafts)
                page.locator("summary", has_text="Edit").click()
                assert not is_wider_than_its_window(page)
                assert faults(page) == []


@pytest.mark.parametrize("text", ["", "{bad", "[" * 150_000, '["no row"]', '{"n": NaN}'])
def test_a_row_that_no_page_carried_along_is_none(text: str) -> None:
    assert shown_row(text, f"c1:{digest({})[:12]}") is None
