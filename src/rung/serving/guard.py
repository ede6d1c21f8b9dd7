"""What every request passes: who asks, how large it is, what is counted of it, and the headers of every response."""

from __future__ import annotations

import logging
import time

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rung.serving.callers import Caller, Identity, Refused
from rung.serving.limits import Limiter
from rung.serving.metrics import Metrics
from rung.serving.refusal import NotAnswered
from rung.serving.traced import CURRENT, HEADER, RequestTrace
from rung.tracing.parent import traceparent

APART = "/board"
PUBLIC = ("/health/live", "/health/ready", "/openapi.json")  # answered for everybody
_SCOPES = {  # beginning of a path -> what a caller must be allowed there; elsewhere, to be one is enough
    "/v1/chat/": "ask",
    "/v1/responses": "ask",
    "/v1/messages": "ask",
    "/v1/search": "search",
    "/v1/embeddings": "search",
    "/documents/": "search",
    "/v1/feedback": "feedback",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
_log = logging.getLogger(__name__)


class Guard:
    """Stands before the application. No caller, no request: `identity` is asked before a body is read.

    Below `APART` are pages with a door and headers of their own.
    """

    def __init__(self, app: ASGIApp, *, identity: Identity, limiter: Limiter, metrics: Metrics, body_bytes: int) -> None:
        self._app, self._identity, self._metrics, self._most = app, identity, metrics, body_bytes
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        is_apart = scope["path"] == APART or scope["path"].startswith(f"{APART}/")
        request = RequestTrace(traceparent(Headers(scope=scope).getlist("traceparent")))
        CURRENT.set(request)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in ({} if is_apart else _HEADERS).items():
                    headers[name] = value
                if request.id:
                    headers[HEADER] = request.id
            await send(message)

        try:
            await (self._app(scope, receive, sending) if is_apart else self._guarded(scope, receive, sending))
        finally:
            route = getattr(scope.get("route"), "path", "") or "other"  # never the path itself: anybody can make those up
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        try:
            if path not in PUBLIC:
                address = scope["client"][0] if scope.get("client") else ""
                caller = await run_in_threadpool(self._identity.identify, headers, address)
                self._check_rights(caller, path)
                scope.setdefault("state", {})["caller"] = caller
            self._check_size(headers)
        except Refused as refused:
            refusal = NotAnswered(refused.status, refused.message, headers=refused.headers)
            await _respond(refusal, scope, receive, send)
        except NotAnswered as refusal:
            await _respond(refusal, scope, receive, send)
        else:
            await self._app(scope, self._measured(receive), send)

    def _check_rights(self, caller: Caller, path: str) -> None:
        for beginning, scope in _SCOPES.items():
            if path.startswith(beginning):
                caller.require(scope)
        if refused := self._limiter.allow(caller):
            raise refused

    def _check_size(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:19]) > self._most:
            raise NotAnswered(413, f"a request may have {self._most:,} bytes", code="request_too_large")

    def _measured(self, receive: Receive) -> Receive:
        """The body as it comes, up to its limit: a chunked one does not say before how long it is."""
        received = 0

        async def measured() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise HTTPException(413, f"a request may have {self._most:,} bytes")
            return message

        return measured


async def _respond(refusal: NotAnswered, scope: Scope, receive: Receive, send: Send) -> None:
    response = JSONResponse(refusal.body(scope["path"]), refusal.status, headers=refusal.headers)
    await response(scope, receive, send)
