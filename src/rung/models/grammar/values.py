"""Values that a schema lists, or leaves so few of that they can be listed: each is checked against all that it says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rung.models.grammar.branches import NOT_IN, Branch, Branches, listed, types_of
from rung.models.grammar.dialects import as_list
from rung.models.grammar.nodes import Lit, Node, alt
from rung.records import Json
from rung.text.json_values import accepts, exact_validator, key

MAX_ELEMENTS = 24  # of values that are listed to be told apart


def allowed(values: Sequence[Json], branch: Branch, branches: Branches) -> list[Json]:
    """Those of the values that every part of a branch allows."""
    excluded = {key(value) for part in branch for value in as_list(part.get(NOT_IN))}
    checks = [
        exact_validator({**branches.dialect.document(), **{w: v for w, v in part.items() if w != NOT_IN}}) for part in branch
    ]
    return [v for v in values if key(v) not in excluded and all(accepts(check, v) for check in checks)]


def few(branch: Branch, branches: Branches) -> list[Json] | None:
    """All values of a branch where they are listed, or true, false and null are all that it allows; None otherwise."""
    values = listed(branch)
    kinds = types_of(branch)
    if values is None and kinds <= {"boolean", "null"}:
        values = [value for kind, value in (("boolean", True), ("boolean", False), ("null", None)) if kind in kinds]
    return None if values is None else allowed(values, branch, branches)


def elements(schemas: Sequence[Json], branches: Branches) -> list[Json] | None:
    """All values that schemas allow together, where they are few; None otherwise."""
    gathered: list[Json] = []
    for branch in branches.of(schemas):
        values = few(branch, branches)
        if values is None:
            return None
        gathered += values
    once = list({key(value): value for value in gathered}.values())
    return once if len(once) <= MAX_ELEMENTS else None


def spelled(values: Sequence[Json]) -> Node:
    """Values as Python writes them, letters beyond ASCII as themselves or by their numbers."""
    written = [json.dumps(value, ensure_ascii=ascii) for value in values for ascii in (False, True)]
    return alt(map(Lit, written))
