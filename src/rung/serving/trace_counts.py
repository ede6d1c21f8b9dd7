"""What a server says of its traces at /metrics: kept, lost, sent, and whether their database is away."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rung.serving.traced import Traces


class TraceCounts(Collector):
    """Reads the counts when they are asked for."""

    def __init__(self, traces: Traces, registry: CollectorRegistry) -> None:
        self._traces = traces
        if traces.recorder is not None:
            registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        recorder, database, otlp = self._traces.recorder, self._traces.database, self._traces.otlp
        if recorder is None or database is None:
            return
        yield GaugeMetricFamily("rung_traces_waiting", "Conversations whose trace is still to be made.", recorder.waiting)
        lost = CounterMetricFamily("rung_traces_lost", "Traces that were given up, by what had no room.", labels=["why"])
        lost.add_metric(["memory"], recorder.lost)
        lost.add_metric(["database"], database.dropped)
        yield lost
        yield GaugeMetricFamily("rung_traces_degraded", "1 while the database takes none.", int(database.is_away))
        if otlp is not None:
            spans = CounterMetricFamily("rung_trace_spans", "Spans for the OTLP endpoint, by what became.", labels=["end"])
            for end, count in (("sent", otlp.sent), ("failed", otlp.failed), ("dropped", otlp.dropped)):
                spans.add_metric([end], count)
            yield spans
