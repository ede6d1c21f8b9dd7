"""`rung report`: the last verdict again, in any form, or two of them side by side, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Force, Json, groups
from rung.cli.screen import out

_ENDINGS = {
    **{"": "html", ".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json", ".jsonl": "ragas"},
    **{".xml": "junit", ".txt": "table"},
}


def report(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    form: Annotated[
        Literal["table", "html", "md", "json", "junit", "ragas"] | None,
        typer.Option("--format", help="table; a page (html, md); for programs (json, junit); every answer for ragas."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--out", help="Write it to this file.", show_default=False)] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two verdicts side by side: numbers, digests, 'latest', or paths.", metavar="A B"),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate", help="With --compare: exit with 1 when a rung got worse.")] = False,
    asker: Annotated[
        str | None,
        typer.Option("--as", help="Leave out what an asker with these groups may not read; '': no group."),
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Option(help="Another than the last one, trial runs too: its number, digest or path.", show_default=False),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> int:
    """Show the last verdict again, or what changed between two.

    Runs no model.

    Exits with 1 when the bar is missed, or (--compare A B --gate) when B misses it or a rung is significantly worse in B.
    """
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.files.outputs import write_output
    from rung.pipeline.publishing import latest, published

    project = load_project(folder)
    if compare is not None:
        return compared(folder, *compare, gate=gate, json=json)
    last = latest(project) if verdict is None else published(project, verdict)
    readable = groups(asker)
    named = "json" if json else form
    shown = named or "table"
    if readable is not None and shown == "table" and output is None:
        raise UserError("--as says for whom a page is written: name its file with -o, or --format html")
    if output is not None:
        write_output(output, last.text(named or _meant(output), readable), force=force)
    if shown == "table" or output is None:
        out(last.table if shown == "table" else last.text(shown, readable).rstrip("\n"))
    if shown == "table":
        out(f"report: {output or last.page}")
    return FINE if last.clears_bar else MISSED


def _meant(output: Path) -> str:
    """The form that a file's ending stands for; without one, the page.

    Raises:
        UserError: it stands for none.
    """
    from rung.errors import UserError

    form = _ENDINGS.get(output.suffix.lower())
    if form is None:
        endings = ", ".join(ending for ending in _ENDINGS if ending)
        raise UserError(f"{output}: no report is made as '{output.suffix}'; there are {endings}, or name the --format")
    return form


def compared(folder: Path, first: str, second: str, *, gate: bool, json: bool) -> int:
    """Print what changed from one verdict to another; with `gate` the exit code says whether that is bad."""
    from json import dumps

    from rung.config.project import load_project
    from rung.pipeline.publishing import record
    from rung.report.changes import change_json, change_lines, changes

    project = load_project(folder)
    differences = changes(record(project, first), record(project, second))
    out(dumps(change_json(differences)) if json else "\n".join(change_lines(differences)))
    return MISSED if gate and (differences.worse or not differences.second.clears_bar) else FINE
