"""Projects that are served in tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import commands, rung, shop  # noqa: F401 - fixtures
from tests.serving.serving import Client, served


@pytest.fixture
def client(shop: Path) -> Iterator[Client]:  # noqa: F811 - the fixture
    """The shop, served."""
    with served(shop) as client:
        yield client
