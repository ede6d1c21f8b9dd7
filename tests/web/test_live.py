"""The live page: a real comparison that is started, watched, paused, let go on and stopped as a person does it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from rung.config.project import load_project
from rung.pipeline.run_record import RunRecord, read_record, recorded
from rung.records import Estimate
from rung.records.run_state import RunEvent, RungEvent
from rung.serving.callers import Caller, Refused
from rung.web.detached import Asked
from rung.web.entry import CallersDoor
from rung.web.live_parts import now_part
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OWN = {"Sec-Fetch-Site": "same-origin"}
ENDS = 60.0


class _Looks:
    """A key that may look and change nothing."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        if headers.get("authorization") != "Bearer looks":
            raise Refused(401, "no credential")
        return Caller("looks", frozenset(), frozenset({"board"}))


@pytest.fixture
def slow_board(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Watched, Path]]:
    """The board of a shop whose answers take half a second each; no comparison is left when it ends."""
    monkeypatch.setenv("RUNG_SCRIPTED_DELAY", "0.4")
    with watched(shop) as board:
        yield board, shop
    record = read_record(load_project(shop))
    if record is not None and record.running:
        with suppress(ProcessLookupError):
            os.kill(record.process, signal.SIGKILL)


def _until(shop: Path, holds: Callable[[RunRecord], bool]) -> RunRecord:
    ends = time.monotonic() + ENDS
    while time.monotonic() < ends:
        record = read_record(load_project(shop))
        if record is not None and holds(record):
            return record
        time.sleep(0.1)
    raise AssertionError("it never came to that")


def _shows(page: Page, words: str) -> None:
    page.locator("#now .chip", has_text=words).wait_for(timeout=ENDS * 1000)


@pytest.mark.slow
def test_one_is_started_watched_paused_and_stopped(
    browser: Browser, slow_board: tuple[Watched, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, shop = slow_board
    with looking(browser, board) as page:
        page.get_by_role("link", name="Live").click()
        page.get_by_label("At most minutes").fill("10")
        page.get_by_role("button", name="Start").click()
        _shows(page, "Running")
        page.locator("#now tbody tr", has_text="3/7").first.wait_for(timeout=ENDS * 1000)  # without a reload
        assert page.locator("#now svg.track").count() > 0
        assert not is_wider_than_its_window(page)
        assert faults(page) == []
        page.get_by_label("More minutes").fill("5")
        page.get_by_role("button", name="Add to its budget").click()
        page.get_by_role("button", name="Pause").click()
        _shows(page, "Paused")
        paused = _until(shop, lambda record: record.is_paused)
        assert paused.state.run.seconds_allowed == 900
        page.get_by_role("button", name="Go on").click()
        _shows(page, "Running")
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Stop").click()
        _shows(page, "Ended without a verdict: stopped")
        monkeypatch.setenv("RUNG_SCRIPTED_DELAY", "0")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("link", name="Run 1").wait_for(timeout=ENDS * 1000)
        page.get_by_role("link", name="Run 1").click()
        assert page.locator("section#quality").is_visible()


@pytest.mark.slow
def test_without_scripts_and_never_two_at_once(browser: Browser, slow_board: tuple[Watched, Path]) -> None:
    board, shop = slow_board
    with looking(browser, board, scripts=False, width="phone") as page:
        page.goto(board.url("live"))
        page.get_by_role("button", name="Start").click()
        assert page.locator("#now .chip").inner_text() == "Running"
        process = _until(shop, lambda record: record.running).process
        with httpx.Client(headers=OWN) as client:
            client.get(board.entrance)
            refused = client.post(board.url("live/start"), data={"limit": "3"})
            assert (refused.status_code, "a comparison runs already" in refused.text) == (409, True)
        page.get_by_role("button", name="Pause").click()
        _until(shop, lambda record: record.is_paused)
        page.get_by_role("link", name="Look again").click()
        assert page.locator("#now .chip").inner_text() == "Paused"
        assert not is_wider_than_its_window(page)
        os.kill(process, signal.SIGKILL)
        _until(shop, lambda record: not record.running)
        page.get_by_role("link", name="Look again").click()
        assert page.locator("#now .chip").inner_text().startswith("Died")


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("live/steer", {"do": "pause"}, 409, "no comparison runs here now"),
        ("live/steer", {"do": "explode"}, 400, "cannot do that"),
        ("live/steer", {"do": "more", "minutes": "-1"}, 400, "no number from 0 up"),
        ("live/steer", {"do": "more", "usd": "nan"}, 400, "no number from 0 up"),
        ("live/start", {"limit": "2.5"}, 400, "a whole number"),
        ("live/start", {"limit": "0"}, 400, "a whole number"),
        ("live/start", {"minutes": "soon"}, 400, "no number from 0 up"),
    ],
)
def test_what_cannot_be_is_refused(seen: Watched, path: str, fields: dict[str, str], status: int, words: str) -> None:
    with httpx.Client(headers=OWN) as client:
        client.get(seen.entrance)
        response = client.post(seen.url(path), data=fields)
    assert (response.status_code, words in response.text) == (status, True)


