"""Traces by OTLP over HTTP to whatever the standard OTEL_* variables name, by OpenTelemetry's own SDK (extra `otel`).

The SDK's batch processor sends on a thread of its own, so that a collector that is away costs answers nothing. What it
cannot hold meanwhile is not handed to it, and counted.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rung.records import Json
from rung.records.traces import Span, Trace
from rung.tracing import conventions as names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_log = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_DISABLED, _EXPORTERS = "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"
_SERVICE, _RESOURCE = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"
_QUEUE, _SPANS_WAITING = "OTEL_BSP_MAX_QUEUE_SIZE", 2_048  # as the SDK has it
_NOTHING: Mapping[str, Json] = {}
CLOSING = 5.0  # seconds that a collector has at the end


def otlp_sink(service: str) -> tuple[OtlpSink | None, str]:
    """Where the environment says that traces are sent; None, and why not, "" where it says nothing.

    Args:
        service: the name by which this is known there, where OTEL_SERVICE_NAME says no other.
    """
    value = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    exporters = os.environ.get(_EXPORTERS, "otlp").split(",")
    if not value or os.environ.get(_DISABLED, "").strip().lower() == "true" or "otlp" not in exporters:
        return None, ""
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        return None, f"traces are not sent: OTLP by {protocol} is not spoken here; set {_PROTOCOLS[1]}=http/protobuf"
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        return None, "traces are not sent to the OTLP endpoint of the environment: pip install 'rung[otel]'"
    return OtlpSink(OTLPSpanExporter(), service), ""


class OtlpSink:
    """Hands traces to an exporter of OpenTelemetry's; a `Sink`. Counts spans: `sent`, `failed`, and `dropped`, which found
    no room while the exporter was away."""

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self.dropped = self._handed = 0
        self._counting, self._ids = _counting(exporter), _ids()
        named = {SERVICE_VERSION: version("rung")}
        if not os.environ.get(_SERVICE) and "service.name" not in os.environ.get(_RESOURCE, ""):
            named[SERVICE_NAME] = service
        self._provider = TracerProvider(resource=Resource.create(named), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._counting))
        self._tracer = self._provider.get_tracer(
            "rung", version("rung"), attributes={"gen_ai.semconv.version": names.VERSION}
        )
        size = os.environ.get(_QUEUE, "")
        self._room = int(size) if size.isdecimal() and int(size) else _SPANS_WAITING

    @property
    def sent(self) -> int:
        """Spans that the collector took."""
        return int(self._counting.sent)

    @property
    def failed(self) -> int:
        """Spans that it did not take."""
        return int(self._counting.failed)

    def take(self, traces: Sequence[Trace]) -> None:
        """See `Sink`."""
        for trace in traces:
            spans = 1 + len(trace.steps)
            if self._handed + spans - self._counting.begun > self._room:
                self.dropped += spans
            else:
                self._hand(trace)

    def tend(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """See `Sink`. A collector that is away is not waited for longer than `CLOSING` seconds."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSING)
        if lost := self._handed - self.sent + self.dropped:
            _log.error("%d spans were not sent to the OTLP endpoint", lost)

    def _hand(self, trace: Trace) -> None:
        from opentelemetry import trace as api

        began = round(trace.summary.began * 1e9)
        trace_id, parent = int(trace.summary.trace, 16), None
        if trace.root.parent:
            flags = api.TraceFlags(api.TraceFlags.SAMPLED if trace.sampled else api.TraceFlags.DEFAULT)
            caller = api.SpanContext(trace_id, int(trace.root.parent, 16), is_remote=True, trace_flags=flags)
            parent = api.set_span_in_context(api.NonRecordingSpan(caller))
        self._ids.trace = trace_id
        root = self._span(trace.root, began, parent)
        context = api.set_span_in_context(root)
        for step in trace.steps:
            self._end(self._span(step, began, context), step, began)
        self._end(root, trace.root, began)

    def _span(self, span: Span, began: int, parent: Any) -> Any:
        from opentelemetry.trace import SpanKind

        self._ids.span = int(span.id, 16)
        kind = SpanKind.CLIENT if names.SERVER_ADDRESS in span.attributes else SpanKind.INTERNAL
        start = began + round(span.began * 1e9)
        return self._tracer.start_span(span.name, parent, kind=kind, attributes=_attributes(span), start_time=start)

    def _end(self, sdk_span: Any, span: Span, began: int) -> None:
        from opentelemetry.trace import Status, StatusCode

        if span.error:
            sdk_span.set_status(Status(StatusCode.ERROR, span.message if span.content is not None else None))
        self._handed += bool(sdk_span.get_span_context().trace_flags.sampled)
        sdk_span.end(began + round((span.began + span.seconds) * 1e9))


def _attributes(span: Span) -> dict[str, Any]:
    """As a span of OpenTelemetry's takes them: objects and lists of them as JSON. Names of documents, and an error's words,
    go out with content only."""
    closed = names.OPT_IN if span.content is None else frozenset()
    error: dict[str, Json] = {names.ERROR_TYPE: span.error} if span.error else {}
    entries = {**span.attributes, **(span.content or _NOTHING), **error}
    return {name: _value(value) for name, value in entries.items() if value is not None and name not in closed}


def _value(value: Json) -> Any:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _counting(exporter: SpanExporter) -> Any:
    """The exporter, its spans counted."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Counting(SpanExporter):
        begun = sent = failed = 0

        def export(self, spans: Any) -> SpanExportResult:
            self.begun += len(spans)
            result = exporter.export(spans)
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.failed += len(spans)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Counting()


def _ids() -> Any:
    """Gives the SDK the ids that a trace has already."""
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Given(IdGenerator):
        trace = span = 0

        def generate_trace_id(self) -> int:
            return self.trace

        def generate_span_id(self) -> int:
            return self.span

    return Given()
