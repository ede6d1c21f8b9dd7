"""When a hosted model is taken away: as its server says, else by a dated table of what vendors announced.

The table is `retirement.json`: each row with the page that it was read on (the vendor's, or one that quotes it), and when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

from rung.models.endpoint import Endpoint, is_on_server
from rung.records import Json

_SERVER = "as its server says"


@dataclass(frozen=True, slots=True)
class Ending:
    """The day on which a model ends, what its vendor names for then, and who says so."""

    day: date
    instead: str
    source: str


def ending(name: str, report: Mapping[str, Json]) -> Ending | None:
    """When a model ends, by its name in `rung.yaml`; None where nobody said.

    Args:
        name: the model's.
        report: what its server was found to say (`Remote.check`); {} before it was asked.
    """
    day, instead = str(report.get("ends") or ""), str(report.get("instead") or "")
    if day:
        return Ending(date.fromisoformat(day), instead, _SERVER)
    if not is_on_server(name):
        return None
    endpoint = Endpoint.named(name)
    tuned = endpoint.model.split(":")  # "ft:gpt-4.1-2025-04-14:team::id" ends with what it was tuned from
    model = tuned[1] if tuned[0] == "ft" and len(tuned) > 1 else endpoint.model
    return _table().get((endpoint.vendor.name, model)) if endpoint.is_vendors else None


def sentence(name: str, ends: Ending, *, today: date | None = None) -> str:
    """What a verdict says of it."""
    gone = ends.day <= (today or datetime.now(UTC).date())
    instead = f"; its vendor names {ends.instead} for then" if ends.instead else ""
    verb = "was to end" if gone else "ends"
    mend = ": its answers may be another model's by now" if gone else ""
    return f"{name} {verb} on {ends.day.isoformat()} ({ends.source}){instead}{mend}."


@cache
def _table() -> Mapping[tuple[str, str], Ending]:
    """(vendor, model) -> when it ends."""
    rows = json.loads((files("rung.models") / "retirement.json").read_text(encoding="utf-8"))
    return {
        (row["vendor"], model): Ending(
            date.fromisoformat(row["ends"]), row.get("instead", ""), f"{row['source']}, read {row['read']}"
        )
        for row in rows
        for model in row["models"]
    }
