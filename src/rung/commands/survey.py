"""Whether a project hangs together, and what a comparison would do. Reads files; runs no model and writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from textwrap import wrap

from rung.artifacts import Training
from rung.commands.due import whats_due
from rung.config.project import Project
from rung.dataset.load import Dataset
from rung.dataset.obstacles import Obstacles
from rung.models.catalog import is_local, is_tunable
from rung.pipeline.budget import CompareRequest
from rung.pipeline.candidates import allowed as allowed_rungs
from rung.pipeline.candidates import check_sampling, model_asked, models_asked, shared_settings
from rung.pipeline.counting import sizes_of
from rung.pipeline.forecast import Forecast, Rates, in_all, rates_of
from rung.pipeline.judge_labels import read_labels
from rung.pipeline.limits import check_form, check_limits
from rung.pipeline.materials import limit_of, materials_of
from rung.pipeline.outlook import Foreseer, Outlook, RungForecast, rehearse, unindexed
from rung.pipeline.preflight import check_settings, context_of, missing_keys, remembered, to_fetch
from rung.pipeline.prepare import answer_tokens, chosen
from rung.pipeline.project_files import Read, read_files
from rung.pipeline.rehearsal import NO_PASSAGE, Rehearsed, Stage, Use, answers_shown, most
from rung.pipeline.schema_support import Holding, holding
from rung.pipeline.slips import check_rows, idle_shots
from rung.pipeline.sources import left_out
from rung.pipeline.training_pace import composed_of, pace_of_building, trainer_of, trainings
from rung.records import Case, Document, Dropped, Json, Passage, Problem, plain
from rung.stats.rules_of_thumb import CASES_WANTED, JUDGING_CASES
from rung.strategies.protocol import Adapter, Composition, Labelling, Materials, NotApplicable, Plan, Retriever, Rung
from rung.strategies.registry import REFERENCES
from rung.strategies.wording import planned as planned_for
from rung.training.retraining import Due

MAX_GOLD = 50  # passages of a case's gold that are looked at
WIDTH = 80
CONTEXT = 8192  # tokens, of the local model; a comparison asks the model itself


@dataclass(frozen=True)
class Planned:
    """One rung as a comparison would take it on. `why` says why it would not."""

    rung: str
    settings: dict[str, Json]
    conversations: int
    taught: Mapping[str, int] = field(default_factory=dict)  # what `rung train` would train -> rows that teach it
    why: str = ""
    forecast: Forecast | None = None  # None: it does not apply, or cannot be rehearsed
    trainings: tuple[Training, ...] = ()
    trainer: str = ""  # what would train an adapter; "": none is trained


@dataclass(frozen=True)
class Survey:
    """What is in a project."""

    project: Project
    rows: Dataset
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    planned: tuple[Planned, ...]
    held: Holding = field(default_factory=Holding)  # what of the schema is held
    due: tuple[Due, ...] = ()  # what is to be trained again, as `retrain:` says
    servers: tuple[str, ...] = ()  # what models' servers were found to lack, and which models would be fetched
    dropped: tuple[Dropped, ...] = ()  # what rules leave out of the documents
    outlook: Outlook = field(default_factory=Outlook)  # what a comparison takes beside the answers of `planned`
    answers: tuple[Forecast, ...] = ()  # of rungs and arms, as they go into the sum
    is_exact: bool = False  # tokens are counted as the model counts them
    warnings: tuple[Problem, ...] = ()  # what is likely a slip, and may be meant
    obstacles: tuple[Problem, ...] = ()  # what would stop a comparison before it began; where there are some, it has no plan

    @property
    def splits(self) -> Counter[str]:
        """Cases by split."""
        return Counter(case.split for case in self.rows.cases)

    def hints(self) -> Iterator[str]:
        """What would make the verdict surer."""
        yield from (remark.rstrip(".") for remark in self.servers)
        judging = self.rows.split("test")
        if not self.rows.cases:
            return
        if len(judging) < JUDGING_CASES:
            yield f"{len(judging)} test case{'s' if len(judging) != 1 else ''} only: {CASES_WANTED}"
        if self.documents and not any(_has_gold(case) for case in judging):
            yield "no test case names its evidence, so retrieval is not scored and the knowledge gap is not measured"
        if self.documents and all(case.answerable for case in judging):
            yield "every test case is answerable, so whether a rung refuses when it should is not measured"
        if drafted := sum("drafted_from" in case.meta for case in judging):
            yield f"{drafted} of {len(judging)} test cases were drafted from the documents: easier than what people ask"
        yield from self.held.hints

    def as_json(self) -> dict[str, Json]:
        """For `rung check --json`."""
        return {
            "documents": len(self.documents),
            "cases": dict(self.splits),
            "examples": len(self.rows.examples),
            "obstacles": plain(self.obstacles),
            "problems": plain(self.problems),
            "warnings": plain(self.warnings),
            "dropped": plain(self.dropped),
            "hints": list(self.hints()),
            "rungs": [self._planned_json(p) for p in self.planned],
            "due": plain(self.due),
        }

    def as_lines(self) -> Iterator[str]:
        """For a person."""
        cases = ", ".join(f"{n} {split}" for split, n in sorted(self.splits.items())) or "none"
        yield f"{self.project.name}: {len(self.documents)} documents, cases: {cases}; {len(self.rows.examples)} examples"
        yield from self.plan_lines() if self.planned else ()
        stopping = (f"stops a comparison: {obstacle}".replace("\n", "\n    ") for obstacle in self.obstacles)
        yield from "\n".join(stopping).splitlines()
        yield from (f"! {problem}" for problem in self.problems)
        yield from (f"likely a slip: {warning}" for warning in self.warnings)
        yield from left_out(self.dropped)
        yield from (f"hint: {hint}" for hint in self.hints())
        yield from (f"retrain: {due}" for due in self.due)
        slips = f"; likely slips: {len(self.warnings)}" if self.warnings else ""
        wrong = len(self.problems) + len(self.obstacles)
        yield f"problems: {wrong} (listed above){slips}" if wrong else f"nothing is wrong{slips}"

    def plan_lines(self) -> Iterator[str]:
        """What a comparison would do with each rung."""
        for planned in self.planned:
            if planned.why:
                yield f"  {planned.rung:<14} not applicable: {planned.why}"
                continue
            swept = f" {json.dumps(planned.settings)}" if planned.settings else ""
            learnt = ", ".join(f"a {what} on {rows} rows" for what, rows in planned.taught.items())
            training = f", after training {learnt}{f', by {planned.trainer}' * bool(planned.trainer)}" if learnt else ""
            yield f"  {planned.rung:<14} {planned.conversations} questions{training}{swept}"
            lines = planned.forecast.lines() if planned.forecast else ["what it takes is unknown"]
            yield from (f"  {'':<14} {line}" for line in lines)
        yield from (f"  {line}" for part in self.outlook.parts for line in part.lines())
        yield from map(str, self.outlook.batches)
        yield from (line for paragraph in self.basis() for line in wrap(paragraph, WIDTH, subsequent_indent="  "))
        unknown = f", and what {', '.join(self.outlook.unknown)} takes, which is unknown" if self.outlook.unknown else ""
        whole = self.whole()
        if whole.likely is not None:
            yield f"likely {whole.likely.consumed()}"
        yield f"at most {whole.words()}{unknown}; equal steps count once, and a race needs a part"

    def basis(self) -> Iterator[str]:
        """Which of the numbers are bounds, and which were measured."""
        counted = "as the model counts" if self.is_exact else "by a rule that errs upwards, to about twice"
        reasoning = self.project.settings.server.reasoning_tokens
        room = "max_tokens and server.reasoning_tokens allow" if reasoning else "max_tokens allows"
        yield (
            f"bounds: every rung answers every case; answers and the judge's words are as long as {room}, "
            f"passages as chunk_tokens allows; tokens are counted {counted}; failed calls, tried again, are not in it"
        )
        unknown = "; what a model reasons before them is not in it" if reasoning else ""
        yield f"likely: answers as long as those that the project shows, four characters a token{unknown}"
        paced = [f.minutes for f in self.answers if f.calls]
        measured = (
            "at the pace of earlier comparisons here" if None not in paced else "unknown before a first comparison here"
        )
        yield f"minutes: {measured}; training as long a row as the last one took here, unknown before a first"

    def whole(self) -> Forecast:
        """What a comparison takes at most: all rungs on all cases, and everything beside."""
        return in_all([*self.answers, *(part.forecast for part in self.outlook.parts)])

    def plan_json(self) -> dict[str, Json]:
        """For `rung compare --dry-run --json`."""
        return {
            "dry_run": True,
            "cases": self.splits["test"],
            "rungs": [self._planned_json(p) for p in self.planned],
            **self.outlook.as_json(),
            "basis": list(self.basis()),
            "at_most": self.whole().as_json(),
        }

    @staticmethod
    def _planned_json(planned: Planned) -> dict[str, Json]:
        return {
            "name": planned.rung,
            "settings": planned.settings,
            "status": "not_applicable" if planned.why else "planned",
            "why": planned.why,
            "conversations": planned.conversations,
            "trains_on": sum(planned.taught.values()),
            "taught": dict(planned.taught),
            "forecast": planned.forecast.as_json() if planned.forecast else None,
        }


def survey(
    project: Project,
    *,
    limit: int | None = None,
    allowed: CompareRequest | None = None,
    rehearsed: bool = True,
    listing: bool = False,
) -> Survey:
    """Read everything that the project names.

    Args:
        project: a folder with `rung.yaml`, loaded.
        limit: cases that judge at most.
        allowed: what is wanted of the comparison; None: it is not known, and what is in the index is not looked at.
        rehearsed: whether to foretell what a comparison takes.
        listing: whether what would stop a comparison goes into `obstacles`, and all else is looked at too.

    Raises:
        UserError: what would stop a comparison before it began, as it would say it; not when `listing`.
    """
    met = Obstacles(project.file.name, gather=listing)
    check_settings(project, met)
    read, problems, dropped = read_files(project, met)
    rows, documents, teaching = read.rows, read.documents, read.teaching
    met.check(partial(check_form, project, rows))
    if met.met or not rows.cases:
        checked = check_rows(project, rows, documents)
        return Survey(
            project=project,
            rows=rows,
            documents=tuple(documents),
            problems=(*problems, *rows.problems, *checked.problems, *teaching.problems),
            planned=(),
            dropped=tuple(dropped),
            warnings=checked.warnings,
            obstacles=tuple(met.met),
        )
    cases = chosen(rows.split("test"), limit)
    stage, secrets = _stage(project, read)
    stages = _stages(project, stage, read)
    plans = list(_plans(project, stages))
    rates = rates_of(project)
    checked, idle = check_rows(project, rows, documents), tuple(idle_shots(project, stage.materials))
    forecasts = list(_forecasts(stages, plans, cases)) if rehearsed else []
    looked = Foreseer(
        project=project,
        stage=stage,
        rates=rates,
        pace=pace_of_building(project),
        forecasts=forecasts,
        judging=cases,
        cases=rows.cases,
        allowed=allowed or CompareRequest(),
        unindexed=() if allowed is None else unindexed(project, documents),
    )
    held = holding(project, rows.schema, local=is_local(project.settings.model))
    return Survey(
        project=project,
        rows=rows,
        documents=tuple(documents),
        problems=(
            *problems,
            *rows.problems,
            *missing_keys(project),
            *checked.problems,
            *idle,
            *held.problems,
            *secrets,
            *teaching.problems,
        ),
        planned=tuple(_planned(plans, {e.label: e for e in forecasts}, rates, len(cases), stage.materials)),
        held=held,
        due=whats_due(project, rows, groups=read.groups),
        servers=(*remembered(project), *to_fetch(project)),
        dropped=tuple(dropped),
        outlook=looked.look() if rehearsed else Outlook(),
        answers=tuple(looked.answers()),
        is_exact=stage.sizes.is_exact,
        warnings=checked.warnings,
    )


Named = tuple[str, type[Rung], dict[str, Json], Plan | Composition | NotApplicable]


def _stage(project: Project, read: Read) -> tuple[Stage, tuple[Problem, ...]]:
    """What rungs are rehearsed on: the materials as a comparison would have them, as far as no model is needed for it."""
    rows, documents = read.rows, read.documents
    materials, secrets = materials_of(project, rows, read.groups, teaching=read.teaching)
    stage = Stage(project, materials, documents, sizes_of(project.settings.model))
    stage = replace(stage, shown=answers_shown(materials, rows.split("test")))
    return _stage_on(stage, project, read), secrets


def _stage_on(stage: Stage, project: Project, read: Read) -> Stage:
    """The same with another model: how it counts, how much it reads, whether it can be tuned."""
    rows, documents, model = read.rows, read.documents, project.settings.model
    sizes = sizes_of(model)
    corpus = sum(sizes.fitting(f"{document.title}\n{document.text}") for document in documents)
    context = context_of(project)
    materials = replace(
        stage.materials,
        corpus_tokens=corpus if documents else None,
        context_tokens=CONTEXT if is_local(model) else context,
        limit_tokens=limit_of(project, context),
        trainable=is_tunable(project.settings),
        answer_tokens=answer_tokens(project, rows, lambda shown: max(map(sizes.count, shown))),
    )
    stage = Stage(project, materials, documents, sizes, stage.shown)
    gold = {case.id: _gold(stage, case) for case in rows.cases if _has_gold(case)}
    return replace(stage, materials=replace(materials, gold=gold))


def _stages(project: Project, stage: Stage, read: Read) -> dict[str, Stage]:
    """Name of a model -> what its rungs are rehearsed on; the project's own comes first, with `stage`."""
    default, *others = models_asked(project)
    return {default: stage, **{name: _stage_on(stage, project.on(name), read) for name in others}}


