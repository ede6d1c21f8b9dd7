"""Does a project hang together, and what would a comparison do? Reads files; runs no model and writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rung.errors import ModelError
from rung.materials import Rows, read_rows, with_evidence
from rung.project import Project
from rung.records import Case, Document, Json, Passage, Problem, plain
from rung.stages.candidates import allowed, check_limits, check_sampling
from rung.stages.forecast import CHARACTERS_PER_TOKEN, Forecast, Rehearsal, in_all, pace_of
from rung.stages.holding import Holding, holding
from rung.stages.intake import chosen
from rung.stages.pairs import read_teaching
from rung.stages.retraining import whats_due
from rung.stages.sources import Sources
from rung.strategies.protocol import Adapter, Composition, Labelling, Materials, NotApplicable, Plan, Retriever, Rung
from rung.strategies.registry import REFERENCES
from rung.strategies.wording import planned as planned_for
from rung.tools import tools_of
from rung.training.retraining import Due

FEW_CASES = 50
SOMEWHERE = Passage(id="", document="", start=0, end=0, text="")  # a gold passage before there is an index
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


@dataclass(frozen=True)
class Survey:
    """What is in a project."""

    project: Project
    rows: Rows
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    planned: tuple[Planned, ...]
    held: Holding = field(default_factory=Holding)  # what of the schema is held
    due: tuple[Due, ...] = ()  # what is to be trained again, as `retrain:` says

    @property
    def splits(self) -> Counter[str]:
        """Cases by split."""
        return Counter(case.split for case in self.rows.cases)

    def hints(self) -> Iterator[str]:
        """What would make the verdict surer."""
        judging = self.rows.split("test")
        if len(judging) < FEW_CASES:
            yield f"{len(judging)} test cases judge only large differences; {FEW_CASES} or more make the intervals useful"
        if self.documents and not any(_has_gold(case) for case in judging):
            yield "no test case names its evidence, so retrieval is not scored and the knowledge gap is not measured"
        if self.documents and all(case.answerable for case in judging):
            yield "every test case is answerable, so whether a rung refuses when it should is not measured"
        yield from self.held.hints

    def as_json(self) -> dict[str, Json]:
        """For `rung check --json`."""
        problems: list[Json] = [{"path": p.path, "line": p.line, "message": p.message} for p in self.problems]
        return {
            "documents": len(self.documents),
            "cases": dict(self.splits),
            "examples": len(self.rows.examples),
            "problems": problems,
            "hints": list(self.hints()),
            "rungs": [self._planned_json(p) for p in self.planned],
            "due": plain(self.due),
        }

    def as_lines(self) -> Iterator[str]:
        """For a person."""
        cases = ", ".join(f"{n} {split}" for split, n in sorted(self.splits.items()))
        yield f"{self.project.name}: {len(self.documents)} documents, cases: {cases}; {len(self.rows.examples)} examples"
        yield from self.plan_lines()
        yield from (f"! {problem}" for problem in self.problems)
        yield from (f"hint: {hint}" for hint in self.hints())
        yield from (f"retrain: {due}" for due in self.due)
        yield "nothing is wrong" if not self.problems else f"problems: {len(self.problems)} (listed above)"

    def plan_lines(self) -> Iterator[str]:
        """What a comparison would do with each rung."""
        for planned in self.planned:
            if planned.why:
                yield f"  {planned.rung:<14} not applicable: {planned.why}"
                continue
            swept = f" {json.dumps(planned.settings)}" if planned.settings else ""
            learnt = ", ".join(f"a {what} on {rows} rows" for what, rows in planned.taught.items())
            training = f", after training {learnt}" if learnt else ""
            yield f"  {planned.rung:<14} {planned.conversations} conversations{training}{swept}"
            yield f"  {'':<14} {planned.forecast.words() if planned.forecast else 'what it takes is unknown'}"
        yield f"at most {self.whole().words()}; equal steps count once, and a race needs a part"

    def whole(self) -> Forecast:
        """What all rungs would take on all cases. Training is not in it."""
        return in_all([p.forecast for p in self.planned if p.forecast])

    def plan_json(self) -> dict[str, Json]:
        """For `rung compare --dry-run --json`."""
        return {
            "dry_run": True,
            "cases": self.splits["test"],
            "rungs": [self._planned_json(p) for p in self.planned],
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


def survey(project: Project, *, limit: int | None = None) -> Survey:
    """Read everything that the project names.

    Raises:
        UserError: what would stop a comparison before it began, as it would say it.
    """
    rows = read_rows(project)
    documents, problems = _documents(project)
    if project.settings.knowledge.sources:
        from rung.knowledge import find_quote

        texts = {document.id: document.text for document in documents}
        rows = with_evidence(rows, texts.get, find_quote)
    held = holding(project, rows.schema, local=_is_local(project))
    return Survey(
        project=project,
        rows=rows,
        documents=tuple(documents),
        problems=(*problems, *rows.problems, *held.problems, *read_teaching(project, _judging(rows)).problems),
        planned=tuple(_plans(project, rows, documents, chosen(rows.split("test"), limit))),
        held=held,
        due=whats_due(project, rows),
    )


def _documents(project: Project) -> tuple[list[Document], list[Problem]]:
    if not project.settings.knowledge.sources:
        return [], []
    sources = Sources(project, remember=False)
    documents = list(sources)
    return documents, sources.problems


def _is_local(project: Project) -> bool:
    from rung.models.catalog import is_local

    try:
        return is_local(project.settings.model)
    except ModelError as error:
        raise project.error(str(error), "model") from error


def _plans(project: Project, rows: Rows, documents: list[Document], cases: Sequence[Case]) -> Iterator[Planned]:
    local = _is_local(project)
    teaching = read_teaching(project, _judging(rows))
    characters = sum(len(document.text) for document in documents)
    materials = Materials(
        task=project.settings.task,
        schema=rows.schema,
        labels=rows.labels,
        examples=rows.examples,
        lessons=rows.split("train"),
        corpus_tokens=characters // CHARACTERS_PER_TOKEN if documents else None,
        trainable=local,
        reranker=bool(project.settings.reranker),
        tools=tuple(tool.spec for tool in tools_of(project)),
        context_tokens=CONTEXT if local else project.settings.server.context_tokens,
        gold={case.id: (SOMEWHERE,) for case in rows.cases if _has_gold(case)},
        dev=rows.split("dev"),
        pairs=teaching.pairs,
        clicks=teaching.clicks,
    )
    rehearsal = Rehearsal(project, materials, documents, cases, pace_of(project))
    named = allowed(project)
    check_limits(project)
    check_sampling(project)
    arms: list[tuple[str, type[Rung], dict[str, Json]]] = [(rung.name, rung, {}) for rung in REFERENCES]
    for label, rung, settings in (*named, *arms):
        planned = planned_for(rung, materials, settings)
        if isinstance(planned, NotApplicable):
            yield Planned(label, settings, 0, why=planned.why)
        elif isinstance(planned, Composition):
            yield Planned(label, settings, len(cases), {"router": len(materials.dev)})
        else:
            yield Planned(label, settings, len(cases), _taught_by(planned), forecast=rehearsal.of(planned))


def _taught_by(plan: Plan) -> dict[str, int]:
    """What of it is trained, and on how many rows."""
    found: dict[str, int] = {}
    for need in plan.needs:
        match need:
            case Adapter(lessons=lessons):
                found["generator"] = found.get("generator", 0) + len(lessons)
            case Retriever(lessons=cases, pairs=pairs):
                found["retriever"] = len(cases) + len(pairs)
            case Labelling(rows=rows):
                found["classifier"] = len(rows)
    return found


def _judging(rows: Rows) -> tuple[Case, ...]:
    return tuple(case for case in rows.cases if case.split != "train")


def _has_gold(case: Case) -> bool:
    return bool(case.evidence or case.gold_documents)
