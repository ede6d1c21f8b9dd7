"""Stages 6 and 7: score every layer of every answer, decide, and put it on paper."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rung.builders.forgetting_gate import forgot
from rung.config.project import Project
from rung.config.schema import SamplingSettings
from rung.pipeline import remarks
from rung.pipeline.answering import Run, commonest
from rung.pipeline.billing import economy
from rung.pipeline.budget import Meter
from rung.pipeline.candidates import Candidate
from rung.pipeline.constant_baseline import habit
from rung.pipeline.corpus_facts import Examiner
from rung.pipeline.dense_weight import Weight
from rung.pipeline.grading import asks_judge, calibrated, cards_of
from rung.pipeline.limits import bar_in
from rung.pipeline.oracle import Shown, shown_in
from rung.pipeline.pinned_strategy import SPECS, specs_of
from rung.pipeline.prepare import Prepared
from rung.pipeline.publishing import JUNIT, LINE, MARKDOWN, PAGE, RAGAS, RECORD, TABLE, Published, last_choice, publish
from rung.pipeline.reporting import record_of, report_of
from rung.pipeline.spending import Closed
from rung.pipeline.test_set_reuse import count_looks, warning
from rung.progress import phase
from rung.records import Case, Coverage, Estimate, Json, Problem, Repeats, RungResult, Verdict
from rung.report.as_json import verdict_json
from rung.report.changes import as_json
from rung.report.html.page import report_html
from rung.report.junit import junit_xml
from rung.report.markdown import report_md
from rung.report.ragas import ragas_jsonl
from rung.report.table import table
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.scoring import Scorecard, ScoringContext, scoring_context
from rung.training.registry import curve_of
from rung.verdict import reasons
from rung.verdict.bar import keeping
from rung.verdict.clusters import clusters, few_documents
from rung.verdict.costs import Prices, usd_per_1k
from rung.verdict.decide import MAIN, Evaluated, decide
from rung.verdict.failure_modes import LOST_BELOW, RIGHT_FROM, Loss, losses
from rung.verdict.gaps import CLOSED_BOOK, MIN_CASES, ORACLE
from rung.verdict.headroom import won_back
from rung.verdict.pareto import front
from rung.verdict.remedies import advised
from rung.verdict.repeating import repeats_of
from rung.verdict.sensitivity import Economy, cheaper_from, flips, in_words, priced


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict, where it was published, and what was left out on the way."""

    verdict: Verdict
    published: Published
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """What a comparison found, before anything is decided: runs, scorecards and the layer that lost each case, by label.

    Where cases were asked several times, a scorecard holds the means of the passes; the layers are those of the first.

    `clusters`: the cluster of each case, None where every case stands for itself. `shown`: what the oracle had before it,
    None where it was not asked. `notes`: what to say of the scoring. `undone`: what a budget left undone after the last
    answer, "" where it did not. `unwinnable`: cases none of whose accepted answers may be given.
    """

    measure: ScoringContext
    runs: Mapping[str, Run]
    cards: Mapping[str, Scorecard]
    layers: Mapping[str, Sequence[Loss | None]] = field(default_factory=dict)
    clusters: tuple[int, ...] | None = None
    repeats: Mapping[str, Repeats | None] = field(default_factory=dict)
    shown: Shown | None = None
    notes: tuple[str, ...] = ()
    undone: str = ""
    unwinnable: frozenset[str] = frozenset()


def measure(project: Project, intake: Prepared) -> ScoringContext:
    """What the scorers need to know of this project."""
    return scoring_context(
        intake.cases,
        schema=intake.materials.schema,
        labels=intake.materials.labels,
        metric=project.settings.bar.metric or "",
        document_groups=intake.document_groups,
        rubric=project.settings.judge.rubric,
    )


