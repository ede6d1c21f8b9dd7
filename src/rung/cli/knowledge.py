"""`rung knowledge`: the versions of the index, and going back to one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.knowledge.protocol import Version


class Action(StrEnum):
    """What can be done about versions."""

    list = "list"
    rollback = "rollback"
    prune = "prune"


_ACTION = (
    "list: the versions that are kept; rollback: go back to one; prune: forget all but the newest, and what is deleted."
)


def knowledge(
    action: Annotated[Action, typer.Argument(help=_ACTION, show_default=False)],
    folder: Folder,
    version: Annotated[int | None, typer.Option(min=1, help="The version to go back to.")] = None,
    json: Json = False,
) -> int:
    """Show the versions of the index, or go back to one. It then stays there until `rung sync`."""
    from json import dumps

    from rung.artifacts import Workshop
    from rung.commands.purge import Purged, purge
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.pipeline.todays_access import go_back

    project, screen, purged = load_project(folder), Screen(quiet=json), Purged((), None)
    with Workshop(project, screen) as workshop:
        index = workshop.index
        if action is Action.rollback:
            if version is None:
                raise UserError("say which version to go back to with --version N; 'rung knowledge list' shows them")
            screen.problems(go_back(workshop, version))
        elif version is not None:
            raise UserError("--version belongs to rollback")
        elif action is Action.prune:
            purged = purge(workshop)
        versions = index.versions()
    for verdict in purged.verdicts:
        screen.say(f"! {verdict}: its pages showed documents that are gone, and were removed; its numbers stay")
    if purged.page is not None:
        screen.say(f"! {purged.page} still shows them: delete it, or make it anew with 'rung compare'")
    if json:
        out(dumps({"versions": [_said(one) for one in versions]}))
        return FINE
    if not versions:
        out("nothing is indexed yet")
    for place, one in enumerate(versions):
        now = "  ← searched" if place == 0 else ""
        held = ", held until 'rung sync'" if one.held and place == 0 else ""
        counts = f"{one.documents:>9,} documents  {one.passages:>10,} passages"
        out(f"{one.number:>5}  {_when(one)}  {counts}  {one.made_by}{held}{now}")
    return FINE


def _when(version: Version) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(version.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _said(version: Version) -> dict[str, object]:
    from dataclasses import asdict
    from datetime import UTC, datetime

    return {**asdict(version), "since": datetime.fromtimestamp(version.since, UTC).isoformat()}
