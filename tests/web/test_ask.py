"""Ask: two beside each other, streamed and without scripts, as chosen askers; thumbs become drafts; who leaves ends it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from rung.commands.feedback_drafts import draft_from_feedback
from rung.commands.review import waiting
from rung.config.project import load_project
from rung.loop import opened as open_engines
from rung.serving.callers import Caller, Refused
from rung.serving.deployments import opened as open_deployment
from rung.serving.limits import Limiter
from rung.state.feedback import remarks
from rung.web.askable import caller_for, check_allowed
from rung.web.board import add_board
from rung.web.board import board as board_of
from rung.web.entry import CallersDoor, OwnersDoor
from rung.web.project_at_hand import ProjectAtHand, Serving
from rung.web.viewer import Viewer
from tests.serving.serving import SHIPPING, STAFF, Slow, served
from tests.web.asking import page_of
from tests.web.test_askable import Held
from tests.web.test_queue import HOSTILE, Keys, entered
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from rung.builders.building import ArtifactBuilder
    from rung.serving.answering import Answering
    from rung.serving.feedback import Feedback


@pytest.fixture(scope="module")
def open_board(compared: Path) -> Iterator[Watched]:
    """The board of a shop that was compared, its engines opened once."""
    with watched(compared) as board:
        yield board


def turns(text: str, side: str) -> list[list[str]]:
    """What a page carries along of a side's chat."""
    field = re.search(rf'name="{side}_turns" value="([^"]*)"', text)
    assert field is not None
    return list(json.loads(unescape(field[1])))


def test_without_scripts_both_answers_come_and_the_chat_goes_on(open_board: Watched) -> None:
    with entered(open_board) as client:
        text = page_of(client, open_board.url("ask"))
        assert "tuned_model: has to be built first" in text
        form = {"question": SHIPPING, "left": "rag", "right": "prompt", "groups": "everything"}
        text = client.post(open_board.url("ask"), data=form).text
        assert "nine euros" in text
        cited = re.findall(r'<a href="/board/documents/[^"?]+\?start=[0-9]+&amp;end=[0-9]+#place"[^>]*>', text)
        assert "docs%2Fshipping.md?" in "".join(cited)  # it opens at its place, and the chat stays
        assert all('target="_blank"' in link and 'rel="noopener"' in link for link in cited)
        assert len(cited) == text.count("/board/documents/")
        assert "tokens read" in text
        assert turns(text, "left")[0] == ["user", SHIPPING]
        again = {**form, "question": "And to Norway?", "left_turns": json.dumps(turns(text, "left"))}
        text = client.post(open_board.url("ask"), data=again).text
        assert [role for role, _ in turns(text, "left")] == ["user", "assistant"] * 2
        assert client.post(open_board.url("ask"), data={**form, "question": " "}).status_code == 400
        refused = client.post(open_board.url("ask"), data={**form, "left": "tuned_model", "right": "nobody's"}).text
        assert "has to be built first" in refused
        assert "is none of the rungs" in refused


