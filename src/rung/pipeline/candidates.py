"""Stages 2 and 3: which rungs may be tried on these materials, and what must be built for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rung.artifacts import Built
from rung.artifacts.store import is_finished, made_folder
from rung.builders.adapter import KIND as ADAPTER_KIND
from rung.builders.building import ArtifactBuilder
from rung.builders.forgetting_gate import forgot
from rung.builders.kinds import build_artifact, check_need
from rung.builders.recipes import recipe_file
from rung.builders.refusal import risk_curves
from rung.config.project import Project
from rung.errors import ModelError, NotWorthwhile, UserError
from rung.models.callables import is_function
from rung.models.catalog import is_local
from rung.pipeline.billing import Part, effort_of_building
from rung.pipeline.combinations import combinations
from rung.pipeline.learnt_settings import learnt_settings
from rung.pipeline.oracle import shown_to_oracle
from rung.pipeline.prepare import Prepared, materials_on
from rung.records import Evaluation, Json, Passage, Reason, RungResult, StrategySpec, digest, kind_of
from rung.records.validation import WrongSetting
from rung.runtime.engines import Engines
from rung.strategies.protocol import (
    Adapter,
    Composition,
    Materials,
    Member,
    Need,
    NotApplicable,
    Plan,
    Rung,
    Strategy,
)
from rung.strategies.reference import Oracle
from rung.strategies.registry import REFERENCES, by_default, find, ladder, make_strategy
from rung.strategies.sampling import sampled
from rung.strategies.settings import Retrieval, read
from rung.strategies.wording import MODEL, TASK, own_settings, planned
from rung.training.recipe import Recipe
from rung.training.registry import curve_of
from rung.training.self_replay import VERSION


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rung with one set of settings. `why` says why it does not apply, was not built, or what broke when it was built.

    `composition` instead of `plan`: it is made of the others, and planned when these are built.
    """

    label: str
    rung: type[Rung]
    plan: Plan | None
    settings: Mapping[str, Json]
    order: int = 0  # its place on the ladder, from the lowest
    why: Reason | None = None
    spec: StrategySpec | None = None  # once it is built
    strategy: Strategy | None = None
    built: tuple[Built, ...] = ()
    gold: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)  # of the oracle alone
    composition: Composition | None = None
    key: str = ""  # digest of all that its artifacts are made from, as far as it is known before they are built
    model: str = ""  # the name of that which it asks; "" is the project's default
    parts: tuple[Candidate, ...] = ()  # those that it is made of, built

    @property
    def failed(self) -> bool:
        """Whether it broke when it was built."""
        return kind_of(self.why) == "failed"

    @property
    def ladder_rung(self) -> str:
        """The rung that it is a setting of; with another model than the default it is another rung."""
        return f"{self.rung.name} on {self.model}" if self.model else self.rung.name

    @property
    def is_tuned(self) -> bool:
        """Whether it needs weights of its own."""
        return self.plan is not None and any(isinstance(need, Adapter) for need in self.plan.needs)

    @property
    def artifacts(self) -> dict[str, str]:
        """What it answers with: digest by kind of artifact."""
        return {artifact.kind: artifact.digest for artifact in self.built}


def check_sampling(project: Project) -> None:
    """Refuse to ask a greedy model on this machine again: it says the same every time.

    Raises:
        InputError: points at its line.
    """
    sampling = project.settings.sampling
    for model in models_asked(project):
        if sampling.repeats > 1 and not sampling.temperature and is_local(model):
            raise project.error(
                f"sampling.repeats: {model} at temperature 0 answers the same every time; set sampling.temperature above 0, "
                "or leave repeats out",
                *("sampling", "repeats"),
            )


def models_asked(project: Project) -> tuple[str, ...]:
    """The names of the models that the project's rungs ask, the default first: it answers for the reference arms.

    Raises:
        InputError: as `allowed`.
    """
    asked = (model_asked(project, settings) for _, _, settings in allowed(project))
    return tuple(dict.fromkeys((project.named_model(""), *asked)))


def model_asked(project: Project, settings: Mapping[str, Json]) -> str:
    """The name of the model that a rung with these settings asks.

    Raises:
        UserError: the project has no model that is called so.
    """
    return project.named_model(str(settings.get(MODEL, "")))


