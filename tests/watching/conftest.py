"""Projects that are watched in tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rung.records.deployment import DeploymentRecord
from tests.cli.conftest import rung, shop  # noqa: F401 - fixtures
from tests.serving.conftest import compared  # noqa: F401 - a fixture
from tests.serving.promoting import promoted
from tests.watching.traffic_project import make


@pytest.fixture(scope="session")
def deployed(compared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DeploymentRecord]:  # noqa: F811
    """The shop, compared, `rag` of it promoted; copied, not changed."""
    folder = Path(shutil.copytree(compared, tmp_path_factory.mktemp("deployed") / "shop"))
    return folder, promoted(folder, "rag")


@pytest.fixture
def served(deployed: tuple[Path, DeploymentRecord], tmp_path: Path) -> Path:
    """A shop of which `rag` was promoted."""
    return Path(shutil.copytree(deployed[0], tmp_path / "shop"))


@pytest.fixture(scope="session")
def asked_about(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `traffic_project`; copied, not changed."""
    return make(tmp_path_factory.mktemp("watched") / "project")


@pytest.fixture
def folder(asked_about: Path, tmp_path: Path) -> Path:
    """A project of forty cases, compared and promoted, that nobody has asked yet."""
    return Path(shutil.copytree(asked_about, tmp_path / "project"))
