"""`rung trace`: what was asked of the server, and how each answer came to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Json, Word
from rung.cli.project_folder import chosen
from rung.cli.screen import err, out, out_line
from rung.tracing.times import FORM

if TYPE_CHECKING:
    from rung.config.project import Project
    from rung.state.database import State
    from rung.tracing.store import TraceFilter

TraceId = Annotated[
    str | None,
    typer.Argument(help="A trace's id or an answer's, or its first characters.", metavar="ID", show_default=False),
]


def trace(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    id: TraceId = None,
    deployment: Annotated[
        str, typer.Option(help="Only answers by this name, or of this deployment: its id.", show_default=False)
    ] = "",
    caller: Annotated[str, typer.Option(help="Only for this caller: a name, or an id as key:…", show_default=False)] = "",
    since: Annotated[str | None, typer.Option(help=f"Not before: {FORM}.")] = None,
    until: Annotated[str | None, typer.Option(help="Before: as --since.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only what failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 20,
    json: Json = False,
) -> int:
    """List the newest answers, or show how one came to be.

    With an ID: its question, passages, prompts, versions, tokens, cost and time, step by step. Texts are there where
    serve.traces.content in rung.yaml is true.
    """
    from rung.config.project import load_project
    from rung.tracing.store import TraceFilter
    from rung.tracing.times import milliseconds

    root, word = _words(ctx, folder, id)
    project = load_project(root)
    if word:
        return _show(project, word, json=json)
    expected = TraceFilter(deployment, caller, milliseconds(since, "--since"), milliseconds(until, "--until"), errors)
    return _list(project, expected, limit=limit, json=json)


def open_traces(project: Project) -> State:
    """The database that holds a project's traces.

    Raises:
        MissingExtra: what it takes is not installed.
        UserError: it cannot be opened.
    """
    from rung.errors import MissingExtra

    try:
        import alembic  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serve", "traces") from error
    from rung.state.database import open_state

    return open_state(project)


def _words(ctx: typer.Context, first: str | None, second: str | None) -> tuple[Path, str]:
    """The project, and the id where there is one: a word alone is a folder where it holds a rung.yaml."""
    from rung.config.project import FILE
    from rung.errors import UserError

    words = [word for word in (first, second) if word is not None]
    at = next((n for n, word in enumerate(words) if os.path.lexists(Path(word) / FILE)), None)
    if len(words) == 2 and at is None:
        raise UserError(
            f"neither '{words[0]}' nor '{words[1]}' holds a rung.yaml: say it so: {ctx.command_path} [FOLDER] [ID]"
        )
    folder = Path(words.pop(at)) if at is not None else None
    return chosen(ctx, folder), words[0] if words else ""


def _list(project: Project, expected: TraceFilter, *, limit: int, json: bool) -> int:
    from json import dumps

    from rung.records import plain
    from rung.tracing.store import listed
    from rung.tracing.waterfall import list_lines

    with open_traces(project) as state:
        traces = listed(state, expected, limit=limit)
    if json:
        out(dumps({"traces": [plain(one) for one in traces]}, ensure_ascii=False))
        return FINE
    if not traces:
        out("there are no such traces: 'rung serve' records each answer for serve.traces.days")
        return FINE
    for line in list_lines(traces):
        out_line(line)
    if len(traces) == limit:
        err(f"(the newest {limit:,}; --limit shows more)")
    return FINE


def _show(project: Project, id: str, *, json: bool) -> int:
    from json import dumps

    from rung.records import plain
    from rung.tracing.store import named
    from rung.tracing.waterfall import trace_lines

    with open_traces(project) as state:
        traces = named(state, id)
    if json:
        out(dumps({"traces": [plain(one) for one in traces]}, ensure_ascii=False))
        return FINE
    for number, one in enumerate(traces):
        if number:
            out("")
        for line in trace_lines(one):
            out_line(line)
    return FINE
