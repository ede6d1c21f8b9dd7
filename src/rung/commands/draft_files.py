"""Files of cases and drafts, a row on each line: where drafts go, what stands there, and writing it anew.

What may stand in them is left to `draft_target`, files of other forms to `dataset.row_files`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from rung.config.project import Project
from rung.dataset.row_files import spans_of_lines
from rung.errors import UserError
from rung.files.limited import content_of
from rung.files.outputs import write_output
from rung.records import Json

_BOM = "\ufeff"  # some editors begin a file with it: it stands before the first row, and is none of it


def drafts_file(project: Project, name: str, *, examples: bool = False) -> Path:
    """Where a file of drafts goes: beside the cases if a pattern of `cases` takes it there (`behaviour.examples`, of
    examples), else the project's folder."""
    for pattern in project.settings.behaviour.examples if examples else project.settings.cases:
        path = Path(pattern).with_name(name)
        if fnmatch(name, Path(pattern).name) and not any(sign in str(path.parent) for sign in "*?["):
            return project.root / path
    return project.root / name


def text_of(path: Path) -> tuple[str, str]:
    """The byte order mark of a file of rows, "" where it has none, and what stands there without it, "" where there is none.

    Raises:
        UserError: it cannot be read.
    """
    try:
        text = content_of(path).decode("utf-8") if path.exists() else ""
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text ({error}); name another file with --output") from error
    mark = _BOM if text.startswith(_BOM) else ""
    return mark, text.removeprefix(mark)


def lines_of(path: Path) -> tuple[str, list[str]]:
    """The same in lines, to be written by `write_lines`.

    Raises:
        UserError: it cannot be read.
    """
    mark, text = text_of(path)
    return mark, text.split("\n")


def write_lines(path: Path, mark: str, lines: Sequence[str]) -> None:
    """Write a file of rows anew, of its byte order mark and its lines as `lines_of` has them.

    Raises:
        UserError: it cannot be written.
    """
    write_output(path, mark + "\n".join(lines), force=True)


def append_rows(path: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    """Add lines to a file of drafts; what stood there stays as it was.

    Raises:
        UserError: it cannot be read or written.
    """
    text, lines = "".join(text_of(path)), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if lines:
        write_output(path, text + ("\n" if text and not text.endswith("\n") else "") + lines, force=True)


def rows_of(lines: Sequence[str]) -> Iterator[tuple[int, dict[str, Json]]]:
    """(index, row) of each line that is one; others are left to whoever reads cases."""
    return ((span.line - 1, span.row) for span in spans_of_lines("\n".join(lines)) if not span.error)
