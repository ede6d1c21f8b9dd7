"""What `rung serve` records of a conversation: who asked, what answers, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.dataset.detectors import detector_of
from rung.pipeline.pricing import by_token
from rung.records import Json, Question, Usage
from rung.serving.callers import Caller
from rung.serving.deployments import Deployment
from rung.serving.refusal import NotAnswered
from rung.tracing import conventions as names
from rung.tracing.parent import TraceParent
from rung.tracing.recorder import Recorder, Recording, Sink
from rung.tracing.spans import Opening, Price, Spans

if TYPE_CHECKING:
    from rung.state.database import State
    from rung.tracing.kept import DatabaseSink
    from rung.tracing.otlp import OtlpSink

HEADER = "X-Rung-Trace"
CLIENT_LEFT = "client_left"  # a value of `error.type`


@dataclass
class RequestTrace:
    """The trace of one request. `parent`: the caller's; `id`: "" until a conversation begins that is kept."""

    parent: TraceParent | None = None
    trace: str = ""
    id: str = ""


CURRENT: ContextVar[RequestTrace | None] = ContextVar("request_trace", default=None)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a conversation is about. `id`: of the answer, 32 hexadecimal digits; `name`: of what answers; `deployment`: where
    it is one. `attributes`, and `content` that is kept only where texts are: what the request changes."""

    id: str
    name: str
    question: Question | None = None
    deployment: Deployment | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    content: Mapping[str, Json] = field(default_factory=dict)


@dataclass
class Traces:
    """Records the conversations of a server. `recorder` None: nothing is recorded."""

    recorder: Recorder | None = None
    database: DatabaseSink | None = None
    otlp: OtlpSink | None = None
    _known: dict[str, tuple[Deployment, dict[str, Json], dict[str, str]]] = field(default_factory=dict, init=False)

    @contextmanager
    def recorded(self, caller: Caller, subject: Subject) -> Iterator[Recording | None]:
        """Record a conversation that takes place within; its steps are told by who carries it out. None: nobody records."""
        if self.recorder is None:
            yield None
            return
        recording = self.recorder.begin(self._opening(caller, subject))
        try:
            yield recording
        except NotAnswered as refusal:
            recording.end(refusal.code or "refused", refusal.message)
            _tell(recording)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            recording.end(CLIENT_LEFT)
            raise
        except BaseException as error:
            recording.end(type(error).__name__, str(error))
            _tell(recording)
            raise
        finally:
            recording.end()
            recording.release()

    @property
    def is_degraded(self) -> bool:
        """Whether the database takes no traces now: they wait, in memory."""
        return self.database is not None and self.database.is_away

    def close(self) -> None:
        """Have what was recorded written, and sent."""
        if self.recorder is not None:
            self.recorder.close()

    def _opening(self, caller: Caller, subject: Subject) -> Opening:
        request, deployment = CURRENT.get() or RequestTrace(), subject.deployment
        request.trace = request.trace or (request.parent.trace if request.parent else subject.id)
        if self.recorder is not None and self.recorder.keeps(request.trace):
            request.id = request.trace
        attributes, identities = self._about(deployment) if deployment else ({}, {})
        return Opening(
            id=subject.id,
            trace=request.trace,
            parent=request.parent,
            deployment=subject.name,
            digest=deployment.digest if deployment else "",
            caller=caller.name,
            caller_id=caller.id,
            asker=caller.asker,
            question=subject.question,
            model=deployment.pinned.models[0] if deployment else "",
            began=time.time(),
            clock=time.perf_counter(),
            identities=identities,
            attributes={**attributes, **subject.attributes},
            content=subject.content,
        )

    def _about(self, deployment: Deployment) -> tuple[dict[str, Json], dict[str, str]]:
        """What is the same in all of a deployment's conversations: attributes, and the identities of its engines."""
        cached = self._known.get(deployment.name)
        if cached is None or cached[0] is not deployment:
            pinned = deployment.pinned
            attributes: dict[str, Json] = {names.STRATEGY: pinned.label}
            if deployment.id:
                attributes[names.DEPLOYMENT] = deployment.id
            if pinned.artifacts:
                attributes[names.ARTIFACTS] = dict[str, Json](pinned.artifacts)
            identities = {carrier: engine.identity for carrier, engine in deployment.engines.items() if carrier != "search"}
            cached = self._known[deployment.name] = (deployment, attributes, identities)
        return cached[1], cached[2]


def _tell(recording: Recording) -> None:
    """What failed is kept whatever its trace is: its caller is told so, where no response has begun."""
    if (request := CURRENT.get()) is not None:
        request.id = recording.opening.trace


def price_of(project: Project) -> Price:
    """What tokens cost in a project: by `rung.yaml`, else what the host's price list made of them."""
    prices = {model: project.settings.on(model).prices for model in project.settings.model_names.values()}

    def price(model: str, used: Usage) -> float | None:
        own = by_token(
            prices.get(model, project.settings.prices),
            used.prompt_tokens,
            used.completion_tokens,
            cached=used.cached_tokens,
        )
        return used.usd if own is None else own

    return price


def traces_of(project: Project, state: State) -> tuple[Traces, str]:
    """Who records a project's conversations, and what is to be said of it, "" where nothing is."""
    from rung.tracing.kept import DatabaseSink
    from rung.tracing.otlp import otlp_sink

    settings = project.settings.serve.traces
    if not settings.sample:
        return Traces(), ""
    database = DatabaseSink(state, days=settings.days, rows=settings.rows)
    otlp, remark = otlp_sink(project.name)
    spans = Spans(settings.content, price_of(project), detector_of(project.settings.detector))
    sinks: list[Sink] = [database] if otlp is None else [database, otlp]
    return Traces(Recorder(spans, sinks, share=settings.sample), database, otlp), remark
