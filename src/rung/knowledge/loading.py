"""The documents that patterns name, and what could not be read. One bad file never stops the rest.

What a format means is left to the readers in `formats` and `reading`. A file type more is one reader there, or an entry
point in group `rung.readers`.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.knowledge.masking import Masking
from rung.knowledge.readers.access import Access, GroupsOf, Rule
from rung.knowledge.readers.converting import Converted, convert
from rung.knowledge.readers.found import Found
from rung.knowledge.readers.memory import Known, Memory, packed
from rung.knowledge.readers.places import Places
from rung.knowledge.readers.registry import DOOR, costly, edition, readers
from rung.knowledge.readers.source import Item, Reader, SourceFile, Unusable, is_settled, stamp_of
from rung.knowledge.readers.together import FILES, Together
from rung.knowledge.readers.workers import Workers, WorkLost, processes
from rung.records import Document, Dropped, Problem

__all__ = [
    "DOOR",
    "Access",
    "GroupsOf",
    "Item",
    "Memory",
    "ReadReport",
    "Reader",
    "Rule",
    "SourceFile",
    "Unusable",
    "read_sources",
    "readers",
    "stream_sources",
]

log = logging.getLogger(__name__)

_SECONDS = 120.0  # that one file may take, and for each MiB of it
_SECONDS_PER_MIB = 5.0


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read, and what was left out or taken with a reservation, in the order of the patterns and of the paths.

    `dropped`: the parts of read files that a rule leaves out.
    """

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def read_sources(
    root: Path,
    patterns: Sequence[str],
    *,
    access: Access | None = None,
    memory: Memory | None = None,
    outside_links: bool = False,
) -> ReadReport:
    """All that `stream_sources` gives, together in memory.

    Raises:
        UserError: a reader of another package cannot be loaded.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    dropped: list[Dropped] = []
    for item in stream_sources(root, patterns, access=access, memory=memory, outside_links=outside_links):
        match item:
            case Document():
                documents.append(item)
            case Problem():
                problems.append(item)
            case Dropped():
                dropped.append(item)
    return ReadReport(tuple(documents), tuple(problems), tuple(dropped))


def stream_sources(
    root: Path,
    patterns: Sequence[str],
    *,
    access: Access | None = None,
    memory: Memory | None = None,
    outside_links: bool = False,
    masking: Masking | None = None,
) -> Iterator[Document | Problem | Dropped]:
    """The documents of every file that the patterns name, one by one, and a problem for all that was left out.

    Parts that a rule leaves out of a document (hidden rows, images without text) come as `Dropped`.

    A pattern is a path or a glob (`docs/**/*.md`), relative to `root` or absolute; a folder stands for all files in it that
    some reader takes; `git:` before it takes tracked files only; an address is a web page or a sitemap. Hidden files and
    folders are left out unless a pattern names them, and what Rung writes at the root unless a pattern is its name. Each
    file is read once. Memory does not grow with the corpus but for the ids.

    Args:
        access: what narrows the groups of documents besides what they say themselves.
        memory: what was read before; without it everything is read anew.
        outside_links: whether links may lead out of the project and of the folders that the patterns name.
        masking: what becomes of every document before anything else sees, or remembers, it.

    Raises:
        UserError: a reader of another package cannot be loaded.
    """
    access = access or Access()
    taken: dict[str, str] = {}
    with ExitStack() as stack:
        reading = _Reading(stack.enter_context(Workers(processes())), memory, masking)
        places = Places(root, readers(), memory, outside_links)
        for source, items in reading.ahead(places.of(patterns)):
            if isinstance(source, Problem):
                yield source
                continue
            for line, item in items():
                yield item if isinstance(item, Dropped) else _checked(source, line, item, access, taken)
    if memory is not None:
        memory.forget_others()
    for rule in access.unmatched():
        message = f"the rule '{rule.path}' matches no document; is it misspelt? What it was to protect may be public"
        yield Problem("rung.yaml", rule.line, message)


def _checked(source: Found, line: int, item: Document | str, access: Access, taken: dict[str, str]) -> Document | Problem:
    """The document with its groups, or why it is left out."""
    name = source.file.id
    if isinstance(item, str):
        return Problem(name, line, item)
    if item.id in taken:
        return Problem(name, line, f"the id '{item.id}' is already taken by {taken[item.id]}; the first one is kept")
    origin = item.origin or item.source  # of what lies in an archive: its path in it
    inside = [other + origin.removeprefix(name) for other in source.names] if origin.startswith(f"{name}/") else []
    try:
        document = access.narrowed(item, names=(*source.names, *inside), sidecars=source.sidecars)
    except Unusable as error:
        return Problem(name, line or error.line, str(error))
    taken[item.id] = f"{name}:{line}" if line else name
    return document


Items = Callable[[], Iterable[Item]]


@dataclass
class _Reading:
    """Files under way: costly ones in processes of their own, a few ahead of the one that is waited for; many small ones
    some at once."""

    workers: Workers
    memory: Memory | None
    masking: Masking | None = None
    _edition: str = field(init=False)
    _together: Together = field(init=False)

    def __post_init__(self) -> None:
        self._together = Together(self.workers)
        self._edition = edition() + (f" {self.masking.name}" if self.masking else "")

    def ahead(self, places: Iterable[Found | Problem]) -> Iterator[tuple[Found | Problem, Items]]:
        """Each source with what it holds, in order; up to two costly files, and two batches of small ones, for each process
        are begun before they are asked for."""
        waiting: deque[tuple[Found | Problem, Items]] = deque()
        most, slow = 2 * self.workers.count, 0
        for source in places:
            waiting.append((source, self._begun(source) if isinstance(source, Found) else tuple))
            slow += _is_costly(source)
            while slow > most or len(waiting) > most * (FILES if self._together.are_many else 1):
                first = waiting.popleft()
                slow -= _is_costly(first[0])
                yield first
        yield from waiting

    def _begun(self, source: Found) -> Items:
        file = source.file
        noted: list[Item] = [(0, source.note)] if source.note else []
        if source.refused:
            return lambda: [(0, source.refused)]
        cached = self.memory.get(file.id) if self.memory is not None else None
        if source.unchanged:
            lost: list[Item] = [(0, "is no longer remembered; run the command again")]
            return lambda: [*noted, *(self._as_now(source, cached) if cached else lost)]
        if cached is not None and cached.reader == self._edition and self._unchanged(source, cached):
            return lambda: cached.items
        if file.suffix in costly():
            data = None if file.on_disk else file.data
            future = self.workers.submit(
                convert, file.id, str(file.path), data, file.suffix, file.charset, seconds=_allowed(file)
            )
            return lambda: self._arrived(source, future)
        if file.on_disk:
            items = self._together.begun(file)
            return lambda: self._masked(items)
        converted = convert(file.id, str(file.path), file.data, file.suffix, file.charset)
        return lambda: self._remembered(source, converted)

    def _arrived(self, source: Found, future: Future[Converted]) -> list[Item]:
        try:
            converted = future.result()
        except WorkLost as lost:
            log.warning("%s: %s", source.file.id, lost)
            return [(0, f"{lost}; left out")]
        return self._remembered(source, converted)

    def _remembered(self, source: Found, converted: Converted) -> list[Item]:
        """What was read, remembered where reading it again would give the same."""
        if self.masking is not None:
            converted = replace(converted, items=[*self._masked(converted.items)])
        if self.memory is not None and converted.lasting:
            stamp = source.stamp or (converted.stamp if _settled(source.file) else "")
            self.memory.keep(source.file.id, Known(self._edition, stamp, converted.digest, packed(converted.items)))
        return converted.items

    def _as_now(self, source: Found, cached: Known) -> list[Item]:
        """What is remembered, masked where it was not; then it is remembered so."""
        if self.masking is None or cached.reader == self._edition:
            return cached.items
        items = [*self._masked(cached.items)]
        if self.memory is not None:
            self.memory.keep(source.file.id, replace(cached, reader=self._edition, packed=packed(items)))
        return items

    def _masked(self, items: Iterable[Item]) -> Iterator[Item]:
        for line, item in items:
            yield line, self.masking(item) if self.masking is not None and isinstance(item, Document) else item

    def _unchanged(self, source: Found, cached: Known) -> bool:
        """Whether a file holds what it held: by its stamp, else by its bytes."""
        file = source.file
        try:
            stamp = stamp_of(file.path) if file.on_disk else source.stamp
            if stamp and stamp == cached.stamp:
                return True
            same = _digest(file) == cached.digest
        except OSError:
            return False  # reading it says why
        if same and self.memory is not None and _settled(file):
            self.memory.keep(file.id, replace(cached, stamp=stamp))
        return same


def _is_costly(source: Found | Problem) -> bool:
    return isinstance(source, Found) and source.file.suffix in costly()


def _digest(file: SourceFile) -> str:
    if not file.on_disk:
        return hashlib.sha256(file.data).hexdigest()
    if not file.path.is_file():  # a pipe would be waited for without end
        return ""
    with file.path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _allowed(file: SourceFile) -> float:
    """Seconds that a file may take."""
    try:
        size = file.path.stat().st_size if file.on_disk else len(file.data)
    except OSError:
        size = 0
    return _SECONDS + _SECONDS_PER_MIB * size / 2**20


def _settled(file: SourceFile) -> bool:
    """Whether what was read may be remembered: a further change of the file would be seen."""
    try:
        return not file.on_disk or is_settled(file.path)
    except OSError:
        return False
