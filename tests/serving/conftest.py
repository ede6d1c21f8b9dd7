"""Projects that are served in tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import make_shop, rung, shop  # noqa: F401 - fixtures
from tests.forked import Commands
from tests.serving.serving import Client, served


@pytest.fixture(scope="session")
def compared(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, compared once; copied, not changed."""
    folder = make_shop(tmp_path_factory.mktemp("compared") / "shop")
    words = ["compare", str(folder)]
    assert commands.run(words, cwd=folder, env=dict(os.environ), files=tmp_path_factory.mktemp("output")).code == 0
    return folder


@pytest.fixture
def measured(compared: Path, tmp_path: Path) -> Path:
    """A shop that was compared."""
    return Path(shutil.copytree(compared, tmp_path / "shop"))


@pytest.fixture
def client(shop: Path) -> Iterator[Client]:  # noqa: F811 - the fixture
    """The shop, served."""
    with served(shop) as client:
        yield client
