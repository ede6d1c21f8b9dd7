"""The application: its routes, and how what goes wrong is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rung.builders.building import ArtifactBuilder
from rung.errors import UserError
from rung.pipeline.pins import as_pinned
from rung.pipeline.searchable import at_hand
from rung.progress import say
from rung.records.deployment import DeploymentRecord
from rung.serving import anthropic_api, feedback, openai_api, responses_api, search_api
from rung.serving.alert_counts import AlertCounts
from rung.serving.answer_cache import AnswerCache
from rung.serving.answered import Answered
from rung.serving.answering import DEFECT, Answering
from rung.serving.callers import Caller, Identity
from rung.serving.conversations import Conversations, Limits
from rung.serving.deployments import WINNER, Deployment, open_deployments, opened
from rung.serving.described import describe
from rung.serving.guard import Guard
from rung.serving.limits import Limiter
from rung.serving.mcp_http import McpEndpoint
from rung.serving.memory_counts import MemoryCounts
from rung.serving.metrics import Metrics
from rung.serving.periodic import Periodic
from rung.serving.refusal import NotAnswered
from rung.serving.rollouts import Rollouts, Served
from rung.serving.shadows import Shadows
from rung.serving.trace_counts import TraceCounts
from rung.serving.traced import traces_of
from rung.state.database import State
from rung.state.deployments import standing_now
from rung.state.retention import end_old

_log = logging.getLogger(__name__)
_TENDED = 60.0  # seconds between two looks at what is too old
# how names begin that pydantic gives the types of a choice
_CHOICES = ("list[", "literal[", "dict[", "function-", "NamedTool", "NamedFunction")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # names under which this machine reaches itself
_ABOUT = "The project's rungs as they were measured, under OpenAI's and Anthropic's APIs. `model` names a deployment."


@dataclass(frozen=True)
class Service:
    """What a server serves. `hosts`: names under which clients may reach it; empty: any."""

    builder: ArtifactBuilder
    identity: Identity
    state: State
    limits: Limits = field(default_factory=Limits)
    hosts: Sequence[str] = ()

    def answering(self) -> Answering:
        """What answers before anything was promoted, opened.

        Raises:
            UserError: as `open_deployments`.
        """
        engines = self.builder.engines
        knowledge = at_hand(engines)
        deployments = {} if standing_now(self.state).current else self.unpromoted()
        answering = Answering(deployments, Conversations(self.limits), Metrics(), knowledge, cuttings=engines.indexes)
        answering.refresh()
        return answering

    def unpromoted(self) -> dict[str, Deployment]:
        """What answers where nothing is promoted.

        Raises:
            UserError: nobody approved it, and `review` is required; as `open_deployments`.
        """
        root = self.builder.project.root
        if self.builder.project.settings.review.required:
            raise UserError(
                f"nothing is promoted, and nothing else is served (review: required): 'rung promote {root}' asks for it, "
                f"and 'rung review {root}' approves it"
            )
        return open_deployments(self.builder)


def application(service: Service) -> FastAPI:
    """The application of a service, its models open.

    Raises:
        UserError: it cannot be served; says why.
    """
    answering, engines = service.answering(), service.builder.engines
    rollouts = _promoted(service, answering)
    for line in answering.pinned():
        _log.info("serves %s", line)
    shadows = Shadows(answering, rollouts, service.state)
    ratings = feedback.Feedback(service.state)
    traces, remark = traces_of(engines.project, service.state)
    if remark:
        say(f"! {remark}")
    answering.traces = traces
    answering.cache = AnswerCache(**engines.project.settings.serve.cache.model_dump())
    TraceCounts(traces, answering.metrics.registry)
    answering.metrics.registry.register(AlertCounts(service.state))
    answering.metrics.registry.register(MemoryCounts(ratings))
    days = engines.project.settings.serve.retention.model_dump()
    retention = Periodic("retention", lambda: end_old(service.state, days), seconds=_TENDED)
    limiter = Limiter()
    answering.on_spent, answering.route = limiter.consumed, rollouts.route
    answering.on_end = rollouts.ended

    def on_answer(caller: Caller, answered: Answered) -> None:
        ratings.remember(caller, answered)
        shadows.answered(caller, answered)

    answering.on_answer = on_answer
    agents = McpEndpoint(engines.project, answering, ratings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with agents.running():
            yield
        app.state.ready = False
        await shadows.stop()
        answering.conversations.close()
        for part in (answering.following, traces, ratings, shadows, rollouts, retention):
            part.close()

    app = FastAPI(
        title="Rung", version=version("rung"), description=_ABOUT, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.answering, app.state.feedback, app.state.ready = answering, ratings, True
    app.state.limiter = limiter
    app.state.rollouts, app.state.shadows, app.state.retention = rollouts, shadows, retention
    app.state.embedding = (engines.project.settings.embedder, engines.embedder)
    for part in (openai_api, responses_api, anthropic_api, search_api, feedback):
        app.include_router(part.router)
    app.router.routes.append(agents.route)
    _add_health(app, answering)
    _add_refusals(app, answering)
    describe(app)
    app.add_middleware(
        Guard,
        identity=service.identity,
        limiter=limiter,
        metrics=answering.metrics,
        body_bytes=service.limits.body_bytes,
    )
    if service.hosts:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(service.hosts))
    return app


def open_record(builder: ArtifactBuilder, record: DeploymentRecord) -> Deployment:
    """What was promoted, under the name `rung`.

    Raises:
        UserError: it is not what was promoted.
    """
    return replace(opened(builder, WINNER, as_pinned(builder, record)), id=record.id)


def _promoted(service: Service, answering: Answering) -> Rollouts:
    """What was promoted, opened, and followed from now on.

    Raises:
        UserError: it is not what was promoted.
    """
    builder = service.builder

    def opener(record: DeploymentRecord) -> Deployment:
        return open_record(builder, record)

    def changed(served: Served) -> None:
        if served.current is not None:
            both = {WINNER: served.current}
            if served.candidate is not None:  # by its id too; what is asked so is no part of the trial
                both[served.candidate.id] = replace(served.candidate, name=served.candidate.id, id="")
            answering.deployments = both

    def as_before() -> None:
        answering.deployments = service.unpromoted()

    return Rollouts(service.state, opener, answering.metrics, changed, as_before)


def _add_health(app: FastAPI, answering: Answering) -> None:
    @app.get("/health/live", summary="The process answers", tags=["health"])
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @app.get("/health/ready", summary="Requests are answered", tags=["health"])
    async def ready() -> Response:
        is_full = answering.conversations.waiting >= answering.conversations.limits.queue
        status = "stopping" if not app.state.ready else "full" if is_full else "ready"
        # without its database it answers all the same, and keeps what is seen and said for later, as long as there is room
        away = {"traces": answering.traces.is_degraded, "deployments": app.state.rollouts.is_away}
        away["index"] = bool(answering.following.trouble)  # one of a rung's own, which answers as it was, or not at all
        degraded = [name for name, is_away in away.items() if is_away]
        report = {"status": status, **({"degraded": degraded} if degraded else {})}
        return JSONResponse(report, 200 if status == "ready" else 503)

    @app.get("/metrics", summary="What was counted, for Prometheus", tags=["health"])
    def metrics() -> Response:  # on a thread: it may ask the database
        answering.metrics.open.set(answering.conversations.open)
        answering.metrics.waiting.set(answering.conversations.waiting)
        return PlainTextResponse(answering.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _add_refusals(app: FastAPI, answering: Answering) -> None:
    """Every error in the form of the API that was asked."""

    def told(request: Request, refusal: NotAnswered) -> JSONResponse:
        return JSONResponse(refusal.body(request.url.path), refusal.status, headers=refusal.headers)

    @app.exception_handler(NotAnswered)
    async def refused(request: Request, error: NotAnswered) -> Response:
        return told(request, error)

    @app.exception_handler(UserError)
    async def failed(request: Request, error: UserError) -> Response:
        return told(request, answering.failed(str(error)))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        return told(request, _of_body(error.errors()))

    @app.exception_handler(HTTPException)
    async def unanswered(request: Request, error: HTTPException) -> Response:
        message = f"there is nothing at {request.url.path}" if error.status_code == 404 else str(error.detail)
        code = "request_too_large" if error.status_code == 413 else None
        return told(request, NotAnswered(error.status_code, message, code=code, headers=error.headers))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.error("a defect of Rung at %s", request.url.path, exc_info=error)
        return told(request, NotAnswered(500, DEFECT))


def _of_body(errors: Sequence[Any]) -> NotAnswered:
    """The first mistake of a body; a parameter that is not supported before others, since it explains them."""
    deepest = max(errors, key=lambda e: len(e["loc"]))  # where a text or a list may stand, of the one that was sent
    first = next((e for e in errors if e["type"] == "extra_forbidden"), deepest)
    if first["type"] == "json_invalid":
        return NotAnswered(
            400, f"the body is no JSON: {first.get('ctx', {}).get('error', first['msg'])}", code="invalid_json"
        )
    # first stands whether it is of the body, the path or the query; among the others are the types of a choice
    parts = [part for part in first["loc"][1:] if part != "str" and not str(part).startswith(_CHOICES)]
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".") or None
    if first["type"] == "extra_forbidden":
        return NotAnswered(400, f"'{name}' is not supported", param=name, code="unsupported_parameter")
    if first["type"] == "missing" or (name is None and first["type"].endswith("attributes_type")):
        message = f"'{name}' is missing" if name else "the body is no JSON object, or is not sent as application/json"
        return NotAnswered(400, message, param=name, code="missing_parameter")
    message = first["msg"].removeprefix("Value error, ")
    return NotAnswered(400, f"'{name}': {message}" if name else message, param=name, code="invalid_value")
