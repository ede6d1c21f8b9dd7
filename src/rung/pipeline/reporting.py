"""A verdict with all that its pages show: every case with its answers and scores, what it rests on. And the record that a
later verdict is held against.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from math import isnan
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.config.schema import SamplingSettings
from rung.pipeline import remarks
from rung.records import Verdict, digest
from rung.report.changes import Record, named_cases
from rung.report.html.page import Basis, CasePage, Report
from rung.scoring import metrics
from rung.verdict.bar import MAIN

if TYPE_CHECKING:
    from rung.pipeline.prepare import Prepared
    from rung.pipeline.scored import Scored


def report_of(project: Project, prepared: Prepared, scored: Scored, verdict: Verdict) -> Report:
    """What every form of the report is made of."""
    settings, materials = project.settings, prepared.materials
    begun = [(e, {outcome.case: outcome for outcome in e.outcomes}) for e in scored.evaluations if e.outcomes]
    pages = []
    for index, case in enumerate(prepared.cases):
        asked = [(e, outcomes[case.id]) for e, outcomes in begun if case.id in outcomes]
        outcomes = {e.name: outcome for e, outcome in asked}
        scores = {e.name: e.scorecard.at(index) for e, _ in asked}
        pages.append(CasePage(case, outcomes, scores, {e.name: e.layers[index] or "" for e, _ in asked}))
    basis = Basis(
        documents=prepared.documents,
        passages=materials.passages,
        cases=dict(Counter(case.split for case in prepared.rows.cases)),
        examples=len(materials.examples),
        model=", ".join(name if name == alias else f"{alias}: {name}" for alias, name in settings.model_names.items()),
        embedder=settings.embedder if materials.has_documents else "",
        correct_by=scored.measure.correct_by,
        weights=scored.measure.weights,
        settings={
            "seed": project.settings.seed,
            **({"sampling": settings.sampling.model_dump()} if settings.sampling != SamplingSettings() else {}),
            **({"search": str(prepared.weight)} if prepared.weight else {}),
            **({"index version": prepared.knowledge_version} if prepared.knowledge_version else {}),
            **remarks.when_timed(scored.evaluations),
        },
    )
    limits = settings.bar.model_dump(exclude={"forgetting", "fields"})
    bar = {name: value for name, value in limits.items() if value is not None}
    return Report(
        project=project.name,
        task=settings.task,
        created=date.today().isoformat(),
        verdict=verdict,
        bar=bar,
        basis=basis,
        cases=tuple(pages),
        losses={e.name: dict(Counter(str(layer) for layer in e.layers if layer)) for e, _ in begun},
        metrics=metrics(),
        restricted={id: groups for id, groups in (prepared.document_groups or {}).items() if groups},
    )


def record_of(prepared: Prepared, scored: Scored, verdict: Verdict) -> Record:
    """What a later comparison can be held against."""
    prints = [(c.id, digest(c.question, sorted(c.answers), c.answerable, c.groups)) for c in prepared.cases]
    correct = {
        e.name: tuple(None if isnan(value) else float(value) for value in e.values[MAIN])
        for e in scored.evaluations
        if MAIN in e.values
    }
    return Record(
        "",
        named_cases(prints),
        correct,
        {r.name: r.settings for r in verdict.rungs},
        verdict.winner,
        verdict.clears_bar and not verdict.coverage.partial,
        next((e.clusters for e in scored.evaluations if e.clusters), ()),
    )
