"""Projects that are served in tests."""

from __future__ import annotations

from tests.cli.conftest import commands, rung, shop  # noqa: F401 - fixtures
