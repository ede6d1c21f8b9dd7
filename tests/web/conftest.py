"""Projects that are looked at in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import make_shop, rung, shop  # noqa: F401 - fixtures
from tests.serving.conftest import compared, measured  # noqa: F401 - fixtures
from tests.web.watched import CHROMIUM, Watched, browsing, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; where this machine has none, what needs one is left out.

    Of one module: as long as it is open its event loop runs in this thread, where other tests want to run theirs.
    """
    if CHROMIUM is None:
        pytest.skip("no browser on this machine")
    with browsing() as browser:
        yield browser


@pytest.fixture
def board(measured: Path) -> Iterator[Watched]:  # noqa: F811 - the fixture
    """The board of a shop that was compared, which a test may change."""
    with watched(measured) as board:
        yield board


@pytest.fixture(scope="module")
def seen(compared: Path) -> Iterator[Watched]:  # noqa: F811 - the fixture
    """The board of a shop that was compared, which tests only look at."""
    with watched(compared) as board:
        yield board