def evaluate(runner: StepRunner, intake: Prepared, runs: Sequence[Run], meter: Meter | None = None) -> Scored:
    """Every scorer over every answer; cases that a run did not answer have no scores.

    Once the budget has ended, a model that judges is asked nothing more.
    """
    facts = measure(runner.project, intake)
    begun = [run for run in runs if run.outcomes]
    against = None
    if runner.project.settings.judge.mode == "pairwise":
        against = {o.case: o for run in begun if run.candidate.rung.name == CLOSED_BOOK for o in run.outcomes}
    over = meter is not None and meter.over and asks_judge(runner.project)
    judge = Closed(runner.engines.judge.identity) if over else None
    with phase("score"):
        shown = shown_in(intake, facts, begun)
        in_doubt = (*shown.elsewhere, *shown.doubtful) if shown and shown.doubt() else ()
        examiner = Examiner(runner.engines, intake, facts, (case.id for case in in_doubt))
        cards, layers, repeats = {}, {}, {}
        for run in begun:
            answered = {outcome.case for outcome in run.outcomes}
            cases = [case for case in intake.cases if case.id in answered]
            label = run.candidate.label
            first, *others = cards_of(runner, facts, cases, run.passes, against, judge=judge)
            found = dict(zip(first.cases, _layers(cases, run, first, examiner), strict=True))
            layers[label] = [found.get(case.id) for case in intake.cases]
            cards[label] = first.averaged(others).over([case.id for case in intake.cases])
            repeats[label] = repeats_of([card.values[MAIN] for card in (first, *others) if MAIN in card.values])
    by_label = {run.candidate.label: run for run in runs}
    notes = (calibrated(runner, intake.rows.cases, judge),) if facts.correct_by == "judge" else ()
    undone = f"{meter.said()}; {', '.join(meter.undone)}" if meter is not None and meter.undone else ""
    return Scored(facts, by_label, cards, layers, clusters(intake.cases), repeats, shown, notes, undone, examiner.unwinnable)


def decide_winner(
    engines: Engines,
    intake: Prepared,
    candidates: Sequence[Candidate],
    scored: Scored,
    coverage: Coverage = Coverage(),
    *,
    told: Sequence[str] = (),
) -> Verdict:
    """Bar, hard limits, paired differences, gaps, and what would change the choice. `told`: remarks on servers."""
    correct = {label: card.values[MAIN] for label, card in scored.cards.items() if MAIN in card.values}
    known = economy(engines, intake, scored.runs, correct)
    bar = bar_in(engines.project)
    coverage = replace(coverage, partial=coverage.partial or scored.undone)
    coverage = replace(coverage, trial=remarks.trial(intake, coverage))
    with phase("decide"):
        weighed = [_weighed(candidate, scored, engines.project, intake, known) for candidate in candidates]
        lines = advised([w.result for w in weighed], trainable=intake.materials.trainable)
        weighed = [replace(w, result=line) for w, line in zip(weighed, lines, strict=True)]
        incumbent = last_choice(engines.project)
        looks = count_looks(engines, list(scored.runs.values()), intake.cases, trial=bool(coverage.trial))
        verdict = decide(
            weighed,
            bar=bar,
            documents=intake.materials.has_documents,
            seed=engines.project.settings.seed,
            warnings=[
                *told,
                *_warnings(intake, scored, coverage, engines.project.settings.sampling),
                *scored.notes,
                *remarks.of_timing(scored.runs),
                *warning(looks),
            ],
            constant=habit(intake.cases, scored.measure, list(scored.runs.values())),
            incumbent=incumbent,
        )
        # What would change the choice is asked of all rungs: those that the race stopped count with what they answered.
        open_ = [replace(w, result=replace(w.result, stopped="")) for w in weighed]
        found = flips(open_, bar=bar, economy=known, incumbent=incumbent)
        untimed = {w.result.name for w in weighed if w.result.stopped}  # no limit of time can be held against these
        floored = {
            name for name, why in verdict.rejected.items() if why.startswith(reasons.AT_FLOOR)
        }  # no choice either way
        found = tuple(f for f in found if f.winner not in (untimed if f.what.endswith("_seconds") else floored))
        thin = {r.name for r in verdict.rungs if MAIN in r.scores and r.scores[MAIN].n < MIN_CASES}
        changes = in_words(found, verdict.winner, thin=thin)
        if verdict.winner is not None and verdict.winner not in thin:
            changes += cheaper_from(verdict.winner, [r for r in verdict.rungs if r.name not in thin], bar, known)
        return replace(
            verdict,
            executed=engines.tally.executed,
            replayed=engines.tally.replayed,
            few_documents=few_documents(intake.cases)[0],
            knowledge_version=intake.knowledge_version,
            front=front(verdict.rungs),
            flips=tuple(changes),
            looks=looks,
            clusters=len(set(scored.clusters or ())),
            coverage=coverage,
            places={**(scored.shown.remarks() if scored.shown else {}), **_unwinnable(intake, scored)},
        )


def write_report(project: Project, intake: Prepared, scored: Scored, verdict: Verdict) -> Comparison:
    """Table, JSON and page."""
    with phase("write report"):
        report = report_of(project, intake, scored, verdict)
        texts = {
            TABLE: "\n".join(table(verdict, project=project.name, judged_by=scored.measure.correct_by)),
            LINE: verdict_json(verdict),
            PAGE: report_html(report),
            MARKDOWN: report_md(report),
            JUNIT: junit_xml(report),
            RAGAS: ragas_jsonl(report),
            RECORD: json.dumps(as_json(record_of(intake, scored, verdict))),
            SPECS: specs_of(run.candidate for run in scored.runs.values()),
        }
        published = publish(project, texts, created=report.created, trial=bool(verdict.coverage.trial))
    return Comparison(verdict, published, intake.problems)


