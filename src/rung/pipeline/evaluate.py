"""Stages 6 and 7: score every layer of every answer, decide, and put it on paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rung.config.project import Project
from rung.config.schema import SamplingSettings
from rung.pipeline import remarks
from rung.pipeline.billing import demand_in, effort_of_answers, prices_in
from rung.pipeline.budget import Meter
from rung.pipeline.cache_hits import of_hits, with_hits
from rung.pipeline.constant_baseline import habit
from rung.pipeline.corpus_facts import Examiner, right_unaided
from rung.pipeline.cost_remarks import of_costs
from rung.pipeline.decision_store import DECISION, decision_json
from rung.pipeline.dense_weight import Weight
from rung.pipeline.evaluation_store import EVALUATIONS, facts_of, write_evaluations
from rung.pipeline.grading import asks_judge, calibrated, score_answers
from rung.pipeline.judge_labels import corrected_by_people
from rung.pipeline.limits import bar_in, scoring_in
from rung.pipeline.live_feed import tell_verdict
from rung.pipeline.oracle import shown_in
from rung.pipeline.pinned_strategy import SPECS, specs_of
from rung.pipeline.prepare import Prepared
from rung.pipeline.publishing import JUNIT, LINE, MARKDOWN, PAGE, RAGAS, RECORD, TABLE, Published, last_choice, publish
from rung.pipeline.reporting import record_of, report_of
from rung.pipeline.scored import Scored
from rung.pipeline.spending import Closed
from rung.pipeline.test_set_reuse import count_looks, warning
from rung.progress import phase
from rung.records import Case, Coverage, Evaluation, Problem, RungResult, Verdict
from rung.report.as_json import verdict_json
from rung.report.changes import as_json
from rung.report.html.page import report_html
from rung.report.junit import junit_xml
from rung.report.markdown import report_md
from rung.report.ragas import ragas_jsonl
from rung.report.table import table
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.scoring import ScoringContext
from rung.scoring.field_shares import field_shares
from rung.stats.estimates import estimates
from rung.verdict import reasons
from rung.verdict.bar import MAIN, Bar
from rung.verdict.clusters import clusters, few_documents
from rung.verdict.decide import decide
from rung.verdict.eligible import clusters_of
from rung.verdict.failure_modes import LOST_BELOW, losses
from rung.verdict.gaps import CLOSED_BOOK, ORACLE
from rung.verdict.judging import DecisionContext, economy_of
from rung.verdict.repeating import repeats_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict, where it was published, and what was left out on the way."""

    verdict: Verdict
    published: Published
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict, and all that it was decided by beside the rungs."""

    verdict: Verdict
    bar: Bar
    context: DecisionContext


def measure(project: Project, prepared: Prepared) -> ScoringContext:
    """What the scorers need to know of this project."""
    materials, groups = prepared.materials, prepared.document_groups
    return scoring_in(project, prepared.cases, schema=materials.schema, labels=materials.labels, document_groups=groups)


def evaluate(
    runner: StepRunner, prepared: Prepared, evaluations: Sequence[Evaluation], meter: Meter | None = None
) -> Scored:
    """Every scorer over every answer that is not scored yet, and the layer that lost each case.

    Once the budget has ended, a model that judges is asked nothing more.
    """
    facts = measure(runner.project, prepared)
    against = None
    if runner.project.settings.judge.mode == "pairwise":
        against = {o.case: o for e in evaluations if e.name == CLOSED_BOOK for o in e.outcomes}
    over = meter is not None and meter.over and asks_judge(runner.project)
    judge = Closed(runner.engines.judge.identity) if over else None
    by_id = {case.id: case for case in prepared.cases}
    groups = clusters(prepared.cases)
    with phase("score"):
        shown = shown_in(prepared, facts, evaluations)
        in_doubt = (*shown.elsewhere, *shown.doubtful) if shown and shown.doubt() else ()
        answered = [replace(evaluation, clusters=groups) for evaluation in evaluations]
        graded = [
            _over_all(score_answers(runner, facts, one, by_id, against, judge=judge), list(by_id)) if one.outcomes else one
            for one in answered
        ]
        examiner = Examiner(runner.engines, prepared, facts, (case.id for case in in_doubt), right_unaided(graded))
        done = []
        for scored in graded:
            one = scored
            if one.outcomes:
                one = _diagnosed(one, by_id, examiner)
                fields = estimates(field_shares(by_id, one.passes, facts), clusters=groups)
                line = replace(_result(one, prepared.weight), fields=fields)
                one = replace(one, effort=effort_of_answers(runner.engines, prepared, one), result=line)
            if shown and one.name == ORACLE:
                layers = zip(one.layers, shown.held.tolist(), strict=True) if one.layers else ()
                counted = tuple(None if had == 0 else layer for layer, had in layers)  # the others are no cases of its score
                one = replace(one, held=shown.held, doubt=shown.doubt(), layers=counted)
            done.append(one)
    notes = (calibrated(runner, prepared.rows.cases, judge),) if facts.correct_by == "judge" else ()
    undone = f"{meter.said()}; {', '.join(meter.undone)}" if meter is not None and meter.undone else ""
    return Scored(facts, with_hits(done), shown, notes, undone, examiner.unwinnable)


def decide_winner(
    engines: Engines,
    prepared: Prepared,
    scored: Scored,
    coverage: Coverage = Coverage(),
    *,
    notices: Sequence[str] = (),
    looks: int | None = None,
) -> Decided:
    """Bar, hard limits, paired differences, gaps, and what would change the choice.

    Args:
        engines: of the project.
        prepared: its cases, as they judged.
        scored: every rung.
        coverage: what the race took.
        notices: what to say first, on servers for one.
        looks: how often these cases have been looked at; None: this is a look, and is counted.
    """
    project, evaluations = engines.project, scored.evaluations
    coverage = replace(coverage, partial=coverage.partial or scored.undone)
    coverage = replace(coverage, trial=coverage.trial or remarks.trial(prepared, coverage, project.left_out))
    with phase("decide"):
        asked = [e for e in evaluations if e.spec is not None]
        corrections, heard = corrected_by_people(project, scored)
        if looks is None:
            looks = count_looks(engines, asked, prepared.cases, trial=bool(coverage.trial))
        context = DecisionContext(
            documents=prepared.materials.has_documents,
            trainable=prepared.materials.trainable,
            prices=prices_in(project),
            prices_on={name: prices_in(project.on(name)) for name in project.settings.model_names.values()},
            demand=demand_in(project),
            constant=habit(prepared.cases, scored.measure, asked),
            incumbent=last_choice(project),
            coverage=coverage,
            looks=looks,
            few_documents=few_documents(prepared.cases)[0],
            knowledge_version=prepared.knowledge_version,
            executed=engines.consumed().executed,
            replayed=engines.consumed().replayed,
            warnings=(
                *notices,
                *_warnings(prepared, scored, coverage, project.settings.sampling),
                *filter(None, scored.notes),
                *(heard.words if heard else ()),
                *remarks.of_timing(evaluations),
                *(f"{troubles}." for troubles in engines.troubles),
                *warning(looks),
            ),
            corrections=corrections,
            human=heard,
            places={**(scored.shown.remarks() if scored.shown else {}), **_unwinnable(prepared, scored)},
        )
        costs = of_costs(project, asked, economy_of(evaluations, context))
        context = replace(context, warnings=(*context.warnings, *costs))
        bar = bar_in(project)
        verdict = decide(evaluations, bar=bar, context=context)
    tell_verdict(verdict)
    return Decided(verdict, bar, context)


def write_report(project: Project, prepared: Prepared, scored: Scored, decided: Decided) -> Comparison:
    """Table, JSON and page, and the answers with their scores, and by what was decided."""
    verdict = decided.verdict
    with phase("write report"):
        report = report_of(project, prepared, scored, verdict)
        limits, judged_by = decided.bar.limits, scored.measure.correct_by
        lines = table(verdict, project=project.name, judged_by=judged_by, limits=limits)
        texts = {
            TABLE: "\n".join(lines),
            LINE: verdict_json(verdict),
            PAGE: report_html(report),
            MARKDOWN: report_md(report),
            JUNIT: junit_xml(report),
            RAGAS: ragas_jsonl(report),
            RECORD: json.dumps(as_json(record_of(prepared, scored, verdict))),
            SPECS: specs_of(scored.evaluations),
            DECISION: decision_json(decided.bar, decided.context, clusters_of(scored.evaluations)),
        }
        facts = facts_of(project, prepared, scored.measure.correct_by, verdict.coverage)
        evaluations = partial(write_evaluations, facts=facts, cases=prepared.cases, evaluations=scored.evaluations)
        trial = bool(verdict.coverage.trial)
        published = publish(project, texts, {EVALUATIONS: evaluations}, created=report.created, trial=trial)
    return Comparison(verdict, published, prepared.problems)


def _over_all(evaluation: Evaluation, cases: Sequence[str]) -> Evaluation:
    """With its scores in the order of all cases."""
    return replace(evaluation, cards=tuple(card.over(cases) for card in evaluation.cards))


def _diagnosed(evaluation: Evaluation, cases: Mapping[str, Case], examiner: Examiner) -> Evaluation:
    """With the layer that lost each case; the corpus is asked about those only that may be lost."""
    first = evaluation.cards[0]
    values, asked = first.values.get(MAIN), {outcome.case for outcome in evaluation.outcomes}
    lost = [id for index, id in enumerate(first.cases) if values is not None and values[index] < LOST_BELOW]
    answered = [case for case in cases.values() if case.id in asked]
    own = first.over([case.id for case in answered]).values if len(answered) < len(cases) else first.values
    corpus, declared = examiner.corpus(evaluation, lost), first.metrics.values()
    layers = losses(answered, evaluation.outcomes, own, corpus, metrics=declared)[1]
    by_case = dict(zip((case.id for case in answered), layers, strict=True))
    return replace(evaluation, layers=tuple(by_case.get(id) for id in cases))


def _result(evaluation: Evaluation, weight: Weight | None) -> RungResult:
    """Its line with what was seen on the way: how it searched, and how far its scores vary when it is asked again."""
    result = evaluation.result
    searched = any(outcome.answer is not None and outcome.answer.retrieved for outcome in evaluation.outcomes)
    settings = dict(result.settings)
    if weight and searched and settings.get("dense_weight", -1) == -1:  # else it has said so itself
        settings["dense_weight"] = weight.dense_weight if evaluation.own_weight is None else evaluation.own_weight
    repeats = repeats_of([card.values[MAIN] for card in evaluation.cards if MAIN in card.values])
    return replace(result, settings=settings, repeats=repeats)


def _warnings(prepared: Prepared, scored: Scored, coverage: Coverage, sampling: SamplingSettings) -> list[str]:
    warnings = [reasons.partial(coverage)] if coverage.partial else []
    warnings += [reasons.trial(coverage.trial)] if coverage.trial else []
    warnings += [coverage.rescored] if coverage.rescored else []
    warnings += [coverage.searched] if coverage.searched else []
    if sampling.temperature and sampling.repeats == 1:
        warnings.append(reasons.drawn_once(sampling.temperature))
    asked = [e for e in scored.evaluations if not e.is_reference]
    warnings += [reasons.repeated(e.name, e.result.repeats) for e in asked if e.result.repeats]
    documents, about = few_documents(prepared.cases)
    warnings += [reasons.few_documents(documents, about)] if documents else []
    warnings += [*scored.shown.remarks()] if scored.shown else []
    warnings += [*_unwinnable(prepared, scored)]
    warnings += remarks.of_scoring(prepared.cases, scored.measure, scored.evaluations)
    if prepared.problems:
        repeating = prepared.rows.repeating
        taught = f"; left out, since they would teach a case that judges: {reasons.cases(repeating, what='row')}" * bool(
            repeating
        )
        warnings.append(f"problems with rows or files: {len(prepared.problems)} (rung check lists them){taught}")
    warnings += of_hits(scored.evaluations)
    return warnings + remarks.of_answers(scored.evaluations, limit_tokens=prepared.materials.limit_tokens)


def _unwinnable(prepared: Prepared, scored: Scored) -> dict[str, tuple[str, ...]]:
    """The sentence on cases that no answer can win, with their places."""
    some = [case for case in prepared.cases if case.id in scored.unwinnable]
    return (
        {reasons.unwinnable(len(some), len(prepared.cases)): tuple(case.place or case.id for case in some)} if some else {}
    )