def _gold(stage: Stage, case: Case) -> tuple[Passage, ...]:
    """The longest passages that the gold of a case may come to: as many as fit into the model's context."""
    from rung.knowledge.citing import WHOLE_TOKENS

    settings, room = stage.project.settings.knowledge, stage.materials.context_tokens
    named = frozenset((*case.gold_documents, *(evidence.document for evidence in case.evidence)))
    chosen: list[Passage] = []
    for passage in stage.pieces(MAX_GOLD, max(settings.parent_tokens or settings.chunk_tokens, WHOLE_TOKENS), named):
        room -= stage.sizes.fitting(passage.text)
        if room < 0 and chosen:
            break
        chosen.append(passage)
    return tuple(chosen) or (NO_PASSAGE,)


def _plans(project: Project, stages: Mapping[str, Stage]) -> Iterator[Named]:
    """Every rung and arm, as it is planned."""
    listed = list(allowed_rungs(project))
    check_limits(project)
    read_labels(project)
    check_sampling(project)
    arms: list[tuple[str, type[Rung], dict[str, Json]]] = [(r.name, r, shared_settings(project, r)) for r in REFERENCES]
    for label, rung, settings in (*listed, *arms):
        stage = stages[model_asked(project, settings)]
        yield label, rung, settings, planned_for(rung, stage.materials, settings)


