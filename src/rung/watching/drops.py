"""Readings of a test of whether something is less good from some answer on (`stats.drop`)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rung.records import Json
from rung.records.alerts import Found, Reading
from rung.stats.drop import Change
from rung.watching.traffic import BLOCK


def drop_reading(
    name: str, says: str, change: Change, *, risk: float, what: str, do: str, evidence: Mapping[str, Json]
) -> Reading:
    """What the test says of one stream.

    Args:
        name: of the reading.
        says: in words.
        change: the test's result.
        risk: of a false alarm in a stream.
        what: is tested for, as "a drop above 5%".
        do: what to do where it is drifted.
        evidence: for programs, beside the test's own.
    """
    state = found_by(change.evidence, risk)
    return Reading(
        name,
        state,
        says,
        figure=change.evidence,
        limit=math.log(1 / risk),
        test=f"log evidence of {what} from some answer on (stats.drop)",
        false_alarms=risk,
        per=f"{BLOCK:,} answers",
        do=do if state == "drifted" else "",
        fires_after=1,
        evidence={**evidence, "since": change.since, "before": change.before, "after": change.after},
    )


def found_by(evidence: float, risk: float) -> Found:
    """Drifted from log(1/risk) on; fine below half of it."""
    limit = math.log(1 / risk)
    return "drifted" if evidence >= limit else "fine" if evidence < limit / 2 else "between"
