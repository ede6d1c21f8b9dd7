"""Where an index is kept, which versions are there, and who may write; and the place that is a folder.

A version is a small file with a number; it is created, never replaced, so that of two writers one wins and the other knows.
Object storage is left to `bucket`, what the tables hold to `lance`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rung.errors import Damaged, UserError
from rung.files.durable import SEAL, damaged, fsync_folder, wait_for
from rung.knowledge.store.sealing import altered, extend, forget_missing, is_table

log = logging.getLogger(__name__)

VERSIONS = "versions"
Held = Callable[[], None]  # raises when the place of the one writer was lost


class Keeping(Protocol):
    """A place for one index."""

    @property
    def uri(self) -> str: ...

    @property
    def options(self) -> Mapping[str, str]:
        """What the tables' library needs to reach it."""
        ...

    @property
    def root(self) -> str:
        """How the tables' library names the place in front of a file."""
        ...

    def numbers(self) -> list[int]:
        """The versions that are there, ascending."""
        ...

    def read(self, number: int) -> bytes | None:
        """A version's file; None if it is not there."""
        ...

    def create(self, number: int, content: bytes, *, since: float) -> bool:
        """Make a version, durably; False if that number is taken. `since`: when the writing of its tables began."""
        ...

    def remove(self, number: int) -> None: ...

    def address(self, name: str) -> Path | str:
        """Where a file of the index is, as it is told to people."""
        ...

    def damaged(self, name: str, why: str) -> Damaged:
        """The error that names a damaged file of the index."""
        ...

    def is_damage(self, error: BaseException) -> bool:
        """Whether an error of the tables' library says that files are missing or not what they were."""
        ...

    def altered(self) -> Iterator[tuple[str, int]]:
        """The files that are not what they were, and the version that each came with; those that are gone are left out.

        Raises:
            Damaged: what they were cannot be read.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a file of the index, if it is there."""
        ...

    def forget_missing(self) -> None:
        """Note no longer the files that are gone: the store may give their names again."""
        ...

    def clear(self) -> None:
        """Remove all of the index, for who is `writing`."""
        ...

    def end_earlier(self) -> None:
        """Delete what the place keeps of files that were deleted or written anew, where it keeps such."""
        ...

    def check(self, number: int) -> None:
        """Look whether the files of a version are what they were, where that can be told without reading them.

        Raises:
            Damaged: one is not; names it.
        """
        ...

    def writing(self, waiting: Callable[[], None] = lambda: None) -> AbstractContextManager[Held]:
        """Be the only writer; others wait. `waiting`: see `Index.writing`."""
        ...

    def clear_errors(self) -> AbstractContextManager[None]:
        """Turn what a store says when it refuses into one sentence that says what to do."""
        ...


