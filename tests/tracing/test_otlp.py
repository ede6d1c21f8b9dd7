"""Traces by OTLP: a small real collector takes them apart; one that is away costs nothing but its spans."""

from __future__ import annotations

import json
import socket
import time

import pytest

from rung.tracing import otlp
from rung.tracing.otlp import ENDPOINTS, OtlpSink, otlp_sink
from rung.tracing.parent import TraceParent
from tests.tracing.test_recorder import until
from tests.tracing.traces import collector, made

PARENT = TraceParent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENDPOINTS, "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


def sink_to(url: str, monkeypatch: pytest.MonkeyPatch) -> OtlpSink:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    sink, remark = otlp_sink("helpdesk")
    assert sink is not None, remark
    return sink


def test_spans_arrive_with_their_names_ids_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=rung")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with collector() as collected:
        sink = sink_to(collected.url, monkeypatch)
        trace = made(parent=PARENT, content=True)
        sink.take([trace])
        sink.close()
        assert (sink.sent, sink.failed, sink.dropped) == (3, 0, 0)
    by_name = {span.name: span for span in collected.spans}
    assert set(by_name) == {"invoke_workflow rag", "retrieval", "chat scripted"}
    root = by_name["invoke_workflow rag"]
    assert root.trace_id.hex() == PARENT.trace
    assert root.parent_span_id.hex() == PARENT.span
    assert {by_name[n].parent_span_id for n in ("retrieval", "chat scripted")} == {root.span_id}
    assert by_name["chat scripted"].span_id.hex() == trace.steps[1].id
    assert (root.end_time_unix_nano - root.start_time_unix_nano) / 1e9 == pytest.approx(1.0)
    said = dict(collected.received)["chat scripted"]
    assert said["gen_ai.usage.input_tokens"] == 40
    assert json.loads(str(said["gen_ai.output.messages"]))[0]["parts"][0]["content"] == "Nine euros. [1]"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    resource = {a.key: a.value.string_value for a in collected.requests[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "helpdesk"
    assert collected.headers[0]["x-tenant"] == "rung"
    assert collected.headers[0]["path"] == "/v1/traces"


def test_without_content_no_text_and_no_document_s_name_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as collected:
        sink = sink_to(collected.url, monkeypatch)
        sink.take([made(), made(error="timeout")])
        sink.close()
    sent = b"".join(request.SerializeToString() for request in collected.requests)
    for text in (b"euros", b"docs/a.md", b"cost?"):
        assert text not in sent
    errors = [attributes["error.type"] for name, attributes in collected.received if "error.type" in attributes]
    assert errors == ["timeout"]


def test_a_caller_that_keeps_no_trace_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as collected:
        sink = sink_to(collected.url, monkeypatch)
        sink.take([made(parent=TraceParent(PARENT.trace, PARENT.span, False)), made()])
        sink.close()
    assert len(collected.spans) == 3


def test_the_sampler_and_the_name_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with collector() as collected:
        sink = sink_to(collected.url, monkeypatch)
        sink.take([made()])
        sink.close()
        assert not collected.spans
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
        sink = sink_to(collected.url, monkeypatch)
        sink.take([made()])
        sink.close()
    resource = {a.key: a.value.string_value for a in collected.requests[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "other"


def test_a_collector_that_is_away_neither_slows_nor_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "CLOSING", 0.5)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # nobody listens there
        sink = sink_to(f"http://127.0.0.1:{nobody.getsockname()[1]}", monkeypatch)
        began = time.monotonic()
        for _ in range(400):
            sink.take([made()])
        took = time.monotonic() - began
        assert sink.dropped >= 1_200 - 600 - 512  # at most a batch of the SDK's is under way
        assert sink.dropped < 1_200
        sink.close()
    assert took < 5
    assert time.monotonic() - began < 10
    assert sink.sent == 0


def test_what_a_collector_refuses_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as collected:
        collected.status = 400
        sink = sink_to(collected.url, monkeypatch)
        sink.take([made()])
        until(lambda: sink.failed == 3)
        collected.status = 200
        sink.take([made()])
        sink.close()
        assert (sink.sent, sink.failed) == (3, 3)


@pytest.mark.parametrize(
    ("variables", "remark"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "by grpc is not"),
    ],
)
def test_nothing_is_sent_where_nobody_says_where(
    variables: dict[str, str], remark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sink, said = otlp_sink("helpdesk")
    assert sink is None
    assert remark in said
    assert bool(remark) == bool(said)
