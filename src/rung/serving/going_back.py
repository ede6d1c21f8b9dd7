"""End what is tried, or go back to what was served before: an event in the database, which every server follows."""

from __future__ import annotations

from rung.config.project import Project
from rung.errors import UserError
from rung.pipeline.publishing import last_choice
from rung.records.deployment import DeploymentEvent, Standing
from rung.state.database import State
from rung.state.deployments import add_event, deployment, standing_now

WINNER = "winner"  # in the place of an id: no deployment, but the last verdict's winner, as before any promotion


def rollback(state: State, *, to: str = "", by: str, reason: str) -> DeploymentEvent:
    """End what is tried, else go back: to the deployment of this id, or to the last one that nothing was wrong with.

    Raises:
        UserError: there is nothing to go back to.
        Overtaken: something else happened meanwhile.
        Unavailable: the database is.
    """
    now = _now(state, reason)
    if not to and now.candidate:
        event = DeploymentEvent(0, now.candidate, "stopped", by, reason)
        return add_event(state, event, expected=now.last)
    if not now.current and not to:
        raise UserError("no deployment is served, so there is nothing to go back from: 'rung promote' makes one")
    back = deployment(state, to).id if to else now.green
    if not back:
        raise UserError(
            f"nothing was served before {now.current} that could be gone back to: promote another, name one with --to ID, "
            f"or have the last verdict's winner answer with --to {WINNER}"
        )
    if back == now.current:
        raise UserError(f"{back} is what is served")
    return add_event(state, DeploymentEvent(0, back, "rolled back", by, reason), expected=now.last)


def withdraw(project: Project, state: State, *, by: str, reason: str) -> DeploymentEvent:
    """Serve no deployment any more: the last verdict's winner, as before any promotion. What is tried ends.

    Raises:
        UserError: no deployment is served, there is no winner, or only what people approved is served.
        Overtaken: something else happened meanwhile.
        Unavailable: the database is.
    """
    now = _now(state, reason)
    if not now.current:
        raise UserError("no deployment is served: the last verdict's winner answers already")
    if project.settings.review.required:
        raise UserError(
            "nobody approved the winner, and nothing else is served (review: required): name a deployment, --to ID"
        )
    if not last_choice(project):
        raise UserError("the last verdict chose no rung, so there is no winner to go back to: name a deployment, --to ID")
    return add_event(state, DeploymentEvent(0, now.current, "withdrawn", by, reason), expected=now.last)


def _now(state: State, reason: str) -> Standing:
    if not reason.strip():
        raise UserError("say why, with --reason TEXT: it is kept with the deployment")
    return standing_now(state)
