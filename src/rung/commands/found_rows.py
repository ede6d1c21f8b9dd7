"""Cases and examples in a folder that is no project yet, and files of other tools that `rung import` can read.

Files are known by looking into them. Documents are left to `first_look`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rung.commands.first_look import files_below, is_document_rows
from rung.dataset.case_rows import case_of
from rung.errors import UserError
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Json

SUFFIXES = (".jsonl", ".ndjson", ".json", ".yaml", ".yml", ".csv", ".tsv", ".xlsx", ".parquet", ".eval")
MAX_BYTES = 64 * 2**20  # of a file that is looked into
MAX_FILES = 500
LOOKED_AT = 20  # rows
ENOUGH = 0.8  # of them that are cases
NATIVE = "chats"  # the form that `behaviour.examples` reads as it is


@dataclass(slots=True)
class FoundRows:
    """Files by what they are: path -> rows. `importable`: path -> the form that `rung import` reads them as; `passed_over`:
    files that were not looked into, since they are too large or too many."""

    cases: dict[Path, int] = field(default_factory=dict)
    examples: dict[Path, int] = field(default_factory=dict)
    importable: dict[Path, str] = field(default_factory=dict)
    passed_over: int = 0


def found_rows(folder: Path) -> FoundRows:
    """Look into the files of a folder and of those below it, hidden ones left out."""
    rows = FoundRows()
    for number, path in enumerate(_candidates(folder)):
        try:
            if number >= MAX_FILES or path.stat().st_size > MAX_BYTES:
                rows.passed_over += 1
                continue
            _look(path, rows)
        except (OSError, UserError):
            continue  # what cannot be read, or is of no form, is nothing that was found
    return rows


def _candidates(folder: Path) -> Iterator[Path]:
    for path in files_below(folder, rows=True):
        if path.suffix.lower() in SUFFIXES and not is_document_rows(path):
            yield path


def _look(path: Path, rows: FoundRows) -> None:
    file = ImportFile(path)
    if path.suffix.lower() in (".jsonl", ".ndjson") and (count := _cases(file)):
        rows.cases[path] = count
        return
    form, _ = form_of(file)
    if form == NATIVE and path.suffix.lower() not in (".xlsx", ".parquet"):
        rows.examples[path] = len(file.rows)
    else:
        rows.importable[path] = form


def _cases(file: ImportFile) -> int:
    """How many rows are cases of ours, drafts too; 0 where most of the first are none."""
    some = [row for _, row in file.rows[:LOOKED_AT]]
    if not some or sum(map(_is_case, some)) < ENOUGH * len(some):
        return 0
    return len(file.rows)


def _is_case(row: dict[str, Json]) -> bool:
    try:
        case_of(row, "", drafts=True)
    except ValueError:
        return False
    return True
