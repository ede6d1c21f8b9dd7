"""For how long the same call counts as answered: a part of a tool's identity that changes with time."""

from __future__ import annotations

import time


def period(seconds: float) -> str:
    """The span of time that it is now, each `seconds` long; "" where what is asked never changes (0)."""
    return f" in period {int(time.time() // seconds)} of {seconds:g} s" if seconds else ""
