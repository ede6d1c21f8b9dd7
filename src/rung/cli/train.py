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
    from rung.stages.survey import survey

    screen = Screen(quiet=json)
    project = load_project(folder)
    if dry_run:
        planned = [p for p in survey(project).planned if p.trains_on and rung in (None, p.rung)]
        for p in planned:
            out(
                dumps({"rung": p.rung, "lessons": p.trains_on})
                if json
                else f"{p.rung} would learn from {p.trains_on} lessons"
            )
        return FINE
    trained = tune(project, rung=rung, seed=seed, reporter=screen)
    for candidate in trained:
        for built in candidate.built:
            said = {"rung": candidate.label, "artifact": built.digest, "folder": str(built.folder), **built.manifest}
            out(dumps(said, ensure_ascii=False) if json else f"{candidate.label}: {built.folder}")
    return YOURS if any(candidate.failed for candidate in trained) else FINE
