"""`rung report`: the last verdict again, as a table, a page or JSON, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Json
from rung.cli.screen import out


def report(
    folder: Folder,
    output: Annotated[Path | None, typer.Option("--out", help="Write the page here as well.", show_default=False)] = None,
    json: Json = False,
) -> int:
    """Show the last verdict again, and where its page is. Runs no model."""
    from rung.project import load_project
    from rung.stages.publishing import latest

    last = latest(load_project(folder))
    if output is not None:
        last = last.copied(output)
    if json:
        out(last.json)
    else:
        out(last.table)
        out(f"report: {last.page}")
    return FINE if last.clears_bar else MISSED
