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
    retriever = "retriever"
    reranker = "reranker"


_FOLDER = "The project: a folder with rung.yaml."
_KIND = "What is trained: generator (adapters of tuned_model and hybrid), retriever (of tuned_retriever) or reranker."


def train(
    kind: Annotated[Kind, typer.Argument(help=_KIND, show_default=False)],
    folder: Annotated[Path, typer.Argument(help=_FOLDER)] = Path(),
    *,
    rung: Annotated[str | None, typer.Option(help="Only this rung; default: all that are tuned.")] = None,
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
        for p in survey(project).planned:
            lessons = p.trains_on if kind is Kind.generator else p.tuned_on
            if lessons and rung in (None, p.rung):
                out(dumps({"rung": p.rung, "lessons": lessons}) if json else f"{p.rung} would learn from {lessons} lessons")
        return FINE
    for told in build(project, kind.value, Order(rung or ""), seed=seed, reporter=Screen(quiet=json)):
        notes = "".join(f"\n  {note}" for note in told.notes if note)
        out(dumps(_said(told), ensure_ascii=False) if json else f"{told.rung or told.kind}: {told.folder}{notes}")
    return FINE


def _said(told: Told) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(told), "folder": str(told.folder)}
