"""Deployments, traces and watch: what is shown, to whom, and what is changed through the gate."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from rung.config.project import load_project
from rung.state.database import open_state
from rung.state.deployments import deployment, events, standing_now
from rung.tracing.store import TraceFilter, listed
from rung.web.entry import CallersDoor
from tests.serving.promoting import promoted
from tests.serving.serving import SHIPPING, STAFF, served
from tests.web.test_queue import HOSTILE, Keys, entered, name_yourself
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def used(compared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that was promoted, canaried, asked, and keeps texts."""
    folder = Path(shutil.copytree(compared, tmp_path_factory.mktemp("used") / "shop"))
    with ThreadPoolExecutor() as pool:  # the browser of other tests has an event loop on this thread
        pool.submit(_use, folder).result()
    return folder


def _use(folder: Path) -> None:
    promoted(folder, "rag")
    promoted(folder, "long_context", kind="canary", share=0.5)
    yaml = folder / "rung.yaml"
    yaml.write_text(yaml.read_text("utf-8") + "serve: {traces: {content: true}}\n", "utf-8")
    with served(folder) as client:
        for who, text in (("bob", SHIPPING), ("ada staff", STAFF), ("bob", f"Norway? {HOSTILE}")):
            assert client.as_caller(who).chat(text, model="rung").status_code == 200


@pytest.fixture(scope="module")
def board_of_used(used: Path) -> Iterator[Watched]:
    with watched(used) as board:
        yield board


def finished(client: httpx.Client, address: str) -> str:
    """The page once its work is done."""
    for _ in range(300):
        text = client.get(address).text
        if "data-again" not in text:
            return text
        time.sleep(0.1)
    raise AssertionError(text)


def test_what_is_served_and_tried_and_who_passed_a_gate(board_of_used: Watched, used: Path) -> None:
    with open_state(load_project(used)) as state:
        now = standing_now(state)
        record = deployment(state, now.candidate)
    with entered(board_of_used) as client:
        text = client.get(board_of_used.url("deployments")).text
        assert f"{now.current}</a> of rag, by ada" in text
        assert "Tried beside it as a canary" in text
        assert "Evidence that it is worse" in text
        text = client.get(board_of_used.url(f"deployments/{record.id}")).text
        assert record.digest in text
        assert "parity" in text
        assert client.get(board_of_used.url("deployments/nothing")).status_code == 409


def test_a_promotion_passes_the_gate_alone_and_one_goes_back(measured: Path) -> None:
    with watched(measured) as board, entered(board) as client:
        form = {"rung": "rag", "kind": "full", "reason": ""}
        assert client.post(board.url("deployments/promote"), data=form).status_code == 400
        client.post(board.url("deployments/promote"), data={**form, "reason": "it is the best"})
        text = finished(client, board.url("deployments"))
        assert "of rag: at once" in text
        client.post(board.url("deployments/promote"), data={**form, "rung": "no such rung", "reason": "why"})
        assert "measured no rung" in finished(client, board.url("deployments"))
        yaml = measured / "rung.yaml"
        yaml.write_text(yaml.read_text("utf-8").replace("correct: 0.2", "correct: 0.99"), "utf-8")
        client.post(board.url("deployments/promote"), data={**form, "rung": "prompt", "reason": "cheaper"})
        text = finished(client, board.url("deployments"))
        assert "prompt is not promoted: bar: " in text
        assert "To go on: mend that, or tick &#x27;Pass over checks" in text
        assert "--by" not in text  # that is the terminal's
        offered = re.findall(r'<option value="([a-z_]+)"', text[text.index('name="rung"') : text.index('name="kind"')])
        assert {"prompt", "rag"} <= set(offered)
        assert not {"closed_book", "oracle"} & set(offered)  # reference arms are never served
        client.post(board.url("deployments/promote"), data={**form, "rung": "prompt", "reason": "cheaper", "over": "yes"})
        text = finished(client, board.url("deployments"))
        assert "passed over: bar; cheaper" in text
        client.post(board.url("deployments/rollback"), data={"to": "", "reason": "worse"})
        with open_state(load_project(measured)) as state:
            assert [(one.what, one.by) for one in events(state)] == [
                ("promoted", "Ada"), ("promoted", "Ada"), ("rolled back", "Ada"),
            ]  # fmt: skip


