"""What each rung takes: seconds, bytes, a person's hours. What that costs is left to `verdict.costs`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.config.schema import times_per_month
from rung.pipeline.answering import Run
from rung.pipeline.candidates import Candidate
from rung.pipeline.prepare import Prepared, seconds_to_index
from rung.pipeline.pricing import prices_of
from rung.runtime.engines import Engines
from rung.strategies.protocol import ChunkedIndex, ExampleIndex
from rung.verdict.costs import Demand, Effort, Prices, usd_per_1k
from rung.verdict.failure_modes import LOST_BELOW
from rung.verdict.sensitivity import Economy

if TYPE_CHECKING:
    from rung.stats.estimates import Floats


def economy(engines: Engines, intake: Prepared, runs: Mapping[str, Run], correct: Mapping[str, Floats]) -> Economy:
    """Efforts, prices and demand of the project's rungs; `correct`: case by case, of the rungs that were judged."""
    settings = engines.project.settings
    prices = prices_of(settings.prices)
    demand = Demand(
        settings.traffic.queries_per_month,
        settings.retrain.per_month,
        times_per_month(settings.knowledge.changes),
        settings.knowledge.changed_share,
    )
    efforts = {label: _effort(engines, intake, run, prices, correct.get(label)) for label, run in runs.items()}
    return Economy(efforts, prices, demand)


def _effort(engines: Engines, intake: Prepared, run: Run, prices: Prices, correct: Floats | None) -> Effort:
    per_1k = usd_per_1k(run.outcomes, prices=prices, latency=run.latency)
    reads = any(o.answer is not None and (o.answer.retrieved or o.answer.passages) for o in run.outcomes)
    indexing, training = _built(run.candidate)
    own = seconds_to_index(engines, intake) if reads else 0.0
    return Effort(
        per_query=None if per_1k is None else per_1k / 1000,
        passed=_passed(correct),
        uses_documents=reads,
        uses_examples=bool(intake.materials.examples) and (training > 0 or bool(run.candidate.settings.get("shots"))),
        training_seconds=training,
        indexing_seconds=None if own is None else own + indexing,
        stored_bytes=_stored(engines.project, run.candidate, reads),
    )


def _passed(correct: Floats | None) -> float | None:
    """The share of the judged answers that are at least half right."""
    import numpy as np

    if correct is None or bool(np.isnan(correct).all()):
        return None
    return float((correct[~np.isnan(correct)] >= LOST_BELOW).mean())


def _built(candidate: Candidate) -> tuple[float, float]:
    """Seconds that its own cutting of the documents took, and its trained artifacts; an index of examples is a trifle."""
    needs = () if candidate.plan is None else candidate.plan.needs
    indexing = training = 0.0
    for need, built in zip(needs, candidate.built, strict=False):
        if isinstance(need, ChunkedIndex):
            indexing += built.seconds
        elif not isinstance(need, ExampleIndex):
            training += built.seconds
    return indexing, training


def _stored(project: Project, candidate: Candidate, reads: bool) -> float | None:
    """Bytes that must be kept for it; None where its index is kept elsewhere."""
    if reads and project.settings.knowledge.store:
        return None
    folders = [built.folder for built in candidate.built] + ([project.state / "index"] if reads else [])
    return float(sum(_size(folder) for folder in folders))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
