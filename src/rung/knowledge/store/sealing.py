"""Whether the files of an index in a folder are what they were: the store's have no sums; here is one for each, by version.

A file that came with a version is needed by it and perhaps by later ones, never by earlier ones. Of files that are gone the
store itself tells. How a file counts as unchanged is said in `durable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rung.errors import UserError
from rung.files.durable import SEAL, damaged, sha256, standing, write_whole

CHANGING = "latest_version_hint.json"  # the one file of the store that is written again
_TABLE = re.compile(r"(documents|passages)_[0-9]+")  # see `tables`


def is_table(name: str) -> bool:
    """Whether a table of this name is of the index: others may stand in the same place."""
    return _TABLE.fullmatch(name) is not None


def is_of_table(name: str) -> bool:
    """Whether a file, named below the index, is of one of its tables, and not of a stranger's beside or below it.

    >>> is_of_table("documents_3.lance/data/x"), is_of_table("other/documents_3.lance/data/x"), is_of_table("a.lance/data/x")
    (True, False, False)
    """
    table, ending, _ = name.partition(".lance/")
    return bool(ending) and is_table(table)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file as it was when it came: with which version, its SHA-256, its size and times."""

    version: int
    sha256: str
    standing: tuple[int, ...]


def extend(folder: Path, version: int, *, afresh: bool = False) -> None:
    """Note the files that are new, as those of this version; forget those that are gone. `afresh`: all are new."""
    try:
        before = {} if afresh else read(folder)
    except UserError:
        before = {}
    sealed = {
        name: before.get(name) or Sealed(version, sha256(folder / name), tuple(standing(folder / name)))
        for name in sorted(_files(folder))
    }
    _write(folder, sealed)


def read(folder: Path) -> dict[str, Sealed]:
    """What was noted, by path in the folder; nothing of an index that an earlier Rung made.

    Raises:
        Damaged: the notes themselves.
    """
    path = folder / SEAL
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): Sealed(int(v), str(digest), tuple(map(int, rest)))
            for name, (v, digest, *rest) in noted.items()
            if is_of_table(name)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, str(error)) from error


def altered(folder: Path, *, thoroughly: bool = False) -> Iterator[tuple[str, Sealed]]:
    """The files that are not what they were, each with what it was.

    Raises:
        Damaged: what they were cannot be read.
    """
    noted, now = read(folder), dict[str, Sealed]()
    for name, was in noted.items():
        path = folder / name
        try:
            stands = tuple(standing(path))
            if (thoroughly or stands != was.standing) and sha256(path) != was.sha256:
                yield name, was
            else:
                now[name] = Sealed(was.version, was.sha256, stands)
        except FileNotFoundError:
            continue
        except OSError:
            yield name, was
    if any(noted[name] != state for name, state in now.items()):
        with suppress(UserError):  # what cannot be noted is read again next time
            _write(folder, {**noted, **now})


def forget_missing(folder: Path) -> None:
    """Note no longer the files that are gone: the store may give their names again."""
    _write(folder, {name: was for name, was in read(folder).items() if (folder / name).exists()})


def _write(folder: Path, sealed: dict[str, Sealed]) -> None:
    entries = {name: [state.version, state.sha256, *state.standing] for name, state in sealed.items()}
    write_whole(folder / SEAL, json.dumps(entries, indent=0))


def _files(folder: Path) -> Iterator[str]:
    for path in folder.glob("*.lance/**/*"):
        name = path.relative_to(folder).as_posix()
        if is_of_table(name) and path.is_file() and path.name != CHANGING:
            yield name
