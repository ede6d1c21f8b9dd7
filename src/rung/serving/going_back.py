"""End what is tried, or go back to what was served before: an event in the database, which every server follows."""

from __future__ import annotations

from rung.errors import UserError
from rung.records.deployment import DeploymentEvent
from rung.state.database import State
from rung.state.deployments import add_event, deployment, standing_now


def rollback(state: State, *, to: str = "", by: str, reason: str) -> DeploymentEvent:
    """End what is tried, else go back: to the deployment of this id, or to the last one that nothing was wrong with.

    Raises:
        UserError: there is nothing to go back to.
        Overtaken: something else happened meanwhile.
        Unavailable: the database is.
    """
    now = standing_now(state)
    if not reason.strip():
        raise UserError("say why, with --reason TEXT: it is kept with the deployment")
    if not to and now.candidate:
        event = DeploymentEvent(0, now.candidate, "stopped", by, reason)
        return add_event(state, event, expected=now.last)
    if not now.current:
        raise UserError("no deployment is served, so there is nothing to go back from: 'rung promote' makes one")
    back = deployment(state, to).id if to else now.green
    if not back:
        raise UserError(
            f"nothing was served before {now.current} that could be gone back to: promote another, or name one with --to"
        )
    if back == now.current:
        raise UserError(f"{back} is what is served")
    return add_event(state, DeploymentEvent(0, back, "rolled back", by, reason), expected=now.last)
