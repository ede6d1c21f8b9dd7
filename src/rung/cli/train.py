"""`rung train`: build the artifacts that the project's tuned rungs need, without weighing anything."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import DryRun, Json, Seed
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.stages.training import Told


class Kind(StrEnum):
    """What can be trained."""

    generator = "generator"


_FOLDER = "The project: a folder with rung.yaml."
_RECIPE = "generator: the recipe file; default: recipe.yaml in the project, if there is one."
_SEARCH = "generator: search learning rate and rank first, and write them into recipe.yaml."
_KIND = "What is trained: generator (the adapters of tuned_model and hybrid)."


def train(
    kind: Annotated[Kind, typer.Argument(help=_KIND, show_default=False)],
    folder: Annotated[Path, typer.Argument(help=_FOLDER)] = Path(),
    *,
    rung: Annotated[str | None, typer.Option(help="Only this rung; default: all that are tuned.")] = None,
    recipe: Annotated[Path | None, typer.Option(help=_RECIPE)] = None,
    search: Annotated[bool, typer.Option("--search", help=_SEARCH)] = False,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Train what the project's tuned rungs need. What is trained already is left as it is."""
    from json import dumps

    from rung.loop import train as build
    from rung.project import load_project
    from rung.stages.survey import survey
    from rung.stages.training import Order

    project = load_project(folder)
    if dry_run:
        planned = [p for p in survey(project).planned if p.trains_on and rung in (None, p.rung)]
        for p in planned:
            said = {"rung": p.rung, "lessons": p.trains_on}
            out(dumps(said) if json else f"{p.rung} would learn from {p.trains_on} lessons")
        return FINE
    order = Order(rung or "", {"recipe": str(recipe) if recipe else None, "search": search})
    for told in build(project, kind.value, order, seed=seed, reporter=Screen(quiet=json)):
        out(dumps(_said(told), ensure_ascii=False) if json else "\n  ".join((f"{told.rung}: {told.folder}", *told.notes)))
    return FINE


def _said(told: Told) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(told), "folder": str(told.folder)}
