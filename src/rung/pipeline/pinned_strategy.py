"""Who answers one question: a strategy as the last verdict pinned it, or as `rung.yaml` has the rung; no case is needed.

Documents are not read for it: the index is opened as it is where no source has changed since it was made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.artifacts import Training
from rung.artifacts.store import ARTIFACTS, Built, is_finished
from rung.builders.building import ArtifactBuilder
from rung.builders.kinds import build_artifact
from rung.config.project import Project
from rung.dataset.label_sets import read_labels
from rung.dataset.load import load_dataset, read_schema
from rung.errors import UserError
from rung.pipeline.candidates import allowed, build, model_asked, pinned, propose, with_members
from rung.pipeline.dense_weight import settle_alone
from rung.pipeline.learnt_settings import learnt_in
from rung.pipeline.materials import limit_of, materials_of
from rung.pipeline.prepare import answer_tokens, counted, prepare
from rung.pipeline.publishing import last_choice, latest, latest_folder
from rung.pipeline.searchable import at_hand
from rung.pipeline.slips import SHOW_CASES
from rung.records import Evaluation, Json, StrategySpec, plain
from rung.runtime.engines import Engines
from rung.strategies.long_context import LongContext
from rung.strategies.protocol import ExampleIndex, Plan, Rung, Strategy
from rung.strategies.registry import make_strategy
from rung.strategies.settings import read, shown
from rung.strategies.wording import MODEL, OF_ANY_RUNG, TASK, own_settings, planned

TRAINED_KINDS = ("adapter", "classifier")  # a router hangs on other rungs too
SPECS = "strategies.json"  # of a verdict: label -> spec


@dataclass(frozen=True, slots=True)
class PinnedStrategy:
    """A strategy that answers now, and what it answers with: digest by kind of artifact. `models`: their names, its own
    first. `spec`: what it was made of, where it was made of one. `deployment`: its id, where it answers as promoted."""

    label: str
    strategy: Strategy
    models: tuple[str, ...]
    artifacts: Mapping[str, str] = field(default_factory=dict)
    spec: StrategySpec | None = None
    deployment: str = ""


def specs_of(evaluations: Iterable[Evaluation]) -> str:
    """What is kept of a comparison's strategies, as JSON text."""
    return json.dumps({e.name: plain(e.spec) for e in evaluations if e.spec is not None}, ensure_ascii=False)


def pinned_strategy(builder: ArtifactBuilder, label: str | None, model: str = "") -> PinnedStrategy:
    """The winner of the last verdict as it was measured; or the rung of this label or name as `rung.yaml` has it. `model`:
    what `rung.yaml` calls that which is to answer; "" is the rung's own.

    A rung that is trained answers with what it was measured with, where `rung.yaml` still has it so: that takes neither the
    cases nor the documents.

    Raises:
        UserError: no verdict yet, or it chose no rung; no such rung; it does not apply, or cannot be built.
    """
    if label is None:
        verdict = latest(builder.project)
        label = verdict.winner
        if label is None:
            raise UserError(f"the last verdict of {builder.project.root} chose no rung; name one with --rung")
        spec = _stored_spec(verdict.folder, label)
        is_it = spec is not None and (not model or spec.model == builder.project.named_model(model))
        if spec is not None and is_it and (asked := _as_measured(builder.engines, label, spec)) is not None:
            return asked
    name, rung, settings = _named(builder.project, label, model)
    builder = builder.on(model_asked(builder.project, settings))
    return _trained(builder, name, rung, settings) or _lightly(builder, name, rung, settings) or _built(builder, name)


def _stored_spec(verdict: Path, label: str) -> StrategySpec | None:
    """A verdict's spec; None where a newer or older Rung wrote it in another form: the strategy is then made from
    `rung.yaml`."""
    try:
        return StrategySpec.of(json.loads((verdict / SPECS).read_text(encoding="utf-8"))[label])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _as_measured(engines: Engines, label: str, spec: StrategySpec) -> PinnedStrategy | None:
    """A spec's strategy; None where it is for another model, or what it answered with is gone."""
    if not {*spec.models} <= {*engines.project.settings.model_names.values()}:
        return None
    if (artifacts := _handed_over(engines, spec)) is None:
        return None
    _open_index(engines)
    return PinnedStrategy(label, make_strategy(spec), spec.models, artifacts, spec)


def winning_strategy(builder: ArtifactBuilder) -> PinnedStrategy | None:
    """The last verdict's winner as it was measured, and nothing in its place; None where there is no verdict, or it chose no
    rung. An index that follows the documents is brought up to date.

    Raises:
        UserError: what it answered with is gone or changed, or `rung.yaml` has it otherwise now.
    """
    folder, label = latest_folder(builder.project), last_choice(builder.project)
    if folder is None or not label:
        return None
    again = f"measure it anew with 'rung compare {builder.project.root}'"
    if (spec := _stored_spec(folder, label)) is None:
        raise UserError(f"the last verdict does not say what its winner {label} was made of: {again}")
    return strategy_as_measured(builder, label, spec, who=f"the winner {label}", mend=again)


