"""Label decay as a watch sees it: gold that moved or is gone since documents changed (`dataset.label_decay`)."""

from __future__ import annotations

from collections.abc import Iterator

from rung.commands.label_decay import label_decay
from rung.records import Json
from rung.records.alerts import Reading
from rung.watching.surroundings import Surroundings

MAX_LISTED = 20  # pieces of gold in the evidence


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """How many cases have gold that moved or is gone."""
    if not surroundings.project.settings.knowledge.sources:
        return
    decay = label_decay(surroundings.project)
    counts = decay.counts
    due = counts["moved"] + counts["gone"]
    with_gold = sum(counts.values())
    listed: list[Json] = []
    listed += [one.as_json() for one in decay.states if one.state in ("moved", "gone")][:MAX_LISTED]
    others = f"{counts['moved']} moved, {counts['gone']} gone, {counts['unknown']} cannot be told"
    yield Reading(
        "gold",
        "drifted" if due else "fine",
        f"of {with_gold} cases with gold {counts['true']} are as they were, {others}",
        figure=float(due),
        limit=1.0,
        test="texts compared; no model, no chance",
        do="look at them with 'rung cases decay', hold them back with --mark, mend them in 'rung review'" if due else "",
        fires_after=1,
        clears_after=1,
        evidence={**{str(state): count for state, count in counts.items()}, "no_gold": decay.no_gold, "gold": listed},
    )