def _layers(cases: Sequence[Case], run: Run, card: Scorecard, examiner: Examiner) -> Sequence[Loss | None]:
    """The layer that lost each case; the corpus is asked about those only that may be lost."""
    values = card.values.get(MAIN)
    lost = [id for place, id in enumerate(card.cases) if values is not None and values[place] < LOST_BELOW]
    return losses(cases, run.outcomes, card.values, examiner.corpus(run, lost))[1]


def _unmeasured(candidate: Candidate) -> RungResult:
    return RungResult(
        name=candidate.label,
        about=candidate.rung.about,
        settings=candidate.settings,
        status="failed" if candidate.failed else "not_applicable",
        why=candidate.why,
        reference=candidate.rung.reference,
        order=candidate.order,
        artifacts=candidate.artifacts,
    )


def finished(project: Project, run: Run, card: Scorecard, groups: Sequence[int] | None) -> Evaluated:
    """A rung that has answered every case, as far as limits need to know it; `groups`: the cluster of each case."""
    prices = Prices(**project.settings.prices.model_dump())
    line = replace(
        _unmeasured(run.candidate),
        status="measured",
        scores=card.estimates(),
        latency=run.latency,
        usd_per_1k=usd_per_1k(run.outcomes, prices=prices, latency=run.latency),
    )
    keeps = keeping(line, card.values, bar_in(project), clusters=groups)
    return Evaluated(replace(line, keeps=keeps), card.values, run.failures)


def _weighed(candidate: Candidate, scored: Scored, project: Project, intake: Prepared, known: Economy) -> Evaluated:
    run, card = scored.runs.get(candidate.label), scored.cards.get(candidate.label)
    line = _unmeasured(candidate)
    if run is not None and not run.outcomes:
        return Evaluated(replace(line, why=reasons.NOT_BEGUN))
    if run is None or card is None:
        return Evaluated(line)
    if run.failures == len(run.outcomes):
        why = f"every answer failed, {commonest(run.errors)}"
        return Evaluated(replace(line, status="failed", why=why), failures=run.failures)
    scores = card.estimates(scored.clusters)
    if run.interval and MAIN in scores:
        scores[MAIN] = Estimate(scores[MAIN].mean, *run.interval, scores[MAIN].n)
    result = replace(
        priced(line, known),
        status="measured",
        settings={**candidate.settings, **_searched_with(run, intake.weight), **_routed(run)},
        scores=scores,
        answered=len(run.outcomes),
        repeats=scored.repeats.get(candidate.label),
        stopped=_stopped(run, scores, project, intake),
        losses=()
        if MAIN not in card.values
        else won_back(
            scored.layers[candidate.label],
            card.values[MAIN],
            oracle=scored.shown.where_shown(scored.cards[ORACLE].values.get(MAIN)) if scored.shown else None,
            clusters=scored.clusters,
        ),
        partly=_partly(card),
        latency=run.latency,
        build_seconds=sum(artifact.seconds for artifact in candidate.built),
        answer_seconds=run.seconds,
        learning=_learning(candidate),
    )
    marked = "; ".join(why for artifact in candidate.built for why in forgot(project, artifact))
    shown = scored.shown if candidate.label == ORACLE else None
    held, doubt = (shown.held, shown.doubt()) if shown else (None, "")
    failing = commonest(run.errors) if run.failures else ""
    return Evaluated(result, card.values, run.failures, scored.clusters, marked, held, failing, doubt)


def _partly(card: Scorecard) -> int:
    """How many cases are neither lost nor right."""
    correct = card.values.get(MAIN)
    return 0 if correct is None else int(((correct >= LOST_BELOW) & (correct < RIGHT_FROM)).sum())


def _learning(candidate: Candidate) -> dict[str, tuple[tuple[float, float], ...]]:
    """The losses of a tuned rung's artifacts, step by step."""
    found = [
        (name, artifact.manifest.get(f"{name}_loss")) for artifact in candidate.built for name in ("train", "validation")
    ]
    return {name: curve for name, said in found if (curve := curve_of(said))}


def _stopped(run: Run, scores: Mapping[str, Estimate], project: Project, intake: Prepared) -> str:
    score = scores.get(MAIN)
    if run.stopped is None or run.candidate.rung.reference or score is None:
        return ""
    bar = bar_in(project)
    return reasons.stopped(
        run.stopped.why,
        score,
        rival=run.stopped.rival,
        total=len(intake.cases),
        bar=bar.correct,
        broken=[
            (name, mean, limit)
            for name, limit in bar.limits.items()
            if name in scores and (mean := scores[name].mean) is not None and not limit.holds(mean)
        ],
    )


