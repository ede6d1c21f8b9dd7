"""An agent's tools over HTTP: the server's own queue, rights and feedback carry out the calls.

Each request stands alone, in both eras of the protocol: nothing is kept of a client between two, so that a caller is told
by every one of them, and there is nothing that somebody else could go on with.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rung.config.project import Project
from rung.errors import InternalError, UserError
from rung.models.endpoint import without_address
from rung.records import Json
from rung.serving.answered import Asked
from rung.serving.answering import DEFECT, Answering, whole_answer
from rung.serving.callers import Caller, Refused
from rung.serving.chats import Turn, chat_of
from rung.serving.deployments import WINNER
from rung.serving.feedback import Feedback
from rung.serving.mcp_server import mcp_server
from rung.serving.refusal import MCP, NotAnswered
from rung.serving.search_api import found
from rung.serving.tool_results import (
    MAX_ID,
    Answered,
    DocumentPart,
    NotMeant,
    SearchHits,
    answered,
    asked_text,
    document_for,
    hit_of,
    part_of,
    short_text,
)
from rung.state.feedback import Rating

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedTools:
    """The tools of a caller of the server; a `Tools`."""

    answering: Answering
    ratings: Feedback
    caller: Caller

    async def search(self, query: str, top: int) -> SearchHits:
        """See `Tools`."""
        self.caller.require("search")
        with self._told():
            passages = await found(self.answering, self.caller, asked_text(query, "query"), top=top)
        # why there are none is not told: it would say that something is there
        return SearchHits(tuple(map(hit_of, passages)), "" if passages else "nothing was found")

    async def document(self, id: str, span: str) -> DocumentPart:
        """See `Tools`."""
        self.caller.require("search")
        with self._told():
            return await run_in_threadpool(self._document, id, span)

    def _document(self, id: str, span: str) -> DocumentPart:
        self.answering.refresh()
        if self.answering.knowledge is None:
            raise NotMeant("the project has no documents")
        return part_of(document_for(self.caller.asker, self.answering.knowledge, id), span)

    async def ask(self, question: str, rung: str) -> Answered:
        """See `Tools`."""
        self.caller.require("ask")
        with self._told():
            return await self._asked(question, rung)

    async def _asked(self, question: str, rung: str) -> Answered:
        if not rung and WINNER not in self.answering.deployments:
            there = ", ".join(self.answering.deployments)
            raise NotMeant(f"nothing was promoted, and no verdict has a winner to ask: name a rung: {there}")
        deployment = self.answering.deployment(rung or WINNER, self.caller)
        chat = chat_of([Turn(role="user", content=asked_text(question, "question"))], deployment, where="question")
        given = await whole_answer(self.answering.answer(self.caller, Asked(deployment, chat.question)))
        access = self.answering.knowledge.document_groups() if self.answering.knowledge else {}
        spec = deployment.spec
        shown = answered(
            given.answer,
            deployment.pinned,
            asker=self.caller.asker,
            access=access,
            is_prose=not (spec is not None and (spec.schema or spec.labels)),
        )
        return replace(shown, answer_id=given.asked.id, model=without_address(shown.model))

    async def feedback(self, rating: Rating, answer_id: str, question: str, correction: str) -> None:
        """See `Tools`."""
        self.caller.require("feedback")
        with self._told():
            await self._remarked(rating, answer_id, question, correction)
        self.answering.metrics.feedback.labels(rating).inc()

    async def _remarked(self, rating: Rating, answer_id: str, question: str, correction: str) -> None:
        details: dict[str, Json] = {"correction": short_text(correction, "correction")} if correction.strip() else {}
        if answer_id:
            await self.ratings.rate_soon(self.caller, answer_id[:MAX_ID], rating, details)
        elif question.strip():
            about = asked_text(question, "question")
            await run_in_threadpool(self.ratings.note, self.caller, about, rating, details)
        else:
            raise NotMeant("it is about nothing: give the answer_id that 'ask' returned, or the question")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong, as the caller may hear it: its own mistakes in words, the rest by its number in the log."""
        try:
            yield
        except (NotMeant, NotAnswered, Refused):
            raise
        except UserError as error:
            raise self.answering.failed(str(error)) from error
        except Exception as error:  # the SDK would tell its words
            _log.error("a defect of Rung in a tool of '%s'", MCP, exc_info=error)
            raise NotAnswered(500, DEFECT) from error


class McpEndpoint:
    """The protocol at one path, as an ASGI application. What has to stay connected is not offered, so that a server ends."""

    def __init__(self, project: Project, answering: Answering, ratings: Feedback) -> None:
        def tools_of(request: Request | None) -> ServedTools:
            if request is None:
                raise InternalError("a call of a tool came without a request")
            return ServedTools(answering, ratings, request.state.caller)

        self.route = Route(MCP, self, include_in_schema=False)
        self._server = mcp_server(project, tools_of)
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """While this lasts, requests are answered."""
        from mcp.server.transport_security import TransportSecuritySettings

        # whose name the server was reached by is looked at before, as for all of its paths, and the origin below
        checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._server.streamable_http_app(streamable_http_path=MCP, stateless_http=True, transport_security=checked)
        self._manager = self._server.session_manager
        try:
            async with self._manager.run():
                yield
        finally:
            self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        scope["route"] = self.route  # by which requests are counted
        if scope["method"] != "POST":
            raise NotAnswered(405, "every message is a POST of its own", headers={"Allow": "POST"})
        headers = Headers(scope=scope)
        if (origin := headers.get("origin")) is not None and urlsplit(origin).netloc != headers.get("host"):
            raise NotAnswered(403, "a page of another site may not ask")
        if self._manager is None:
            raise NotAnswered(503, "the server is stopping")
        await self._manager.handle_request(scope, receive, send)
