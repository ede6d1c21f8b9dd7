"""The answers of an earlier verdict, scored and decided upon anew: no rung is asked anything.

Scorers, accepted answers, bar, prices and settings are today's. An answer counts as long as a comparison would still get
it: of a question that is asked as it was, by a rung that rung.yaml has as it was, from documents that are as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.config.project import Project
from rung.dataset.load import load_dataset
from rung.errors import UserError
from rung.pipeline.cache_invalidation import is_gone
from rung.pipeline.candidates import allowed, model_asked, shared_settings
from rung.pipeline.dense_weight import Weight
from rung.pipeline.evaluate import Comparison, decide_winner, evaluate, write_report
from rung.pipeline.evaluation_store import EVALUATIONS, Asked, Facts, Stored, read_evaluations
from rung.pipeline.made_by import KNOWLEDGE, TAUGHT, made_by
from rung.pipeline.materials import materials_of
from rung.pipeline.prepare import Prepared, gold_of, located
from rung.pipeline.publishing import LATEST, published, read_list
from rung.pipeline.test_set_reuse import looks_so_far
from rung.records import Case, Evaluation, Outcome, Passage, Stop
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import Materials, Plan
from rung.strategies.registry import REFERENCES
from rung.strategies.wording import OF_ANY_RUNG, TASK, planned
from rung.verdict import reasons
from rung.verdict.bar import MAIN
from rung.verdict.guesses import unbuilt_then
from rung.verdict.racing import always_valid, order

AGAIN = "run 'rung compare'"


def rescore_verdict(runner: StepRunner, name: str = LATEST) -> Comparison:
    """Score and decide upon the stored answers of a verdict (`name` as of `publishing.record`), and publish the verdict.

    A judge may be asked for what is not remembered.

    Raises:
        UserError: there is no such verdict, no answers are stored with it, or none of them counts any more.
        Damaged: the answers cannot be read.
    """
    project, engines = runner.project, runner.engines
    earlier = published(project, name)
    stored = read_evaluations(_stored_in(earlier.folder))
    prepared = _prepared(engines, stored.facts)
    reusable = _Reusable.of(project, stored, prepared, _changed(engines, stored))
    if not reusable.cases or not any(e.outcomes and not e.is_reference for e in reusable.evaluations):
        why = "; ".join(reusable.words()) or "no rung had answered"
        raise UserError(f"no stored answer of {earlier.folder} counts any more ({why}): {AGAIN}")
    source = _source(project, earlier.folder)
    unchosen = tuple(case for case in prepared.rows.cases if case.split != "test")
    prepared = replace(prepared, cases=reusable.cases, rows=replace(prepared.rows, cases=(*unchosen, *reusable.cases)))
    scored = evaluate(runner, prepared, reusable.evaluations)
    scored = replace(scored, evaluations=tuple(_with_layers_of_then(e, reusable) for e in scored.evaluations))
    scored = replace(scored, evaluations=tuple(unbuilt_then(_still_stopped(e, reusable)) for e in scored.evaluations))
    sentences = [f"Scored again from the answers of verdict {source}; no rung was asked anything.", *reusable.sentences()]
    coverage = replace(stored.facts.coverage, rescored=" ".join(sentences))
    decided = decide_winner(engines, prepared, scored, coverage, looks=looks_so_far(engines.cache, reusable.cases))
    return write_report(project, prepared, scored, decided)


def _stored_in(folder: Path) -> Path:
    path = folder / EVALUATIONS
    if not path.is_file():
        raise UserError(
            f"the verdict in {folder} has no stored answers: an earlier Rung made it, 'rung knowledge prune' took them away "
            f"because they had found deleted documents, or 'rung doctor' because they were damaged; {AGAIN}"
        )
    return path


def _source(project: Project, folder: Path) -> str:
    return next((str(line.number) for line in read_list(project) if line.verdict == folder.name), str(folder))


def _prepared(engines: Engines, facts: Facts) -> Prepared:
    """What a comparison has, without a model being opened: counts of tokens are those of then; the index is as it is."""
    project = engines.project
    rows, gold, documents, groups = load_dataset(project), {}, 0, facts.document_groups
    knowledge = engines.knowledge
    if knowledge is not None:
        knowledge.refresh()
        indexed = knowledge.documents()
        rows = located(rows, indexed)
        gold, documents, groups = gold_of(rows, knowledge), len(indexed), knowledge.document_groups()
    materials, secrets = materials_of(project, rows, groups or {}, tools=engines.tools)
    materials = replace(
        materials,
        corpus_tokens=facts.corpus_tokens,
        passages=facts.passages,
        answer_tokens=facts.answer_tokens,
    )
    return Prepared(
        rows=rows,
        materials=materials,
        cases=rows.split("test"),
        gold=gold,
        documents=documents,
        document_groups=groups,
        problems=(*rows.problems, *secrets),
        weight=None if facts.weight is None else Weight(**facts.weight),
        knowledge_version=facts.knowledge_version,
    )


def _changed(engines: Engines, stored: Stored) -> frozenset[str]:
    """The cases of which an answer was made of documents that have changed since, or whose readers have."""
    knowledge = engines.knowledge
    texts = {} if knowledge is None else {document.id: document.text for document in knowledge.documents()}
    groups = {} if knowledge is None else knowledge.document_groups()
    changed: dict[int, bool] = {}

    def is_other(passage: Passage) -> bool:
        if id(passage) not in changed:
            readers = set(groups.get(passage.document, passage.groups))
            changed[id(passage)] = is_gone(passage, texts.get) or readers != set(passage.groups)
        return changed[id(passage)]

    return frozenset(
        outcome.case
        for evaluation in stored.evaluations
        for outcomes in evaluation.passes
        for outcome in outcomes
        if outcome.answer is not None and any(map(is_other, (*outcome.answer.passages, *outcome.answer.retrieved)))
    )


@dataclass(frozen=True, slots=True)
class _Reusable:
    """What of a stored comparison still counts. `same`: cases that are judged by what they were judged by; `before`: the
    rungs as they were stored; `names`: of each case its stored id; `turns`: of each stored case its place in the race."""

    cases: tuple[Case, ...]
    evaluations: tuple[Evaluation, ...]
    left_out: Mapping[str, int]
    rungs_left_out: tuple[str, ...]
    reworded: int
    same: frozenset[str]
    before: Mapping[str, Evaluation] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    turns: Mapping[str, int] = field(repr=False)

    @classmethod
    def of(cls, project: Project, stored: Stored, prepared: Prepared, changed: frozenset[str]) -> _Reusable:
        """Each stored case goes to the test case that is asked the same: to the one of its id, else to the first."""
        now = {case.id: Asked.of(case) for case in prepared.cases}
        by_question: dict[str, list[str]] = {}
        for id, asked in now.items():
            by_question.setdefault(asked.question, []).append(id)
        # stored id -> id of today
        names = {id: id for id, asked in stored.asked.items() if id in now and now[id].question == asked.question}
        taken = set(names)
        for id, asked in stored.asked.items():
            free = [one for one in by_question.get(asked.question, ()) if one not in taken]
            if id not in names and free:
                names[id] = free[0]
                taken.add(free[0])
        matched = len(names)
        names = {id: name for id, name in names.items() if id not in changed}
        taken = set(names.values())
        cases = tuple(case for case in prepared.cases if case.id in taken)
        same = frozenset(name for id, name in names.items() if now[name].judged == stored.asked[id].judged)
        other = _of_other_materials(project, stored, prepared)
        valid = [e for e in stored.evaluations if _is_as_it_was(project, prepared.materials, e) and not _hangs_on(e, other)]
        left_out = {
            "new": len(prepared.cases) - matched if not stored.facts.coverage.trial else 0,
            "gone or asked otherwise": len(stored.asked) - matched,
            "answered from documents that changed since": matched - len(names),
        }
        return cls(
            cases,
            tuple(_renamed(e, names, [case.id for case in cases]) for e in valid),
            {why: n for why, n in left_out.items() if n},
            tuple(e.name for e in stored.evaluations if e.spec is not None and e not in valid),
            len(names) - len(same),
            same,
            {e.name: e for e in valid},
            {name: id for id, name in names.items()},
            _turns(stored),
        )

    def words(self) -> list[str]:
        """What is left out."""
        parts = [f"{reasons.cases(n)} {why}" for why, n in self.left_out.items()]
        if self.rungs_left_out:
            parts.append(f"{reasons.listed(self.rungs_left_out)}, which rung.yaml has otherwise or not at all")
        return parts

    def sentences(self) -> list[str]:
        """The same, for a reader; and how many cases are judged by something else."""
        sentences = [f"Left out: {'; '.join(words)}."] if (words := self.words()) else []
        if self.reworded:
            sentences.append(f"Accepted answers or gold changed: {reasons.cases(self.reworded)}.")
        return sentences


def _turns(stored: Stored) -> dict[str, int]:
    """The place of each case in the order of the race, which hangs on the seed that was drawn with."""
    seed = next((e.spec.seed for e in stored.evaluations if e.spec is not None), 0)
    ids = list(stored.asked)
    return {ids[index]: turn for turn, index in enumerate(order(len(ids), seed=seed))}


def _is_as_it_was(project: Project, materials: Materials, evaluation: Evaluation) -> bool:
    """Whether rung.yaml has a rung of this label, with the settings, task, form, tools and model that answered."""
    arms = ((arm.name, arm, shared_settings(project, arm)) for arm in REFERENCES)
    named, spec = (one for one in (*allowed(project), *arms) if one[0] == evaluation.name), evaluation.spec
    for _, rung, given in named:
        if spec is None:
            return True  # it was not built, and has answered nothing
        plan = planned(rung, materials, given)
        if isinstance(plan, Plan):
            same = plan.settings == spec.settings
        else:  # what it is made of, or may be, is not known without a comparison
            same = all(name in OF_ANY_RUNG or spec.settings.get(name) == value for name, value in given.items())
        asked = (spec.model, spec.task, spec.schema, spec.labels, spec.tools)
        task = given.get(TASK, project.settings.task)
        model = model_asked(project, given)
        return same and asked == (model, task, materials.schema, materials.labels, materials.tools)
    return False


def _of_other_materials(project: Project, stored: Stored, prepared: Prepared) -> frozenset[str]:
    """What answers are made by beside a rung's own record, as far as it is another today (`pipeline.made_by`)."""
    today = made_by(project, prepared)
    return frozenset(name for name, value in stored.facts.made_by.items() if today.get(name) != value)


