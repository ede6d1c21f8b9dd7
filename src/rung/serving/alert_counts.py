"""What Prometheus is told of alerts: at a server's /metrics, and in the file that `rung watch` writes for a collector."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rung.errors import UserError
from rung.records.alerts import Alert
from rung.state.alerts import all_alerts, last_look
from rung.state.database import State

SECONDS = 5.0  # between two questions to the database, however often one asks for metrics
_LABELS = ("detector", "name", "subject")
_STATES = ("ok", "pending", "firing", "resolved")


def families(alerts: Iterable[Alert], *, look: int, at: float) -> Iterator[Metric]:
    """What is told of alerts.

    Args:
        alerts: all of them.
        look: number of the last look; 0: there was none.
        at: when that was, in seconds since 1970.
    """
    yield GaugeMetricFamily("rung_watch_looks", "Looks of 'rung watch' so far.", look)
    yield GaugeMetricFamily("rung_watch_last_look_seconds", "When the last look was, in seconds since 1970.", at)
    state = GaugeMetricFamily("rung_alert", "1 for the state that an alert is in.", labels=[*_LABELS, "state"])
    figure = GaugeMetricFamily("rung_alert_figure", "What the last look judged.", labels=[*_LABELS])
    limit = GaugeMetricFamily("rung_alert_limit", "Where that counts as drifted.", labels=[*_LABELS])
    blind = GaugeMetricFamily("rung_alert_unknown_looks", "Looks in a row that could not tell.", labels=[*_LABELS])
    for alert in alerts:
        labels = [alert.detector, alert.reading.name, alert.reading.subject]
        for one in _STATES:
            state.add_metric([*labels, one], float(alert.state == one))
        if alert.reading.figure is not None:
            figure.add_metric(labels, alert.reading.figure)
        if alert.reading.limit is not None:
            limit.add_metric(labels, alert.reading.limit)
        blind.add_metric(labels, alert.unknown)
    yield from (state, figure, limit, blind)


class AlertCounts(Collector):
    """Reads the alerts when they are asked for, every few seconds at most; those of before while the database is away."""

    def __init__(self, state: State, steady: Callable[[], float] = time.monotonic) -> None:
        self._state, self._steady = state, steady
        self._lock, self._read = threading.Lock(), -SECONDS
        self._families: list[Metric] = []
        self._is_away = False

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        with self._lock:
            if self._steady() - self._read >= SECONDS:
                self._refresh()
                self._read = self._steady()
            yield from self._families
            yield GaugeMetricFamily("rung_alerts_degraded", "1 while the database tells of none.", int(self._is_away))

    def _refresh(self) -> None:
        try:
            last = last_look(self._state)
            self._families = list(families(all_alerts(self._state).values(), look=last.number, at=last.at / 1000))
            self._is_away = False
        except UserError:
            self._is_away = True