def test_the_first_page_says_what_is_opened_until_it_is(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(open_engines)
    monkeypatch.setattr("rung.web.project_at_hand.opened", held)
    with watched(compared) as board, entered(board) as client:
        first = client.get(board.url("ask"))
        held.go_on.set()
        assert "Opening what answers" in first.text
        assert "<progress max" in first.text  # nobody knows how long a model takes
        assert first.headers["refresh"]
        assert "<textarea" in page_of(client, board.url("ask"))


def test_a_stream_says_what_is_opened_for_it(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(open_deployment)
    monkeypatch.setattr("rung.web.askable.opened", held)
    with watched(compared) as board, entered(board) as client:
        form = {"question": SHIPPING, "name": "rag", "groups": "everything"}
        events = []
        with client.stream("POST", board.url("ask/stream"), data=form) as response:
            for line in response.iter_lines():
                if line.startswith("data:"):
                    events.append(json.loads(line.removeprefix("data:")))
                    held.go_on.set()
    assert events[0]["note"].startswith("Opening rag, now: ")
    assert "nine euros" in events[-1]["card"]


def test_what_cannot_be_opened_is_said_and_tried_again(measured: Path) -> None:
    (manifest,) = (measured / ".rung" / "artifacts").glob("example-index/*/manifest.json")
    sound = manifest.read_bytes()
    with watched(measured) as board, entered(board) as client:
        manifest.write_bytes(b"{}")
        assert "manifest.json" in page_of(client, board.url("ask"), 409)
        manifest.write_bytes(sound)
        assert "<textarea" in page_of(client, board.url("ask"))


def test_hostile_text_stays_text(open_board: Watched) -> None:
    with entered(open_board) as client:
        form = {
            "question": f"{SHIPPING} {HOSTILE}",
            "left": "rag",
            "right": HOSTILE[:300],
            "groups": ["everything", HOSTILE],
        }
        form |= {"left_turns": json.dumps([["user", HOSTILE], ["assistant", HOSTILE]])}
        for text in (
            client.post(open_board.url("ask"), data=form).text,
            client.get(open_board.url("ask"), params={"left": HOSTILE, "right": HOSTILE}).text,
            client.post(open_board.url("ask/rate"), data={"id": HOSTILE, "rating": "up", "comment": HOSTILE}).text,
        ):
            assert "<script>document" not in text
            assert "<img src=x" not in text


@pytest.mark.parametrize("carried", ["{bad", "[" * 150_000, '{"user": 1}', "[[1, 2], [3], [[], {}]]"])
def test_earlier_turns_that_no_page_carried_along_are_none(open_board: Watched, carried: str) -> None:
    with entered(open_board) as client:
        form = {"question": SHIPPING, "left": "rag", "groups": "everything", "left_turns": carried}
        response = client.post(open_board.url("ask"), data=form)
    assert response.status_code == 200
    assert [role for role, _ in turns(response.text, "left")] == ["user", "assistant"]


def test_an_asker_of_chosen_groups_finds_what_they_may_read(open_board: Watched) -> None:
    with entered(open_board) as client:
        texts = {}
        for groups in ("everything", "staff", ""):
            form = {"question": STAFF, "left": "rag", "right": "", "groups": groups}
            texts[groups] = client.post(open_board.url("ask"), data=form).text
        assert "forty percent" in texts["everything"]
        assert "forty percent" in texts["staff"]
        assert "forty percent" not in texts[""]


def test_who_has_a_key_asks_with_its_own_groups_alone(compared: Path) -> None:
    with watched(compared, CallersDoor(Keys())) as board:
        for name, finds in (("bob", False), ("ada", True)):
            with entered(board, credential=name) as client:
                text = page_of(client, board.url("ask"))
                assert ("<textarea" in text, 'value="everything"' in text) == (True, False)
                form = {"question": STAFF, "left": "rag", "right": "", "groups": ["staff", "everything"]}
                assert ("forty percent" in client.post(board.url("ask"), data=form).text) is finds


def test_a_key_is_held_to_its_scopes_groups_and_limits_under_a_server() -> None:
    def asked(*scopes: str) -> Caller:
        caller = Caller("ada", frozenset({"staff"}), frozenset(scopes), key="k1", requests_per_minute=1)
        return caller_for(Viewer("ada", caller.groups, caller=caller), frozenset({"staff", "board members"}), "")

    server = Serving(cast("Answering", None), cast("ArtifactBuilder", None), cast("Feedback", None), Limiter())
    at_hand = ProjectAtHand(Path(), served=server)
    assert asked("ask").id == "key:k1"
    assert asked("ask").asker.groups == frozenset({"staff"})
    with pytest.raises(Refused, match="may not ask"):
        check_allowed(at_hand, asked("board"), "ask")
    check_allowed(at_hand, asked("ask"), "ask")
    with pytest.raises(Refused, match="1 times a minute"):
        check_allowed(at_hand, asked("ask"), "ask")
    assert caller_for(Viewer(""), None, "").asker.groups is None


def test_who_may_only_look_is_told_so_before_they_ask(compared: Path) -> None:
    server = Serving(cast("Answering", None), cast("ArtifactBuilder", None), cast("Feedback", None), Limiter())
    at_hand = ProjectAtHand(compared, served=server)
    with watched(compared, CallersDoor(Keys()), at_hand) as board, entered(board, credential="eve") as client:
        text = client.get(board.url("ask")).text
        assert "Your key may look, not ask" in text
        assert "<textarea" not in text
        sent = client.post(board.url("ask"), data={"question": SHIPPING, "left": "rag"})
        assert "nine euros" not in sent.text
        assert "not ask: it lacks" in sent.text


@pytest.mark.slow
def test_below_a_server_its_deployments_answer_and_ratings_are_its_own(shop: Path) -> None:
    with served(shop) as client:
        state = client.app.state
        service = Serving(state.answering, cast("ArtifactBuilder", None), state.feedback, state.limiter)
        database = state.feedback._state
        at_hand, door = ProjectAtHand(shop, served=service, state=database), OwnersDoor()
        add_board(client.app, board_of(at_hand, door))

        async def ask() -> tuple[str, int]:
            async with client.connected() as http:
                http.headers["sec-fetch-site"] = "same-origin"
                http.cookies.update((await http.get(f"/board?token={door.token}")).cookies)
                form = {"question": SHIPPING, "left": "rag", "right": "", "groups": "everything"}
                text = (await http.post("/board/ask", data=form)).text
                id = re.search(r'name="id" value="([0-9a-f]+)"', text)
                assert id is not None, text
                rated = await http.post("/board/ask/rate", data={"id": id[1], "rating": "up"})
                return text, rated.status_code

        with ThreadPoolExecutor() as pool:  # the browser of other tests has an event loop on this thread
            text, status = pool.submit(lambda: asyncio.run(ask())).result()
        assert "nine euros" in text
        assert status == 200
        (one,) = remarks(database)
        assert (one.rating, one.entry and one.entry["question"]) == ("up", SHIPPING)


@pytest.mark.slow
def test_two_answers_grow_beside_each_other_and_a_correction_becomes_a_draft(
    browser: Browser, board: Watched, measured: Path
) -> None:
    with looking(browser, board) as page:
        page.goto(board.url("ask"))
        page.locator("select[name=left]").select_option("rag")
        page.locator("select[name=right]").select_option("long_context")
        page.get_by_label("Question").fill(SHIPPING)
        page.keyboard.press("Enter")
        page.locator(".answer-card").nth(1).wait_for()
        page.get_by_role("button", name="Good").first.click()
        page.get_by_text("Kept:").first.wait_for()
        right = page.locator("[data-side=right]")
        right.get_by_text("Passages shown to it").click()
        assert right.get_by_text("takes one day").last.is_visible()
        page.get_by_label("Question").fill("And how long does it take?")
        page.keyboard.press("Enter")
        page.locator("[data-side=right] .answer-card").nth(1).wait_for()
        right.get_by_text("Correct it").last.click()
        right.get_by_label("What it should have said").last.fill("One day, on weekdays.")
        right.get_by_role("button", name="Send").last.click()
        right.get_by_text("Kept:").wait_for()
        assert right.get_by_text("Correct it").count() == 1  # the one of the first answer
    draft_from_feedback(load_project(measured))
    (draft,) = waiting(load_project(measured))
    assert draft.answers == ("One day, on weekdays.",)
    assert SHIPPING in json.dumps(draft.row["messages"])


@pytest.mark.slow
def test_who_leaves_ends_the_generation(browser: Browser, measured: Path) -> None:
    at_hand, model = ProjectAtHand(measured), Slow(0.2)
    at_hand.builder().engines.generator = model
    with watched(measured, at_hand=at_hand) as board, looking(browser, board) as page:
        page.goto(board.url("ask"))
        page.locator("select[name=left]").select_option("rag")
        page.get_by_label("Question").fill(SHIPPING)
        page.get_by_role("button", name="Ask", exact=True).click()
        page.locator("[aria-busy=true]", has_text="Express").wait_for()
        page.goto("about:blank")
        deadline = time.monotonic() + 5
        while model.now and time.monotonic() < deadline:
            time.sleep(0.05)
        assert model.now == 0
        assert model.pieces < 10  # the answer has 11


@pytest.mark.slow
def test_it_fits_the_window_and_is_accessible(browser: Browser, open_board: Watched) -> None:
    for width in WIDTHS:
        for dark in (False, True):
            with looking(browser, open_board, width=width, dark=dark) as page:
                page.goto(open_board.url("ask"))
                page.locator("select[name=right]").select_option("prompt")
                page.get_by_label("Question").fill(SHIPPING)
                page.keyboard.press("Enter")
                page.locator(".answer-card").nth(1).wait_for()
                assert not is_wider_than_its_window(page)
                assert faults(page) == []