def test_traces_are_filtered_and_shown_step_by_step(board_of_used: Watched, used: Path) -> None:
    with open_state(load_project(used)) as state:
        newest, staff, _ = listed(state, TraceFilter(), limit=9)
        page = [one.id for one in listed(state, TraceFilter(after=(round(newest.began * 1000), newest.id)), limit=9)]
        assert page == [staff.id, listed(state, TraceFilter(), limit=9)[2].id]
    with entered(board_of_used) as client:
        text = client.get(board_of_used.url("traces?text=DISCOUNT")).text
        assert staff.id in text
        assert newest.id not in text
        assert "3 traces with texts were looked through" in text
        assert staff.id not in client.get(board_of_used.url("traces?failed=yes")).text
        assert "is no time" in client.get(board_of_used.url("traces?since=whenever")).text
        text = client.get(board_of_used.url(f"traces/{staff.id}")).text
        for part in (
            "1. retrieval",
            "Passages (",
            "forty percent",
            "Prompt, system",
            "index.version",
            "read (",
        ):
            assert part in text
        assert HOSTILE not in client.get(board_of_used.url(f"traces/{newest.id}")).text


def test_texts_of_who_reads_more_are_left_out(used: Path) -> None:
    with open_state(load_project(used)) as state:
        _, staff, public = listed(state, TraceFilter(), limit=9)
    with watched(used, CallersDoor(Keys())) as board:
        with entered(board, credential="bob") as bob:
            text = bob.get(board.url(f"traces/{staff.id}")).text
            assert "are left out" in text
            assert "discount" not in text
            assert "1. retrieval" in text
            assert staff.id not in bob.get(board.url("traces?text=discount")).text
            assert "nine euros" in bob.get(board.url(f"traces/{public.id}")).text
        with entered(board, credential="ada") as ada:
            assert "forty percent" in ada.get(board.url(f"traces/{staff.id}")).text


@pytest.mark.slow
def test_a_look_is_taken_in_the_background_and_its_readings_stand_there(browser: Browser, used: Path) -> None:
    with watched(used) as board, looking(browser, board) as page:
        page.goto(board.url("watch"))
        assert page.get_by_text("Nobody has looked yet").is_visible()
        page.get_by_role("button", name="Look now").click()
        page.get_by_text("A look is done").wait_for(timeout=60_000)
        row = page.get_by_role("row", name="index sources changed")
        assert "fine" in (row.text_content() or "")
        assert faults(page) == []
        page.goto(board.url("deployments"))
        name_yourself(page, board)
        page.goto(board.url("deployments"))
        page.get_by_label("Why you go back").fill("it is slow")
        page.get_by_role("button", name="Go back").click()
        page.get_by_role("cell", name="stopped").first.wait_for()


@pytest.mark.slow
def test_they_fit_the_window_and_are_accessible(browser: Browser, board_of_used: Watched) -> None:
    for width in WIDTHS:
        for dark in (False, True):
            with looking(browser, board_of_used, width=width, dark=dark) as page:
                name_yourself(page, board_of_used)
                for path in ("deployments", "traces", "watch"):
                    page.goto(board_of_used.url(path))
                    assert not is_wider_than_its_window(page)
                    assert faults(page) == []
                    if path != "watch" and dark == (width == "phone"):
                        page.locator("table th[scope=row] a").first.click()
                        assert page.title() != "run"
                        assert not is_wider_than_its_window(page)
                        assert faults(page) == []