def allowed(project: Project) -> list[tuple[str, type[Rung], dict[str, Json]]]:
    """(label, rung, settings) of every rung that `rung.yaml` names, in the order of the ladder; all rungs where it
    names none.

    A list among a rung's settings is a sweep: one entry for each combination, told apart by its label. Needs no materials,
    so a mistake is found before any work is done.

    Raises:
        InputError: an unknown rung or setting, or one twice; points at its line.
    """
    entries: list[tuple[str, type[Rung], dict[str, Json]]] = []
    for index, (name, settings) in enumerate(project.rungs() or [(name, {}) for name in by_default()]):
        try:
            rung = find(name)
            for label, combination in combinations(name, _with_model_named(project, settings)):
                if label in [taken for taken, _, _ in entries]:
                    raise UserError(f"rung '{label}' stands twice; to try several settings, give one a list of values")
                planned(rung, Materials(task=""), combination)  # refuses settings that are none
                check_model(project, rung, combination)
                entries.append((label, rung, combination))
        except UserError as error:
            setting = (name, error.name) if isinstance(error, WrongSetting) else ()
            raise project.error(str(error), "rungs", index, *setting) from error
    rank = {name: index for index, name in enumerate(ladder())}
    models = list(project.settings.model_names)
    return sorted(entries, key=lambda one: (rank[one[1].name], models.index(str(one[2].get(MODEL, models[0])))))


def check_model(project: Project, rung: type[Rung], settings: Mapping[str, Json]) -> None:
    """Refuse a rung's model that the project does not name, or that the rung cannot ask.

    Raises:
        WrongSetting: it does not.
    """
    try:
        model = model_asked(project, settings)
    except UserError as error:
        raise WrongSetting(str(error), MODEL) from error
    if getattr(rung, "asks_functions", False) and not is_function(model):
        message = f"{rung.name}: asks a function of Python, and {model} is none: name one under 'models:' and here"
        raise WrongSetting(message, MODEL)


def _with_model_named(project: Project, settings: Mapping[str, Json]) -> dict[str, Json]:
    """The settings; a model that is not the default is swept, even alone, so that the rung's label names it."""
    default = next(iter(project.settings.model_names))
    named = settings.get(MODEL, default)
    return {**settings, MODEL: [named]} if not isinstance(named, list) and named != default else dict(settings)


def propose(builder: ArtifactBuilder, prepared: Prepared) -> list[Candidate]:
    """A candidate for every rung that is allowed, lowest first, then the reference arms."""
    rungs, candidates = allowed(builder.project), []
    models = dict.fromkeys(model_asked(builder.project, settings) for _, _, settings in rungs)
    materials = {model: materials_on(builder.engines.on(model), prepared) for model in models}
    for label, rung, settings in rungs:
        model = model_asked(builder.project, settings)
        other = "" if model == builder.project.settings.model else model
        candidates.append(replace(_planned(label, rung, settings, materials[model]), model=other))
    for rung in REFERENCES:
        settings, given = shared_settings(builder.project, rung), prepared.materials
        if rung is Oracle:  # it alone is told where the judging cases' answers stand
            retrieval = read(Retrieval, own_settings(settings), rung=rung.name)
            shown = shown_to_oracle(builder.engines, prepared, retrieval)
            given = replace(given, gold={**given.gold, **shown})
        arm = _planned(rung.name, rung, settings, given)
        candidates.append(replace(arm, gold=given.gold) if rung is Oracle else arm)
    teaching = {model: _teaching(builder.on(model), prepared) for model in {candidate.model for candidate in candidates}}
    keyed = (replace(c, key=digest(c.rung.name, c.settings, teaching[c.model])) for c in candidates)
    return [replace(candidate, order=rank) for rank, candidate in enumerate(keyed)]


def _teaching(builder: ArtifactBuilder, prepared: Prepared) -> str:
    """Digest of what artifacts are made from: what teaches, the documents, the models, the seed."""
    materials, settings = prepared.materials, builder.project.settings
    rows = (
        materials.examples,
        materials.lessons,
        materials.dev,
        materials.pairs,
        materials.clicks,
        materials.schema,
        materials.labels,
    )
    documents = builder.engines.knowledge.identity if builder.engines.knowledge else ""
    path = recipe_file(builder)
    recipe = path.read_bytes().hex() if path is not None and path.is_file() else ""
    defaults = Recipe(), VERSION  # an adapter is another where the defaults are
    return digest(settings.task, rows, documents, settings.model, settings.embedder, settings.seed, recipe, defaults)


