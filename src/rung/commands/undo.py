"""The last decision of a person taken back: a further entry of the log that says so, and the row as it was before.

The log only grows, so that what was decided and taken back stays to be read. The row's file is written first: where the two
are cut apart, the row waits for a person again, and its decision is taken on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.commands.draft_files import append_rows, lines_of, rows_of, write_lines
from rung.commands.review import feedback_drafts_file
from rung.config.project import Project
from rung.dataset.high_stakes import DRAFT
from rung.dataset.review_log import (
    UNDO,
    Event,
    add_review,
    approvers,
    deciding,
    decisions,
    in_force,
    is_same_person,
    reviews,
)
from rung.errors import UserError
from rung.records import Json, plain

ACTIONS = ("approve", "reject", "split")
_STAMPS: dict[str, Json] = {"approved_by": None, "approved_at": None}


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row in a file. `mark`: the file's byte order mark; `index`: of the row's line, from 0."""

    path: Path
    mark: str
    lines: Sequence[str]
    index: int
    row: Mapping[str, Json]


def last_decision(project: Project, by: str) -> Event | None:
    """What this person decided last and did not take back; None: nothing.

    Raises:
        UserError: the log of reviews cannot be read, or is not what it was.
    """
    own = (
        event
        for event in reversed(decisions(project))
        if event.get("action") in ACTIONS and is_same_person(str(event.get("by")), by)
    )
    return next(own, None)


def subject_of(event: Event) -> str:
    """What a decision is of, in a few words."""
    before, rows = event.get("before"), event.get("rows")
    if isinstance(before, dict):
        return str(before.get("id", ""))
    if isinstance(rows, list):
        return f"{len(rows):,} rows"
    return str(event.get("label") or event.get("subject") or "")


def take_back(project: Project, *, by: str, expected: Event | None = None) -> Event:
    """Take back the last decision of a person: the row is as it was before, and the log says who did it.

    Args:
        project: whose.
        by: whose decision, and who takes it back.
        expected: the decision that is meant; None: whichever is the last.

    Returns:
        The decision that was taken back.

    Raises:
        UserError: nobody is named, this person decided nothing, or something else meanwhile; the row was changed since; the
            log or a file cannot be written.
    """
    if not by.strip():
        raise UserError("who takes a decision back has to be said: --by NAME")
    with deciding(project):
        event = last_decision(project, by)
        if event is None:
            raise UserError(f"{by.strip()} decided nothing that could be taken back")
        if expected is not None and event != expected:
            raise UserError(f"{by.strip()} decided on {subject_of(event)} since: look at that first")
        entry: dict[str, Json] = {"what": event.get("what"), "action": UNDO, "undoes": event.get("action")}
        entry |= {key: event[key] for key in ("subject", "rows", "label", "file") if key in event}
        entry |= {"by": by.strip()}
        if event.get("what", DRAFT) == DRAFT:
            entry |= _restored(project, event, entry)
        add_review(project, entry)
    return event


def _restored(project: Project, event: Event, entry: Event) -> dict[str, Json]:
    """Bring the row, or its file, to what it was; what stood there and stands there now, for the log."""
    before, after = event.get("before"), event.get("after")
    path = project.root / str(event.get("file"))
    if not isinstance(before, dict):
        raise UserError("the log does not say what the row was before: write it into its file by hand")
    match event.get("action"):
        case "reject" if isinstance(after, dict):  # it was set aside in its file
            _rejoin(path, [after], before)
        case "reject":
            _append(path, before)
        case "split":
            parts = after if isinstance(after, list) else []
            _rejoin(path, [one for one in parts if isinstance(one, dict)], before)
        case _:
            left = approvers(in_force([*reviews(project), entry]), DRAFT, str(event.get("subject")))
            _unapproved(project, event, before, left)
    return {"before": plain(after), "after": plain(before)}


def _unapproved(project: Project, event: Event, before: Mapping[str, Json], left: Sequence[str]) -> None:
    """A row without this approval; `left`: who else approved it as it stands, so that it stays as they saw it."""
    after = event.get("after")
    path = project.root / str(event.get("file"))
    row = _find(project, path, after if isinstance(after, dict) else {})
    if row is None:
        if _find(project, path, before) is not None:  # it was brought back, and the log was not written
            return
        id = before.get("id")
        raise UserError(f"'{id}' was changed since it was approved, or is gone from its file: mend it there by hand")
    waiting = {key: value for key, value in row.row.items() if key != "approved_at"} | {"approved_by": ""}
    content = waiting if left else before
    if left or row.path == path:
        write_lines(row.path, row.mark, [*row.lines[: row.index], _line(content), *row.lines[row.index + 1 :]])
    else:
        _append(path, before)
        write_lines(row.path, row.mark, [*row.lines[: row.index], *row.lines[row.index + 1 :]])


def _rejoin(path: Path, parts: Sequence[Mapping[str, Json]], before: Mapping[str, Json]) -> None:
    mark, lines = lines_of(path)
    by_index = {index: row for index, row in rows_of(lines) if row in parts}
    if len(by_index) < len(parts):
        raise UserError(f"{path}: a part of '{before.get('id')}' was changed, or decided on, since: decide on the others")
    first = min(by_index)
    after = [_line(before) if n == first else line for n, line in enumerate(lines) if n == first or n not in by_index]
    write_lines(path, mark, after)


def _find(project: Project, path: Path, expected: Mapping[str, Json]) -> _Standing | None:
    """Where a row stands, whoever approved it and when: in its file, or in one for another use."""
    for one in dict.fromkeys((path, *_others(project))):
        mark, lines = lines_of(one)
        for index, row in rows_of(lines):
            if {**row, **_STAMPS} == {**expected, **_STAMPS}:
                return _Standing(one, mark, lines, index, row)
    return None


def _others(project: Project) -> Iterator[Path]:
    yield feedback_drafts_file(project, "case")
    yield feedback_drafts_file(project, "example")


def _append(path: Path, row: Mapping[str, Json]) -> None:
    if all(other != row for _, other in rows_of(lines_of(path)[1])):  # else it was brought back, and the log not written
        append_rows(path, [row])


def _line(row: Mapping[str, Json]) -> str:
    return json.dumps(row, ensure_ascii=False)
