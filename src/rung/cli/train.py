"""`rung train`: build the adapters that the project's tuned rungs need, without weighing anything."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Folder, Json, Seed
from rung.cli.screen import Screen, out


def train(
    folder: Folder,
    rung: Annotated[str | None, typer.Option(help="Only this rung; default: all that are tuned.")] = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Train the adapters that the project's tuned rungs need. What is trained already is left as it is."""
    from json import dumps

    from rung.loop import train as tune
    from rung.project import load_project

    screen = Screen(quiet=json)
    trained = tune(load_project(folder), rung=rung, seed=seed, dry_run=dry_run, reporter=screen)
    if json:
        out(dumps({"dry_run": dry_run, "artifacts": [t.as_json() for t in trained]}, ensure_ascii=False))
    else:
        for t in trained:
            out(t.as_line())
    return YOURS if any(t.failed for t in trained) else FINE
