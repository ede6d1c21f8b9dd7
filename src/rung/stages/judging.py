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
from rung.workshop.forgetting import forgot


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
        artifacts=candidate.artifacts,
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
        settings={**candidate.settings, **_searched_with(run, weight), **_routed(run)},
        scores=card.estimates(workshop.seed),
        usd_per_1k=usd_per_1k(run.outcomes, prices=prices, latency=run.latency),
        latency=run.latency,
        build_seconds=sum(artifact.seconds for artifact in candidate.built),
        answer_seconds=run.seconds,
        learning=_learning(candidate),
    )
    marked = "; ".join(why for artifact in candidate.built for why in forgot(workshop, artifact))
    return Weighed(result, card.values, run.failures, marked=marked)


def _learning(candidate: Candidate) -> dict[str, tuple[tuple[float, float], ...]]:
    """The losses of a tuned rung's artifacts, step by step."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for artifact in candidate.built:
        for name in ("train", "validation"):
            curve = artifact.manifest.get(f"{name}_loss")
            if isinstance(curve, list) and curve:
                found[name] = tuple((float(step), float(loss)) for step, loss in curve)  # type: ignore[misc, arg-type]
    return found


def _searched_with(run: Run, weight: Weight | None) -> dict[str, Json]:
    """The weight of the dense ranking, for a rung that searched."""
    searched = any(outcome.answer is not None and outcome.answer.retrieved for outcome in run.outcomes)
    own = [w for artifact in run.candidate.built if isinstance(w := artifact.manifest.get("dense_weight"), float)]
    return {"dense_weight": own[0] if own else weight.dense_weight} if weight and searched else {}


def _routed(run: Run) -> dict[str, Json]:
    """The share of questions that each rung answered, for a rung that sends them on; of refusals it says nothing."""
    by = Counter(outcome.answer.by for outcome in run.outcomes if outcome.answer is not None and outcome.answer.by)
    return {"routed": {label: round(count / len(run.outcomes), 3) for label, count in by.most_common()}} if by else {}


def _warnings(intake: Intake, scored: Scored) -> list[str]:
    found = []
    if intake.problems:
        found.append(f"problems with rows or files: {len(intake.problems)} (rung check lists them)")
    for label, card in scored.cards.items():
        if card.errors:
            first = card.errors[0]
            found.append(f"{label}: {len(card.errors)} scores could not be made ({first.scorer}: {first.message}).")
    for label, run in scored.runs.items():
        found += [f"{label}: {artifact.doubt}." for artifact in run.candidate.built if artifact.doubt]
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
    bar = {name: value for name, value in settings.bar.model_dump(exclude={"forgetting"}).items() if value is not None}
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
