"""The alerts as a file that Prometheus' node exporter picks up (its textfile collector)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rung.errors import UserError
from rung.files.durable import write_whole
from rung.records.alerts import Alert


def exposition(alerts: Iterable[Alert], *, look: int, at: float) -> bytes:
    """In Prometheus' text form; arguments as of `families`."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

    from rung.serving.alert_counts import families

    some = list(families(alerts, look=look, at=at))

    class Once(Collector):
        """Gives them."""

        def collect(self) -> Iterator[Metric]:
            """See `Collector`."""
            yield from some

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry)


def write_textfile(path: Path, content: bytes) -> None:
    """Write it whole: a collector never reads half of it.

    Raises:
        UserError: it cannot be written, or is no name that the collector takes.
    """
    refuse_other_names(path)
    write_whole(path, content, mode=0o644)


def refuse_other_names(path: Path) -> None:
    """Refuse a name that the collector does not take.

    Raises:
        UserError: it is one.
    """
    if path.suffix != ".prom":
        raise UserError(f"{path}: the textfile collector reads files that end in .prom: name it so")
