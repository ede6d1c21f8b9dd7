"""`rung doctor`: what is here, what is missing, what is damaged, and the exact line that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import Json
from rung.cli.project_folder import chosen_or_none
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.config.project import Project
    from rung.models.doctor import Check

SIGNS = {"ok": "✓", "missing": "-", "wrong": "✗"}


def doctor(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A project whose state (.rung) is looked at, too, as after -C.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is damaged in the project's state, and index its documents again.")
    ] = False,
    json: Json = False,
) -> int:
    """Say what is missing or damaged, and the line that mends it.

    With a project, each server behind its models is asked one small request. Exits with 2 when something is wrong.
    """
    from json import dumps

    from rung.errors import UserError
    from rung.models.doctor import examine
    from rung.records import plain

    folder = chosen_or_none(ctx, folder)
    if folder is None and repair:
        raise UserError("which project is to be mended? rung doctor --repair FOLDER")
    if folder is not None and not folder.is_dir():
        raise UserError(f"{folder} is no folder with a project in it")
    if repair and folder is not None:
        return _repair(folder, json=json)
    checks = (*examine(), *(_state(folder) if folder is not None else ()))
    if json:
        out(dumps({"checks": plain(checks)}, ensure_ascii=False))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            out(f"{SIGNS[check.status]} {check.name:<{width}}  {check.detail}")
            if check.mend:
                out(f"  {'':<{width}}  → {check.mend}")
    return YOURS if any(check.status == "wrong" for check in checks) else FINE


def _state(folder: Path) -> list[Check]:
    from rung.commands.repair import damages, project_of
    from rung.files.durable import repair_command
    from rung.models.doctor import Check

    project = project_of(folder)
    checks = [
        Check("project", "wrong", f"{damage.path} is damaged: {damage.why}", repair_command(project.state))
        for damage in damages(project)
    ]
    return checks or [Check("project", "ok", f"{project.state} holds nothing that is damaged"), *_servers(folder)]


def _servers(folder: Path) -> list[Check]:
    """What the servers behind the project's models say, where it can be read."""
    from rung.commands.server_checks import server_checks
    from rung.config.project import FILE, load_project
    from rung.errors import UserError
    from rung.models.doctor import Check

    if not (folder / FILE).is_file():
        return []
    try:
        return server_checks(load_project(folder))
    except UserError as error:
        return [Check("project", "wrong", str(error))]


def _repair(folder: Path, *, json: bool) -> int:
    from json import dumps

    from rung.commands.repair import damages, project_of
    from rung.config.project import load_project
    from rung.errors import UserError

    done = []
    for damage in damages(project_of(folder)):
        done.append({"path": str(damage.path), "why": damage.why, "done": damage.mend()})
        if not json:
            out(f"{damage.path} was damaged ({damage.why}): {done[-1]['done']}")
    left = [str(damage.path) for damage in damages(project_of(folder))]
    indexed, why = 0, ""
    if done and not left:
        try:
            indexed = _index(load_project(folder), json=json)
        except UserError as error:
            why = str(error)
    if json:
        out(dumps({"mended": done, "left": left, "passages": indexed, "not_indexed": why}, ensure_ascii=False))
    elif not done:
        out(f"{folder}: nothing is damaged")
    elif left:
        out(f"still damaged: {', '.join(left)}")
    elif why:
        out(f"the documents could not be indexed: {why}")
    return YOURS if left or why else FINE


def _index(project: Project, *, json: bool) -> int:
    """Bring the index up to date, where the project has documents. Returns how many passages it has."""
    from rung.pipeline.prepare import up_to_date
    from rung.progress import reporting
    from rung.runtime.engines import open_engines

    if not project.settings.knowledge.sources:
        return 0
    with reporting(Screen(quiet=json)), open_engines(project) as engines:
        passages = up_to_date(engines).knowledge.passage_count
    if not json:
        out(f"the index is up to date: {passages:,} passages")
    return passages
