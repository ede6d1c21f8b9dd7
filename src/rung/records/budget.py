"""What a comparison may spend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """What a comparison may spend. `exhaustive`: every rung answers every case; `retime`: all rungs are timed anew.

    Args:
        usd: stop with a partial verdict before more is spent, training included; None: no limit.
        minutes: the same of time.
        exhaustive: also rungs that cannot win any more.
        retime: latencies that are known do not count.
    """

    usd: float | None = None
    minutes: float | None = None
    exhaustive: bool = False
    retime: bool = False
