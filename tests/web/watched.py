"""A project's board in this process, and a real browser to look at it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from rung.serving.server import listening
from rung.web.board import board_alone
from rung.web.entry import Door, OwnersDoor
from rung.web.project_at_hand import ProjectAtHand

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
# a new machine's: nothing is looked up elsewhere
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
WIDTHS = {"phone": (390, 844), "desk": (1400, 900)}


@dataclass(frozen=True)
class Watched:
    """A board that runs. `base`: its address without a path; `token`: of its owner."""

    base: str
    token: str

    def url(self, path: str = "") -> str:
        """An address below the board's."""
        return f"{self.base}/board{f'/{path}' if path else ''}"

    @property
    def entrance(self) -> str:
        """The address that is printed."""
        return f"{self.url()}?token={self.token}"


@contextmanager
def watched(folder: Path, door: Door | None = None, at_hand: ProjectAtHand | None = None) -> Iterator[Watched]:
    """The board of a project, on a port of its own."""
    own = OwnersDoor()
    listener = listening("127.0.0.1", 0)
    app = board_alone(at_hand or ProjectAtHand(folder), door or own)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Watched(f"http://127.0.0.1:{listener.getsockname()[1]}", own.token)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def browsing() -> Iterator[Browser]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def looking(
    browser: Browser, board: Watched, *, width: str = "desk", scripts: bool = True, dark: bool = False
) -> Iterator[Page]:
    """A page of somebody who has entered. What the page's scripts throw, and what its policy refuses, fails the test."""
    wide, high = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": wide, "height": high}, java_script_enabled=scripts, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(board.entrance)
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def faults(page: Page) -> list[str]:
    """What axe finds on a page that is serious or critical, in its words."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def is_wider_than_its_window(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
