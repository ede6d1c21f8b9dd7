"""The documents in a folder that is no project yet, as the patterns that `knowledge.sources` would name them by.

Reads the names of files, and the beginning of those with rows. What the documents say is left to `knowledge`.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from rung.config.project import OWN_FILES
from rung.records import Problem

# Code and other JSON may be documents too, but only a person can say so.
KINDS = (
    *(".md", ".markdown", ".txt", ".text", ".rst", ".rest", ".html", ".htm", ".xhtml", ".pdf", ".epub", ".eml"),
    *(".docx", ".docm", ".dotx", ".pptx", ".pptm", ".ppsx", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv"),
)
ROWS = (".jsonl", ".ndjson", ".json")  # documents only where their rows are
APART = frozenset(("node_modules", "__pycache__", "site-packages", "venv"))
APART_AT_TOP = frozenset(("cases", "examples"))
_BEGINNING = 65_536  # bytes of a file with rows that are looked at


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The documents of a folder: how many of each kind (a suffix), and the patterns that name them, the shortest ones."""

    counts: dict[str, int] = field(default_factory=dict)
    patterns: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All documents."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        """Such as "12 .md, 3 .pdf", the commonest first."""
        return ", ".join(f"{n:,} {kind}" for kind, n in sorted(self.counts.items(), key=lambda one: (-one[1], one[0])))


_EXTRA = re.compile(r"needs the extra '(\w+)'")


def needing_extras(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Extra -> the files that cannot be read without it."""
    files: dict[str, list[str]] = {}
    for problem in problems:
        if extra := _EXTRA.search(problem.message):
            files.setdefault(extra[1], []).append(problem.path)
    return files


def in_words(extra: str, files: int) -> str:
    """Such as "6 files need the extra 'docs': pip install 'rung[docs]'"."""
    verb = "file needs" if files == 1 else "files need"
    return f"{files:,} {verb} the extra '{extra}', and are not read without it: pip install 'rung[{extra}]'"


def missing_extras(folder: Path, look: FirstLook) -> dict[str, int]:
    """Extra -> how many of the documents cannot be read without it; tried on one file of each kind."""
    from rung.knowledge import read_sources

    counts: dict[str, int] = {}
    for suffix, count in look.counts.items():
        one = next(path for path in files_below(folder) if path.suffix.lower() == suffix)
        for extra in needing_extras(read_sources(folder, [glob.escape(str(one.relative_to(folder)))]).problems):
            counts[extra] = counts.get(extra, 0) + count
    return counts


def first_look(folder: Path, *, rows: Iterable[Path] = ()) -> FirstLook:
    """Look for documents in a folder and in those below it; hidden ones, `cases` and `examples` are left out.

    `rows`: files of cases and examples wherever they lie, which no pattern takes.
    """
    apart = {path.resolve() for path in rows}
    counts: dict[str, int] = {}
    documents: dict[str, list[Path]] = {}  # first folder ("" for the folder itself) -> documents in it
    others: dict[str, list[Path]] = {}  # the same -> what is no document, and a pattern for all would take
    for path in files_below(folder):
        inside = path.relative_to(folder)
        top, suffix = inside.parts[0] if len(inside.parts) > 1 else "", path.suffix.lower()
        if path.resolve() not in apart and _is_document(path):
            documents.setdefault(top, []).append(path)
            counts[suffix] = counts.get(suffix, 0) + 1
        elif suffix in _readable():
            others.setdefault(top, []).append(path)
    patterns: list[str] = []
    for top, own in documents.items():
        suffixes = sorted({path.suffix for path in own})
        if not top:
            patterns += _named([f"*{suffix}" for suffix in suffixes], folder, frozenset(own))
        elif top in others:
            for suffix in suffixes:
                some, rest = ([one for one in files[top] if one.suffix == suffix] for files in (documents, others))
                patterns += _apart(some, rest, folder) if rest else [f"{glob.escape(top)}/**/*{suffix}"]
        else:
            patterns.append(top)
    return FirstLook(counts, tuple(sorted(patterns)))


def code_patterns(folder: Path) -> list[str]:
    """Patterns of the source code in a folder and in those below it, which only a person can say is a source.

    The commonest first.
    """
    from rung.knowledge.chunking.code import LANGUAGES

    counts: dict[str, int] = {}
    for path in files_below(folder):
        top, _, _ = path.relative_to(folder).as_posix().rpartition("/")
        if path.suffix.lower() in LANGUAGES:
            pattern = f"{glob.escape(top.partition('/')[0])}/**/*{path.suffix}" if top else f"*{path.suffix}"
            counts[pattern] = counts.get(pattern, 0) + 1
    return sorted(counts, key=lambda pattern: (-counts[pattern], pattern))


def _apart(documents: Sequence[Path], others: Sequence[Path], folder: Path) -> Iterator[str]:
    """Patterns of documents of one suffix, with others of it among them: of whole folders, and of single files."""
    mixed = {path.parent for path in others}
    by_parent: dict[Path, list[Path]] = {}
    for path in documents:
        by_parent.setdefault(path.parent, []).append(path)
    for parent, files in sorted(by_parent.items()):
        inside = glob.escape(parent.relative_to(folder).as_posix())
        names = (glob.escape(path.name) for path in files) if parent in mixed else (f"*{files[0].suffix}",)
        yield from (f"{inside}/{name}" for name in names)


def _named(patterns: Sequence[str], folder: Path, among: Set[Path]) -> Iterator[str]:
    """Patterns of a folder itself; single files where a pattern would take rows that are no documents."""
    for pattern in patterns:
        files = sorted(path for path in folder.glob(pattern) if path.is_file() and path.name not in OWN_FILES)
        documents = [path for path in files if path in among]
        yield from [pattern] if files == documents else [glob.escape(path.name) for path in documents]


def _is_document(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in KINDS or (suffix in ROWS and is_document_rows(path))


def files_below(folder: Path, *, rows: bool = False) -> Iterator[Path]:
    """The files of a folder and of those below it, without hidden ones and what belongs to tools; `rows`: those of `cases`
    and `examples` too. Named pipes and devices are none: to open one may wait for ever."""
    for directory, inner, names in os.walk(folder):
        at_top = Path(directory) == folder
        apart = APART | APART_AT_TOP if at_top and not rows else APART
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in apart)
        for name in sorted(names):
            path = Path(directory) / name
            if not name.startswith(".") and not (at_top and name in OWN_FILES) and path.is_file():
                yield path


def _readable() -> frozenset[str]:
    from rung.knowledge.loading import readers

    return frozenset(readers())


def is_document_rows(path: Path) -> bool:
    """Whether the first row of a file is a document: an object with `id` and `text`."""
    try:
        with path.open("rb") as file:
            text = file.read(_BEGINNING).decode("utf-8-sig", "replace").lstrip(" \t\r\n[")
        row, _ = json.JSONDecoder().raw_decode(text)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "id" in row and "text" in row
