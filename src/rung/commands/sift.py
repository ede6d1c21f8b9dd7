"""Sifts a teacher's answers: by their form, and by the project's own scorers of correctness and format."""

from __future__ import annotations

from collections.abc import Sequence

from rung.dataset.declining import declines
from rung.dataset.load import Dataset
from rung.dataset.near_duplicates import normal
from rung.pipeline.grading import carried_by
from rung.pipeline.limits import scoring_in
from rung.records import Answer, Case, Outcome
from rung.runtime.batch import Carried
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.scoring import score_run, scorers

MIN_CORRECT = 0.5  # of an answer whose reference is known, where the project's bar says nothing
SIFTED_BY = ("correctness", "format")  # scorers that judge a teacher's answer without documents

Fault = tuple[str, str]  # the filter that drops an answer, and why


def faults(engines: Engines, rows: Dataset, answered: Sequence[tuple[Case, Carried[Answer]]]) -> list[Fault | None]:
    """The fault of each answer; None where it may teach. `correct` counts where a reference or a judge can tell it."""
    fault_of_each = [_fault(case, ended, rows.schema) for case, ended in answered]
    whole = [
        (case, Outcome(case.id, ended.value))
        for (case, ended), fault in zip(answered, fault_of_each, strict=True)
        if not fault
    ]
    wrong = _misjudged(engines, rows, [case for case, _ in answered], whole)
    return [fault or wrong.get(case.id) for (case, _), fault in zip(answered, fault_of_each, strict=True)]


def _fault(case: Case, ended: Carried[Answer], schema: str) -> Fault | None:
    """What is wrong with an answer that no scorer need see."""
    answer = ended.value
    if answer is None:
        return "failed", ended.failure.error if ended.failure else "there is no answer"
    if not answer.text.strip():
        return "empty", "the teacher said nothing"
    if answer.truncated:
        return "truncated", "the teacher was cut off by the limit of tokens (--max-tokens)"
    expected = {normal(reference) for reference in case.answers}
    if normal(answer.text) not in expected and (answer.refused or declines(answer.text, schema)):
        return "refusal", "the teacher declined, or said that it does not know"
    return None


def _misjudged(
    engines: Engines, rows: Dataset, references: Sequence[Case], answered: Sequence[tuple[Case, Outcome]]
) -> dict[str, Fault]:
    """By case, of those that a scorer finds wrong or cannot judge."""
    settings = engines.project.settings
    referenced = [case for case in references if case.answers] or rows.cases
    context = scoring_in(engines.project, referenced, schema=rows.schema, labels=rows.labels)
    least = 1.0 if context.correct_by in ("json", "label") else settings.bar.correct or MIN_CORRECT
    card = score_run(
        [case for case, _ in answered],
        [outcome for _, outcome in answered],
        scoring_context=context,
        scorers={name: scorers()[name] for name in SIFTED_BY},
        run=carried_by(StepRunner(engines)),
    )
    misjudged: dict[str, Fault] = {error.case: ("unjudged", error.message) for error in card.errors}
    form = "is no JSON that the schema accepts" if rows.schema else "is none of the labels"
    by = "by the judge" if context.correct_by == "judge" else "against the reference"
    for index, case in enumerate(card.cases):
        scores = card.at(index)
        if scores.get("format", 1.0) < 1.0:
            misjudged[case] = "format", f"the answer {form}"
        elif scores.get("correct", 1.0) < least:
            misjudged[case] = "correct", f"correct {scores['correct']:.2f} {by}, {least:.2f} are wanted"
    return misjudged
