"""Rows of a project's files changed where they stand: a line at a time, by a person with a name, into the log of reviews.

Files are written whole, under the lock of reviews. A row that is no longer what the person saw is not touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.commands.draft_cases import append_rows, drafts_file, lines_of, write_lines
from rung.commands.review import check_decision
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.drafted_rows import approver
from rung.dataset.formats import example_of, flaw
from rung.dataset.load import paths, shown_as
from rung.dataset.review_log import add_review, deciding
from rung.errors import UserError
from rung.files.durable import short_sum
from rung.records import Json, plain
from rung.text.parsing import Malformed, json_of

CASE, EXAMPLE = "case", "example"  # what is mended, in the log
DRAFTED = "board.drafts.jsonl"
Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row in its file. `line` counts from 1; `text` stands on it, and `row` is it parsed, {} where it is no row."""

    path: Path
    line: int
    row: Row
    text: str

    @property
    def stamp(self) -> str:
        """Names what stood on the line when it was read."""
        return short_sum(self.text)

    @property
    def id(self) -> str:
        """The row's id, or where it stands."""
        return str(self.row.get("id") or f"{self.path.name}:{self.line}")


def files_of(project: Project, what: str) -> tuple[Path, ...]:
    """The files that `rung.yaml` names for cases or for examples.

    Raises:
        InputError: a pattern matches no file.
    """
    settings = project.settings
    patterns, keys = (
        (settings.cases, ("cases",)) if what == CASE else (settings.behaviour.examples, ("behaviour", "examples"))
    )
    return tuple(dict.fromkeys(paths(project, patterns, keys)))


def row_at(project: Project, what: str, location: str) -> RowLine:
    """The row at a place such as "cases/dev.jsonl:12", as it stands there now.

    Raises:
        UserError: there is no such line, or its file has not one row on each line.
    """
    path, line = _named(project, what, location)
    lines = lines_of(path)[1]
    if not 1 <= line <= len(lines) or not lines[line - 1].strip():
        raise UserError(f"{location}: nothing stands there any more: look at the list again")
    return _line(path, lines, line - 1)


def seen_row(project: Project, what: str, seen: tuple[str, str]) -> RowLine:
    """The row that a person saw, where it stands now: what is to be in its place is made of this one.

    Args:
        project: whose.
        what: `CASE` or `EXAMPLE`.
        seen: the place of the row and its stamp, as the person saw it.

    Raises:
        UserError: it was changed since, or is gone.
    """
    path, line = _named(project, what, seen[0])
    lines = lines_of(path)[1]
    return _line(path, lines, _index_of(lines, line - 1, seen))


def replace_row(
    project: Project, what: str, seen: tuple[str, str], after: Row | None, *, by: str, reason: str = ""
) -> RowLine:
    """Put a row in the place of one, or take it out. In the log before it is in the file.

    Args:
        project: whose.
        what: `CASE` or `EXAMPLE`.
        seen: the place of the row and its stamp, as the person saw it.
        after: the row as it is to be, made of the one that was seen (`seen_row`); None: it goes.
        by: who does it.
        reason: why.

    Returns:
        The row as it stood.

    Raises:
        UserError: no name, the row was changed since, the project could not read `after`, or nothing can be written.
    """
    check_decision("approve", by, reason)
    path, line = _named(project, what, seen[0])
    if after is not None:
        check_row(project, what, after, seen[0])
    with deciding(project):
        mark, lines = lines_of(path)
        index = _index_of(lines, line - 1, seen)
        before = _line(path, lines, index)
        event = {"what": what, "action": "remove" if after is None else "mend", "subject": before.id, "by": by.strip()}
        where = {"reason": reason.strip(), "file": shown_as(project, path), "before": plain(before.row) or before.text}
        add_review(project, {**event, **where, "after": plain(after)})
        lines[index : index + 1] = [] if after is None else [json.dumps(after, ensure_ascii=False)]
        write_lines(path, mark, lines)
    return before


def check_row(project: Project, what: str, row: Row, location: str) -> None:
    """Refuse a row that the project could not read.

    Raises:
        UserError: says what is wrong with it.
    """
    try:
        if what == CASE:
            case_of(dict(row), location, judged=project.settings.bar.metric == "judge", drafts=True)
        elif why := flaw(example_of(row, location)):
            raise ValueError(why)
    except ValueError as error:
        raise UserError(f"{location}: nothing was written: the row {error}") from error


def add_draft(project: Project, row: Row) -> Path:
    """Add a draft of a case, which judges nothing until somebody approves it (`rung review`).

    Returns:
        Its file.

    Raises:
        UserError: it is no case, nobody drafted it, or it cannot be written.
    """
    check_decision("approve", str(row.get("drafted_by") or ""), "")
    path = drafts_file(project, DRAFTED)
    check_row(project, CASE, row, shown_as(project, path))
    with deciding(project):
        append_rows(path, [row])
    return path


def changed_by(row: Row, changes: Row, by: str, *, today: str = "") -> dict[str, Json]:
    """A row with changes. Whoever changes an approved row approves what it is now; `today`: the date of that, where rows of
    this kind have one."""
    after = {**row, **changes}
    if after != row and approver(row):
        after["approved_by"] = by.strip()
        if today:
            after["approved_at"] = today
    return after


def _named(project: Project, what: str, location: str) -> tuple[Path, int]:
    """The file and line of a place; only files that `rung.yaml` names are ever touched."""
    file, _, line = location.rpartition(":")
    path = next((path for path in files_of(project, what) if shown_as(project, path) == file), None)
    if path is None or not line.isdecimal() or len(line) > 9:
        raise UserError(f"'{location}' is no place in the files of {what}s that {project.file.name} names")
    return path, int(line)


def _line(path: Path, lines: Sequence[str], index: int) -> RowLine:
    row = _row(lines[index])
    if not row and (lines[0].lstrip().startswith("[") or not any(map(_row, lines))):
        raise UserError(f"{path}:{index + 1}: the file has not one row on each line (JSONL): mend it in the file")
    return RowLine(path, index + 1, row, lines[index])


def _row(line: str) -> Row:
    try:
        row = json_of(line) if line.strip() else None
    except Malformed:
        row = None
    return row if isinstance(row, dict) else {}


def _index_of(lines: Sequence[str], index: int, seen: tuple[str, str]) -> int:
    """Where a line stands that was seen: others may have been put in or taken out before it."""
    location, stamp = seen
    if 0 <= index < len(lines) and short_sum(lines[index]) == stamp:
        return index
    same = next((index for index, line in enumerate(lines) if short_sum(line) == stamp), None)
    if same is None:
        raise UserError(
            f"{location}: somebody changed this row since you opened the page; what they wrote is kept, and nothing was "
            "written now: open the page again"
        )
    return same
