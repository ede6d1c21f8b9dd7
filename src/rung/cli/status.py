"""`rung status`: how far the running comparison is, or how the last one ended, from another terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Json, finite
from rung.cli.screen import Screen, moves, out, printable
from rung.cli.streams import written

if TYPE_CHECKING:
    from rung.pipeline.run_record import RunRecord

LOOKS = 1.0  # seconds between two looks with --watch


def status(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until it has ended: drawn anew, or as lines of JSON.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Have it wait at its next step; nothing is lost.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End it as Ctrl-C does: the same command goes on where it was.")
    ] = False,
    more_minutes: Annotated[
        float, typer.Option(min=0, callback=finite, help="Minutes to add to the --budget-minutes that it was given.")
    ] = 0.0,
    more_usd: Annotated[
        float, typer.Option(min=0, callback=finite, help="Dollars to add to the --budget-usd that it was given.")
    ] = 0.0,
) -> int:
    """Say how far a comparison is, and steer it; or how it ended.

    Steering is to pause it, let it go on, add to its budget, or stop it. It reads what 'rung compare' leaves in the
    project, so ask it from another terminal. A comparison that was killed is told from one that runs. What is asked of one
    is done at its next step: an answer, a step of training.

    Exits with 0 when one runs or has ended with a verdict, 1 when it ended without, 2 for what is yours to fix.
    """
    from json import dumps

    from rung.cli.live_board import Canvas
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.pipeline.run_control import Change, ask
    from rung.pipeline.run_record import VERDICT, read_record

    project, console = load_project(folder), Screen().console
    if pause or resume or stop or more_minutes or more_usd:
        if pause and resume:
            raise UserError("either --pause or --resume")
        done = ask(project, Change(True if pause else False if resume else None, stop, more_minutes, more_usd))
        Screen().say(f"process {done.process} is told; it obeys at its next step")
    canvas = Canvas(lambda: console.size)
    drawn, last = moves(console) and not json, ""
    while True:
        record = read_record(project)
        if record is None:
            why = f"{project.root}: no comparison is recorded here; 'rung compare' records one"
            raise UserError(why, code="no_comparison")
        if json:
            text = dumps(record.as_json(), ensure_ascii=False)
            if text != last:
                written(text + "\n")
        elif watch and drawn:
            width, height = console.size
            written(canvas.frame([(line, "") for line in _lines(record, width, height - 1)]))
        elif not watch or record.status != "running":
            out("\n".join(_lines(record, 80, 1000)))
        if not watch or record.status != "running":
            break
        last = text if json else last
        time.sleep(LOOKS)
    return FINE if record.status == "running" or record.state.run.ended == VERDICT else MISSED


def _lines(record: RunRecord, width: int, height: int) -> list[str]:
    """What is said of it: how it stands, the board, and the last messages where there is room."""
    from rung.pipeline.run_record import VERDICT
    from rung.report.board import board_lines

    run, clock = record.state.run, record.clock(datetime.now(UTC))
    since = f"{record.began.astimezone():%Y-%m-%d %H:%M} on {record.host} (process {record.process})"
    if record.is_paused:
        head = f"paused (rung status --resume lets it go on); begun {since}"
    elif record.status == "running":
        head = f"running since {since}"
    elif record.status == "died":
        head = f"died: begun {since}, last heard of at {record.at.astimezone():%H:%M:%S}; 'rung compare' goes on from there"
    elif run.ended == VERDICT:
        head = f"ended with a verdict: {run.winner or 'none can be chosen'}; begun {since}"
    else:
        head = f"ended without a verdict: {run.ended}; begun {since}"
    board = board_lines(record.state, clock, width=width, height=max(1, height - 1), messages=record.messages)
    return [printable(head, breaks=False), *(printable(line, breaks=False) for line, _ in board)]
