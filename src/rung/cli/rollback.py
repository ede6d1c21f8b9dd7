"""`rung rollback`: end what is tried, or go back to what was served before."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json, need_serving, signed_in
from rung.cli.screen import out


def rollback(
    folder: Folder,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ID",
            help="The deployment to go back to, or 'winner': none, as before any promotion; default: see above.",
            show_default=False,
        ),
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; kept with the deployment.", show_default=False)] = "",
    by: Annotated[str, typer.Option(help="Who does it; default: who is signed in.", show_default=False)] = "",
    json: Json = False,
) -> int:
    """End what is tried; else go back to the last good one.

    Every server of the project follows at once; answers under way are finished.
    """
    from json import dumps

    from rung.config.project import load_project
    from rung.records import plain

    need_serving("going back")
    from rung.serving.going_back import WINNER, withdraw
    from rung.serving.going_back import rollback as go_back
    from rung.state.database import open_state

    project, who = load_project(folder), by or signed_in()
    with open_state(project) as state:
        if to == WINNER:
            event = withdraw(project, state, by=who, reason=reason)
        else:
            event = go_back(state, to=to, by=who, reason=reason)
    if json:
        out(dumps(plain(event), ensure_ascii=False))
    elif event.what == "withdrawn":
        out(f"deployment {event.deployment} is served no more: the last verdict's winner answers, as before any promotion")
    elif event.what == "stopped":
        out(f"deployment {event.deployment} is tried no more")
    else:
        out(f"deployment {event.deployment} is served again")
    return FINE
