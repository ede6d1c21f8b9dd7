"""Promote what was measured, and keep what a watch compares with from then on."""

from __future__ import annotations

from rung.builders.building import ArtifactBuilder
from rung.errors import UserError
from rung.progress import phase, say
from rung.records.deployment import DeploymentRecord
from rung.serving.promotion import PromoteRequest, promote
from rung.state.database import State
from rung.watching.baselines import NOTHING, kept


def promote_and_watch(builder: ArtifactBuilder, state: State, request: PromoteRequest) -> DeploymentRecord:
    """Make a deployment of what was measured, and keep its baseline. Where that cannot be had, the deployment stands all the
    same, and it is said.

    Raises:
        GateShut: a check of the gate does not hold.
        UserError: as `promote`.
    """
    record = promote(builder, state, request)[0]
    mend = "'rung watch --baseline' keeps it, once that is mended"
    try:
        with phase("keep a baseline for rung watch"):
            why = kept(builder.project, state, builder.engines, deployment=record.id)
    except UserError as error:
        say(f"! no baseline was kept for 'rung watch' ({error}): {mend}")
        return record
    for name, reason in why.items():
        if reason not in ("", NOTHING):
            say(f"! no baseline of {name} was kept for 'rung watch' ({reason}): {mend}")
    return record
