"""Every detector, by name: a function from `Surroundings` to `Reading`s, one file each. A detector more is one line here.

A detector reads, judges and says; it writes nothing and keeps nothing from look to look. What it compares with, it kept of
a deployment as a baseline, when that was promoted (`Detector.baseline`). Where it cannot look it raises a `UserError`, or
gives a reading that is "unknown".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rung.records import Json
from rung.records.alerts import Reading
from rung.watching import (
    contradictions,
    cost_drift,
    data_drift,
    embedding_drift,
    index_drift,
    label_drift,
    model_drift,
    prompt_drift,
    quality_drift,
)
from rung.watching.surroundings import Surroundings

Look = Callable[[Surroundings], Iterable[Reading]]
KeepBaseline = Callable[[Surroundings], Mapping[str, Json]]
QUARTER, HOUR = 900.0, 3600.0


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of drift.

    Args:
        name: by which alerts name it.
        look: what it does in a look.
        pause: seconds, by a clock that cannot jump, that a process lets pass between two looks of it: looking costs.
        baseline: what it wants kept of a deployment that is as it was measured; None: nothing.
    """

    name: str
    look: Look
    pause: float = 0.0
    baseline: KeepBaseline | None = None


DETECTORS: tuple[Detector, ...] = (
    Detector("index", index_drift.look),
    Detector("contradictions", contradictions.look, pause=HOUR),
    Detector("embedding", embedding_drift.look, baseline=embedding_drift.baseline),
    Detector("prompt", prompt_drift.look, baseline=prompt_drift.baseline),
    Detector("model", model_drift.look, pause=HOUR, baseline=model_drift.baseline),
    Detector("cost", cost_drift.look),
    Detector("data", data_drift.look, pause=QUARTER),
    Detector("quality", quality_drift.look, pause=QUARTER),
    Detector("labels", label_drift.look, pause=HOUR),
)
