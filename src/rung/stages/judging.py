"""Stages 6 and 7: score every layer of every answer, decide, and put it on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rung.records import Json, Problem, RungResult, Verdict
from rung.scoring import Scorecard, Yardstick, score_run, yardstick
from rung.stages.answering import Run
from rung.stages.candidates import Candidate
from rung.stages.intake import Intake
from rung.stages.publishing import Published, publish
from rung.stages.training import curve_of
from rung.stages.weighting import Weight
from rung.verdict.bar import bar_of
from rung.verdict.constant import best_constant
from rung.verdict.costs import Prices, usd_per_1k
from rung.verdict.decide import Weighed, decide
from rung.verdict.diagnose import losses
from rung.verdict.report import Basis, CasePage, Report, report_html
from rung.verdict.table import table
from rung.verdict.to_json import verdict_json
from rung.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict, where it was published, and what was left out on the way."""

    verdict: Verdict
    published: Published
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """What a comparison found, before anything is decided: runs and scorecards by label."""

    measure: Yardstick
    runs: Mapping[str, Run]
    cards: Mapping[str, Scorecard]


def score(workshop: Workshop, intake: Intake, runs: Sequence[Run]) -> Scored:
    """Every scorer over every answer."""
    measure = yardstick(
        intake.cases,
        schema=intake.materials.schema,
        labels=intake.materials.labels,
        metric=workshop.project.settings.bar.metric or "",
        document_groups=intake.document_groups,
    )
    with workshop.reporter.phase("score"):
        cards = {run.candidate.label: score_run(intake.cases, run.outcomes, yardstick=measure) for run in runs}
    return Scored(measure, {run.candidate.label: run for run in runs}, cards)


def weigh(workshop: Workshop, intake: Intake, candidates: Sequence[Candidate], scored: Scored) -> Verdict:
    """Bar, hard limits, paired differences, gaps."""
    settings = workshop.project.settings
    with workshop.reporter.phase("decide"):
        verdict = decide(
            [_weighed(candidate, scored, workshop, intake.weight) for candidate in candidates],
            bar=bar_of(settings.bar.limits(), correct=settings.bar.correct, metric=settings.bar.metric or ""),
            documents=intake.materials.has_documents,
            seed=workshop.seed,
            steps=(workshop.tally.executed, workshop.tally.replayed),
            warnings=_warnings(intake, scored),
            constant=best_constant(intake.cases, intake.materials.labels),
        )
        return replace(verdict, knowledge_version=intake.knowledge_version)


def put_on_paper(workshop: Workshop, intake: Intake, scored: Scored, verdict: Verdict) -> Comparison:
    """Table, JSON and page."""
    project = workshop.project
    with workshop.reporter.phase("write report"):
        published = publish(
            project,
            table="\n".join(table(verdict, project=project.name, judged_by=scored.measure.correct_by)),
            line=verdict_json(verdict),
            page=report_html(_report(workshop, intake, scored, verdict)),
        )
    return Comparison(verdict, published, intake.problems)


def _weighed(candidate: Candidate, scored: Scored, workshop: Workshop, weight: Weight | None) -> Weighed:
    run, card = scored.runs.get(candidate.label), scored.cards.get(candidate.label)
    line = RungResult(
        name=candidate.label,
        settings=candidate.settings,
        status="failed" if candidate.failed else "not_applicable",
        why=candidate.why,
        reference=candidate.rung.reference,
        order=candidate.order,
    )
    if run is None or card is None:
        return Weighed(line)
    if run.failures == len(run.outcomes):
        said = Counter(outcome.failure.error for outcome in run.outcomes if outcome.failure)
        why = f"every answer failed, most often with: {said.most_common(1)[0][0]}"
        return Weighed(replace(line, status="failed", why=why), failures=run.failures)
    prices = Prices(**workshop.project.settings.prices.model_dump())
    result = replace(
        line,
        status="measured",
        settings={**candidate.settings, **_searched_with(run, weight)},
        scores=card.estimates(workshop.seed),
        usd_per_1k=usd_per_1k(run.outcomes, prices=prices, latency=run.latency),
        latency=run.latency,
        build_seconds=sum(artifact.seconds for artifact in candidate.built),
        answer_seconds=run.seconds,
        learning=_learning(candidate),
    )
    return Weighed(result, card.values, run.failures)


def _learning(candidate: Candidate) -> dict[str, tuple[tuple[float, float], ...]]:
    """The losses of a tuned rung's artifacts, step by step."""
    manifests = [artifact.manifest for artifact in candidate.built]
    found = {name: curve_of(made.get(f"{name}_loss")) for made in manifests for name in ("train", "validation")}
    return {name: curve for name, curve in found.items() if curve}


def _searched_with(run: Run, weight: Weight | None) -> dict[str, Json]:
    """The weight of the dense ranking, for a rung that searched."""
    searched = any(outcome.answer is not None and outcome.answer.retrieved for outcome in run.outcomes)
    return {"dense_weight": weight.dense_weight} if weight and searched else {}


def _warnings(intake: Intake, scored: Scored) -> list[str]:
    found = []
    if intake.problems:
        found.append(f"problems with rows or files: {len(intake.problems)} (rung check lists them)")
    for label, card in scored.cards.items():
        if card.errors:
            first = card.errors[0]
            found.append(f"{label}: {len(card.errors)} scores could not be made ({first.scorer}: {first.message}).")
    cut = [label for label, run in scored.runs.items() if _truncated(run) * 10 > len(run.outcomes)]
    if cut:
        tokens = intake.materials.answer_tokens
        found.append(
            f"Over a tenth of the answers of {', '.join(cut)} were cut off by max_tokens (default here: {tokens}); "
            "a rung's setting max_tokens gives more room."
        )
    return found


def _truncated(run: Run) -> int:
    return sum(outcome.answer is not None and outcome.answer.truncated for outcome in run.outcomes)


def _report(workshop: Workshop, intake: Intake, scored: Scored, verdict: Verdict) -> Report:
    settings, materials = workshop.project.settings, intake.materials
    lost = {label: losses(intake.cases, run.outcomes, scored.cards[label].values) for label, run in scored.runs.items()}
    by_case = {label: {o.case: o for o in run.outcomes} for label, run in scored.runs.items()}
    pages = tuple(
        CasePage(
            case=case,
            outcomes={label: outcomes[case.id] for label, outcomes in by_case.items()},
            scores={label: card.of(case.id) for label, card in scored.cards.items()},
            lost_in={label: layers[place] or "" for label, (_, layers) in lost.items()},
        )
        for place, case in enumerate(intake.cases)
    )
    basis = Basis(
        documents=intake.documents,
        passages=materials.passages,
        cases=dict(Counter(case.split for case in intake.rows.cases)),
        examples=len(materials.examples),
        model=settings.model,
        embedder=settings.embedder if materials.has_documents else "",
        correct_by=scored.measure.correct_by,
        settings={
            "seed": workshop.seed,
            "judged by": len(intake.cases),
            **({"search": str(intake.weight)} if intake.weight else {}),
            **({"index version": intake.knowledge_version} if intake.knowledge_version else {}),
        },
    )
    bar = {name: value for name, value in settings.bar.model_dump().items() if value is not None}
    return Report(
        project=workshop.project.name,
        task=settings.task,
        created=date.today().isoformat(),
        verdict=verdict,
        bar=bar,
        basis=basis,
        cases=pages,
        losses={label: {str(layer): n for layer, n in counts.items()} for label, (counts, _) in lost.items()},
    )
