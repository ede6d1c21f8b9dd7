"""`rung serve`: the winner over HTTP, for many users at once."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json, groups, need_serving
from rung.cli.screen import Screen, err, out

if TYPE_CHECKING:
    from rung.config.project import Project
    from rung.serving.callers import Identity


def serve(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen at; 0: any that is free.")] = 8321,
    is_open: Annotated[bool, typer.Option("--open", help="Answer without keys: this machine's own clients only.")] = False,
    asker: Annotated[
        str | None, typer.Option("--groups", help="With --open: what clients may read beside public documents, with commas.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1024, help="Answers at the same time; those of a local model share a batch.")
    ] = 64,
    queue: Annotated[int, typer.Option(min=0, max=100_000, help="Requests that may wait for their turn.")] = 256,
    seconds: Annotated[float, typer.Option(min=1, help="From a request to its whole answer, at most.")] = 300,
    json: Json = False,
) -> int:
    """Serve the winner over HTTP, as it was measured.

    OpenAI's and Anthropic's APIs, search, citations that open, metrics. Stop it with Ctrl-C or SIGTERM: open answers are
    finished. With --json the line on stdout, written when it listens, has the address and what it serves.
    """
    from json import dumps

    from rung.config.project import load_project
    from rung.errors import UserError

    need_serving("serving")
    from rung.builders.building import ArtifactBuilder
    from rung.erasure.running import serving
    from rung.loop import opened
    from rung.progress import reporting
    from rung.runtime.runner import StepRunner
    from rung.serving.app import LOOPBACK, Service, application
    from rung.serving.conversations import Limits
    from rung.serving.server import is_loopback, listening
    from rung.serving.server import serve as answer_requests
    from rung.state.database import open_state
    from rung.web.board import add_board, board
    from rung.web.entry import CallersDoor, OwnersDoor
    from rung.web.project_at_hand import ProjectAtHand, Serving

    if asker is not None and not is_open:
        raise UserError("--groups is for --open: without it the caller's key says what may be read")
    if is_open and not is_loopback(host):
        raise UserError(
            f"--open answers everybody, so that it listens on this machine only, not on {host}: leave out --host"
        )
    _show_rollouts()
    project, limits = load_project(folder), Limits(concurrency, queue, seconds)
    identity = _identity(project, groups(asker or ""), is_open=is_open)
    with (
        reporting(Screen()),
        serving(project.state),
        open_state(project) as state,
        opened(project, reading=True, many_threads=True) as engines,
        StepRunner(engines) as runner,
    ):
        listener = listening(host, port)  # before models are opened
        service = Service(ArtifactBuilder(runner), identity, state, limits, LOOPBACK if is_open else ())
        app = application(service)
        opened_here = Serving(app.state.answering, service.builder, app.state.feedback, app.state.limiter)
        at_hand = ProjectAtHand(folder, served=opened_here, state=state)
        door = OwnersDoor() if is_open else CallersDoor(identity)
        add_board(app, board(at_hand, door))
        pinned = list(app.state.answering.pinned())
        for line in pinned:
            err(line)
        app.state.answering.warm()
        address = f"[{host}]" if ":" in host else host
        base = f"http://{address}:{listener.getsockname()[1]}"
        page = f"{base}/board{f'?token={door.token}' if isinstance(door, OwnersDoor) else ''}"
        err(f"board: {page}")
        err(f"{base}/v1  (Ctrl-C ends it)")
        if json:
            out(dumps({"url": f"{base}/v1", "board": page, "serves": pinned}, ensure_ascii=False))
        try:
            answer_requests(app, listener, seconds=limits.seconds)
        finally:
            at_hand.close()  # before the database and the models that its work may be using
    err("stopped")
    return FINE


def _show_rollouts() -> None:
    """What is promoted and gone back to stands in the log, unless somebody said what does."""
    if not os.environ.get("RUNG_LOG", "").strip():
        logging.getLogger("rung.serving.rollouts").setLevel(logging.INFO)


def _identity(project: Project, asker_groups: frozenset[str] | None, *, is_open: bool) -> Identity:
    """Who tells callers apart.

    Raises:
        UserError: nobody does.
    """
    from rung.serving.callers import Open
    from rung.serving.identity import identity_of

    return Open(asker_groups or frozenset()) if is_open else identity_of(project)
