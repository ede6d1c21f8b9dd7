"""`rung import`: what other tools have as cases, examples and documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Json, Strict
from rung.cli.project_folder import chosen_or_none
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.commands.import_files import ImportedFile, ImportReport
    from rung.importers.collecting import Kind


class To(StrEnum):
    """What may be written."""

    cases = "cases"
    examples = "examples"
    documents = "documents"


_FORM = "The form of the files; default: it is found by looking."
_OUTPUT = "The file to write, other kinds beside it; default: in the project's folders, without a project beside each file."


def import_(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Files of other tools, or folders.", metavar="FILE", show_default=False)
    ],
    form: Annotated[str, typer.Option("--as", help=_FORM, metavar="FORM")] = "",
    to: Annotated[To | None, typer.Option(help="Write this kind alone; default: whatever the files hold.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=_OUTPUT)] = None,
    question: Annotated[str, typer.Option(help="The column or variable that is the question.", metavar="NAME")] = "",
    answer: Annotated[str, typer.Option(help="The one that is the accepted answer.", metavar="NAME")] = "",
    dry_run: DryRun = False,
    strict: Strict = False,
    json: Json = False,
) -> int:
    """Bring what other tools have: cases, examples, documents.

    Eval suites, tuning data, annotations, logs, tables: the form is found by looking at the file. Every row is taken or
    listed with the reason, and nothing is overwritten.
    """
    from rung.commands.import_files import ImportRequest, import_files
    from rung.config.project import load_project

    folder = chosen_or_none(ctx)
    project = load_project(folder) if folder is not None else None
    kinds: dict[To, Kind] = {To.cases: "cases", To.examples: "examples", To.documents: "documents"}
    request = ImportRequest(form, kinds[to] if to is not None else None, output, question, answer, dry_run)
    report = import_files(files, request, project)
    _print(report, dry_run=dry_run, json=json)
    return YOURS if report.failed or (strict and any(file.refused for file in report.files)) else FINE


def _print(report: ImportReport, *, dry_run: bool, json: bool) -> None:
    screen = Screen()
    if json:
        from json import dumps

        out(dumps(report.as_json(), ensure_ascii=False))
        return
    for file in report.files:
        out(_line(file))
        screen.problems(file.refused, all_by="--json")
        for note in _gathered(file):
            out(f"  {note}")
        if file.meta:
            out(f"  kept under 'meta', which no model sees: {_keys(file.meta)}")
    screen.problems(report.failed)
    for path, rows in report.written.items():
        out(f"{'would write' if dry_run else 'wrote'} {path}: {_rows(rows)}")
    for advice in report.advice:
        out(advice)


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _keys(meta: Mapping[str, int], most: int = 12) -> str:
    """Such as "topic (40 rows), id of the ticket (3 rows) and 2 more"."""
    shown = [f"{key} ({_rows(count)})" for key, count in sorted(meta.items(), key=lambda one: -one[1])]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most:,} more" if len(shown) > most else "")


def _line(file: ImportedFile) -> str:
    """Such as "suite.yaml: promptfoo, 12 rows: 10 taken (10 cases, 4 documents), 2 not taken"."""
    counts = ", ".join(f"{count:,} {kind if count > 1 else kind[:-1]}" for kind, count in file.counts.items())
    refused = f", {len(file.refused):,} not taken" if file.refused else ""
    left = "".join(f"; {count:,} {kind} not asked for" for kind, count in file.left.items())
    return f"{file.file}: {file.form}, {_rows(file.rows)}: {file.taken:,} taken ({counts or 'nothing new'}){refused}{left}"


def _gathered(file: ImportedFile) -> Iterator[str]:
    """What was not carried over of rows that were taken: each kind once, with how many rows and the first one."""
    from rung.importers.collecting import RowProblem

    counts = Counter(note.message for note in file.notes)
    first: dict[str, str] = {}
    for note in file.notes:
        line = f"line {note.line}" if note.line else ""
        first.setdefault(note.message, note.row if isinstance(note, RowProblem) else line)
    for message, count in counts.items():
        rows = f" ({count:,} rows{f', the first: {first[message]}' if first[message] else ''})" if count > 1 else ""
        where = f"{first[message]}: " if count == 1 and first[message] else ""
        yield f"{where}{message}{rows}"
