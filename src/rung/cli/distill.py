"""`rung distill`: examples written by a stronger model, sifted by the project's own scorers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import SEVERAL, DryRun, Folder, Force, Json, Seed, matched
from rung.cli.screen import Screen, out

_TEACHER = "The model that answers: openai:<name>, http://host/v1#<name>, gguf:<path> or any other that rung.yaml may name."
_INPUTS = "What is to be answered: examples, cases, rows with 'input', or a line of text each."
_INPUTS += f" {SEVERAL}"


def distill(
    folder: Folder,
    *,
    teacher: Annotated[str, typer.Option(help=_TEACHER, show_default=False)],
    inputs: Annotated[list[Path], typer.Option(help=_INPUTS, metavar="FILE", show_default=False, callback=matched)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file of examples to write.", show_default=False)],
    approve: Annotated[
        str, typer.Option(help="Who vouches for every answer that passes; without it, nobody does yet.")
    ] = "",
    max_tokens: Annotated[int, typer.Option(min=1, max=8192, help="Tokens that an answer may have.")] = 512,
    train: Annotated[
        bool, typer.Option("--train", help="Then train the project's tuned rungs, as 'rung train generator'.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only so many inputs, the first ones.")] = None,
    force: Force = False,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Let a strong model write examples, sifted by the scorers.

    Where behaviour.require_approval is on, only inputs with approved_by are asked.
    """
    from json import dumps

    from rung.commands.distill import DistillRequest, distill, dropped_by, is_named
    from rung.commands.train import TrainRequest
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.loop import opened
    from rung.loop import train as build
    from rung.progress import reporting
    from rung.records import plain

    project = load_project(folder)
    screen = Screen(quiet=json)
    request = DistillRequest(teacher, tuple(inputs), output, approve.strip(), limit, max_tokens, force, dry_run)
    with reporting(screen), opened(project.seeded(seed)) as engines:
        if train and not is_named(project, output):
            raise UserError(
                f"{output} is not among behaviour.examples in {project.file}, so nothing would learn from it: name it"
            )
        done = distill(engines, request)
    screen.problems(done.problems)
    if dry_run:
        planned = {"teacher": done.teacher, "asked": done.asked, "dropped": done.by_filter()}
        left = f"; left out: {dropped_by(done)}" if done.dropped else ""
        planned |= {"problems": plain(done.problems)}
        out(dumps(planned, ensure_ascii=False) if json else f"would ask {done.teacher} {done.asked:,} inputs{left}")
        return FINE
    if json:
        out(dumps(done.as_json(), ensure_ascii=False))
    else:
        out(f"{done.file}: {done.rows:,} examples by {done.teacher}")
        if done.dropped:
            out(f"dropped: {dropped_by(done)} ({done.dropped_file})")
        if not done.named:
            out(f"name it under behaviour.examples in {project.file}, then: rung train generator {folder}")
    if train and done.rows:
        for report in build(project, "generator", TrainRequest(), seed=seed, reporter=screen):
            if not json:
                out(f"{report.rung}: {report.folder}")
    return FINE
