"""A project's bar against what is measured in it: by what `correct` is judged, and limits; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rung.config.project import Project
from rung.dataset.load import Dataset
from rung.errors import UserError
from rung.pipeline.schema_support import check_schema
from rung.plugins import hint
from rung.records import Case, Json, Metric
from rung.scoring import ScoringContext, metrics, scoring_context
from rung.scoring.json_fields import FieldFault
from rung.verdict.bar import OF_RUNS, Bar, bar_of


def limitable() -> Mapping[str, Metric]:
    """All that a limit may be about, by name: what scorers measure, and what is measured of a run as a whole.

    Raises:
        UserError: a plugin's scorer cannot be loaded, or measures what something else measures.
    """
    scores = metrics()
    if both := sorted(set(scores) & set(OF_RUNS)):
        raise UserError(f"a scorer measures '{both[0]}', which is measured of every run: rename the metric, or uninstall it")
    return {**scores, **OF_RUNS}


def bar_in(project: Project) -> Bar:
    """What is good enough in this project."""
    settings, risk = project.settings.bar, project.settings.verdict.risk
    bar = bar_of(settings.limits(), limitable(), correct=settings.correct, metric=settings.metric or "", risk=risk)
    return replace(bar, prefer=project.settings.prefer)


def asked_in(project: Project) -> dict[str, Json]:
    """What a rung is judged by in this project: bar, metric, weights, limits, and the risk, by name."""
    given = project.settings.bar.model_dump(mode="json", exclude={"forgetting"}, exclude_none=True)
    return {**given, "risk": project.settings.verdict.risk}


def check_limits(project: Project) -> None:
    """Refuse a limit on what nothing measures, or that no number can miss or keep.

    Raises:
        InputError: points at its line.
    """
    measured = limitable()
    for name, value in project.settings.bar.limits().items():
        if name not in measured:
            raise project.error(f"bar: nothing measures '{name}'; {hint(name, measured)}", "bar", name)
        if measured[name].is_share and not 0 <= value <= 1:
            raise project.error(f"bar: {name} is a share, so its limit lies in 0 to 1, not at {value:g}", "bar", name)


def scoring_in(
    project: Project,
    cases: Iterable[Case],
    *,
    schema: str,
    labels: tuple[str, ...],
    document_groups: Mapping[str, tuple[str, ...]] | None = None,
) -> ScoringContext:
    """What the scorers need to know of this project.

    Raises:
        InputError: `bar.metric` or `bar.fields` cannot be, with schema and labels as they are; points at its line.
    """
    bar, rubric = project.settings.bar, project.settings.judge.rubric
    try:
        return scoring_context(
            cases,
            schema=schema,
            labels=labels,
            metric=bar.metric or "",
            document_groups=document_groups,
            rubric=rubric,
            weights=bar.fields,
        )
    except FieldFault as fault:
        raise project.error(str(fault), "bar", "fields", fault.field) from fault
    except UserError as error:
        raise project.error(str(error), "bar", "metric" if bar.metric else "fields") from error


def check_form(project: Project, rows: Dataset) -> None:
    """Refuse a schema that no answer can be held to, and a metric or weights that do not go with schema and labels.

    What could not be read, and is said so elsewhere, is not judged.

    Raises:
        InputError: points at its line.
    """
    check_schema(project, rows.schema)
    behaviour = project.settings.behaviour
    if bool(behaviour.schema_file) == bool(rows.schema) and bool(behaviour.labels) == bool(rows.labels):
        scoring_in(project, rows.split("test"), schema=rows.schema, labels=rows.labels)
