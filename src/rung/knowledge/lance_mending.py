"""What is damaged in an index, and going back to the newest version that is whole; where none is, everything goes.

What is left is brought up to date by the next sync, from the documents. Object storage keeps its files whole by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from rung.durable import SEAL
from rung.errors import Damaged, UserError
from rung.knowledge.keeping import VERSIONS, Folder, version_file
from rung.knowledge.lance import LanceIndex
from rung.knowledge.lance_snapshot import LanceSnapshot
from rung.knowledge.protocol import Fusion, Lookup
from rung.knowledge.sealing import altered


def wrong(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """(file, what is wrong with it, the first version that is damaged by it), reading all files of all versions."""
    yield from _wrong(folder, Folder(folder).numbers())


def mend(folder: Path) -> str:
    """Remove the versions that are damaged; all of the index where none is whole. Says what is left.

    Raises:
        UserError: a file cannot be removed.
    """
    keeping = Folder(folder)
    with keeping.writing():
        numbers = keeping.numbers()
        found = list(_wrong(folder, numbers))
        broken = {
            n for _, _, first in found for n in numbers if n == first or (n > first and not _is_version(folder, n, found))
        }
        whole = [number for number in numbers if number not in broken]
        try:
            for path, _, _ in found:
                if path.parent.name in (VERSIONS, "_versions") or path.name == SEAL:
                    path.unlink(missing_ok=True)
            for number in sorted(broken, reverse=True):
                keeping.remove(number)
            if whole and _can_be_written(folder):
                if not broken:
                    return f"all versions of the index can be read; {len(found)} files beside them were mended"
                return f"the index is at version {whole[-1]} again: {_counted(broken)} could not be read, and went"
            for path in folder.iterdir():
                if path.name not in ("lock", "staging"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise UserError(
                f"{folder} cannot be mended ({error.strerror or error}); delete it, and run 'rung sync'"
            ) from error
    return "no version of the index could be read: it is made anew from the documents"


def _is_version(folder: Path, number: int, found: list[tuple[Path, str, int]]) -> bool:
    """Whether the damage is in version files only, each of which concerns its own version."""
    return all(path.parent.name == VERSIONS for path, _, first in found if first <= number)


def _wrong(folder: Path, numbers: list[int]) -> Iterator[tuple[Path, str, int]]:
    told: set[int] = set()
    try:
        for name, was in altered(folder, thoroughly=True):
            told.add(was.version)
            yield folder / name, "it was altered", was.version
    except Damaged as error:
        yield error.path, "it does not say what the files should be", max(numbers, default=0) + 1
    for number in numbers:
        if not told or number < min(told):
            try:
                _read(folder, number)
            except Damaged as error:
                of_version = error.path == folder / version_file(number)
                yield error.path, str(error).split("; mend it with")[0].removeprefix(f"{error.path} is damaged "), number
                told |= set() if of_version else {number}
            except UserError:
                continue  # written by another Rung, or out of reach
            except Exception as error:  # what a damaged file makes the libraries raise is not theirs to name
                yield folder / version_file(number), f"what it names cannot be read: {error}", number
                told.add(number)


def _read(folder: Path, number: int) -> None:
    """Read everything that a version holds, by every way in which it is read."""
    index = LanceIndex(folder)
    snapshot = index.snapshot(number)
    if snapshot is None or not isinstance(snapshot, LanceSnapshot):
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


def _counted(versions: set[int]) -> str:
    some = ", ".join(map(str, sorted(versions)[:5])) + (", …" if len(versions) > 5 else "")
    return f"version{'s' if len(versions) > 1 else ''} {some}"