@dataclass(frozen=True)
class Folder:
    """An index in a folder. The writer's lock is the system's: it goes with the process that held it."""

    folder: Path

    @property
    def uri(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def root(self) -> str:
        """See `Keeping.root`."""
        return str(self.folder.resolve()).lstrip("/")

    @property
    def options(self) -> Mapping[str, str]:
        """None are needed."""
        return {}

    def numbers(self) -> list[int]:
        """See `Keeping.numbers`."""
        try:
            names = os.listdir(self.folder / VERSIONS)  # noqa: PTH208 - asked before every search, and four times as fast
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.folder} cannot be read ({error.strerror}); check its permissions") from error
        return sorted(number for name in names if (number := version_in(name)) is not None)

    def read(self, number: int) -> bytes | None:
        """See `Keeping.read`."""
        try:
            return self._file(number).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(f"{self._file(number)} cannot be read ({error.strerror}); check its permissions") from error

    def create(self, number: int, content: bytes, *, since: float) -> bool:
        """See `Keeping.create`. Lance does not wait for the disk; a version that survives a power cut must not name files
        that did not."""
        _flush(self.folder, since=since)
        extend(self.folder, number, afresh=not self.numbers())
        path = self._file(number)
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(part, path)
            except FileExistsError:
                return False
        finally:
            part.unlink(missing_ok=True)
        fsync_folder(path.parent)
        return True

    def remove(self, number: int) -> None:
        """Forget a version."""
        self._file(number).unlink(missing_ok=True)

    def check(self, number: int) -> None:
        """See `Keeping.check`."""
        for name, was in altered(self.folder):
            if was.version <= number:
                raise self.damaged(name, "it was altered")

    def address(self, name: str) -> Path:
        """See `Keeping.address`."""
        return self.folder / name

    def damaged(self, name: str, why: str) -> Damaged:
        """See `Keeping.damaged`."""
        return damaged(self.folder / name, why)

    def is_damage(self, error: BaseException) -> bool:
        """See `Keeping.is_damage`; what is merely out of reach is none."""
        if isinstance(error, OSError) and error.errno is not None:
            return isinstance(error, FileNotFoundError)
        return "os error" not in str(error) or "os error 2)" in str(error)

    def altered(self) -> Iterator[tuple[str, int]]:
        """See `Keeping.altered`. Reads every file."""
        return ((name, was.version) for name, was in altered(self.folder, thoroughly=True))

    def delete(self, name: str) -> None:
        """See `Keeping.delete`; also a folder that stands in its place."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def forget_missing(self) -> None:
        """See `Keeping.forget_missing`."""
        forget_missing(self.folder)

    def clear(self) -> None:
        """See `Keeping.clear`."""
        for path in self.folder.iterdir():
            if path.name in (VERSIONS, SEAL) or (path.suffix == ".lance" and is_table(path.stem)):  # others' stays
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def end_earlier(self) -> None:
        """See `Keeping.end_earlier`. A disk keeps none that a program could delete."""

    @contextmanager
    def writing(self, waiting: Callable[[], None] = lambda: None) -> Iterator[Held]:
        """See `Keeping.writing`."""
        import fcntl

        with self.clear_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("another process is writing %s; waiting for it", self.folder)
                wait_for(lock, waiting)
            for left in (self.folder / VERSIONS).glob("*.part"):
                left.unlink(missing_ok=True)
            yield lambda: None

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """See `Keeping.clear_errors`. LanceDB wraps the disk's errors in a RuntimeError."""
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            if not is_of_store(error):
                raise
            if self.is_damage(error):
                raise self.damaged(file_in(error, self.root), reason(error)) from error
            raise UserError(
                f"the index in {self.folder} could not be written ({reason(error)}); free space or mend the permissions and"
                " run the same command again: what was there before is still there"
            ) from error

    def _file(self, number: int) -> Path:
        return self.folder / version_file(number)


def version_file(number: int) -> str:
    """Where a version is, below its index."""
    return f"{VERSIONS}/{number:010d}.json"


def version_in(name: str) -> int | None:
    """The version that a file of this name is; None if it is something else."""
    number = name.removesuffix(".json")
    return int(number) if number != name and number.isdigit() else None


def version_at(path: str) -> int | None:
    """The version that a file is, named below its index; None if it is something else, or below a folder of another."""
    number = version_in(path.removeprefix(f"{VERSIONS}/"))
    return number if number is not None and path == version_file(number) else None


def is_of_place(error: BaseException) -> bool:
    """Whether the place refuses, and not Rung or its library is wrong: LanceDB wraps the errors of a disk or a network."""
    return not isinstance(error, (RuntimeError, ValueError)) or "LanceError(IO)" in str(error)


def is_of_store(error: BaseException) -> bool:
    """Whether an error comes from a disk or from LanceDB, whose own are of many types."""
    return isinstance(error, OSError) or "lanceerror" in str(error).lower().replace(" ", "")


def file_in(error: BaseException, root: str) -> str:
    """The file below `root` that an error of the store speaks of; "" where it names none."""
    named = re.search(rf"{re.escape(root)}/([^\s,:'\"]+)", str(error))
    return named[1] if named else ""


def reason(error: BaseException) -> str:
    """An error's own words, on one line, without the place in the library's source."""
    words = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
    return re.sub(r",? /\S+\.rs:\d+:\d+", "", words)[:200]


def _flush(folder: Path, *, since: float) -> None:
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            if path.stat().st_mtime >= since - 1 and path.suffix != ".part":
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        fsync_folder(Path(parent))
