"""What a strategy says to cases that do not judge, and how right that is by the scorer that judges the project."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.errors import NotWorthwhile
from rung.records import Asker, Case, Outcome
from rung.runtime.runner import StepRunner
from rung.scoring import score_run, scorers, scoring_context
from rung.strategies.protocol import Strategy, conversation_of

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MAY_FAIL = 0.1  # share of answers: with more it is not the cases that are at fault


def content_of(case: Case) -> tuple[object, ...]:
    """What an artifact that is made from answers to a case is named by."""
    return case.id, case.question, case.answers, case.answerable, case.groups, case.messages


def outcomes_of(
    runner: StepRunner, strategy: Strategy, cases: Sequence[Case], *, title: str, asker: Asker | None = None
) -> list[Outcome]:
    """What the strategy says to each case. `asker`: who asks all of them; None: each is asked by its own."""
    conversations = (conversation_of(strategy, case) for case in cases)
    ended = runner.run([(asker or own, begin) for own, begin in conversations], title=title)
    return [Outcome(c.id, e.value, e.failure, e.usage) for c, e in zip(cases, ended, strict=True)]


def correct_of(
    project: Project, cases: Sequence[Case], outcomes: Sequence[Outcome], *, schema: str, labels: tuple[str, ...]
) -> Floats:
    """`correct` of each case; NaN where it takes a model to tell."""
    import numpy as np

    bar = project.settings.bar
    context = scoring_context(cases, schema=schema, labels=labels, metric=bar.metric or "", weights=bar.fields)
    card = score_run(cases, outcomes, scoring_context=context, scorers={"correctness": scorers()["correctness"]})
    return card.values.get("correct", np.full(len(cases), np.nan))


def correct_by_code(
    project: Project, cases: Sequence[Case], outcomes: Sequence[Outcome], *, schema: str, labels: tuple[str, ...]
) -> list[float]:
    """`correct` of each case.

    Raises:
        NotWorthwhile: it takes a model to tell.
    """
    correct = [float(value) for value in correct_of(project, cases, outcomes, schema=schema, labels=labels)]
    for case, value in zip(cases, correct, strict=True):
        if math.isnan(value):
            raise NotWorthwhile(f"whether its answers are right cannot be told without a model that judges (case {case.id})")
    return correct
