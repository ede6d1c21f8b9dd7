"""The application of the board: its pages, and how what goes wrong is shown."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from rung.errors import UserError
from rung.records import digest
from rung.report.html.markup import el
from rung.serving.answering import DEFECT
from rung.serving.app import LOOPBACK
from rung.web import (
    ask,
    case_changes,
    cases,
    deployments,
    documents,
    examples,
    live,
    one_case,
    one_document,
    queue,
    reviewer,
    runs,
    traces,
    watch,
    what_if,
)
from rung.web.entry import Door, Entry
from rung.web.project_at_hand import ProjectAtHand
from rung.web.refused_form import refused_form
from rung.web.shell import PREFIX, is_below, page

NO_VERDICT = "no_verdict"  # what a `UserError` says of a run that is not there
_log = logging.getLogger(__name__)

# A page is a module of this package with a `router`, whose paths begin with the board's own, and the `TABS` under which it
# stands in the navigation.
PAGES = (
    *(runs, what_if, live, cases, case_changes, one_case, queue, ask),
    *(documents, one_document, examples, deployments, traces, watch, reviewer),
)


def board(at_hand: ProjectAtHand, door: Door) -> FastAPI:
    """The board of a project, below `/board`.

    Args:
        at_hand: the project.
        door: who may look.

    Raises:
        InputError: a mistake in `rung.yaml`.
    """
    app = FastAPI(title="Rung board", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.at_hand, app.state.project = at_hand, at_hand.project().name
    app.state.tabs = tuple(tab for part in PAGES for tab in part.TABS)
    for part in PAGES:
        app.include_router(part.router, prefix=PREFIX)

    _add_refusals(app)
    app.add_middleware(Entry, door=door, name=digest(str(at_hand.folder.resolve()))[:8])
    return app


def board_alone(at_hand: ProjectAtHand, door: Door) -> FastAPI:
    """The board as a server of its own, which only this machine reaches.

    Raises:
        InputError: a mistake in `rung.yaml`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        at_hand.close()

    app = FastAPI(title="Rung", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.get("/")
    def first(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{PREFIX}{query}", 307)

    add_board(app, board(at_hand, door))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))  # no other name is resolved to this machine
    return app


def add_board(app: FastAPI, part: FastAPI) -> None:
    """Have an application answer what is below `/board` by the board."""

    class Board(BaseRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            is_ours = scope["type"] == "http" and is_below(scope["path"])
            return (Match.FULL if is_ours else Match.NONE), {"route": self}

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            await part(scope, receive, send)

        path = PREFIX  # as what it is counted

    app.router.routes.append(Board())


def _add_refusals(app: FastAPI) -> None:
    """What goes wrong, as a page."""

    async def shown(request: Request, status: int, message: str) -> Response:
        title = "Not found" if status == HTTPStatus.NOT_FOUND else "This did not work"
        why = el("p", message, cls="error", role="alert", dir="auto")
        return page(request, title, why, await refused_form(request), status=status)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        is_bare = error.detail == HTTPStatus(error.status_code).phrase
        return await shown(request, error.status_code, "There is no such page." if is_bare else str(error.detail))

    @app.exception_handler(UserError)
    async def failed(request: Request, error: UserError) -> Response:
        return await shown(request, HTTPStatus.NOT_FOUND if error.code == NO_VERDICT else HTTPStatus.CONFLICT, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return await shown(request, HTTPStatus.BAD_REQUEST, f"'{first['loc'][-1]}': {first['msg']}")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.error("a defect of Rung at %s", request.url.path, exc_info=error)
        return await shown(request, HTTPStatus.INTERNAL_SERVER_ERROR, DEFECT)