@pytest.mark.slow
def test_one_that_cannot_begin_says_why(measured: Path) -> None:
    (measured / "cases.jsonl").write_text("", encoding="utf-8")
    with watched(measured) as board, httpx.Client(headers=OWN, timeout=ENDS) as client:
        client.get(board.entrance)
        response = client.post(board.url("live/start"))
        if response.status_code == 303:  # it had begun before it found that
            _until(measured, lambda record: not record.running)
            response = client.get(board.url("live"))
    assert "cases" in response.text
    assert "Traceback" not in response.text


def test_who_may_only_look_steers_nothing_and_reads_no_messages(shop: Path) -> None:
    with recorded(load_project(shop), None) as recorder:
        recorder.say("row 3 of cases.jsonl says <secret>")
        recorder.end("stopped")
    with watched(shop, CallersDoor(_Looks())) as board, httpx.Client(headers=OWN) as client:
        client.post(board.url("enter"), data={"credential": "looks"})
        text = client.get(board.url("live")).text
        assert "secret" not in text
        assert "1 message, for who may read everything" in text
        assert "<form" not in text.split("<main")[1]
        for path in ("live/steer", "live/start"):
            assert client.post(board.url(path), data={"do": "stop"}).status_code == 403


def test_events_come_and_end_by_themselves(seen: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.web.live.LASTS", 0.5)
    with httpx.Client() as client:
        client.get(seen.entrance)
        with client.stream("GET", seen.url("live/events")) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = list(response.iter_lines())
    assert lines[0] == "retry: 300"
    assert any('"shown": ["ended"]' in line for line in lines)
    assert httpx.get(seen.url("live/events")).status_code == 401


def test_a_browser_may_go_away_in_the_middle(seen: Watched) -> None:
    with httpx.Client() as client:
        client.get(seen.entrance)
        for _ in range(3):
            with client.stream("GET", seen.url("live/events")) as response:
                assert next(response.iter_lines()) == "retry: 300"
        assert client.get(seen.url("live")).status_code == 200


def test_hostile_words_are_words(shop: Path) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    with recorded(load_project(shop), None) as recorder:
        recorder.post(RunEvent(project=hostile, cases=7, judged_by=hostile, winner=hostile))
        score = {"correct": Estimate(0.5, 0.2, 0.8, 4)}
        recorder.post(RungEvent(hostile, "stopped", 1, answered=3, judged=3, scores=score, note=hostile))
        with recorder.phase(hostile) as tick:
            tick(1, 2, hostile)
            recorder.say(hostile)
            recorder.steering.tell(RunEvent(paused=False))  # written at once
            record = read_record(load_project(shop))
            assert record is not None
            shown = now_part(record, datetime.now(UTC), reads_all=True)
            paused = replace(record, state=record.state.after(RunEvent(paused=True)))
            assert now_part(paused, datetime.now(UTC), reads_all=True).lower().count("paused") == 2  # in words once
        died = now_part(replace(record, running=False), datetime.now(UTC), reads_all=True)
    for text in (shown, died):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
    assert "Died: it ended without a word" in died


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_window_and_is_accessible(browser: Browser, seen: Watched, width: str, dark: bool) -> None:
    with looking(browser, seen, width=width, dark=dark) as page:
        page.goto(seen.url("live"))
        assert not is_wider_than_its_window(page)
        assert faults(page) == []


def test_numbers_reach_the_command_as_they_were_written() -> None:
    assert Asked().words == []
    asked = Asked(1_000_000, 123456.78, 0.1)
    assert asked.words == ["--limit", "1000000", "--budget-minutes", "123456.78", "--budget-usd", "0.1"]
