"""By what `correct` is judged in a project: the schema or the labels decide, else `bar.metric`, else the answers' length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import get_args

from rung.errors import UserError
from rung.records import Case
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
) -> ScoringContext:
    """What all scorers need to know. `metric` is `bar.metric`, `rubric` the judge's; "" where the project does not say.

    Raises:
        UserError: the metric is unknown, or asks for something else than the schema or the labels do.
    """
    return ScoringContext(
        correct_by=_correct_by(cases, schema=schema, labels=labels, metric=metric),
        schema=schema,
        labels=labels,
        document_groups=document_groups,
        rubric=rubric,
    )


def _correct_by(cases: Iterable[Case], *, schema: str, labels: tuple[str, ...], metric: str) -> CorrectBy:
    fixed: CorrectBy | None = "json" if schema else "label" if labels else None
    chosen = next((name for name in get_args(CorrectBy) if name == metric), None)
    if metric and chosen is None:
        raise UserError(f"bar.metric {metric!r} is unknown: use one of {', '.join(_TEXT)}, or leave it out")
    if fixed and chosen not in (None, fixed):
        what = "a schema" if fixed == "json" else "labels"
        raise UserError(f"bar.metric says {metric!r}, but with {what} `correct` is equality: remove bar.metric")
    if fixed:
        return fixed
    if chosen in ("json", "label"):
        what = "behaviour.schema" if chosen == "json" else "labels"
        raise UserError(f"bar.metric says {metric!r}, but the project has no {what}: use one of {', '.join(_TEXT)}")
    return chosen or _by_length(cases)


def _by_length(cases: Iterable[Case]) -> CorrectBy:
    words = [len(answer.split()) for case in cases if case.answerable for answer in case.answers]
    return "rouge_l" if words and median(words) > SHORT_WORDS else "match"
