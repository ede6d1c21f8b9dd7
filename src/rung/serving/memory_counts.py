"""What a server says of its memory at /metrics: its own, that of what decodes for it, and what it keeps for ratings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rung.models.decoding_apart import process_ids

if TYPE_CHECKING:
    from rung.serving.feedback import Feedback


class MemoryCounts(Collector):
    """Reads them when they are asked for. Where the system does not tell (no Linux), memory is left out."""

    def __init__(self, ratings: Feedback) -> None:
        self._ratings = ratings

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        memory = GaugeMetricFamily("rung_memory_bytes", "Resident memory of the server's processes.", labels=["process"])
        decoding = [bytes for id in process_ids() if (bytes := resident(id)) is not None]
        if (own := resident(os.getpid())) is not None:
            memory.add_metric(["server"], own)
            memory.add_metric(["decoding"], sum(decoding))
        yield memory
        yield GaugeMetricFamily(
            "rung_answers_kept", "Answers that are kept with their text for a rating.", self._ratings.kept
        )


def resident(process: int) -> int | None:
    """Bytes of a process in memory; None where that is not told, or it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
