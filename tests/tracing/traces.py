"""Traces made up for tests, and a collector that receives them by OTLP."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rung.records import Answer, Asker, Citation, Message, Passage, Question
from rung.records.steps import Generate, GenerateResult, Result, Search, SearchResult, Step
from rung.records.traces import Trace
from rung.runtime.live import StepRun
from rung.tracing.parent import TraceParent, new_trace
from rung.tracing.spans import Ending, Opening, Spans

CLOCK = 100.0  # of the conversation's beginning
FOUND = Passage("docs/a.md#0-11", "docs/a.md", 0, 11, "Nine euros.", score=0.5)


def opening(
    id: str = "", *, parent: TraceParent | None = None, asked: str = "What does it cost?", began: float | None = None
) -> Opening:
    """A question of Ann's to the deployment `rag`."""
    id = id or new_trace()
    return Opening(
        id=id,
        trace=parent.trace if parent else id,
        parent=parent,
        deployment="rag",
        digest="d" * 64,
        caller="ann",
        caller_id="key:0a1b2c3d4e5f",
        asker=Asker(frozenset({"staff"})),
        question=Question("asked", asked),
        model="scripted",
        began=time.time() if began is None else began,
        clock=CLOCK,
        identities={"generate": "scripted:rules/1"},
    )


def run(step: Step, result: Result | None, began: float = 0.0, seconds: float = 0.5, engine: str = "") -> StepRun:
    """A step that began so many seconds after the conversation."""
    return StepRun(step, result, CLOCK + began, seconds, engine=engine)


def runs(prompt: str = "Nine euros.\nWhat does it cost?") -> list[StepRun]:
    """A search and a generation."""
    said = GenerateResult("Nine euros. [1]", 40, 5, cached_tokens=30, usd=0.25)
    return [
        run(Search("What does it cost?", 3), SearchResult((FOUND,)), 0.0, 0.1, engine="index 1"),
        run(Generate((Message("user", prompt),), seed=7), said, 0.1, 0.8),
    ]


def ending(text: str = "Nine euros. [1]", error: str = "") -> Ending:
    """An answer that cites what was found, or an error."""
    answer = None if error else Answer(text, passages=(FOUND,), citations=(Citation(1, "docs/a.md", 0, 11, FOUND.id),))
    return Ending(error=error, answer=answer, seconds=1.0)


def spans(*, content: bool = False) -> Spans:
    """Where the price is what the host said."""
    return Spans(content, lambda _model, result: result.usd)


def made(id: str = "", *, content: bool = False, error: str = "", parent: TraceParent | None = None) -> Trace:
    """A trace."""
    return spans(content=content).trace(opening(id, parent=parent), runs(), ending(error=error))


class Collector:
    """What was received; `status`: what is answered."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.status, self.url = 200, ""
        self.came = threading.Condition()

    @property
    def received(self) -> list[tuple[str, dict[str, object]]]:
        """(name, attributes) of each span."""
        return [(span.name, {a.key: _value(a.value) for a in span.attributes}) for span in self.spans]

    @property
    def spans(self) -> list[Span]:
        """All of them, as protobuf."""
        return [
            s for r in self.requests for resource in r.resource_spans for scope in resource.scope_spans for s in scope.spans
        ]

    def wait_for(self, spans: int) -> None:
        """Until so many have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.spans) >= spans, timeout=20), f"{len(self.spans)} spans came"


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


@contextmanager
def collector() -> Iterator[Collector]:
    """A small OTLP collector over HTTP, which takes the protobuf apart."""
    own = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            if own.status == 200:
                parsed = ExportTraceServiceRequest.FromString(body)
                with own.came:
                    own.requests.append(parsed)
                    own.headers.append({**dict(self.headers.items()), "path": self.path})
                    own.came.notify_all()
            self.send_response(own.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    own.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield own
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