def build(builder: ArtifactBuilder, candidates: Sequence[Candidate], *, beside: Sequence[Candidate] = ()) -> list[Candidate]:
    """Build what the candidates need; one that cannot be built has failed, and the others go on.

    A rung that is made of others comes last, over those of `candidates` and `beside` that are not, as far as they are built.

    Raises:
        BudgetEnded: a limit was reached; what is done of it is kept.
    """
    done = _in_use(builder, [_built(builder, candidate) for candidate in candidates if candidate.composition is None])
    there = sorted((*beside, *done), key=lambda candidate: candidate.order)
    plain = ((c, c.spec, c.strategy) for c in there if c.spec and not c.spec.members and c.strategy and not c.rung.reference)
    members = tuple(_member(*one) for one in plain)
    planned = (_composed(c, c.composition, members) for c in candidates if c.composition is not None)
    composed = [_built(builder, _with_parts(candidate, there)) for candidate in planned]
    return sorted([*done, *_in_use(builder, composed)], key=lambda candidate: candidate.order)


def _with_parts(candidate: Candidate, there: Sequence[Candidate]) -> Candidate:
    """The candidate with those of these that its plan is made of."""
    labels = {label for label, _ in candidate.plan.spec.members} if candidate.plan else set()
    return replace(candidate, parts=tuple(c for c in there if c.label in labels and not c.rung.reference))


