"""Which documents do these patterns name, and what could not be read? One bad file never stops the rest.

What a format means is left to `formats`. A file type more is one reader there, or an entry point in group `rung.readers`.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from rung.errors import UserError
from rung.records import Document, Problem

log = logging.getLogger(__name__)

GROUP = "rung.readers"
# The name is the suffix that a reader takes, without its dot. Those of other packages come by the same kind of entry.
BUILT_IN = tuple(
    EntryPoint(name=suffix, value=f"rung.knowledge.formats:{reader}", group=GROUP)
    for suffix, reader in (
        ("md", "read_markdown"),
        ("markdown", "read_markdown"),
        ("txt", "read_text"),
        ("text", "read_text"),
        ("jsonl", "read_jsonl"),
        ("ndjson", "read_jsonl"),
    )
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as bytes. `id` is its path relative to the project's root, with `/`; documents that are files are named so."""

    id: str
    path: Path
    data: bytes


# What a reader yields: a line (from 1; 0 is the whole file) and what stands there, a document or why it is none.
Item = tuple[int, Document | str]
Reader = Callable[[SourceFile], Iterable[Item]]


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read, and what was left out or taken with a reservation, in the order of the patterns and of the paths."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_sources(root: Path, patterns: Sequence[str]) -> ReadReport:
    """Read every file that the patterns name.

    A pattern is a path or a glob (`docs/**/*.md`), relative to `root` or absolute; a folder stands for all files in it that
    some reader takes. Hidden files and folders are left out unless a pattern names them. Each file is read once.

    Raises:
        UserError: a reader of another package cannot be loaded.
    """
    known = readers()
    documents: dict[str, Document] = {}
    places: dict[str, str] = {}
    problems: list[Problem] = []
    for file in _files(root, patterns, known, problems):
        name = _name(root, file)
        for line, item in _read(name, file, known):
            if isinstance(item, str):
                problems.append(Problem(name, line, item))
            elif item.id in documents:
                message = f"the id '{item.id}' is already taken by {places[item.id]}; the first one is kept"
                problems.append(Problem(name, line, message))
            else:
                documents[item.id], places[item.id] = item, f"{name}:{line}" if line else name
    return ReadReport(tuple(documents.values()), tuple(problems))


@cache
def readers() -> Mapping[str, Reader]:
    """The reader of each suffix (".md"). One from another package takes the place of a built-in one.

    Raises:
        UserError: an entry point cannot be loaded.
    """
    found: dict[str, Reader] = {}
    for point in (*BUILT_IN, *sorted(entry_points(group=GROUP), key=lambda p: p.name)):
        try:
            found["." + point.name.lower().lstrip(".")] = point.load()
        except Exception as error:
            raise UserError(f"the reader {point.value} cannot be loaded ({error}); mend or uninstall its package") from error
    return found


def _files(root: Path, patterns: Sequence[str], known: Mapping[str, Reader], problems: list[Problem]) -> Iterator[Path]:
    """The files of all patterns, each once, sorted within a pattern. Patterns that name nothing become problems."""
    seen: set[Path] = set()
    for pattern in patterns:
        matches = [root / name for name in glob.glob(pattern, root_dir=root, recursive=True)]  # noqa: PTH207 - takes absolute ones
        if not matches and pattern and (root / pattern).exists():
            matches = [root / pattern]  # a path that happens to hold *, ? or [
        found = sorted({file for match in matches for file in _of(match, known, explicit=len(matches) == 1)})
        if not found:
            problems.append(Problem(pattern, 0, f"nothing matches this under {root}"))
        for file in found:
            place = file.resolve()
            if place not in seen:
                seen.add(place)
                yield file


def _of(match: Path, known: Mapping[str, Reader], *, explicit: bool) -> list[Path]:
    """The files that a match stands for. A folder among many matches of a glob stands for nothing: its files match too."""
    if not match.is_dir():
        return [match]
    if not explicit:
        return []
    inside = (Path(folder) / name for folder, _, names in os.walk(match) for name in names)
    hidden = (f for f in inside if not any(part.startswith(".") for part in f.relative_to(match).parts))
    return [f for f in hidden if f.suffix.lower() in known]


def _name(root: Path, file: Path) -> str:
    """The path relative to the root, with `/`. Bytes that are no text in a file's name are replaced: ids are text."""
    return Path(os.path.relpath(file, root)).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read(name: str, file: Path, known: Mapping[str, Reader]) -> Iterator[Item]:
    reader = known.get(file.suffix.lower())
    if reader is None:
        what = f"'{file.suffix}' files" if file.suffix else "files without a suffix"
        yield 0, f"there is no reader for {what}; there are readers for {', '.join(sorted(known))}"
        return
    try:
        data = file.read_bytes()
    except OSError as error:
        yield 0, f"cannot be read: {error.strerror or error}"
        return
    if not data.strip():
        yield 0, "is empty"
        return
    line = 0
    try:
        for line, item in reader(SourceFile(name, file, data)):
            yield line, item
    except Exception as error:  # a reader may be a stranger's code: its failure belongs to this one file, and is told
        log.exception("the reader of %s failed", name)
        yield line, f"its reader failed: {type(error).__name__}: {error}"
