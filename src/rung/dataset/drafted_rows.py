"""Drafts: rows that somebody, or something, drafted and that judge and teach nothing until a person approved them.

A draft that was rejected leaves its file, unless a person may have written it: then it stays there, set aside.
"""

from __future__ import annotations

from collections.abc import Mapping

from rung.records import Json

REJECTED = "rejected"  # key of the `meta` of a row that was set aside: by whom, when, why


def approver(row: Mapping[str, Json]) -> str:
    """Who approved a row, as it says itself; "": nobody did."""
    return str(row.get("approved_by") or "").strip()


def is_draft(row: Mapping[str, Json]) -> bool:
    """Whether a row was drafted and nobody approved it: it waits for a person, or was set aside."""
    return bool(row.get("drafted_by")) and not approver(row)


def meta_in(row: Mapping[str, Json]) -> dict[str, Json]:
    """A copy of a row's `meta`; empty where it has none, or one that is no object."""
    meta = row.get("meta")
    return dict(meta) if isinstance(meta, dict) else {}


def rejection(row: Mapping[str, Json]) -> str:
    """What became of a draft that was set aside, and what to do, in words; "": it waits, or is none."""
    by = meta_in(row).get(REJECTED) if is_draft(row) else None
    if not isinstance(by, dict):
        return ""
    return (
        f"was rejected by {by.get('by')} ({by.get('reason')}) and set aside: delete the line, or mend it and take "
        f"'{REJECTED}' out of its meta, so that it waits for 'rung review' again"
    )


def set_aside(row: Mapping[str, Json], *, by: str, reason: str, at: str) -> dict[str, Json]:
    """The row with who rejected it, when and why."""
    noted: dict[str, Json] = {"by": by, "reason": reason, "at": at}
    return {**row, "meta": {**meta_in(row), REJECTED: noted}}