def _hangs_on(evaluation: Evaluation, other: Collection[str]) -> bool:
    """Whether a rung's answers would be others, if these are."""
    spec = evaluation.spec
    searched = any(o.answer is not None and (o.answer.retrieved or o.answer.passages) for o in evaluation.outcomes)
    taught = spec is not None and (bool(spec.worked) or bool(spec.artifacts))
    return (TAUGHT in other and taught) or (KNOWLEDGE in other and searched)


def _renamed(evaluation: Evaluation, names: Mapping[str, str], cases: Sequence[str]) -> Evaluation:
    """The rung's answers to these cases (stored id -> id of today), in this order, not scored yet."""
    indexes = {id: index for index, id in enumerate(cases)}

    def renamed(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        left = (replace(o, case=names[o.case]) for o in outcomes if o.case in names)
        return tuple(sorted(left, key=lambda outcome: indexes[outcome.case]))

    again = tuple(renamed(one) for one in evaluation.again)
    return replace(evaluation, outcomes=renamed(evaluation.outcomes), again=again, cards=(), layers=(), held=None, doubt="")


def _with_layers_of_then(evaluation: Evaluation, reusable: _Reusable) -> Evaluation:
    """With the layers of then, where a case and its score are the same: then more was known of where a rung had searched."""
    before = reusable.before.get(evaluation.name)
    if before is None or not before.layers or MAIN not in evaluation.values or MAIN not in before.values:
        return evaluation
    indexes = {id: index for index, id in enumerate(before.scorecard.cases)}
    old, new = before.cards[0].values[MAIN], evaluation.cards[0].values[MAIN]
    layers = list(evaluation.layers)
    for index, case in enumerate(reusable.cases):
        then = indexes[reusable.names[case.id]]
        if case.id in reusable.same and old[then] == new[index]:
            layers[index] = before.layers[then]
    return replace(evaluation, layers=tuple(layers))


def _still_stopped(evaluation: Evaluation, reusable: _Reusable) -> Evaluation:
    """A rung that the race stopped stays so: what it has not answered, nobody knows. Its interval is of today's scores, in
    the order of the race."""
    import numpy as np

    if evaluation.interval is None or MAIN not in evaluation.values:
        return evaluation
    column = evaluation.values[MAIN][np.argsort([reusable.turns[reusable.names[case.id]] for case in reusable.cases])]
    observed = column[~np.isnan(column)]
    total = len(column) - (len(evaluation.outcomes) - len(observed))
    stop = evaluation.stop and Stop("before")
    return replace(evaluation, stop=stop, interval=always_valid(observed, total=total))
