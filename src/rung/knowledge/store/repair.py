"""What is damaged in an index, and going back to the newest version that is whole; where none is, everything goes.

What is left is brought up to date by the next sync, from the documents. Object storage keeps its files whole by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rung.errors import Damaged, UserError
from rung.knowledge.protocol import Fusion, Lookup
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.location import Folder, version_file
from rung.knowledge.store.sealing import altered, forget_missing


@dataclass(frozen=True, slots=True)
class Wrong:
    """A damaged file, the versions that are damaged by it, and whether it is of no use to any other."""

    path: Path
    why: str
    versions: frozenset[int] = frozenset()
    useless: bool = True


def wrong(folder: Path) -> Iterator[Wrong]:
    """Every damaged file, reading all files of all versions."""
    numbers, told = Folder(folder).numbers(), frozenset[int]()
    try:
        for name, was in altered(folder, thoroughly=True):
            versions = frozenset(number for number in numbers if number >= was.version)
            told |= versions
            yield Wrong(folder / name, "it was altered", versions)
    except Damaged as error:
        yield Wrong(error.path, "it does not say what the files should be")
    for number in sorted(set(numbers) - told):
        pointer = folder / version_file(number)
        try:
            _read(folder, number)
        except Damaged as error:
            yield Wrong(error.path, error.why, frozenset({number}), useless=error.path == pointer)
        except UserError:
            continue  # written by another Rung, or out of reach
        except Exception as error:  # what a damaged file makes the libraries raise is not theirs to name
            yield Wrong(pointer, f"what it names cannot be read: {error}", frozenset({number}), useless=False)


def mend(folder: Path) -> str:
    """Remove the versions that are damaged; all of the index where none is whole. Says what is left.

    Raises:
        UserError: a file cannot be removed.
    """
    keeping = Folder(folder)
    with keeping.writing():
        found = list(wrong(folder))
        broken = frozenset[int]().union(*(one.versions for one in found))
        whole = [number for number in keeping.numbers() if number not in broken]
        try:
            for number in sorted(broken, reverse=True):
                keeping.remove(number)
            for one in found:
                if one.useless and one.path.is_file():
                    one.path.unlink()
            forget_missing(folder)
            if whole and _can_be_written(folder):
                said = f"{_counted(broken)} of the index could not be read, and went" if broken else "no version needed it"
                return f"{said}; it is at version {whole[-1]}"
            for path in folder.iterdir():
                if path.name not in ("lock", "staging"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"{folder} cannot be mended ({why}); delete it, and run 'rung sync'") from error
    return "no version of the index could be read: it is made anew from the documents"


def _read(folder: Path, number: int) -> None:
    """Read everything that a version holds, by every way in which it is read."""
    snapshot = LanceIndex(folder).snapshot(number)
    if snapshot is None:
        return
    ids = [document.id for document in snapshot.documents()]
    rows, _ = snapshot.stored(ids)
    if len(rows) != snapshot.passage_count:
        raise ValueError(f"{snapshot.passage_count} passages were written, {len(rows)} are there")
    if rows:
        width = int(str(snapshot.settings["dimensions"]))
        lookup = Lookup(" ".join(rows[0].indexed.split()[:8]), np.ones(width, dtype=np.float32) / np.sqrt(width), None, 3)
        snapshot.search([lookup], Fusion(0.5))


def _can_be_written(folder: Path) -> bool:
    """Whether a writer can begin: it restores the tables to what the newest version names."""
    index = LanceIndex(folder)
    with suppress(Exception):  # then it is made anew, whatever it is
        newest = index.newest_pointer()
        if newest is not None:
            index.restore(newest)
            return True
    return False


def _counted(versions: frozenset[int]) -> str:
    some = ", ".join(map(str, sorted(versions)[:5])) + (", …" if len(versions) > 5 else "")
    return f"version{'s' if len(versions) > 1 else ''} {some}"
