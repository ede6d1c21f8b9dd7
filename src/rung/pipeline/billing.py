"""What each rung takes beside its answers: seconds, bytes, a person's hours. What that costs is left to `verdict.costs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.artifacts import Built
from rung.config.project import Project
from rung.config.schema import times_per_month
from rung.pipeline.prepare import Prepared, context_usage, seconds_to_index
from rung.pipeline.pricing import prices_of
from rung.records import Effort, Evaluation, Json, Usage
from rung.runtime.engines import Engines
from rung.strategies.protocol import AnswerIndex, ChunkedIndex, ExampleIndex, InstructionSearch, Need
from rung.verdict.costs import Demand, Prices, token_usd


def prices_in(project: Project) -> Prices:
    """The prices that the project states."""
    return prices_of(project.settings.prices)


def demand_in(project: Project) -> Demand:
    """What the project says is asked of its rungs."""
    settings = project.settings
    return Demand(
        settings.traffic.queries_per_month,
        settings.retrain.per_month,
        times_per_month(settings.knowledge.changes),
        settings.knowledge.changed_share,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A rung that is built, or one that it is made of. `model`: the name of that which it asks; "" is the default."""

    needs: Sequence[Need]
    built: Sequence[Built]
    settings: Mapping[str, Json]
    model: str = ""


def effort_of_building(project: Project, parts: Sequence[Part]) -> Effort:
    """What building a rung took, with what those took that it is made of: each artifact once, its tokens by the prices of
    the model that was asked. An index of examples is a trifle. What its answers read is not known yet."""
    indexing = training = building = 0.0
    asked: float | None = 0.0
    tuned = False
    artifacts = {a.digest: (need, a, part.model) for part in parts for need, a in zip(part.needs, part.built, strict=False)}
    for need, artifact, model in artifacts.values():
        if isinstance(need, ChunkedIndex):
            indexing += artifact.seconds
        elif isinstance(need, InstructionSearch | AnswerIndex):
            asking = need.member.spec.model if isinstance(need, AnswerIndex) else model
            prices = prices_in(project.on(asking) if asking else project)
            usd = _tokens_usd(artifact.manifest.get("tokens"), prices)
            asked, building = None if asked is None or usd is None else asked + usd, building + artifact.seconds
        elif isinstance(hosted := artifact.manifest.get("hosted"), dict):  # its host's machines, at its host's price
            price = hosted.get("usd")
            asked = asked + price if asked is not None and isinstance(price, int | float) else None
            tuned = True
        elif not isinstance(need, ExampleIndex):
            training += artifact.seconds
    return Effort(
        uses_examples=tuned or training > 0 or any(part.settings.get("shots") for part in parts),
        training_seconds=training,
        indexing_seconds=indexing,
        stored_bytes=float(sum(_size(artifact.folder) for _, artifact, _ in artifacts.values())),
        building_usd=asked,
        building_seconds=building,
    )


def contexts_usd(engines: Engines, passages: int) -> float | None:
    """Dollars of a model's sentence of context for so many passages, by what they took so far; None: unknown."""
    project = engines.project
    if not project.context_model:
        return 0.0
    note = context_usage(engines)
    if note is None:
        return None
    usd = _tokens_usd(note, prices_in(project.on(project.context_model)))
    return None if usd is None else usd / int(str(note["passages"])) * passages


def _tokens_usd(tokens: Json, prices: Prices) -> float | None:
    """Dollars of the tokens that building something took: by the prices given, else as the host charged; None where these
    have no price."""
    if not isinstance(tokens, dict):
        return None
    prompt, completion, cached = (int(str(tokens.get(name, 0))) for name in ("prompt", "completion", "cached"))
    usd = tokens.get("usd")
    return token_usd(
        Usage(prompt, completion, usd=float(usd) if isinstance(usd, (int, float)) else None, cached_tokens=cached), prices
    )


def effort_of_answers(engines: Engines, prepared: Prepared, evaluation: Evaluation) -> Effort:
    """The whole effort of a rung that has answered: with the project's index, where it reads documents."""
    effort = evaluation.effort or Effort()
    if effort.uses_documents:
        return effort  # whole already: its answers were stored
    reads = any(o.answer is not None and (o.answer.retrieved or o.answer.passages) for o in evaluation.outcomes)
    own = seconds_to_index(engines, prepared) if reads else 0.0
    indexing, stored, building = effort.indexing_seconds, effort.stored_bytes, effort.building_usd
    contexts = contexts_usd(engines, prepared.materials.passages) if reads else 0.0
    if reads and engines.project.settings.knowledge.store:
        stored = None  # its index is kept elsewhere
    elif reads and stored is not None:
        stored += _size(engines.project.state / "index")
    return replace(
        effort,
        uses_documents=reads,
        uses_examples=effort.uses_examples and bool(prepared.materials.examples),
        indexing_seconds=None if own is None or indexing is None else own + indexing,
        building_usd=None if contexts is None or building is None else contexts + building,
        stored_bytes=stored,
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
