"""Whether files in the cache are what they were: their SHA-256 beside them, computed again only where size or times changed.

Times are those of the content (mtime) and of the file's entry (ctime), which only the system sets: whoever writes into a
file changes it. A file that was merely copied or touched is read once more, and its new times are noted. What a disk loses
without anybody writing shows only where every file is read (`thoroughly`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rung.errors import ModelError

log = logging.getLogger(__name__)
SEAL = "sealed.json"
_MAKING = ".making-"


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def seal(folder: Path, digests: Mapping[str, str], *, mark: str = SEAL) -> None:
    """Note the digests of these files, by their path in the folder, and how they stand now.

    Raises:
        OSError: it cannot be written.
    """
    said = {name: [digest, *_state(folder / name)] for name, digest in digests.items()}
    part = folder / f"{mark}.{os.getpid()}"
    with part.open("w", encoding="utf-8") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / mark)


def altered(folder: Path, *, mark: str = SEAL, wanted: Mapping[str, str] | None = None, thoroughly: bool = False) -> str:
    """What is wrong with a folder that was sealed; "" if nothing is.

    Args:
        folder: what was sealed.
        mark: the file that `seal` wrote.
        wanted: digests that the files must have; None: those of the seal, and no further file may be there.
        thoroughly: read every file, whatever its size and times say.
    """
    try:
        said = json.loads((folder / mark).read_text(encoding="utf-8"))
        noted: dict[str, list[str | int]] = {str(name): list(state) for name, state in said.items()}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return f"{folder / mark} does not say what the files should be"
    digests = {name: str(state[0]) for name, state in noted.items() if state} if wanted is None else wanted
    if wanted is None and (strange := sorted(_files(folder, mark) - set(digests))):
        return f"{folder / strange[0]} does not belong there"
    moved = False
    for name, digest in digests.items():
        try:
            same = not thoroughly and noted.get(name) == [digest, *_state(folder / name)]
            if not same and sha256(folder / name) != digest:
                return f"{folder / name} was altered"
        except FileNotFoundError:
            return f"{folder / name} is missing"
        except OSError as error:
            return f"{folder / name} cannot be read: {error.strerror}"
        moved = moved or not same
    if moved:
        with suppress(OSError):  # a cache that cannot be written is read again next time
            seal(folder, digests, mark=mark)
    return ""


def made_once(folder: Path, make: Callable[[Path], Path]) -> Path:
    """The folder, made by one process at a time where it is not there or not what it was.

    Args:
        folder: where it is kept, whole or not at all.
        make: given a scratch folder, makes the folder in it and returns it.

    Raises:
        ModelError: as `make` does, or the folder cannot be written.
    """
    if not altered(folder):
        return folder
    home = folder.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        with locked(home):
            why = altered(folder)
            if not why:
                return folder
            if folder.exists():
                log.warning("%s: made again", why)
                shutil.rmtree(folder)
            for left in home.glob(f"{_MAKING}*"):  # of a process that was killed: nobody else makes anything now
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=home, prefix=_MAKING) as scratch:
                made = make(Path(scratch))
                seal(made, {name: sha256(made / name) for name in sorted(_files(made, SEAL))})
                made.rename(folder)
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise ModelError(
            f"the converted model cannot be kept in {folder}: {what}; make room, or set RUNG_CACHE to another folder"
        ) from error
    return folder


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process, however it ends."""
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _state(path: Path) -> list[int]:
    """What changes when somebody writes into a file: its size and times."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _files(folder: Path, mark: str) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return {name for name in found if not name.startswith(mark)}