def _searched_with(run: Run, weight: Weight | None) -> dict[str, Json]:
    """The weight of the dense ranking, for a rung that searched."""
    if run.candidate.settings.get("dense_weight", -1) != -1:
        return {}  # it has said so itself
    searched = any(outcome.answer is not None and outcome.answer.retrieved for outcome in run.outcomes)
    own = [w for artifact in run.candidate.built if isinstance(w := artifact.manifest.get("dense_weight"), float)]
    return {"dense_weight": own[0] if own else weight.dense_weight} if weight and searched else {}


def _routed(run: Run) -> dict[str, Json]:
    """The share of questions that each rung answered, for a rung that sends them on; of refusals it says nothing."""
    by = Counter(outcome.answer.by for outcome in run.outcomes if outcome.answer is not None and outcome.answer.by)
    return {"routed": {label: round(count / len(run.outcomes), 3) for label, count in by.most_common()}} if by else {}


def _warnings(intake: Prepared, scored: Scored, coverage: Coverage, sampling: SamplingSettings) -> list[str]:
    found = [reasons.partial(coverage)] if coverage.partial else []
    found += [reasons.trial(coverage.trial)] if coverage.trial else []
    found += [coverage.searched] if coverage.searched else []
    if sampling.temperature and sampling.repeats == 1:
        found.append(reasons.drawn_once(sampling.temperature))
    arms = {label for label, run in scored.runs.items() if run.candidate.rung.reference}
    found += [reasons.repeated(label, said) for label, said in scored.repeats.items() if said and label not in arms]
    documents, about = few_documents(intake.cases)
    found += [reasons.few_documents(documents, about)] if documents else []
    found += [*scored.shown.remarks()] if scored.shown else []
    found += [*_unwinnable(intake, scored)]
    found += remarks.of_scoring(intake.cases, scored.measure, scored.runs)
    if intake.problems:
        found.append(f"problems with rows or files: {len(intake.problems)} (rung check lists them)")
    for label, card in scored.cards.items():
        if card.errors:
            first, scores = card.errors[0], "1 score" if len(card.errors) == 1 else f"{len(card.errors)} scores"
            found.append(f"{label}: {scores} could not be made ({first.scorer}: {first.message}).")
    for label, run in scored.runs.items():
        found += [f"{label}: {artifact.doubt}." for artifact in run.candidate.built if artifact.doubt]
    found += _prompts_cut(scored.runs)
    found += _passages_cut(scored.runs, intake.materials.limit_tokens)
    cut = [label for label, run in scored.runs.items() if _truncated(run) * 10 > len(run.outcomes)]
    if cut:
        tokens = intake.materials.answer_tokens
        found.append(
            f"Over a tenth of the answers of {', '.join(cut)} were cut off by max_tokens (default here: {tokens}); "
            "a rung's setting max_tokens gives more room."
        )
    return found


def _unwinnable(intake: Prepared, scored: Scored) -> dict[str, tuple[str, ...]]:
    """The sentence on cases that no answer can win, with their places."""
    some = [case for case in intake.cases if case.id in scored.unwinnable]
    return {reasons.unwinnable(len(some), len(intake.cases)): tuple(case.place or case.id for case in some)} if some else {}


def _prompts_cut(runs: Mapping[str, Run]) -> list[str]:
    """Of each rung the answers whose prompt a server cut without a word."""
    counts = {label: sum(outcome.usage.cut_prompts > 0 for outcome in run.outcomes) for label, run in runs.items()}
    return [reasons.prompt_cut(label, n, len(runs[label].outcomes)) for label, n in counts.items() if n]


def _passages_cut(runs: Mapping[str, Run], room: int) -> list[str]:
    """Of each rung the answers that were not shown all the passages they should have been, since they do not fit."""
    found = []
    for label, run in runs.items():
        if run.candidate.rung.reference:
            continue  # the oracle says itself what does not fit
        most = getattr(getattr(run.candidate.strategy, "settings", None), "passages", 0)
        answers = [o.answer for o in run.outcomes if o.answer is not None and o.answer.retrieved]
        cut = sum(answer.passages != answer.retrieved[:most] for answer in answers) if room and most else 0
        if cut:
            found.append(reasons.passages_cut(label, cut, len(answers), room))
    return found


def _truncated(run: Run) -> int:
    return sum(outcome.answer is not None and outcome.answer.truncated for outcome in run.outcomes)
