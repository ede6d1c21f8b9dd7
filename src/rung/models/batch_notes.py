"""Which batches are at a host, and what they hold: a file each in the project's state, on the disk before anything is sent.

A process that dies leaves them, and the next one takes up what they say: nothing is sent twice. Who hands over, or changes
what is noted, does so alone (`BatchNotes.alone`).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rung.errors import UserError
from rung.files.durable import alone, damaged, write_whole
from rung.files.limited import json_file
from rung.progress import waiting as ended_by_budget

FOLDER = "batches"  # in the project's state
LOCK = "sending.lock"  # beside the notes
_SHOWN = 8  # characters of a mark, of a batch that has no name yet


@dataclass(frozen=True, slots=True)
class BatchNote:
    """One batch. `mark`: its name here; `name`: at the host, "" while nobody knows whether it came there.

    `model`: as `rung.yaml` names it. `engine`: identity of the model, as steps are remembered by it. `holds`: digests of the
    steps whose answers are still to be taken from it; `requests`: how many there were. `since`: seconds since the epoch;
    `after`: see `Sending`.
    """

    mark: str
    model: str
    engine: str
    holds: tuple[str, ...]
    requests: int
    since: float
    after: str = ""
    name: str = ""

    @property
    def shown(self) -> str:
        """By which name a person speaks of it."""
        return self.name or self.mark[:_SHOWN]

    def is_called(self, word: str) -> bool:
        """Whether a person who says this speaks of it: its name, or while it has none its mark from the beginning, at least
        as much as is shown."""
        return word == self.name if self.name else len(word) >= _SHOWN and self.mark.startswith(word)


@dataclass(frozen=True, slots=True)
class BatchNotes:
    """All of a project. `folder`: where they are kept; it is made when there is one."""

    folder: Path

    def __iter__(self) -> Iterator[BatchNote]:
        """Every note, the oldest first.

        Raises:
            Damaged: a file is not what was written.
        """
        notes = [self._whole(path, entry) for path, entry in self._files()]
        yield from sorted(notes, key=lambda note: (note.since, note.mark))

    def damages(self) -> Iterator[tuple[Path, str]]:
        """(file, why) of each that is not what was written."""
        yield from ((path, entry) for path, entry in self._files() if isinstance(entry, str))

    def _files(self) -> Iterator[tuple[Path, BatchNote | str]]:
        """(file, its note, or why it is none)."""
        for path in self.folder.glob("*.json"):
            entry = _note_in(path)
            if not isinstance(entry, str) or path.exists():  # else another process has just taken all from it
                yield path, entry

    def _whole(self, path: Path, entry: BatchNote | str) -> BatchNote:
        """The note of a file; raises Damaged where it is none."""
        if isinstance(entry, str):
            raise damaged(path, entry, state=self.folder.parent)
        return entry

    def alone(self, *, waiting: Callable[[], None] = ended_by_budget) -> AbstractContextManager[None]:
        """Meanwhile no other process hands over, or changes what is noted. `waiting`: as `files.durable.alone`."""
        return alone(self.folder / LOCK, waiting=waiting)

    def add(self, model: str, engine: str, holds: Collection[str], *, after: str = "") -> BatchNote:
        """Note a batch that is about to be sent."""
        note = BatchNote(uuid.uuid4().hex, model, engine, tuple(holds), len(holds), time.time(), after)
        self.write(note)
        return note

    def write(self, note: BatchNote) -> None:
        """Keep what is known of it now."""
        write_whole(self._path(note), json.dumps(asdict(note)))

    def take(self, note: BatchNote, digests: Collection[str]) -> None:
        """The answers to these steps are kept elsewhere now; a note that holds no others goes. Others may have taken some
        meanwhile, or have given the batch up: what stands on the disk counts.

        Raises:
            Damaged: the note is not what was written.
        """
        with self.alone():
            if not (path := self._path(note)).exists():
                return
            current = self._whole(path, _note_in(path))
            left = tuple(digest for digest in current.holds if digest not in digests)
            if left:
                self.write(replace(current, holds=left))
            else:
                self.drop(current)

    def drop(self, note: BatchNote) -> None:
        """Nothing is to be had from it."""
        self._path(note).unlink(missing_ok=True)

    def _path(self, note: BatchNote) -> Path:
        return self.folder / f"{note.mark}.json"


def _note_in(path: Path) -> BatchNote | str:
    """The note that a file holds, or why it holds none."""
    try:
        entry = json_file(path)
        if not isinstance(entry, dict):
            raise TypeError("no object")
        return BatchNote(**{**entry, "holds": tuple(entry["holds"])})  # type: ignore[arg-type]
    except (TypeError, KeyError, ValueError, UserError) as error:
        return f"it is no note of a batch: {error}"
