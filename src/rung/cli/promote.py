"""`rung promote`: have what was measured served, at once or beside what is served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Json, Word, finite, need_serving, signed_in
from rung.cli.project_folder import chosen
from rung.cli.screen import Screen, err, out

if TYPE_CHECKING:
    from rung.config.project import Project
    from rung.records.deployment import DeploymentRecord, Rollout
    from rung.serving.promotion import PromoteRequest


def promote(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    rung: Annotated[
        str | None,
        typer.Argument(help="The rung's label; default: the last verdict's winner.", metavar="RUNG", show_default=False),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Let it answer too, unseen, and keep what it says otherwise.")
    ] = False,
    canary: Annotated[
        float | None,
        typer.Option(
            help="Let it answer this share of the askers, until it is shown to be worse, or not to be.", callback=finite
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="Canary: the drop in good answers that is ruled out before it takes over.", callback=finite)
    ] = 0.05,
    tolerance: Annotated[
        float,
        typer.Option(help="Canary: the drop that is put up with; a larger one that is shown ends it.", callback=finite),
    ] = 0.0,
    risk: Annotated[float, typer.Option(help="The chance that is taken of deciding wrongly.", callback=finite)] = 0.05,
    max_answers: Annotated[
        int, typer.Option(min=1, help="Answers, of both, after which an undecided trial ends and the old one stays.")
    ] = 20_000,
    max_error_rate: Annotated[
        float, typer.Option(help="Share of its answers that may fail; more takes it back.", callback=finite)
    ] = 0.05,
    max_p95: Annotated[
        float | None,
        typer.Option(help="Seconds for 95 % of its answers; default: the bar's p95_seconds, if any.", callback=finite),
    ] = None,
    max_down_rate: Annotated[
        float | None, typer.Option(help="Share of its ratings that may be 'down'; default: any.", callback=finite)
    ] = None,
    by: Annotated[str, typer.Option(help="Who promotes it; default: who is signed in.", show_default=False)] = "",
    reason: Annotated[
        str, typer.Option(help="Why. With --by it passes over checks that do not hold, and is kept.", show_default=False)
    ] = "",
    json: Json = False,
) -> int:
    """Have what was measured served, by every server.

    A gate is passed first: the bar is cleared at its risk, nothing leaked, nothing was forgotten beyond the limit, and
    cases asked anew are answered as they were scored. Each check is kept with the deployment, with its figure.

    Exits with 0 when it is promoted, 1 when a check does not hold, 2 for what is yours to fix.
    """
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.records.deployment import Rollout

    need_serving("promoting")
    from rung.serving.promotion import GateShut, PromoteRequest

    if shadow and canary is not None:
        raise UserError("--shadow and --canary exclude each other: try it in the shadow first, then with --canary SHARE")
    root, label = _words(ctx, folder, rung)
    project = load_project(root)
    bar = project.settings.bar.limits().get("p95_seconds")
    rollout = Rollout(
        kind="canary" if canary is not None else "shadow" if shadow else "full",
        share=0.1 if canary is None else canary,
        margin=margin,
        tolerance=tolerance,
        risk=risk,
        max_answers=max_answers,
        max_error_rate=max_error_rate,
        max_p95=bar if max_p95 is None else max_p95,
        max_down_rate=max_down_rate,
    )
    request = PromoteRequest(label, rollout, by, reason, signed_in())
    try:
        record = _promoted(project, request, Screen(quiet=json))
    except GateShut as shut:
        if json:
            _show(shut.record, is_promoted=False, json=True)
        else:
            err(f"rung: {shut}")
        return MISSED
    _show(record, is_promoted=True, json=json)
    return FINE


def _words(ctx: typer.Context, folder: str | None, rung: str | None) -> tuple[Path, str]:
    """The project, and the rung's label or ""; one word alone is the project where it holds one."""
    from rung.config.project import FILE

    words = [word for word in (folder, rung) if word is not None]
    is_project = len(words) == 2 or (words and os.path.lexists(Path(words[0]) / FILE))
    root = chosen(ctx, Path(words.pop(0)) if is_project else None)
    return root, words[0] if words else ""


def _promoted(project: Project, request: PromoteRequest, screen: Screen) -> DeploymentRecord:
    from rung.builders.building import ArtifactBuilder
    from rung.loop import opened
    from rung.progress import reporting
    from rung.runtime.runner import StepRunner
    from rung.state.database import open_state
    from rung.watching.promoting import promote_and_watch

    with (
        reporting(screen),
        open_state(project) as state,
        opened(project, reading=True, many_threads=True) as engines,
        StepRunner(engines) as runner,
    ):
        return promote_and_watch(ArtifactBuilder(runner), state, request)


def _show(record: DeploymentRecord, *, is_promoted: bool, json: bool) -> None:
    from json import dumps

    from rung.records import plain

    if json:
        entry = {"deployment": record.id if is_promoted else None, "rung": record.label, "digest": record.digest}
        how = {"rollout": plain(record.rollout), "checks": plain(record.checks)}
        out(dumps({**entry, "promoted": is_promoted, **how, "by": record.by, "reason": record.reason}, ensure_ascii=False))
        return
    for check in record.checks:
        out(f"{'ok ' if check.holds else 'NOT'} {check.name}: {check.says}")
    out(f"deployment {record.id} of {record.label} {_how(record.rollout)}")


def _how(rollout: Rollout) -> str:
    if rollout.kind == "shadow":
        return "answers in the shadow of the one that is served"
    return f"answers {rollout.share:.0%} of the askers" if rollout.kind == "canary" else "is served"
