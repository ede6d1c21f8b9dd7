"""What detectors keep of a deployment while it is as it was measured: to be compared with at every look afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from rung.config.project import Project
from rung.errors import UserError
from rung.records import Json
from rung.runtime.engines import Engines
from rung.state.alerts import keep_baseline
from rung.state.database import State, Unavailable
from rung.watching.detectors import DETECTORS, Detector
from rung.watching.surroundings import Clock, Surroundings

NOTHING = "there is nothing of it to compare with"


def kept(
    project: Project,
    state: State,
    engines: Engines,
    *,
    deployment: str = "",
    detectors: Sequence[Detector] = DETECTORS,
) -> dict[str, str]:
    """Keep the baseline of a deployment, in the place of an earlier one of it. A detector that could not look keeps its own.

    Args:
        project: whose it is.
        state: its database.
        engines: its models and index.
        deployment: its id; "": the one that is served.
        detectors: which keep one.

    Returns:
        By detector, why it has none, "" where it has, `NOTHING` where there is nothing to be had of this project. One that
        could not look does not keep the others from it.

    Raises:
        UserError: nothing was promoted.
        Unavailable: the database is; an earlier baseline is still there.
    """
    surroundings = Surroundings(project, state, engines, Clock(), deployment)
    record = surroundings.deployment
    if record is None:
        raise UserError("nothing was promoted, so there is nothing to keep a baseline of: 'rung promote' first")
    values, why = dict[str, dict[str, Json]](), dict[str, str]()
    for one in detectors:
        if one.baseline is None:
            continue
        try:
            value = dict(one.baseline(surroundings))
        except Unavailable:
            raise
        except UserError as error:
            why[one.name] = str(error)
            continue
        why[one.name] = "" if value else NOTHING
        values |= {one.name: value} if value else {}
    keep_baseline(state, record.id, values, none=[name for name, reason in why.items() if reason == NOTHING])
    return why
