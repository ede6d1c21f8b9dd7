"""What is damaged in an index, and going back to the newest version that is whole; where none is, everything goes.

What is left is brought up to date by the next sync, from the documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from rung.errors import Damaged, UserError
from rung.knowledge.protocol import Fusion, Lookup
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.location import Keeping, version_file


@dataclass(frozen=True, slots=True)
class Wrong:
    """A damaged file of the index, the versions that are damaged by it, and whether it is of no use to any other."""

    name: str
    why: str
    versions: frozenset[int] = frozenset()
    useless: bool = True


def wrong(keeping: Keeping) -> Iterator[Wrong]:
    """Every damaged file, reading all files of all versions.

    Raises:
        UserError: object storage cannot be reached.
    """
    numbers, reported = keeping.numbers(), frozenset[int]()
    try:
        for name, came in keeping.altered():
            versions = frozenset(number for number in numbers if number >= came)
            reported |= versions
            yield Wrong(name, "it was altered", versions)
    except Damaged as error:
        yield Wrong(_name(keeping, error), "it does not say what the files should be")
    for number in sorted(set(numbers) - reported):
        pointer = version_file(number)
        try:
            _read(keeping, number)
        except Damaged as error:
            name = _name(keeping, error)
            yield Wrong(name, error.why, frozenset({number}), useless=name == pointer)
        except UserError:
            continue  # written by another Rung, or out of reach
        except Exception as error:  # what a damaged file makes the libraries raise is not theirs to name
            yield Wrong(pointer, f"what it names cannot be read: {error}", frozenset({number}), useless=False)


def mend(keeping: Keeping) -> str:
    """Remove the versions that are damaged; all of the index where none is whole. Says what is left.

    Raises:
        UserError: a file cannot be removed.
    """
    with keeping.writing():
        faults = list(wrong(keeping))
        broken = frozenset[int]().union(*(one.versions for one in faults))
        whole = [number for number in keeping.numbers() if number not in broken]
        try:
            for number in sorted(broken, reverse=True):
                keeping.remove(number)
            for one in faults:
                if one.useless:
                    keeping.delete(one.name)
            keeping.forget_missing()
            if whole and _can_be_written(keeping):
                done = f"{_counted(broken)} of the index could not be read, and went" if broken else "no version needed it"
                return f"{done}; it is at version {whole[-1]}"
            keeping.clear()
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"{keeping.uri} cannot be mended ({why}); delete it, and run 'rung sync'") from error
    return "no version of the index could be read: it is made anew from the documents"


def _name(keeping: Keeping, error: Damaged) -> str:
    """The file of the index that an error names."""
    return str(error.path).removeprefix(keeping.uri).lstrip("/")


def _read(keeping: Keeping, number: int) -> None:
    """Read everything that a version holds, by every way in which it is read."""
    snapshot = LanceIndex(keeping).snapshot(number)
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


def _can_be_written(keeping: Keeping) -> bool:
    """Whether a writer can begin: it restores the tables to what the newest version names."""
    index = LanceIndex(keeping)
    with suppress(Exception):  # then it is made anew, whatever it is
        newest = index.newest_pointer()
        if newest is not None:
            index.restore(newest)
            return True
    return False


def _counted(versions: frozenset[int]) -> str:
    some = ", ".join(map(str, sorted(versions)[:5])) + (", …" if len(versions) > 5 else "")
    return f"version{'s' if len(versions) > 1 else ''} {some}"