def measured_specs(verdict: Path) -> dict[str, StrategySpec]:
    """The strategies of a verdict by label; those that another Rung wrote in another form are left out."""
    try:
        labels = [*json.loads((verdict / SPECS).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return {}
    return {label: spec for label in labels if (spec := _stored_spec(verdict, label)) is not None}


def strategy_as_measured(builder: ArtifactBuilder, label: str, spec: StrategySpec, *, who: str, mend: str) -> PinnedStrategy:
    """A strategy as it was measured, and nothing in its place. An index that follows the documents is brought up to date.

    Args:
        builder: with the engines that it answers by.
        label: the rung's.
        spec: what was measured.
        who: it, in words, where it is refused.
        mend: what to do then.

    Raises:
        UserError: what it answered with is gone or changed, or `rung.yaml` has it otherwise now.
    """
    state = builder.project.state
    measured_with = _kept(state, spec)
    gone = [digest for _, digest in _all(spec) if digest not in measured_with]
    if len(gone) > _cuttings(spec):  # documents cut in another way follow the documents
        raise UserError(f"{who} answered with artifact {gone[0][:12]}, which is gone: {mend}")

    def refuse(training: Training) -> AbstractContextManager[object]:
        raise UserError(f"{who} would have to be trained first ({training.kind}): {mend}")

    if unnamed := sorted({*spec.models} - {*builder.project.settings.model_names.values()}):
        raise UserError(
            f"{who} answered with the model {unnamed[0]}, which rung.yaml does not name: name it there, or {mend}"
        )
    asked = _as_measured(builder.engines, label, spec) or pinned_strategy(replace(builder, while_training=refuse), label)
    if asked.spec is not None and (others := _kept(state, asked.spec) ^ measured_with):
        raise UserError(f"{who} would answer with another artifact ({min(others)[:12]}): {mend}")
    if asked.spec is None or replace(asked.spec, artifacts=()).digest != replace(spec, artifacts=()).digest:
        now = asked.spec.digest[:12] if asked.spec else "another"
        raise UserError(f"{who} was measured as {spec.digest[:12]}, and would answer as {now} now: {mend}")
    return asked


def ready_strategies(builder: ArtifactBuilder) -> Iterator[tuple[str, PinnedStrategy | None]]:
    """(label, strategy) of each rung of `rung.yaml`; None where it takes building before it can answer.

    Raises:
        UserError: an artifact is damaged; a setting of a rung is none.
    """
    for label, rung, settings in allowed(builder.project):
        own = builder.on(model_asked(builder.project, settings))
        yield label, _unchanged(own, label, rung, settings) or _lightly(own, label, rung, settings)


def _trained(builder: ArtifactBuilder, label: str, rung: type[Rung], settings: Mapping[str, Json]) -> PinnedStrategy | None:
    """A trained rung as the last verdict measured it; None where `rung.yaml` asks for another now, or none was."""
    asked = _unchanged(builder, label, rung, settings)
    return asked if asked is not None and set(asked.artifacts) & set(TRAINED_KINDS) else None


def _unchanged(
    builder: ArtifactBuilder, label: str, rung: type[Rung], settings: Mapping[str, Json]
) -> PinnedStrategy | None:
    """A rung as the last verdict measured it; None where `rung.yaml` asks for another now, or what it takes is gone."""
    verdict, project = latest_folder(builder.project), builder.project
    spec = None if verdict is None else _stored_spec(verdict, label)
    if spec is None or getattr(rung, "record", None) is None:
        return None
    now = _configured(project, spec, rung, settings)
    return _as_measured(builder.engines, label, spec) if now.digest == spec.digest else None


def configured_spec(project: Project, label: str, spec: StrategySpec) -> StrategySpec | None:
    """A strategy with all that `rung.yaml` says of its rung now; None where it names no such rung any more.

    Settings that a search found stand in no `rung.yaml`: a rung of another label keeps its own.

    Raises:
        UserError: `rung.yaml` or a file that it names is wrong.
    """
    same = [one for one in allowed(project) if one[1].name == spec.rung]
    if not same:
        return None
    own = next((one for one in same if one[0] == label), None)
    _, rung, settings = own or same[0]
    now = _configured(project, spec, rung, settings)
    return now if own and getattr(rung, "record", None) else replace(now, settings=spec.settings)


def _configured(project: Project, spec: StrategySpec, rung: type[Rung], settings: Mapping[str, Json]) -> StrategySpec:
    record = getattr(rung, "record", None)
    own = spec.settings if record is None else shown(read(record, own_settings(settings), rung=rung.name))
    own = {**own, **{name: settings[name] for name in OF_ANY_RUNG if name in settings}}
    own |= learnt_in(own, spec.settings)
    configured, from_examples = project.settings, project.settings.behaviour.labels == "from_examples"
    return replace(
        spec,
        rung=rung.name,
        settings=own,
        task=str(settings.get(TASK, configured.task)),
        schema=read_schema(project),
        labels=spec.labels if from_examples else read_labels(project, (), []),
        seed=configured.seed,
    )


def _all(spec: StrategySpec) -> Iterator[tuple[str, str]]:
    """(model, digest of an artifact that it answers with)."""
    yield from ((spec.model, digest) for digest in spec.artifacts)
    for _, member in spec.members:
        yield from _all(member)


def _kept(state: Path, spec: StrategySpec) -> set[str]:
    """The digests of what it answers with, but for documents that are cut in another way."""
    return {digest for _, digest in _all(spec) if any((state / ARTIFACTS).glob(f"*/{digest}"))}


def _cuttings(spec: StrategySpec) -> int:
    """How many of what it answers with are documents cut in another way, its members' too."""
    return bool(spec.settings.get("chunk_tokens")) + sum(_cuttings(member) for _, member in spec.members)


def _handed_over(engines: Engines, spec: StrategySpec) -> dict[str, str] | None:
    """The spec's artifacts by kind, the engines told of them; None where one is gone, or follows the documents."""
    kinds = ("adapter", "classifier", "router", "example-index", "refusal", "instruction", "answer-index")
    artifacts: dict[str, list[Built]] = {}
    for model, digest in _all(spec):
        folders = [f for f in (engines.project.state / ARTIFACTS).glob(f"*/{digest}") if is_finished(f)]
        if len(folders) != 1 or folders[0].parent.name not in kinds:
            return None
        artifacts.setdefault(model, []).append(Built(digest, folders[0]))
    for model, some in artifacts.items():
        engines.on(model).use(some)
    return {b.kind: b.digest for some in artifacts.values() for b in some if b.digest in spec.artifacts}


def _open_index(engines: Engines) -> None:
    knowledge = at_hand(engines)
    if knowledge is not None:
        settle_alone(engines, knowledge)


def _named(project: Project, label: str, model: str) -> tuple[str, type[Rung], dict[str, Json]]:
    """The rung that has this label, else the first of this name, as `rung.yaml` has it: (label, rung, settings). With
    `model`: the same on that one, if need be as it stands nowhere."""
    listed = allowed(project)
    one = next((o for o in listed if o[0] == label), None) or next((o for o in listed if o[1].name == label), None)
    if one is None:
        raise UserError(f"'{label}' is no rung of this project; there are: {', '.join(name for name, _, _ in listed)}")
    asked = project.named_model(model)
    if not model or model_asked(project, one[2]) == asked:
        return one
    settings = {**one[2], MODEL: model}
    alike = (o for o in listed if o[1] is one[1] and {**o[2], MODEL: model} == settings)
    same = next((o for o in alike if model_asked(project, o[2]) == asked), None)
    return same or (f"{one[1].name}[{MODEL}={model}]", one[1], settings)


def _lightly(builder: ArtifactBuilder, label: str, rung: type[Rung], settings: Mapping[str, Json]) -> PinnedStrategy | None:
    """The rung, where neither the documents nor the cases are needed to make it."""
    project = builder.project
    if rung is LongContext or (rung.name in SHOW_CASES and settings.get("shots")):
        return None
    rows = load_dataset(project, judging=False)
    materials = replace(
        materials_of(project, rows, {}, tools=builder.engines.tools)[0],
        corpus_tokens=0 if project.settings.knowledge.sources else None,
        context_tokens=builder.engines.generator.context_tokens,
        limit_tokens=limit_of(project, builder.engines.generator.context_tokens),
        answer_tokens=answer_tokens(project, rows, lambda shown: counted(builder.engines, "answers", shown, max)),
    )
    plan = planned(rung, materials, settings)
    if not isinstance(plan, Plan) or not all(isinstance(need, ExampleIndex) for need in plan.needs):
        return None
    if plan.needs and materials.lessons != rows.split("train"):
        return None  # which train cases may teach hangs on the documents
    _open_index(builder.engines)
    artifacts = [build_artifact(builder, need, title=f"build {label}") for need in plan.needs]
    builder.engines.use(artifacts)
    spec = pinned(builder.project, plan, artifacts)
    by_kind = {artifact.kind: artifact.digest for artifact in artifacts}
    return PinnedStrategy(label, make_strategy(spec), spec.models, by_kind, spec)


def _built(builder: ArtifactBuilder, label: str) -> PinnedStrategy:
    """The rung as a comparison would have it."""
    prepared = prepare(builder.engines)
    candidates = propose(builder, prepared)
    selected = [candidate for candidate in candidates if candidate.label == label]
    candidate = next(c for c in build(builder, with_members(candidates, selected)) if c.label == label)
    if candidate.strategy is None:
        raise UserError(f"{label} cannot answer: {candidate.why}")
    models = (builder.project.settings.model,) if candidate.spec is None else candidate.spec.models
    return PinnedStrategy(label, candidate.strategy, models, candidate.artifacts, candidate.spec)
