"""Rows that are to teach, held to `behaviour.personal_data`: those with personal data are refused, masked, or taken.

What teaches stands in weights and prompts afterwards, where nobody can erase it. Cases that only judge are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, TypeVar

from rung.config.project import Project
from rung.dataset.detectors import detector_of
from rung.dataset.redaction import Detector, kinds, redacted
from rung.records import Case, Example, Json, Message, Pair, Problem

Policy = Literal["refuse", "mask", "allow"]
T = TypeVar("T", Case, Example, Pair)


def fit_to_teach(project: Project, rows: Iterable[T], problems: list[Problem]) -> tuple[T, ...]:
    """The rows that may teach, as they may; those that may not become problems, with file and line.

    Raises:
        UserError: the detector that the project names is not installed.
    """
    policy = project.settings.behaviour.personal_data
    if policy == "allow":
        return tuple(rows)
    detector = detector_of(project.settings.detector)
    admitted: list[T] = []
    for row in rows:
        what = kinds(_texts(row), detector)
        if not what:
            admitted.append(row)
        elif policy == "mask":
            admitted.append(_masked(row, detector))
        else:
            problems.append(Problem.at(row.place, _refusal(what)))
    return tuple(admitted)


def as_indexed(project: Project, evidence: tuple[Json, ...]) -> tuple[Json, ...]:
    """Evidence as written, its quotes as they stand in the index: masked where documents are."""
    if project.settings.knowledge.personal_data != "mask":
        return evidence
    detector = detector_of(project.settings.detector)
    return tuple(
        {**item, "quote": redacted(quote, detector)[0]}
        if isinstance(item, dict) and isinstance(quote := item.get("quote"), str)
        else item
        for item in evidence
    )


def _refusal(what: tuple[str, ...]) -> str:
    return (
        f"teaches nothing: it holds {', '.join(what)}, and what teaches cannot be taken back; "
        "'behaviour.personal_data: mask' replaces it, 'allow' takes it as it is"
    )


def _texts(row: Case | Example | Pair) -> list[str]:
    match row:
        case Example():
            return [message.content for message in row.messages]
        case Case():
            return [row.question, *row.answers, *(message.content for message in row.messages)]
        case Pair():
            return [row.anchor, row.positive, *row.negatives]


def _masked(row: T, detector: Detector) -> T:
    def mask(text: str) -> str:
        return redacted(text, detector)[0]

    def turns(messages: Iterable[Message]) -> tuple[Message, ...]:
        return tuple(Message(message.role, mask(message.content)) for message in messages)

    match row:
        case Example():
            return replace(row, messages=turns(row.messages))
        case Case():
            answers = tuple(map(mask, row.answers))
            return replace(row, question=mask(row.question), answers=answers, messages=turns(row.messages))
        case Pair():
            return replace(
                row, anchor=mask(row.anchor), positive=mask(row.positive), negatives=tuple(map(mask, row.negatives))
            )
