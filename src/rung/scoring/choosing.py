"""By what `correct` is judged in a project: the schema or the labels decide, else `bar.metric`, else the answers' length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import get_args

from rung.errors import UserError
from rung.records import Case
from rung.scoring.json_fields import JsonFields
from rung.scoring.protocol import CorrectBy, ScoringContext

SHORT_WORDS = 10  # answers of so many words, in the median, are short: a sentence states them
_TEXT: tuple[CorrectBy, ...] = ("match", "f1", "rouge_l", "em", "contains", "judge")


def scoring_context(
    cases: Iterable[Case],
    *,
    schema: str = "",
    labels: tuple[str, ...] = (),
    metric: str = "",
    document_groups: Mapping[str, tuple[str, ...]] | None = None,
    rubric: str = "",
    weights: Mapping[str, float] | None = None,
) -> ScoringContext:
    """What all scorers need to know. `metric` is `bar.metric`, `rubric` the judge's; "" where the project does not say.

    `weights`: `bar.fields`.

    Raises:
        UserError: the metric is unknown, or asks for something else than the schema or the labels do; weights of fields
            that the schema does not name, or without the metric that reads them.
    """
    correct_by = _correct_by(cases, schema=schema, labels=labels, metric=metric)
    if correct_by == "json_fields":
        JsonFields(schema, weights or {})
    elif weights:
        raise UserError("bar.fields has weights, which only 'metric: json_fields' reads: set it, or remove the weights")
    return ScoringContext(
        correct_by=correct_by,
        schema=schema,
        weights=dict(weights or {}),
        labels=labels,
        document_groups=document_groups,
        rubric=rubric,
    )


def _correct_by(cases: Iterable[Case], *, schema: str, labels: tuple[str, ...], metric: str) -> CorrectBy:
    fixed: CorrectBy | None = "json" if schema else "label" if labels else None
    chosen = next((name for name in get_args(CorrectBy) if name == metric), None)
    if schema and chosen == "json_fields":
        return "json_fields"
    if metric and chosen is None:
        raise UserError(f"bar.metric {metric!r} is unknown: use one of {', '.join(_TEXT)}, or leave it out")
    if fixed and chosen not in (None, fixed):
        what = "a schema" if fixed == "json" else "labels"
        instead = "remove bar.metric, or say json_fields" if fixed == "json" else "remove bar.metric"
        raise UserError(f"bar.metric says {metric!r}, but with {what} `correct` is equality: {instead}")
    if fixed:
        return fixed
    if chosen in ("json", "json_fields", "label"):
        what = "labels" if chosen == "label" else "behaviour.schema"
        raise UserError(f"bar.metric says {metric!r}, but the project has no {what}: use one of {', '.join(_TEXT)}")
    return chosen or _by_length(cases)


def _by_length(cases: Iterable[Case]) -> CorrectBy:
    words = [len(answer.split()) for case in cases if case.answerable for answer in case.answers]
    return "rouge_l" if words and median(words) > SHORT_WORDS else "match"
