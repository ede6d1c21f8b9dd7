"""`rung mcp`: the project as an MCP server for an agent, over standard input and output."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, groups
from rung.cli.screen import Screen, err
from rung.cli.streams import results_to_messages


def mcp(
    folder: Folder,
    may_read: Annotated[
        str | None,
        typer.Option("--groups", metavar="GROUPS", help="The asker's groups, with commas; '' reads public documents only."),
    ] = None,
) -> int:
    """Serve the project to an agent as MCP tools, over stdio.

    The agent starts it and speaks to it; there is nothing to type. Without --groups it reads every document, as who started
    it can.
    """
    from rung.commands.search import strangers
    from rung.config.project import load_project
    from rung.records import Asker
    from rung.serving.mcp_server import mcp_server
    from rung.serving.mcp_session import Client, SessionTools, SessionWorker

    asker = Asker(groups(may_read))
    with ExitStack() as stack:
        with results_to_messages():
            project = load_project(folder)
            for remark in strangers(project, asker.groups or ()):
                err(f"! --groups: {remark}")
            worker = stack.enter_context(SessionWorker(project, Screen()))
            tools = SessionTools(worker, Client("mcp", asker))
            server = mcp_server(project, lambda _request: tools)
        server.run("stdio")  # standard output is the protocol's: what is printed meanwhile goes to standard error
    return FINE
