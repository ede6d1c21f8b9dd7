"""High stakes (`review: required`): which rows that would teach have not been approved by as many people as are asked for.

A row is approved by the names in its `approved_by`, and by those who approved it, as it stands, in the log of reviews.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rung.config.project import Project
from rung.dataset.review_log import people, reviews
from rung.records import Case, Example, Json, Problem, digest

TRAINING, DEPLOYMENT, DRAFT = "training", "deployment", "draft"  # what is reviewed
SHOWN = 16  # characters of a row's digest in the log
Written = Mapping[str, Mapping[str, Json]]  # case id -> `evidence`, `approved_by` of its row


@dataclass(frozen=True, slots=True)
class Unapproved:
    """A row that would teach. `by`: who approved it so far; `place`: its file and line."""

    id: str
    place: str
    digest: str
    shown: str
    by: tuple[str, ...] = ()


def unapproved(
    project: Project, examples: Sequence[Example], cases: Sequence[Case], written: Written
) -> tuple[Unapproved, ...]:
    """Rows that would teach and wait for a person, where `review` is required: examples, and train cases as they are read,
    before their evidence is looked up. Dev cases, which choose settings and teach a router, are cases that a person wrote or
    approved, as test cases are.

    Raises:
        UserError: the log of reviews is not what it was.
    """
    settings = project.settings.review
    if not settings.required:
        return ()
    by_row = _approved(project)
    rows = [(e.id, e.place, _of_example(e), e.input, e.approved_by) for e in examples]
    rows += [
        (c.id, c.place, _of_case(c, written), c.question, str((written.get(c.id) or {}).get("approved_by") or ""))
        for c in cases
        if c.split == "train"
    ]
    waiting = []
    for id, location, named, shown, own in rows:
        by = people((*own.split(","), *by_row.get(named, ())))
        if len(by) < settings.reviewers:
            waiting.append(Unapproved(id, location, named, shown, by))
    return tuple(waiting)


def on_hold(project: Project, waiting: Sequence[Unapproved]) -> str:
    """Why nothing is trained, in a sentence; "" where nothing waits."""
    if not waiting:
        return ""
    count, who = len(waiting), in_words(project.settings.review.reviewers)
    return (
        f"{count:,} of the rows that would teach {'is' if count == 1 else 'are'} not approved by {who} (review: required): "
        f"'rung review {project.root}' shows them"
    )


def problem(project: Project, waiting: Sequence[Unapproved]) -> tuple[Problem, ...]:
    """The same for a list of problems."""
    why = on_hold(project, waiting)
    return (Problem(project.file.name, project.line("review"), f"nothing is trained: {why}"),) if why else ()


def in_words(reviewers: int) -> str:
    """So many people.

    >>> in_words(1), in_words(2)
    ('a person', '2 different people')
    """
    return "a person" if reviewers == 1 else f"{reviewers} different people"


def _approved(project: Project) -> dict[str, list[str]]:
    """Digest of a row -> who approved it in the log."""
    by: dict[str, list[str]] = defaultdict(list)
    for event in reviews(project):
        rows = event.get("rows")
        if event.get("what") == TRAINING and isinstance(rows, list):
            for row in map(str, rows):
                if event.get("action") == "approve":
                    by[row].append(str(event.get("by")))
                elif event.get("action") == "reject":
                    by[row].clear()
    return by


def _of_example(example: Example) -> str:
    return example.digest[:SHOWN]


def _of_case(case: Case, written: Written) -> str:
    """Of all that it teaches; where it stands does not matter."""
    evidence: Iterable[Json] = (written.get(case.id) or {}).get("evidence") or ()  # type: ignore[assignment]
    content = (case.question, case.answers, case.answerable, case.groups, case.messages, case.gold_documents, list(evidence))
    return digest("teaches", *content)[:SHOWN]
