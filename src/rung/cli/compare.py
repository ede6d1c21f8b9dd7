"""`rung compare`: weigh every rung on the project's own cases, and say which one to use."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED, YOURS
from rung.cli.options import DryRun, Folder, Json, Limit, Seed, Strict, finite
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from pathlib import Path

    from rung.pipeline.evaluate import Comparison


def compare(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    limit: Limit = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
    strict: Strict = False,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Every rung answers every case, also those that cannot win any more.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="Search the lists of settings on the dev cases; judge only the best of them.")
    ] = False,
    budget: Annotated[int, typer.Option(min=2, help="With --search: how many combinations to try.")] = 20,
    baseline: Annotated[
        str | None,
        typer.Option(help="An earlier verdict (number, digest, path): exit with 1 if a rung is worse."),
    ] = None,
    retime: Annotated[
        bool, typer.Option("--retime", help="Time all rungs anew, together; latencies are kept else.")
    ] = False,
    without: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A trial run as if this one of 'models' were gone.")
    ] = None,
    budget_usd: Annotated[
        float | None,
        typer.Option(min=0, callback=finite, help="Stop with a partial verdict before more is spent, training included."),
    ] = None,
    budget_minutes: Annotated[
        float | None,
        typer.Option(min=0, callback=finite, help="Stop with a partial verdict after so many minutes, training included."),
    ] = None,
) -> int:
    """Weigh every rung on the project's cases: which one, and why.

    Exits with 0 when the bar is cleared (or none is set), 1 when it is missed, a rung got worse than in --baseline, or a
    budget ended the comparison, 2 for what is yours to fix.
    """
    from json import dumps

    from rung.cli.live_board import live_board
    from rung.config.project import load_project
    from rung.loop import compare as run
    from rung.pipeline.budget import CompareRequest
    from rung.pipeline.publishing import record
    from rung.report.changes import change_lines, changes

    allowed = CompareRequest(exhaustive, budget_usd, budget_minutes, budget if search else None, retime)
    project = load_project(folder)
    if without is not None:
        project = project.without(without)
    earlier = None if baseline is None else record(project, baseline)
    screen = Screen()
    if dry_run:
        from rung.commands.survey import survey

        plan = survey(project.seeded(seed), limit=limit, allowed=allowed)
        out(dumps(plan.plan_json(), ensure_ascii=False) if json else "\n".join(plan.plan_lines()))
        return FINE
    with live_board(screen, plain=json) as board:
        done = run(project, limit=limit, seed=seed, allowed=allowed, reporter=board)
    show_comparison(screen, done, folder, json=json)
    if strict and done.problems:
        screen.say(f"--strict: problems with rows or files: {len(done.problems)}")
        return YOURS
    if earlier is not None:
        this = done.published.folder.name if done.verdict.coverage.trial else "latest"
        differences = changes(earlier, record(project, this))
        screen.say("\n".join(change_lines(differences)))
        if differences.worse:
            return MISSED
    return FINE if done.verdict.clears_bar and not done.verdict.coverage.partial else MISSED


def show_comparison(screen: Screen, done: Comparison, folder: Path, *, json: bool) -> None:
    """What came of it: rows that were left out, the verdict as a table or a line of JSON, and whom its page is for, where it
    is not for everybody, with how to leave out what is not."""
    shown = done.published
    screen.problems(done.problems)
    if json:
        out(shown.json)
    else:
        out(shown.table)
        out(f"report: {shown.page}")
    if restricted := shown.restricted_to:
        screen.say(
            f"{shown.page} shows text that is only for {', '.join(restricted)};"
            f" without it: rung report {quote(str(folder))} --verdict {shown.folder.name} --as '' -o FILE"
        )