def _forecasts(stages: Mapping[str, Stage], plans: Sequence[Named], cases: Sequence[Case]) -> Iterator[RungForecast]:
    """Those that apply, as rehearsed; a rung made of others comes last, and takes what the dearest of them takes."""
    forecasts: list[RungForecast] = []
    default = next(iter(stages.values()))
    for label, rung, settings, plan in plans:
        if isinstance(plan, Plan):
            stage = stages[model_asked(default.project, settings)]
            forecasts.append(RungForecast(label, rung.name, plan, rehearse(stage, plan, cases), stage, rung.reference))
    yield from forecasts
    members = [e.rehearsed for e in forecasts if e.rehearsed is not None and not e.is_reference]
    for label, rung, _, plan in plans:
        if isinstance(plan, Composition):
            dearest = most([one.each for one in members]) if members else Use()
            likely = most([one.likely for one in members]) if members else Use()
            yield RungForecast(label, rung.name, plan, Rehearsed(dearest.times(len(cases)), dearest, likely), default)


def _planned(
    plans: Sequence[Named], forecasts: Mapping[str, RungForecast], rates: Rates, cases: int, materials: Materials
) -> Iterator[Planned]:
    repeats = rates.project.settings.sampling.repeats
    for label, _, settings, plan in plans:
        rehearsed = forecasts[label].rehearsed if label in forecasts else None
        forecast = None
        if rehearsed is not None:
            uses = rehearsed.whole.times(repeats), rehearsed.likely.times(repeats)
            forecast = rates.of(*uses, model=forecasts[label].model, answers=True)
        if isinstance(plan, NotApplicable):
            yield Planned(label, settings, 0, why=plan.why)
        elif isinstance(plan, Composition):
            kind, answered = composed_of(plan.settings, materials)
            taught = {"router": len(answered)} if kind == "router" else {}
            yield Planned(label, settings, cases, taught, forecast=forecast, trainings=(Training(kind, len(answered)),))
        else:
            model = model_asked(rates.project, settings)
            todo = tuple(trainings(rates.project, plan.needs, model))
            by = trainer_of(rates.project, model, plan.needs)
            yield Planned(label, settings, cases, _taught_by(plan), forecast=forecast, trainings=todo, trainer=by)


def _taught_by(plan: Plan) -> dict[str, int]:
    """What of it is trained, and on how many rows."""
    counts: dict[str, int] = {}
    for need in plan.needs:
        match need:
            case Adapter(lessons=rows):
                counts["generator"] = counts.get("generator", 0) + len(rows)
            case Retriever(lessons=cases, pairs=pairs):
                counts["retriever"] = len(cases) + len(pairs)
            case Labelling(rows=rows):
                counts["classifier"] = len(rows)
    return counts


def _has_gold(case: Case) -> bool:
    return bool(case.evidence or case.gold_documents)
