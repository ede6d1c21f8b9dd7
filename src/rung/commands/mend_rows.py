"""Rows of a project's files changed where they stand: one at a time, by a person with a name, into the log of reviews.

Files are written whole, under the lock of reviews, with no other text than that of the row changed. A row that is no longer
what the person saw is not touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.commands.draft_files import append_rows, drafts_file, text_of
from rung.commands.review import check_decision
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.drafted_rows import approver
from rung.dataset.formats import example_of, flaw
from rung.dataset.load import paths, shown_as
from rung.dataset.review_log import add_review, deciding
from rung.dataset.row_files import RowSpan, delimiter_of, is_table, spans_in, spans_of_lines, spans_of_records
from rung.dataset.row_writing import with_row, without_row
from rung.errors import UserError
from rung.files.durable import short_sum
from rung.files.outputs import write_output
from rung.records import Json, plain

CASE, EXAMPLE = "case", "example"  # what is mended, in the log
DRAFTED = "board.drafts.jsonl"
Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row in its file. `line` counts from 1; `text` begins on it, and `row` is it parsed, {} where it is no row.
    `columns`: of a table; `cells`: as many, of a record with too many the last ones together."""

    path: Path
    line: int
    row: Row
    text: str
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

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
        UserError: no row begins there, or it cannot be told where it ends.
    """
    path, line = _named(project, what, location)
    rows = _rows_of(path, what)
    spans = [span for span in rows.spans if span.line == line]
    if len(spans) != 1:
        why = (
            "several rows begin on this line: mend them in the file"
            if spans
            else "no row begins there: look at the list again"
        )
        raise UserError(f"{location}: {why}")
    return rows.at(spans[0])


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
    rows = _rows_of(path, what)
    return rows.at(rows.seen(line, seen))


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
        rows = _rows_of(path, what)
        span = rows.seen(line, seen)
        before = rows.at(span)
        try:
            text = without_row(rows.text, span) if after is None else with_row(rows.text, span, after, rows.columns)
        except ValueError as error:
            raise UserError(f"{seen[0]}: nothing was written: the row {error}") from error
        event = {"what": what, "action": "remove" if after is None else "mend", "subject": before.id, "by": by.strip()}
        where = {"reason": reason.strip(), "file": shown_as(project, path), "before": plain(before.row) or before.text}
        add_review(project, {**event, **where, "after": plain(after)})
        write_output(path, rows.mark + text, force=True)
    return before


def check_row(project: Project, what: str, row: Row, location: str) -> None:
    """Refuse a row that the project could not read.

    Raises:
        UserError: says what is wrong with it.
    """
    try:
        if what == CASE:
            case_of(dict(row), location, judged=project.settings.bar.metric == "judge", drafts=True)
        elif why := flaw(example_of(row, location), row):
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


def changed_by(row: Row, changes: Row, by: str, *, gone: Collection[str] = (), today: str = "") -> dict[str, Json]:
    """A row with changes, and without the keys of `gone`. Whoever changes an approved row, or makes one of what is none,
    approves what it is now, unless `gone` has the approval; `today`: the date of that, where rows of this kind have one."""
    after = {key: value for key, value in {**row, **changes}.items() if key not in gone}
    if after != row and "approved_by" in after and approver(row or after):
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


@dataclass(frozen=True, slots=True)
class _Rows:
    """A file's text, without its byte order mark, and where its rows stand. `columns`: of a table."""

    path: Path
    mark: str
    text: str
    spans: Sequence[RowSpan]
    columns: tuple[str, ...] = ()

    def at(self, span: RowSpan) -> RowLine:
        """The row that stands there."""
        text = self.text[span.start : span.end]
        if not text or (span.error and "\n" in text):
            raise UserError(f"{self.path}:{span.line}: {span.error}: mend it in the file, for where it ends cannot be told")
        last = len(self.columns) - 1
        cells = (*span.cells[:last], delimiter_of(self.text).join(span.cells[last:]), *[""] * last) if self.columns else ()
        return RowLine(self.path, span.line, span.row, text, self.columns, cells[: last + 1])

    def seen(self, line: int, seen: tuple[str, str]) -> RowSpan:
        """Where a row stands that was seen: others may have been put in or taken out before it."""
        location, stamp = seen
        same = [span for span in self.spans if short_sum(self.text[span.start : span.end]) == stamp]
        if not same:
            raise UserError(
                f"{location}: somebody changed this row since you opened the page; what they wrote is kept, and nothing was "
                "written now: open the page again"
            )
        return next((span for span in same if span.line == line), same[0])


def _rows_of(path: Path, what: str) -> _Rows:
    """What stands in a file. Cases are read as JSONL, whatever the file looks like."""
    mark, text = text_of(path)
    if what == EXAMPLE and is_table(text):
        header = next((span.cells for span in spans_of_records(text) if not span.error), ())
        return _Rows(path, mark, text, list(spans_in(text)), tuple(header))
    spans = list(spans_in(text) if what == EXAMPLE else spans_of_lines(text))
    if what == CASE and spans and all(span.error for span in spans):
        raise UserError(f"{path}: the file has not one row on each line (JSONL): mend it in the file")
    return _Rows(path, mark, text, spans)
