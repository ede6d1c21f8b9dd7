"""Where are the files that these patterns name? On disk, in a Git working tree, on the web; each is given once.

What they hold is left to `converting`, who may read it to `access`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from rung.knowledge.reading import git
from rung.knowledge.reading.access import Said, document_of_sidecar, sidecar_of
from rung.knowledge.reading.memory import Memory
from rung.knowledge.reading.source import Reader, SourceFile, Unusable
from rung.records import Problem

WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: what it is called (also behind a link), what its sidecar says, or why it cannot be taken."""

    file: SourceFile
    names: tuple[str, ...] = ()
    said: Said = None
    refused: str = ""
    stamp: str = ""  # of a web page: the validators that its server gave
    unchanged: bool = False  # of a web page: what is remembered of it still holds
    note: str = ""  # to be told although it is read


@dataclass
class Places:
    """The places that a project's sources name, under `root`."""

    root: Path
    known: Mapping[str, Reader]
    memory: Memory | None = None
    _seen: set[Path] = field(default_factory=set)

    def of(self, patterns: Sequence[str]) -> Iterator[Found | Problem]:
        """The files of all patterns, each once, sorted within a pattern. Patterns that name nothing become problems."""
        for pattern in patterns:
            if pattern.startswith(WEB):
                from rung.knowledge.reading.web import pages

                yield from pages(pattern, self.memory)
            else:
                yield from self._on_disk(pattern)

    def _on_disk(self, pattern: str) -> Iterator[Found | Problem]:
        try:
            files = self._files(pattern)
        except Unusable as error:
            yield Problem(pattern, 0, str(error))
            return
        if not files:
            yield Problem(pattern, 0, f"nothing matches this under {self.root}")
        for file in files:
            place = file.resolve()
            if place in self._seen:
                continue
            self._seen.add(place)
            if (described := document_of_sidecar(file.name)) is not None:
                if described not in _siblings(file.parent):
                    yield Problem(self.name(file), 0, f"describes {described}, which is not there; a misspelt name?")
                continue
            yield self._found(file, place)

    def _files(self, pattern: str) -> list[Path]:
        if pattern.startswith(git.PREFIX):
            folder, files = git.tracked(self.root, pattern.removeprefix(git.PREFIX))
            return [file for file in files if self._wanted(file, folder)]
        matches = [self.root / name for name in glob.glob(pattern, root_dir=self.root, recursive=True)]  # noqa: PTH207 - takes absolute ones
        if not matches and pattern and (self.root / pattern).exists():
            matches = [self.root / pattern]  # a path that happens to hold *, ? or [
        return sorted({file for match in matches for file in self._of(match, explicit=len(matches) == 1)})

    def _of(self, match: Path, *, explicit: bool) -> list[Path]:
        """The files that a match stands for. A folder among several stands for nothing: its files match too."""
        if not match.is_dir():
            return [match]
        if not explicit:
            return []
        inside = (Path(folder) / name for folder, _, names in os.walk(match) for name in names)
        return [file for file in inside if self._wanted(file, match)]

    def _wanted(self, file: Path, folder: Path) -> bool:
        """Of a folder: files that some reader takes (and sidecars, which may be misspelt), hidden ones left out."""
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            return False
        return file.suffix.lower() in self.known or document_of_sidecar(file.name) is not None

    def _found(self, file: Path, place: Path) -> Found:
        name = self.name(file)
        source = SourceFile(name, file)
        try:
            said = sidecar_of(file, _siblings(file.parent))
            if said is None and place != file and place.parent != file.parent:
                said = sidecar_of(place, _siblings(place.parent))  # a link is as secret as what it leads to
        except Unusable as error:
            return Found(source, refused=str(error))
        return Found(source, names=(name, _relative(place, self.root.resolve())), said=said)

    def name(self, file: Path) -> str:
        """The path relative to the root, with `/`. Bytes that are no text in a file's name are replaced: ids are text."""
        return _relative(file, self.root)


def _relative(file: Path, root: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _listing(folder: Path, changed: int) -> frozenset[str]:
    del changed
    return frozenset(os.listdir(folder))  # noqa: PTH208 - names only


def _siblings(folder: Path) -> frozenset[str]:
    try:
        return _listing(folder, folder.stat().st_mtime_ns)
    except OSError:
        return frozenset()  # a broken link; reading it says so
