"""Where the files are that patterns name: on disk, in a Git working tree, on the web; each is given once.

What they hold is left to `converting`, who may read it to `access`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.config.project import FILE, OWN_FILES
from rung.files.limited import name_of
from rung.knowledge.readers import git
from rung.knowledge.readers.access import Described
from rung.knowledge.readers.found import WEB, Found
from rung.knowledge.readers.memory import Memory
from rung.knowledge.readers.sidecars import OF_FOLDER, Sidecars, Values, described_by
from rung.knowledge.readers.source import Reader, SourceFile, Unusable
from rung.knowledge.readers.web import pages
from rung.records import Problem

_LINKS = 40  # that one path may lead over


@dataclass
class Places:
    """The places that a project's sources name, under `root`. `outside`: links may lead out of them."""

    root: Path
    readers: Mapping[str, Reader]
    memory: Memory | None = None
    outside: bool = False
    _seen: set[str] = field(default_factory=set)
    _warned: set[Path] = field(default_factory=set)
    _named: list[Path] = field(default_factory=list)  # folders that links may lead to
    _round: dict[Path, bool] = field(default_factory=dict)
    _real_folders: dict[Path, Path] = field(default_factory=dict)
    _sidecars: dict[Path, Sidecars] = field(default_factory=dict)
    _of_folders: dict[Path, tuple[Values, ...] | Unusable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._named = [_real(self.root)]

    def of(self, patterns: Sequence[str]) -> Iterator[Found | Problem]:
        """The files of all patterns, each once, sorted within a pattern. Patterns that name nothing become problems."""
        self._named += filter(None, map(self._named_outside, patterns))
        for pattern in patterns:
            if pattern.startswith(WEB):
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
        for path in files:
            file = Path(path)
            location = self._location(file)
            if str(location) in self._seen:
                continue
            if pattern.startswith(git.PREFIX) and file.is_symlink():
                yield Problem(self.name(file), 0, "is a link, which git: leaves out; name what it leads to in sources")
                continue
            if not self.outside and not self._is_within(location):
                yield from self._led_out(file, location)
                continue
            self._seen.add(str(location))
            if described_by(file.name) is not None:
                if (missing := self._beside(file.parent).orphans.get(file.name)) is not None:
                    yield Problem(self.name(file), 0, f"describes {missing}, which is not there; a misspelt name?")
                continue
            yield self._source(file, location)

    def _files(self, pattern: str) -> list[str]:
        """Their paths as text, which takes a third of the memory."""
        if pattern.startswith(git.PREFIX):
            folder, files = git.tracked(self.root, pattern.removeprefix(git.PREFIX))
            return [str(file) for file in files if self._is_readable(file, folder)]
        matches = [self.root / name for name in glob.glob(pattern, root_dir=self.root, recursive=True)]  # noqa: PTH207 - takes absolute ones
        if not matches and pattern and (self.root / pattern).exists():
            matches = [self.root / pattern]  # a path that happens to hold *, ? or [
        named, explicit = self.root / pattern, len(matches) == 1
        paths = {
            str(file)
            for match in matches
            for file in self._of(match, explicit=explicit)
            if (file == named or not self._is_own(file)) and not self._goes_round(file.parent)
        }
        return sorted(paths, key=lambda path: path.replace(os.sep, "\0"))  # by their parts, as paths are ordered

    def _of(self, match: Path, *, explicit: bool) -> Iterator[Path]:
        """The files that a match stands for. A folder among several stands for nothing: its files match too."""
        if not match.is_dir():
            yield match
        elif explicit:
            yield from (file for file in self._inside(match) if self._is_readable(file, match))

    def _inside(self, top: Path) -> Iterator[Path]:
        """The files in a folder and in those below it, each folder once. A link that leads out of the project is a file."""
        entered = [_real(top)]
        for folder, inner, names in os.walk(top, followlinks=True):
            yield from (Path(folder) / name for name in names)
            for name in list(inner):
                path = Path(folder) / name
                if path.is_symlink():
                    location = _real(path)
                    if any(location.is_relative_to(other) or other.is_relative_to(location) for other in entered):
                        inner.remove(name)  # its files come by their own paths, or came; a link upwards never ends
                    elif self.outside or self._is_within(location):
                        entered.append(location)
                    else:
                        inner.remove(name)
                        yield path

    def _is_readable(self, file: Path, folder: Path) -> bool:
        """Of a folder: files that some reader takes (and sidecars, which may be misspelt), hidden ones left out."""
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            return False
        return file.suffix.lower() in self.readers or described_by(file.name) is not None or file.is_dir()

    def _is_own(self, file: Path) -> bool:
        """Whether Rung wrote it, for people and their agents: a document only where a source is its very name."""
        return file.name in OWN_FILES and self._is_root(file.parent)

    def _is_config(self, folder: Path, name: str) -> bool:
        """Whether it is `rung.yaml`, or a copy of it that an editor left: what it says of access is read elsewhere."""
        return (name in OWN_FILES or name.startswith(FILE)) and self._is_root(folder)

    def _source(self, file: Path, location: Path) -> Found:
        name, plain = self.name(file), location == file and self.root == self._named[0]
        ways = [file] if plain or name == _relative(location, self._named[0]) else _ways(file)
        names = [name if way is file else _relative(way, self._named[0]) for way in ways]
        source = SourceFile(names[0], file)
        try:
            for way in ways:
                if self._is_root(way.parent):  # what lies there may be about other things than the folders below
                    self._refuse_marked(way.parent)
            own = [sidecar for way in ways if (sidecar := self._own(way)) is not None]
            above = [sidecar for way in ways for sidecar in self._above(way)]
        except Unusable as error:
            return Found(source, refused=str(error))
        return Found(source, names=tuple(dict.fromkeys(names)), sidecars=(*(own or [{}]), *above))

    def name(self, file: Path) -> str:
        """The path relative to the root, with `/`. Bytes that are no text in a file's name are replaced: ids are text."""
        return _relative(file, self.root)

    # --- sidecars ---------------------------------------------------------------------------------------------------

    def _beside(self, folder: Path) -> Sidecars:
        if folder not in self._sidecars:
            try:
                with os.scandir(folder) as entries:
                    there = {entry.name: entry.is_dir() for entry in entries if not self._is_config(folder, entry.name)}
                self._sidecars[folder] = Sidecars(there, [name for name, is_folder in there.items() if is_folder])
            except OSError:
                self._sidecars[folder] = Sidecars(())  # a broken link; reading it says so
        return self._sidecars[folder]

    def _own(self, path: Path) -> Values | None:
        return self._beside(path.parent).of(path.name, lambda name: _read(path.parent / name))

    def _above(self, path: Path) -> tuple[Values, ...]:
        """What the sidecars of the folders say that a file lies in, up to the project's or to the one that is named.

        Raises:
            Unusable: one of them cannot be understood.
        """
        folder = path.parent
        if folder not in self._of_folders:
            tops = {self.root, *self._named}
            try:
                own = None if folder in tops and self._is_root(folder) else self._own(folder)
                if not self._is_root(folder):
                    self._refuse_marked(folder)
                more = () if folder in tops or folder == folder.parent else self._above(folder)
                self._of_folders[folder] = (*(() if own is None else (own,)), *more)
            except Unusable as error:
                self._of_folders[folder] = Unusable(f"lies in {self.name(folder)}, which {error}")
        sidecar = self._of_folders[folder]
        if isinstance(sidecar, Unusable):
            raise sidecar
        return sidecar

    def _refuse_marked(self, folder: Path) -> None:
        """Raises `Unusable` where a file in a folder seems to say who may read all of it."""
        if mark := self._beside(folder).of_folder(lambda name: _read(folder / name)):
            raise Unusable(OF_FOLDER.format(mark))

    def _is_root(self, folder: Path) -> bool:
        return folder in (self.root, self._named[0])

    def sidecars_beside(self, name: str) -> Described:
        """What the sidecars of a file of this name say, whether it is there or not: see `access.Described`.

        Raises:
            Unusable: one of them cannot be understood.
        """
        path = self.root / name
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        there = [other.name for other in beside if not self._is_config(other.parent, other.name)]
        own = Sidecars([*there, path.name]).of(path.name, lambda other: _read(path.parent / other))
        return (own or {}, *self._above(path))

    # --- links ------------------------------------------------------------------------------------------------------

    def _location(self, file: Path) -> Path:
        """Where a file is, links followed; a folder's are followed once for all that is in it."""
        if file.is_symlink():
            return _real(file)
        if file.parent not in self._real_folders:
            self._real_folders[file.parent] = _real(file.parent)
        return self._real_folders[file.parent] / file.name

    def _goes_round(self, folder: Path) -> bool:
        """Whether a path leads over a link to a folder above it: what is there comes by its own path."""
        if folder not in self._round:
            up = folder.parent
            ends = folder in (self.root, up)
            round = folder.is_symlink() and _real(up).is_relative_to(_real(folder))
            self._round[folder] = not ends and (round or self._goes_round(up))
        return self._round[folder]

    def _named_outside(self, pattern: str) -> Path | None:
        """The folder outside of the project that a pattern names, if it names one: links may lead into it."""
        if pattern.startswith(WEB):
            return None
        parts = Path(pattern.removeprefix(git.PREFIX)).parts
        fixed = next((n for n, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        location = Path(os.path.normpath(_real(self.root).joinpath(*parts[:fixed])))
        if location.is_relative_to(self._named[0]):
            return None
        return _real(location)

    def _is_within(self, location: Path) -> bool:
        return any(location == named or named in location.parents for named in self._named)

    def _led_out(self, file: Path, location: Path) -> Iterator[Problem]:
        """One problem for each link that leads out, however many files are behind it."""
        parts = [part for part in (*reversed(file.parents), file) if not self._is_within(_real(part))]
        within = [part for part in parts if part.is_symlink() and self._is_within(_real(part.parent))]
        link = (within or [file])[0]
        if (path := _real(link.parent) / link.name) not in self._warned:
            self._warned.add(path)
            where = _real(link) if link != file else location
            allow = "name that place in sources, or set knowledge.outside_links to true"
            yield Problem(self.name(link), 0, f"is a link that leads out of the project, to {where}; left out: {allow}")


def _ways(file: Path) -> list[Path]:
    """A file's path, and those that the links on its way lead to, the place where it really is last."""
    ways, step = [file], file
    for _ in range(_LINKS):
        here = _real(step.parent) / step.name
        ways.append(here)
        if not here.is_symlink():
            break
        step = here.parent / here.readlink()
    return [*dict.fromkeys([*ways, _real(file)])]


def _real(path: Path) -> Path:
    """Where it is, links followed; a link that leads to itself is where it stands."""
    return Path(os.path.realpath(path))


def _read(path: Path) -> bytes:
    return SourceFile(path.name, path).data


def _relative(file: Path, root: Path) -> str:
    return name_of(os.path.relpath(file, root).replace(os.sep, "/"))
