"""`rung board`: the project in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json, need_serving
from rung.cli.screen import Screen, err, out


def board(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen at; 0: any that is free.")] = 8322,
    browser: Annotated[bool, typer.Option(help="Open it in the browser of this machine.")] = True,
    json: Json = False,
) -> int:
    """See the project in a browser, and work on it there.

    Its pages: runs, cases, what to label and review, answers to try, documents, examples, deployments, traces, alerts.
    Only this machine reaches it, and only with the token in the address that is printed. For a team, 'rung serve' has the
    same pages for keys with the scope 'board'. Stop it with Ctrl-C. With --json the line on stdout, written when it listens,
    has the address.
    """
    from json import dumps

    need_serving("the board")
    from rung.config.project import load_project
    from rung.erasure.running import serving
    from rung.progress import reporting
    from rung.serving.server import listening, serve
    from rung.web.board import board_alone
    from rung.web.entry import OwnersDoor
    from rung.web.project_at_hand import ProjectAtHand

    project = load_project(folder)
    with reporting(Screen()), serving(project.state):
        listener = listening("127.0.0.1", port)
        door = OwnersDoor()
        app = board_alone(ProjectAtHand(folder), door)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/board?token={door.token}"
        err(f"{address}  (Ctrl-C ends it)")
        if json:
            out(dumps({"url": address}))
        if browser:
            open_later(address.replace(door.token, door.once()))
        serve(app, listener, seconds=10)
    err("stopped")
    return FINE


def open_later(address: str) -> None:
    """Have this machine's browser open an address; where there is none, nothing happens."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
