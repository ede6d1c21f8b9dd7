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
from rung.records import Asker, Case, Evaluation, Outcome, Scorecard
from rung.records.steps import Conversation, Engine
from rung.runtime.batch import Carried
from rung.runtime.runner import StepRunner
from rung.scoring import ScoringContext, metrics, score_run
from rung.scoring.card import Judgement, RunConversations, seen
from rung.scoring.judge import NO_ANSWER, Agreement, agreement, judgement, labels
from rung.scoring.refusal import spoken

T = TypeVar("T")
MODEL = Asker()  # the judge searches nothing


def asks_judge(project: Project) -> bool:
    """Whether a model judges in this project: `correct`, or the metric of a plugin's scorer."""
    return project.settings.bar.metric == "judge" or any(metric.judged for metric in metrics().values())


def carried_by(runner: StepRunner, judge: Engine | None = None) -> RunConversations:
    """Carries out what scorers ask a model. `judge` None: the project's judge, opened when something is asked."""

    def run(conversations: Sequence[Callable[[], Conversation[Judgement]]]) -> list[Judgement]:
        ended, _ = _judged(runner, conversations, "judge", judge or runner.engines.judge)
        silent = ("no judgement" if one.failure is None else one.failure.error for one in ended)
        return [why if one.value is None else one.value for one, why in zip(ended, silent, strict=True)]

    return run


def score_answers(
    runner: StepRunner,
    scoring_context: ScoringContext,
    evaluation: Evaluation,
    cases: Mapping[str, Case],
    against: Mapping[str, Outcome] | None = None,
    *,
    judge: Engine | None = None,
) -> Evaluation:
    """The rung with every answer scored that is not yet; an answer is scored once.

    Only where a later answer changes what the earlier ones are scored by (the first that carries a ranking, or a citation,
    tells that the rung searches, or cites) are these scored anew.

    Args:
        runner: its engines hold the judge.
        scoring_context: what `correct` means here.
        evaluation: a rung as far as it has answered.
        cases: all that it answered, by id.
        against: pairwise: case -> the answer that each is compared with.
        judge: who judges; None: the project's judge.
    """
    if against is not None:
        rivals = {outcome.case: _words(against.get(outcome.case)) for outcome in evaluation.outcomes}
        scoring_context = replace(scoring_context, rivals=rivals)
    run, cards = carried_by(runner, judge), []
    for index, outcomes in enumerate(evaluation.passes):
        card = evaluation.cards[index] if index < len(evaluation.cards) else Scorecard()
        done = set(card.cases)
        before = seen((outcome for outcome in outcomes if outcome.case in done), scoring_context)
        now = seen(outcomes, scoring_context)
        if now != before:
            card, done = Scorecard(), set()
        left = [outcome for outcome in outcomes if outcome.case not in done]
        if left:
            card = card.joined(score_run([cases[o.case] for o in left], left, scoring_context=now, run=run))
        cards.append(card)
    return replace(evaluation, cards=tuple(cards))


def calibrated(runner: StepRunner, cases: Sequence[Case], judge: Engine | None = None) -> str:
    """The sentence that says how far people agree with the judge, by the labels in the cases of every split; "" where there
    are none, but labels of single answers (`judge_labels`), which tell it themselves."""
    settings = runner.project.settings.judge
    name = settings.model or runner.project.settings.model
    pairwise = settings.mode == "pairwise"
    labelled = labels(cases, pairwise=pairwise)
    if not labelled and not pairwise and labels_file(runner.project).exists():
        return ""
    conversations = [
        partial(judgement, one.case, one.answer, one.other if pairwise else None, rubric=settings.rubric) for one in labelled
    ]
    judged, ended = (
        _judged(runner, conversations, "calibrate the judge", judge or runner.engines.judge)
        if conversations
        else ([], False)
    )
    pairs = [(one.good, e.value > 0.5) for one, e in zip(labelled, judged, strict=True) if e.value is not None]
    agreed: Agreement | None = agreement(pairs)
    if agreed is not None:
        return agreed.words(name)
    unlabelled = "no case has a human label (meta.human)"
    why = unlabelled if not labelled else "the budget ended before it" if ended else "it graded none of the labelled answers"
    return f"The judge {name} is not calibrated: {why}."


def _judged(
    runner: StepRunner, conversations: Sequence[Callable[[], Conversation[T]]], title: str, judge: Engine
) -> tuple[list[Carried[T]], bool]:
    """What the judge says; where a budget has ended, or ends meanwhile, what it has said until then, and True."""
    asked = [(MODEL, conversation) for conversation in conversations]
    try:
        return runner.run(asked, title=title, engines={"generate": judge}), isinstance(judge, Closed)
    except BudgetEnded:
        return runner.run(asked, title=title, engines={"generate": Closed(judge.identity)}), True


def _words(outcome: Outcome | None) -> str:
    return NO_ANSWER if outcome is None or outcome.answer is None else spoken(outcome.answer)
