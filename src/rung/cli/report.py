"""`rung report`: the last verdict again, in any form, or two of them side by side, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Force, Json
from rung.cli.screen import out


def report(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    form: Annotated[
        Literal["table", "html", "md", "json", "junit", "ragas"],
        typer.Option("--format", help="table; a page (html, md); for programs (json, junit); every answer for ragas."),
    ] = "table",
    output: Annotated[Path | None, typer.Option("-o", "--out", help="Write it to this file.", show_default=False)] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two verdicts side by side: numbers, digests, 'latest', or paths.", metavar="A B"),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate", help="With --compare: exit with 1 when a rung got worse.")] = False,
    force: Force = False,
    json: Json = False,
) -> int:
    """Show the last verdict again, or what changed between two. Runs no model.

    Exits with 1 when the bar is missed, or (--compare A B --gate) when B misses it or a rung is significantly worse in B.
    """
    from rung.outputs import write_output
    from rung.project import load_project
    from rung.stages.publishing import latest

    project = load_project(folder)
    if compare is not None:
        return compared(folder, *compare, gate=gate, json=json)
    last = latest(project)
    form = "json" if json else form
    if output is not None:
        # A path alone has always meant the page; its ending says what else may be meant.
        ending = {".md": "md", ".json": "json", ".xml": "junit", ".jsonl": "ragas"}.get(output.suffix, "html")
        write_output(output, last.text(ending if form == "table" else form), force=force)
    if form == "table" or output is None:
        out(last.table if form == "table" else last.text(form).rstrip("\n"))
    if form == "table":
        out(f"report: {output or last.page}")
    return FINE if last.clears_bar else MISSED


def compared(folder: Path, first: str, second: str, *, gate: bool, json: bool) -> int:
    """Print what changed from one verdict to another; with `gate` the exit code says whether that is bad."""
    from json import dumps

    from rung.project import load_project
    from rung.stages.publishing import record
    from rung.verdict.changes import change_json, change_lines, changes

    project = load_project(folder)
    told = changes(record(project, first), record(project, second), seed=project.settings.seed)
    out(dumps(change_json(told)) if json else "\n".join(change_lines(told)))
    return MISSED if gate and (told.worse or not told.second.clears_bar) else FINE
