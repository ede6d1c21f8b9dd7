"""A memory of results for commands that write nothing: it begins with what was noted, and is gone when it is closed."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from pathlib import Path

from rung.knowledge.readers.memory import only_read
from rung.runtime.cache import StepCache


class ScratchCache(StepCache):
    """A `StepCache` of its own that begins with the notes of another, which is only read. `path`: the other's file."""

    lasting = False

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rung-")
        super().__init__(Path(self._folder.name) / path.name)
        for kind, key, value in _notes(path):
            self.note(kind, key, json.loads(value))

    def close(self) -> None:
        """Close it; nothing stays."""
        super().close()
        self._folder.cleanup()


def _notes(path: Path) -> list[tuple[str, str, str]]:
    """All notes of a file, whose folder may be read-only; none where it cannot be read."""
    if not path.is_file():
        return []
    connection = only_read(path)
    try:
        return connection.execute("SELECT kind, key, value FROM notes").fetchall()
    except sqlite3.Error:
        return []
    finally:
        connection.close()
