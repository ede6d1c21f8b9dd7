"""What waits for people besides drafts where `review` is required: rows that would teach, and deployments.

Rows are approved together, as they stand: each by its digest, so that only what is new or changed waits again. A deployment
waits once `rung promote` has asked for it, by the digest of all that it answers with.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rung.commands.review import Action, check_decision
from rung.config.project import Project
from rung.dataset.high_stakes import DEPLOYMENT, TRAINING, Unapproved
from rung.dataset.load import load_dataset, waiting_to_teach
from rung.dataset.review_log import add_review, approvers, deciding, decisions, people
from rung.errors import UserError
from rung.records import Json


@dataclass(frozen=True, slots=True)
class WaitingDeployment:
    """A deployment that somebody asked for. `digest`: of all that it answers with; `checks`: (holds, name, what it says)."""

    digest: str
    label: str
    asked_by: str
    checks: tuple[tuple[bool, str, str], ...]
    by: tuple[str, ...]


def waiting_rows(project: Project) -> tuple[Unapproved, ...]:
    """Rows that would teach and are not approved yet; none where `review` is not required.

    Raises:
        UserError: the rows, or the log of reviews, cannot be read.
    """
    if not project.settings.review.required:
        return ()
    return waiting_to_teach(project, load_dataset(project, judging=False))


def waiting_deployments(project: Project) -> tuple[WaitingDeployment, ...]:
    """Deployments that were asked for, and neither approved nor rejected since.

    Raises:
        UserError: the log of reviews cannot be read.
    """
    if not project.settings.review.required:
        return ()
    events = decisions(project)
    asked: dict[str, WaitingDeployment] = {}
    for event in events:
        if event.get("what") != DEPLOYMENT:
            continue
        subject = str(event.get("subject"))
        if event.get("action") == "request":
            checks = event.get("checks")
            read = tuple(_check(one) for one in checks if isinstance(one, dict)) if isinstance(checks, list) else ()
            asked[subject] = WaitingDeployment(subject, str(event.get("label")), str(event.get("by")), read, ())
        elif event.get("action") == "reject":
            asked.pop(subject, None)
    by = {subject: approvers(events, DEPLOYMENT, subject) for subject in asked}
    needed = project.settings.review.reviewers
    return tuple(
        WaitingDeployment(one.digest, one.label, one.asked_by, one.checks, by[subject])
        for subject, one in asked.items()
        if len(by[subject]) < needed
    )


def decide_rows(project: Project, action: Action, *, by: str, reason: str = "", only: Collection[str] | None = None) -> int:
    """Approve, or reject, all rows that would teach and wait now; how many there were. Rejected ones wait on, and those who
    approved them before are asked again.

    `only`: digests of those that are decided on; None: all.

    Raises:
        UserError: no name, no reason, none waits, or the same person approved all of them already.
    """
    check_decision(action, by, reason)
    with deciding(project):
        rows = [one for one in waiting_rows(project) if only is None or one.digest in only]
        mine = [one for one in rows if action == "reject" or len(people((*one.by, by))) > len(one.by)]
        if not mine:
            why = (
                f"{by.strip()} has approved them already: another person has to" if rows else "no row that would teach waits"
            )
            raise UserError(why)
        named: list[Json] = [one.digest for one in mine]
        event: dict[str, Json] = {"what": TRAINING, "action": action, "by": by.strip(), "reason": reason.strip()}
        add_review(project, {**event, "rows": named})
    return len(mine)


def decide_deployment(project: Project, subject: str, action: Action, *, by: str, reason: str = "") -> tuple[str, ...]:
    """Approve, or reject, a deployment that was asked for, by the first characters of its digest; who approved it by now.

    Raises:
        UserError: no name, no reason, no such deployment waits, or the same person approved it already.
    """
    check_decision(action, by, reason)
    with deciding(project):
        matching = [one for one in waiting_deployments(project) if one.digest.startswith(subject)]
        if len(matching) != 1:
            raise UserError(
                f"{'several deployments begin with' if matching else 'no deployment waits that is called'} '{subject}'"
            )
        (one,) = matching
        if action == "approve" and len(people((*one.by, by))) == len(one.by):
            raise UserError(f"{by.strip()} has approved {one.label} already: another person has to look at it")
        event: dict[str, Json] = {"what": DEPLOYMENT, "action": action, "subject": one.digest, "label": one.label}
        add_review(project, {**event, "by": by.strip(), "reason": reason.strip()})
    return people((*one.by, by)) if action == "approve" else ()


def _check(one: dict[str, Json]) -> tuple[bool, str, str]:
    return bool(one.get("holds")), str(one.get("name")), str(one.get("says"))
