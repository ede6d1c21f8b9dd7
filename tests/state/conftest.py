"""Both kinds of database for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.state.database import State
from tests.state.databases import KINDS, database


@pytest.fixture(params=KINDS)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind, as `records` names it."""
    with database(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def state(records: str, tmp_path: Path) -> Iterator[State]:
    """It, open."""
    with State(tmp_path, records) as opened:
        yield opened
