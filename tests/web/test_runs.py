"""The list of runs, and one run, as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def test_a_run_is_opened_from_the_list_and_shows_the_reports_sections(browser: Browser, seen: Watched) -> None:
    with looking(browser, seen) as page:
        assert page.title().startswith("Runs")
        page.get_by_role("link", name="Run 1").click()
        assert page.locator("section#quality").is_visible()
        assert page.locator("svg.track").count() > 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("path", ["", "runs/1"])
def test_pages_fit_the_window_and_are_accessible(browser: Browser, seen: Watched, path: str, width: str, dark: bool) -> None:
    with looking(browser, seen, width=width, dark=dark) as page:
        page.goto(seen.url(path))
        assert not is_wider_than_its_window(page)
        assert faults(page) == []
