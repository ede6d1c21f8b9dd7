"""What the project's judge says of answers, and whether people agree with it. Carried out as steps, and remembered.

How it is asked is left to `scoring.judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rung.config.project import Project
from rung.errors import BudgetEnded
from rung.pipeline.spending import Closed
from rung.records import Asker, Case, Outcome
from rung.records.steps import Conversation, Engine
from rung.runtime.batch import Carried
from rung.runtime.runner import StepRunner
from rung.scoring import Scorecard, Yardstick, score_run
from rung.scoring.judge import Agreement, agreement, graded, labels, preferred
from rung.scoring.refusal import refused, spoken

Talk = tuple[Asker, Callable[[], Conversation[float]]]
MODEL = Asker()  # the judge searches nothing


def with_judgements(
    runner: StepRunner,
    measure: Yardstick,
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    against: Mapping[str, Outcome] | None = None,
    *,
    judge: Engine | None = None,
) -> Yardstick:
    """The yardstick with the judge's word on each answer that needs one; unchanged where no model judges.

    Args:
        workshop: holds the judge.
        measure: what `correct` means here.
        cases: that were answered.
        outcomes: the answers.
        against: pairwise: case -> the answer that each is compared with.
        judge: who judges; None: the project's judge.
    """
    if measure.correct_by != "judge":
        return measure
    by_case = {case.id: case for case in cases}
    asked: list[tuple[str, str]] = []
    talks: list[Talk] = []
    for outcome in outcomes:
        case, answer = by_case[outcome.case], outcome.answer
        if answer is None or not case.answerable or refused(case, answer, measure):
            continue
        asked.append((case.id, spoken(answer)))
        other = None if against is None else against.get(case.id)
        talks.append(_talk(runner.project, case, spoken(answer), None if against is None else _words(other)))
    carried, _ = _carried(runner, talks, "judge", judge or runner.engines.judge)
    said: dict[tuple[str, str], float | str] = dict(measure.judgements)
    for key, ended in zip(asked, carried, strict=True):
        said[key] = ended.value if ended.value is not None else ended.failure.error if ended.failure else "no judgement"
    return replace(measure, judgements=said)


def cards_of(
    runner: StepRunner,
    measure: Yardstick,
    cases: Sequence[Case],
    passes: Sequence[Sequence[Outcome]],
    against: Mapping[str, Outcome] | None = None,
    *,
    judge: Engine | None = None,
) -> list[Scorecard]:
    """A scorecard for each pass over these cases; judged by a model where the project wants it (`with_judgements`)."""
    return [
        score_run(cases, outcomes, yardstick=with_judgements(runner, measure, cases, outcomes, against, judge=judge))
        for outcomes in passes
    ]


def card_of(
    runner: StepRunner,
    measure: Yardstick,
    cases: Sequence[Case],
    passes: Sequence[Sequence[Outcome]],
    against: Mapping[str, Outcome] | None = None,
) -> Scorecard:
    """The scorecard of a run: each case by the mean of its passes."""
    first, *others = cards_of(runner, measure, cases, passes, against)
    return first.averaged(others)


def calibrated(runner: StepRunner, cases: Sequence[Case], judge: Engine | None = None) -> str:
    """The sentence that says how far people agree with the judge, by the labels in the cases of every split."""
    settings = runner.project.settings.judge
    name = settings.model or runner.project.settings.model
    pairwise = settings.mode == "pairwise"
    known = labels(cases, pairwise=pairwise)
    talks = [_talk(runner.project, one.case, one.answer, one.other if pairwise else None) for one in known]
    carried, ended = _carried(runner, talks, "calibrate the judge", judge or runner.engines.judge) if talks else ([], False)
    pairs = [(one.good, e.value > 0.5) for one, e in zip(known, carried, strict=True) if e.value is not None]
    found: Agreement | None = agreement(pairs)
    if found is not None:
        return found.words(name)
    unlabelled = "no case has a human label (meta.human)"
    why = unlabelled if not known else "the budget ended before it" if ended else "it graded none of the labelled answers"
    return f"The judge {name} is not calibrated: {why}."


def _carried(runner: StepRunner, talks: Sequence[Talk], title: str, judge: Engine) -> tuple[list[Carried[float]], bool]:
    """What the judge says; where a budget has ended, or ends meanwhile, what it has said until then, and True."""
    try:
        return runner.run(talks, title=title, engines={"generate": judge}), isinstance(judge, Closed)
    except BudgetEnded:
        return runner.run(talks, title=title, engines={"generate": Closed(judge.identity)}), True


def _talk(project: Project, case: Case, answer: str, other: str | None) -> Talk:
    rubric = project.settings.judge.rubric
    if other is None:
        return MODEL, lambda: graded(case, answer, rubric=rubric)
    return MODEL, lambda: preferred(case, answer, other, rubric=rubric)


def _words(outcome: Outcome | None) -> str:
    return "(no answer)" if outcome is None or outcome.answer is None else spoken(outcome.answer)
