"""Files that a command writes for its user: whole or not at all, and never over what is there unless that is asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rung.errors import UserError

FORCE = "name another file, or say --force to replace it"


def writable(path: Path) -> bool:
    """Whether something can be written into a folder, or the folder be made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK)


def check_free(path: Path, *, force: bool = False, instead: str = FORCE) -> None:
    """Refuse a place where something stands: before any work is done, and again when the file is put there.

    Args:
        path: where a file is to be written. A folder without anything in it is free.
        force: a file may stand there, and nothing else.
        instead: what else to do.

    Raises:
        UserError: something stands there.
    """
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(kind) and instead != FORCE and not any(path.iterdir()):
        return
    if not stat.S_ISREG(kind) and instead == FORCE:
        raise UserError(f"{path} is there already, and is no file: name another file", code="exists")
    if not (force and stat.S_ISREG(kind)):
        raise UserError(f"{path} is there already, and nothing is overwritten: {instead}", code="exists")


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Iterator[TextIO]:
    """A text file that is there when the block ends, and not at all when it fails. What it replaces keeps its permissions.

    Raises:
        UserError: something stands there (`force`: no file), or it cannot be written.
    """
    check_free(path, force=force)
    target = path.resolve() if force else path  # what a link leads to is replaced, and the link is kept
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(part, target, force=force)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): name another file") from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_output(path: Path, text: str, *, force: bool = False) -> None:
    """`new_file` with this text."""
    with new_file(path, force=force) as file:
        file.write(text)


@contextmanager
def whole_or_not(files: Sequence[Path]) -> Iterator[None]:
    """Take back what came of these files, and the folders made for them, when the block fails; what was there stays."""
    fresh = [path for path in files if not os.path.lexists(path)]
    folders = {parent for path in files for parent in path.parents if not parent.exists()}
    try:
        yield
    except BaseException:
        for path in fresh:
            with suppress(OSError):
                path.unlink()
        for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        raise


def _put(part: Path, target: Path, *, force: bool) -> None:
    if force:
        with suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
        return
    try:
        os.link(part, target)  # unlike a rename, it never takes the place of a file that came meanwhile
    except FileExistsError:
        check_free(target)
        raise
    except OSError:  # a file system without links
        check_free(target)
        part.replace(target)
