"""Builds a refusal threshold: the strategy answers the dev cases, and the risk of its answers says where it refuses."""

from __future__ import annotations

from dataclasses import replace

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder
from rung.builders.scored_answers import content_of, correct_by_code, outcomes_of
from rung.errors import NotWorthwhile
from rung.progress import working_time
from rung.records import Json, digest
from rung.stats.risk_control import CHANCE, certified, curve
from rung.strategies.protocol import RefusalThreshold
from rung.strategies.registry import make_strategy
from rung.strategies.self_check import confidence
from rung.training.registry import learnt_case
from rung.verdict.failure_modes import LOST_BELOW

KIND = "refusal"


def build_refusal(builder: ArtifactBuilder, need: RefusalThreshold, title: str) -> Built:
    """The threshold; named by the strategy, the cases, what judges them, and the engines that answer.

    Raises:
        NotWorthwhile: no threshold can be shown to keep the risk; says what the cases come to.
    """
    settings = builder.project.settings
    engines = {name: engine.identity for name, engine in builder.engines.by_step(()).items()}
    cases = [content_of(case) for case in need.cases]
    judged_by = (settings.bar.metric, settings.bar.fields or {})
    named = digest(
        KIND, 1, need.spec, cases, need.wrong_at_most, engines, judged_by, settings.sampling.temperature, settings.seed
    )
    folder = artifact_folder(builder.project.state, KIND, named)
    with building(folder, title) as missing:
        if missing:
            began = working_time()
            with builder.training(Training(KIND, len(need.cases))):
                scores, wrong = _tried(builder, need, title)
            manifest = _learnt(scores, wrong, need.wrong_at_most)
            remember_rows(folder, map(learnt_case, need.cases))
            about: dict[str, Json] = {"kind": KIND, "rows": len(need.cases), "rows_digest": digest(cases)}
            seal(folder, {**about, "seconds": working_time() - began, **manifest})
    return Built(named, folder)


def risk_curves(artifact: Built) -> dict[str, tuple[tuple[float, float], ...]]:
    """The "risk": (share answered, share of these that is wrong) on the cases, strictest first; the "promise": (share
    answered, share that is wrong at most) of the threshold. Nothing for another kind of artifact."""
    metrics = artifact.manifest.get("metrics") if artifact.kind == KIND else None
    if not isinstance(metrics, dict) or not isinstance(points := metrics.get("curve"), list):
        return {}
    rows = [row for row in points if isinstance(row, list)]
    promise = float(str(metrics["answered"])), float(str(metrics["wrong_at_most"]))
    return {"risk": tuple((float(str(row[1])), float(str(row[2]))) for row in rows), "promise": (promise,)}


def _learnt(scores: list[float | None], wrong: list[bool], risk: float) -> dict[str, Json]:
    """The threshold and its curve.

    Raises:
        NotWorthwhile: there is none.
    """
    points = curve(scores, wrong)
    chosen = certified(scores, wrong, risk)
    if chosen is None:
        lowest = min(points, key=lambda point: point.bound, default=None)
        reached = (
            f"what can be said is at most {lowest.bound:.0%}, answering {lowest.coverage:.0%} of the questions"
            if lowest
            else "it answered none of them"
        )
        raise NotWorthwhile(
            f"on {len(scores)} dev cases it cannot be shown that at most {risk:.0%} of its answers are wrong, however much "
            f"it refuses; {reached}"
        )
    return {
        "threshold": chosen.threshold,
        "metrics": {
            "wrong_at_most": risk,
            "holds_with_probability": 1 - CHANCE,
            "answered": chosen.coverage,
            "wrong": chosen.wrong,
            "curve": [[p.threshold, p.coverage, p.wrong, p.bound] for p in points],
        },
    }


def _tried(builder: ArtifactBuilder, need: RefusalThreshold, title: str) -> tuple[list[float | None], list[bool]]:
    """How sure each answer is (None: refused, or failed), and whether it is wrong."""
    settings = builder.project.settings
    strategy = make_strategy(replace(need.spec, temperature=settings.sampling.temperature, seed=settings.seed))
    outcomes = outcomes_of(builder.runner, strategy, need.cases, title=f"{title}: it answers the dev cases")
    correct = correct_by_code(builder.project, need.cases, outcomes, schema=need.schema, labels=need.labels)
    pairs = [(case, outcome.answer) for case, outcome in zip(need.cases, outcomes, strict=True)]
    scores = [None if a is None or a.refused else confidence(case.ask(), a) for case, a in pairs]
    return scores, [value < LOST_BELOW for value in correct]
