"""Carries out what the project's judge is asked: scores of answers, and how far people agree with it. All is remembered.

How it is asked is left to the scorers, and to `scoring.judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from rung.config.project import Project
from rung.errors import BudgetEnded
from rung.pipeline.judge_labels import labels_file
from rung.pipeline.spending import Closed
from rung.records import Asker, Case, Outcome
from rung.records.steps import Conversation, Engine
from rung.runtime.batch import Carried
from rung.runtime.runner import StepRunner
from rung.scoring import Scorecard, ScoringContext, metrics, score_run
from rung.scoring.card import Carry, Judgement
from rung.scoring.judge import NO_ANSWER, Agreement, agreement, judgement, labels
from rung.scoring.refusal import spoken

T = TypeVar("T")
MODEL = Asker()  # the judge searches nothing


def asks_judge(project: Project) -> bool:
    """Whether a model judges in this project: `correct`, or the metric of a plugin's scorer."""
    return project.settings.bar.metric == "judge" or any(metric.judged for metric in metrics().values())


def carried_by(runner: StepRunner, judge: Engine | None = None) -> Carry:
    """Carries out what scorers ask a model. `judge` None: the project's judge, opened when something is asked."""

    def carry(talks: Sequence[Callable[[], Conversation[Judgement]]]) -> list[Judgement]:
        ended, _ = _carried(runner, talks, "judge", judge or runner.engines.judge)
        silent = ("no judgement" if one.failure is None else one.failure.error for one in ended)
        return [why if one.value is None else one.value for one, why in zip(ended, silent, strict=True)]

    return carry


def cards_of(
    runner: StepRunner,
    measure: ScoringContext,
    cases: Sequence[Case],
    passes: Sequence[Sequence[Outcome]],
    against: Mapping[str, Outcome] | None = None,
    *,
    judge: Engine | None = None,
) -> list[Scorecard]:
    """A scorecard for each pass over these cases.

    Args:
        runner: its engines hold the judge.
        measure: what `correct` means here.
        cases: that were answered.
        passes: the answers.
        against: pairwise: case -> the answer that each is compared with.
        judge: who judges; None: the project's judge.
    """
    if against is not None:
        measure = replace(measure, rivals={case.id: _words(against.get(case.id)) for case in cases})
    carry = carried_by(runner, judge)
    return [score_run(cases, outcomes, scoring_context=measure, carry=carry) for outcomes in passes]


def card_of(
    runner: StepRunner,
    measure: ScoringContext,
    cases: Sequence[Case],
    passes: Sequence[Sequence[Outcome]],
    against: Mapping[str, Outcome] | None = None,
) -> Scorecard:
    """The scorecard of a run: each case by the mean of its passes."""
    first, *others = cards_of(runner, measure, cases, passes, against)
    return first.averaged(others)


def calibrated(runner: StepRunner, cases: Sequence[Case], judge: Engine | None = None) -> str:
    """The sentence that says how far people agree with the judge, by the labels in the cases of every split; "" where there
    are none, but labels of single answers (`judge_labels`), which tell it themselves."""
    settings = runner.project.settings.judge
    name = settings.model or runner.project.settings.model
    pairwise = settings.mode == "pairwise"
    known = labels(cases, pairwise=pairwise)
    if not known and not pairwise and labels_file(runner.project).exists():
        return ""
    talks = [
        partial(judgement, one.case, one.answer, one.other if pairwise else None, rubric=settings.rubric) for one in known
    ]
    carried, ended = _carried(runner, talks, "calibrate the judge", judge or runner.engines.judge) if talks else ([], False)
    pairs = [(one.good, e.value > 0.5) for one, e in zip(known, carried, strict=True) if e.value is not None]
    found: Agreement | None = agreement(pairs)
    if found is not None:
        return found.words(name)
    unlabelled = "no case has a human label (meta.human)"
    why = unlabelled if not known else "the budget ended before it" if ended else "it graded none of the labelled answers"
    return f"The judge {name} is not calibrated: {why}."


def _carried(
    runner: StepRunner, talks: Sequence[Callable[[], Conversation[T]]], title: str, judge: Engine
) -> tuple[list[Carried[T]], bool]:
    """What the judge says; where a budget has ended, or ends meanwhile, what it has said until then, and True."""
    asked = [(MODEL, talk) for talk in talks]
    try:
        return runner.run(asked, title=title, engines={"generate": judge}), isinstance(judge, Closed)
    except BudgetEnded:
        return runner.run(asked, title=title, engines={"generate": Closed(judge.identity)}), True


def _words(outcome: Outcome | None) -> str:
    return NO_ANSWER if outcome is None or outcome.answer is None else spoken(outcome.answer)