def _in_use(builder: ArtifactBuilder, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, what was built for them in use; those whose model does not take their adapters have failed."""
    used: list[Candidate] = []
    for model in dict.fromkeys(candidate.model for candidate in candidates):
        own = [candidate for candidate in candidates if candidate.model == model]
        try:
            builder.on(model).engines.use(artifact for candidate in own for artifact in candidate.built)
        except ModelError as error:
            own = [_refused(builder, candidate, str(error)) for candidate in own]
        used += own
    return used


def _refused(builder: ArtifactBuilder, candidate: Candidate, why: str) -> Candidate:
    """The candidate, failed where it answers by an adapter."""
    if not any(built.kind == ADAPTER_KIND for built in candidate.built):
        return candidate
    return _failed(builder, candidate, why, cannot="answer")


def evaluation_of(project: Project, candidate: Candidate) -> Evaluation:
    """The record of a candidate, built or not, before it answers."""
    built, settings = candidate.built, candidate.settings
    weights = [w for artifact in built if isinstance(w := artifact.manifest.get("dense_weight"), float)]
    result = RungResult(
        name=candidate.label,
        about=candidate.rung.about,
        settings={**settings, **learnt_settings(built)},
        status="failed" if candidate.failed else "not_applicable",
        why=candidate.why,
        reference=candidate.rung.reference,
        order=candidate.order,
        artifacts=candidate.artifacts,
        build_seconds=sum(artifact.seconds for artifact in built),
        learning=_learning(built),
        model=candidate.model or project.settings.model,
        rung=candidate.ladder_rung if candidate.model else "",
    )
    return Evaluation(
        result,
        spec=candidate.spec,
        gold=candidate.gold,
        effort=effort_of_building(project, [_part(one) for one in (*candidate.parts, candidate)]),
        marked="; ".join(why for artifact in built for why in forgot(project, artifact)),
        doubts=tuple(artifact.doubt for artifact in built if artifact.doubt),
        own_weight=weights[0] if weights else None,
    )


def _part(candidate: Candidate) -> Part:
    needs = () if candidate.plan is None else candidate.plan.needs
    return Part(needs, candidate.built, candidate.settings, candidate.model)


def _learning(built: Sequence[Built]) -> dict[str, tuple[tuple[float, float], ...]]:
    """The losses of a tuned rung's artifacts, step by step."""
    recorded = [(name, artifact.manifest.get(f"{name}_loss")) for artifact in built for name in ("train", "validation")]
    losses_by_name = {name: curve for name, losses in recorded if (curve := curve_of(losses))}
    for artifact in built:
        losses_by_name |= risk_curves(artifact)
    return losses_by_name


def checked(builder: ArtifactBuilder, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, those failed that show before anything is built that they cannot be."""
    return [_tried(builder, candidate, partial(check_need, builder.on(candidate.model))) for candidate in candidates]


def with_members(candidates: Sequence[Candidate], selected: Sequence[Candidate]) -> list[Candidate]:
    """The selected candidates, and where one of them is made of others, these too: what `build` must be given."""
    composed = any(candidate.composition is not None for candidate in selected)
    names = {candidate.label for candidate in selected}
    return [c for c in candidates if c.label in names or (composed and c.composition is None and not c.rung.reference)]


def _built(builder: ArtifactBuilder, candidate: Candidate) -> Candidate:
    built: list[Built] = []
    own = builder.on(candidate.model)
    title = f"build {candidate.label}"
    done = _tried(builder, candidate, lambda need: built.append(build_artifact(own, need, title=title)))
    if done.plan is None:
        return done
    if built:
        builder.cache.note("built", candidate.key, [[artifact.kind, artifact.digest] for artifact in built])
    try:
        spec = pinned(own.project, done.plan, built)
        strategy = make_strategy(spec, gold=done.gold)
    except UserError as error:  # a learnt setting that is none
        return _failed(builder, done, str(error))
    return replace(done, spec=spec, strategy=strategy, built=tuple(built))


def pinned(project: Project, plan: Plan, built: Sequence[Built]) -> StrategySpec:
    """The spec of a plan whose needs are built, for this project's model."""
    settings, spec = project.settings, plan.with_artifacts(tuple(artifact.digest for artifact in built))
    spec = replace(spec, settings={**spec.settings, **learnt_settings(built)})
    return replace(spec, model=settings.model, temperature=settings.sampling.temperature, seed=project.settings.seed)


def is_there(engines: Engines, candidate: Candidate) -> bool:
    """Whether all that it needs was built before, and is still here; some of it may yet have to be brought up to date."""
    if candidate.plan is None or not candidate.plan.needs:
        return candidate.composition is None
    cached = engines.cache.noted("built", candidate.key)
    named_artifacts = [tuple(map(str, one)) for one in cached if isinstance(one, list)] if isinstance(cached, list) else []
    folders = [made_folder(engines.project.state, kind, named) for kind, named in named_artifacts]
    return len(folders) == len(candidate.plan.needs) and all(map(is_finished, folders))


def _tried(builder: ArtifactBuilder, candidate: Candidate, do: Callable[[Need], None]) -> Candidate:
    """The candidate after this was done for each of its needs; one of which it cannot be done is out, and it is said why."""
    try:
        for need in () if candidate.plan is None else candidate.plan.needs:
            do(need)
    except NotWorthwhile as error:
        return replace(candidate, plan=None, why=Reason("not_applicable", str(error)))
    except UserError as error:
        return _failed(builder, candidate, str(error))
    return candidate


def _failed(builder: ArtifactBuilder, candidate: Candidate, why: str, *, cannot: str = "be built") -> Candidate:
    builder.on_failure(candidate.label, f"cannot {cannot}: {why}")
    return replace(candidate, plan=None, spec=None, strategy=None, why=Reason("failed", why))


def drawn(project: Project, strategy: Strategy, number: int) -> Strategy:
    """The strategy as it answers in pass `number`: as it is in the first (0), by another seed in each of the others."""
    settings = project.settings
    return sampled(strategy, settings.sampling.temperature, settings.seed + number) if number else strategy


def _member(candidate: Candidate, spec: StrategySpec, strategy: Strategy) -> Member:
    return Member(candidate.label, spec, strategy, digest(spec.rung, candidate.settings, spec.artifacts))


def _composed(candidate: Candidate, composition: Composition, members: tuple[Member, ...]) -> Candidate:
    planned = composition.plan(members)
    if isinstance(planned, NotApplicable):
        return replace(candidate, composition=None, why=Reason("not_applicable", planned.why))
    return replace(candidate, composition=None, plan=planned)


def _planned(label: str, rung: type[Rung], settings: Mapping[str, Json], materials: Materials) -> Candidate:
    plan = planned(rung, materials, settings)
    if isinstance(plan, NotApplicable):
        return Candidate(label, rung, None, settings, why=Reason("not_applicable", plan.why))
    if isinstance(plan, Composition):
        return Candidate(label, rung, None, plan.settings, composition=plan)
    return Candidate(label, rung, plan, plan.settings)


def shared_settings(project: Project, reference: type[Rung]) -> dict[str, Json]:
    """The settings of `rag` that a reference arm has too, so that it differs in what it sees and in nothing else."""
    rag: dict[str, Json] = next((settings for name, settings in project.rungs() if name == "rag"), {})
    shared = getattr(reference, "shares", ())
    return {key: value[0] if isinstance(value, list) else value for key, value in rag.items() if key in (*shared, TASK)}
