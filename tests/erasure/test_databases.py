"""A database is without what was deleted afterwards, or it is said that it is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rung.erasure.databases import vacuum
from rung.errors import Damaged, UserError

WORD = b"Wilhelmina"


def made(path: Path) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE t (x TEXT)")
        database.execute("INSERT INTO t VALUES (?)", ("Wilhelmina " * 500,))
        database.execute("DELETE FROM t")
    return path


def test_deleted_rows_are_in_no_file(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    assert WORD in path.read_bytes(), "the check of the check"
    vacuum(path)
    assert [one.name for one in tmp_path.iterdir() if WORD in one.read_bytes()] == []


def test_a_reader_that_keeps_the_log_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.erasure.databases.PATIENCE", 0.1)
    path = made(tmp_path / "a.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        with pytest.raises(UserError, match=r"a\.db could not be rewritten .*run the same command again"):
            vacuum(path)
    vacuum(path)


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"x" * 9_000)
    with pytest.raises(Damaged):
        vacuum(tmp_path / "a.db")
