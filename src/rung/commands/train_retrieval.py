"""`rung train retriever` and `rung train reranker`: build the artifact, and tell whether it searches any better.

Building is left to `builders`. Both are told with what they were compared on; people promote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rung.builders.building import ArtifactBuilder
from rung.builders.kinds import build_artifact
from rung.commands.train import TrainReport, TrainRequest, report_of
from rung.errors import UserError
from rung.records import Json
from rung.strategies.protocol import NotApplicable, Reranker
from rung.strategies.tuned_retriever import NOTHING_TEACHES, TunedRetriever, teaching

if TYPE_CHECKING:
    from rung.artifacts import Built
    from rung.pipeline.prepare import Prepared

PROMOTE = "it is better: promote it (rung artifacts promote {digest}) and say '{key}: tuned' in rung.yaml"


def train_retrievers(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest) -> list[TrainReport]:
    """The retriever of `tuned_retriever`, with its settings in `rung.yaml`, in whose place those of the request stand.

    Raises:
        UserError: there is nothing to learn from, or nothing to search.
    """
    configured = next((settings for name, settings in builder.project.rungs() if name == TunedRetriever.name), {})
    fixed = {key: value[0] if isinstance(value, list) else value for key, value in configured.items()}
    plan = TunedRetriever.plan(prepared.materials, {**fixed, **request.settings})
    if isinstance(plan, NotApplicable):
        raise UserError(f"{builder.project.file}: there is nothing to train: {plan.why}")
    built = build_artifact(builder, plan.needs[0], title="train retriever")
    return [_report("retriever", "tuned_retriever", built, "embedder")]


def train_rerankers(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest) -> list[TrainReport]:
    """A reranker taught by the same lessons; raises as `train_retrievers`."""
    train_cases = teaching(prepared.materials)
    if len(train_cases) + len(prepared.materials.pairs) < 8:
        raise UserError(f"{builder.project.file}: there is nothing to train: {NOTHING_TEACHES}")
    need = Reranker(train_cases, prepared.materials.pairs, prepared.materials.dev, request.settings)
    return [_report("reranker", "", build_artifact(builder, need, title="train reranker"), "reranker")]


def _report(kind: str, rung: str, built: Built, key: str) -> TrainReport:
    manifest = built.manifest
    metrics, why = manifest.get("metrics"), manifest.get("why")
    notes = (PROMOTE.format(digest=built.digest[:12], key=key),) if manifest.get("better") is True else (str(why),)
    return report_of(kind, rung, built, _shown(metrics if isinstance(metrics, dict) else {}, manifest), notes)


def _shown(metrics: Mapping[str, Json], manifest: Mapping[str, Json]) -> dict[str, Json]:
    form = {"form": manifest["form"]} if "form" in manifest else {}
    return {**metrics, **form, "better": manifest.get("better")}
