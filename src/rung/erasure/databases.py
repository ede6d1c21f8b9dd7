"""SQLite files without what was deleted from them: freed pages are given back, and the log beside the file is emptied."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from rung.errors import UserError
from rung.files.durable import damaged

PATIENCE = 60.0  # seconds that a locked database is waited for


def vacuum(path: Path) -> None:
    """Write a database anew without the pages that were freed, and empty its log.

    Raises:
        UserError: another process holds it; what was deleted may still stand in free pages or in the log.
        Damaged: it is no database.
    """
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
            database.execute("VACUUM")
            busy = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise _in_use(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error
    if busy is not None and busy[0]:
        raise _in_use(path, "its log is being read")


def _in_use(path: Path, why: str) -> UserError:
    return UserError(f"{path} could not be rewritten ({why}): close what uses it and run the same command again: it goes on")
