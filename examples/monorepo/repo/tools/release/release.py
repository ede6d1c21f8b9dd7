"""Makes a release: changelog, tag, images, rollout."""

from __future__ import annotations

STAGES = (1, 10, 50, 100)  # per cent of the traffic
WAIT_MINUTES = 15  # between two stages
ERROR_LIMIT = 0.02  # share of failed requests above which a rollout goes back by itself
FROZEN_WEEKDAYS = ("Friday", "Saturday", "Sunday")


def next_version(last: str, changes: list[str]) -> str:
    """A change that begins with 'break:' raises the first number, 'feat:' the second, all else the third."""
    major, minor, patch = (int(part) for part in last.split("."))
    if any(change.startswith("break:") for change in changes):
        return f"{major + 1}.0.0"
    if any(change.startswith("feat:") for change in changes):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def may_release(weekday: str, *, urgent: bool) -> bool:
    """Whether today is a day for it; an urgent fix may go out on any day, with a second signature."""
    return urgent or weekday not in FROZEN_WEEKDAYS


def roll_out(cluster: Cluster, version: str) -> str:
    """'done', or the stage at which it went back."""
    for stage in STAGES:
        cluster.shift(version, stage)
        if cluster.error_share(version, minutes=WAIT_MINUTES) > ERROR_LIMIT:
            cluster.shift(version, 0)
            return f"went back at {stage} %"
    return "done"
