"""Files that last: written whole and onto the disk, by one process at a time, and known to be what they were.

A folder is sealed with the SHA-256 of its files, computed again only where size or times changed. Times are those of the
content (mtime) and of the file's entry (ctime), which only the system sets: whoever writes into a file changes it. A file
that was merely copied or touched is read once more, and its new times are noted. What a disk loses without anybody writing
shows only where every file is read (`thoroughly`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from rung.errors import Damaged, UserError

SEAL = "sealed.json"
LOOKING = 0.05  # seconds between two looks at a lock that another process has
STATE = ".rung"  # the folder in a project that holds all of its state
SET_ASIDE = "damaged"  # in it: what was damaged, until it is deleted
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, content: bytes | str, *, goes_on: str = "", mode: int = 0o666) -> None:
    """Replace a file: it is the old or the new one, also after a power cut, whatever other processes write it meanwhile.

    Args:
        path: the file; its folder is made.
        content: a text is written as UTF-8, its line ends as they are.
        goes_on: what to say of the next try where this one fails.
        mode: who may read and write it, from its first byte on; the process's umask takes away from that.

    Raises:
        UserError: it cannot be written; what was there before is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, mode=mode) as file:
            file.write(data)
    except OSError as error:
        room = f": make room for {max(1, len(data) >> 20)} MB there" if error.errno in _FULL else ""
        more = f"; {goes_on}" if goes_on else ""
        raise UserError(f"{path} cannot be written ({error.strerror or error}){room}{more}") from error


@contextmanager
def whole_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """`write_whole` for what comes in pieces, in a folder that is there; where the block fails, nothing is replaced.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Wait until the disk knows which names are in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def wait_for(held: IO[str], waiting: Callable[[], None]) -> None:
    """Lock an open file; `waiting` is called now and then while another process has it locked, and may raise."""
    while True:
        try:
            return fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            time.sleep(LOOKING)


@contextmanager
def alone(lock: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """One process at a time; the lock goes with the process, however it ends. `waiting`: see `wait_for`.

    Raises:
        UserError: the lock's file cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = lock.open("a")
    except OSError as error:
        raise UserError(f"{lock} cannot be written: {error.strerror or error}") from error
    with held:
        wait_for(held, waiting)
        yield


# --- seals --------------------------------------------------------------------------------------------------------------


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def short_sum(*parts: str) -> str:
    """16 hex characters by which a few texts are known again."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def standing(path: Path) -> list[int]:
    """What changes when somebody writes into a file: its size and times."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def seal(folder: Path, digests: Mapping[str, str], *, mark: str = SEAL) -> None:
    """Note the digests of these files, by their path in the folder, and how they stand now. One may still be to come.

    Raises:
        UserError: it cannot be written.
    """
    paths = {name: folder / name for name in digests}
    entries = {name: [digests[name], *(standing(path) if path.exists() else [])] for name, path in paths.items()}
    write_whole(folder / mark, json.dumps(entries))


def unseal(folder: Path, names: tuple[str, ...]) -> None:
    """These files are no longer said to be in a sealed folder."""
    with suppress(OSError, ValueError):
        noted = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        write_whole(folder / SEAL, json.dumps({name: state for name, state in noted.items() if name not in names}))


def altered(
    folder: Path,
    *,
    mark: str = SEAL,
    expected: Mapping[str, str] | None = None,
    thoroughly: bool = False,
    others: bool = False,
) -> str:
    """What is wrong with a folder that was sealed, in words; "" if nothing is. Arguments as of `altered_file`."""
    difference = altered_file(folder, mark=mark, expected=expected, thoroughly=thoroughly, others=others)
    return "" if difference is None else f"{difference[0]} {difference[1]}"


def altered_file(
    folder: Path,
    *,
    mark: str = SEAL,
    expected: Mapping[str, str] | None = None,
    thoroughly: bool = False,
    others: bool = False,
) -> tuple[Path, str] | None:
    """The first file that is not as a folder was sealed, and what is wrong with it; None if nothing is.

    Args:
        folder: what was sealed.
        mark: the file that `seal` wrote.
        expected: digests that the files must have; None: those of the seal, and no further file may be there.
        thoroughly: read every file, whatever its size and times say.
        others: further files may be there.
    """
    try:
        parsed = json.loads((folder / mark).read_text(encoding="utf-8"))
        noted: dict[str, list[str | int]] = {str(name): list(state) for name, state in parsed.items()}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return folder / mark, "does not say what the files should be"
    digests = {name: str(state[0]) for name, state in noted.items() if state} if expected is None else expected
    if expected is None and not others and (strange := sorted(files_in(folder, mark) - set(digests))):
        return folder / strange[0], "does not belong there"
    moved = False
    for name, digest in digests.items():
        try:
            same = not thoroughly and noted.get(name) == [digest, *standing(folder / name)]
            if not same and sha256(folder / name) != digest:
                return folder / name, "was altered"
        except FileNotFoundError:
            return folder / name, "is missing"
        except (OSError, ValueError) as error:
            return folder / name, f"cannot be read: {getattr(error, 'strerror', None) or error}"
        moved = moved or not same
    if moved:
        with suppress(UserError):  # a folder that cannot be written is read again next time
            seal(folder, digests, mark=mark)
    return None


def files_in(folder: Path, mark: str = SEAL) -> set[str]:
    """The files that a seal of this folder would name; a folder in it that has a seal of its own stands for itself."""
    paths = list(folder.rglob("*"))
    apart = [path.parent for path in paths if path.name == SEAL and path.parent != folder]
    files = [path for path in paths if not path.is_dir() and not any(map(path.is_relative_to, apart))]
    names = {str(path.relative_to(folder)) for path in files}
    return {name for name in names if not name.startswith(mark) and not name.endswith(".part")}


def require_whole(folder: Path) -> None:
    """Refuse a folder that was sealed and is not what it was; one that was never sealed is taken as it is.

    Raises:
        Damaged: names the file.
    """
    if (folder / SEAL).exists() and (why := altered(folder, others=True)):
        raise damaged(folder, why)


# --- damage -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what it was, and what mends it: `mend()` says what was done, and what was lost."""

    path: Path | str
    why: str
    mend: Callable[[], str]


def damaged(path: Path | str, why: str, *, state: Path | None = None) -> Damaged:
    """The error that names a damaged file, and the command that mends it. `why` may name it, too.

    `state`: something in the project's state, where the damaged is not: an object has an address, and no path.
    """
    text = why if str(path) in why else f"{path} is damaged ({why})"
    return Damaged(f"{text}; mend it with: {repair_command(state or Path(path))}", path, why)


def repair_command(path: Path) -> str:
    """The command that mends what is damaged in the project that a file belongs to."""
    project = next((folder.parent for folder in (path, *path.parents) if folder.name == STATE), None)
    return f"rung doctor --repair {shlex.quote(str(project)) if project else 'FOLDER'}"


def set_aside(path: Path) -> Path:
    """Move a damaged file or folder of a project's state out of the way; it is kept until someone deletes it.

    Raises:
        UserError: it cannot be moved.
    """
    state = next((folder for folder in path.parents if folder.name == STATE), path.parent)
    name = "-".join(path.relative_to(state).parts)
    try:
        (state / SET_ASIDE).mkdir(exist_ok=True)
        free = (state / SET_ASIDE / (f"{name}.{n}" if n else name) for n in range(10_000))
        aside = next(aside for aside in free if not aside.exists())
        path.replace(aside)
    except OSError as error:
        raise UserError(f"{path} cannot be set aside ({error.strerror or error}); move it away by hand") from error
    return aside
