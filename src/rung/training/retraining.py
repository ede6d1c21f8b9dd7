"""Whether it is time to train again, by new approved rows or by age; pure. Drift is known only once something is served."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from rung.config.schema import RetrainSettings
from rung.training.registry import Artifact, LearntRow


@dataclass(frozen=True, slots=True)
class Material:
    """A row that would be learnt from now. `digest` "": it is known by its id only, as what it shows takes a search."""

    id: str
    digest: str = ""
    approved: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """Whether a kind is to be trained again. `due` None: not known. `new` counts approved rows that were not learnt from."""

    kind: str
    artifact: str
    due: bool | None
    why: str
    new: int | None = None

    def __str__(self) -> str:
        state = "due" if self.due else "not due" if self.due is not None else "not known to be due"
        return f"{self.kind} is {state}: {self.why}"


def unseen(seen: Sequence[LearntRow], pools: Sequence[Sequence[Material]]) -> tuple[Material, ...]:
    """The rows that an artifact has not learnt from, or not as they are now.

    A project has several sources of rows (its examples, its train cases), and an artifact learns from some of them: those
    that share most ids with what it has seen; where none shares any, the first that is not empty.
    """
    ids, digests = {row.id for row in seen}, {row.digest for row in seen}
    filled = [pool for pool in pools if pool]
    pool = max(filled, key=lambda rows: sum(row.id in ids for row in rows), default=())
    return tuple(row for row in pool if row.id not in ids or (row.digest and row.digest not in digests))


def due(
    rule: RetrainSettings,
    artifact: Artifact | None,
    new: Collection[Material] | None,
    *,
    kind: str,
    now: datetime,
    drifted: Sequence[str] | None = None,
) -> Due:
    """What the rule says of a kind.

    Args:
        rule: `retrain:` of the project.
        artifact: the promoted one, else the newest; None: nothing was trained yet.
        new: rows that it has not seen; None: it does not say what it has seen.
        kind: of the artifact.
        now: with a time zone.
        drifted: alerts of the watch that fire now and that training may mend; None: nobody watches.
    """
    named = artifact.digest if artifact else ""
    approved = None if new is None else sum(row.approved for row in new)
    if rule.rows is not None:
        return _by_rows(rule.rows, artifact, new, Due(kind, named, None, "", approved))
    if rule.days is None and drifted is None:
        return Due(kind, named, None, "drift is known where what is served is watched ('rung watch')", approved)
    if artifact is None:
        return Due(kind, named, False, "nothing is trained yet", approved)
    if rule.days is None:
        why = f"the watch says: {', '.join(drifted or ())}" if drifted else "the watch finds no drift that training mends"
        return Due(kind, named, bool(drifted), why, approved)
    try:
        age = (now - datetime.fromisoformat(artifact.created)).days
    except (ValueError, TypeError):  # no date, or one without a time zone
        return Due(kind, named, None, f"{artifact.name} does not say when it was made", approved)
    days = "1 day" if age == 1 else f"{age} days"
    return Due(kind, named, age >= rule.days, f"{artifact.name} is {days} old; {rule.when}: {rule.days} days", approved)


def _by_rows(required: int, artifact: Artifact | None, new: Collection[Material] | None, blank: Due) -> Due:
    if new is None or blank.new is None:
        name = artifact.name if artifact else blank.kind
        return Due(blank.kind, blank.artifact, None, f"{name} does not say which rows it has learnt from")
    since = f"since {artifact.name}" if artifact else "and nothing is trained yet"
    waiting = len(new) - blank.new
    more = f"; {waiting} more wait for an approval (approved_by)" if waiting else ""
    why = f"{blank.new} new approved rows {since}; wanted: {required}{more}"
    return Due(blank.kind, blank.artifact, blank.new >= required, why, blank.new)
