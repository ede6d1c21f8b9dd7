"""What a comparison is given from Python, refused in words where it cannot be: numbers, and what may be spent.

The command line refuses the same by its options.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

from rung.errors import UserError
from rung.pipeline.budget import CompareRequest
from rung.records import Budget


def whole_number(name: str, value: object, *, least: int, most: int | None = None) -> int | None:
    """A whole number, or None where none is given.

    Raises:
        UserError: it is something else, or out of bounds.
    """
    if value is None:
        return None
    bounds = f"{least:,} or more" if most is None else f"from {least:,} to {most:,}"
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or number < least or (most is not None and number > most):
        raise UserError(f"{name} is a whole number, {bounds}, or None; it was {value!r:.60}")
    return number


def compare_request(budget: object, search: object) -> CompareRequest:
    """What is allowed of a comparison.

    Raises:
        UserError: `budget` is no `Budget`, one of its limits no number of dollars or minutes, `search` no number.
    """
    if not isinstance(budget, (Budget, type(None))):
        raise UserError(f"budget is a rung.Budget(usd=…, minutes=…) or None; it was {budget!r:.60}")
    ours = budget or Budget()
    for name, value in (("usd", ours.usd), ("minutes", ours.minutes)):
        is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        if value is not None and not is_number:
            raise UserError(f"{name} of a budget is a number, 0 or more, or None; it was {value!r:.60}")
    return CompareRequest(ours.exhaustive, ours.usd, ours.minutes, whole_number("search", search, least=1), ours.retime)
