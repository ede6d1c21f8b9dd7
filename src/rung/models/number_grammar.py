"""Which digits write the whole numbers between two bounds, as a grammar. What a schema means is left to `grammar`."""

from __future__ import annotations

import math

_DIGITS = 15  # a double holds 15 digits; without an end a small model goes on for ever
_FRACTION = f'("." [0-9]{{1,{_DIGITS}}})?'
_ZEROS = '("." "0"{1,3})?'


def integers(low: float | None, high: float | None) -> str | None:
    """Integers from `low` to `high`, both included; None: no bound on that side."""
    least = None if low is None else math.ceil(low)
    most = None if high is None else math.floor(high)
    if least is not None and most is not None and least > most:
        return None
    end = 10**_DIGITS - 1
    least, most = max(-end, -end if least is None else least), min(end, end if most is None else most)
    parts: list[str] = []
    if least < 0:
        parts.append(f'"-" ({_positive(max(1, -most), -least)})')
    if least <= 0 <= most:
        parts.append('"0"')
    if most > 0:
        parts.append(_positive(max(1, least), most))
    return " | ".join(parts)


def numbers(low: float | None, high: float | None) -> str | None:
    """Numbers from `low` to `high` as decimal fractions. None for bounds that are not whole: left to the engine."""
    if any(bound is not None and bound != int(bound) for bound in (low, high)):
        return None
    least, most = (None if bound is None else int(bound) for bound in (low, high))
    if least is None and most is None:
        return f'"-"? ("0" | [1-9] [0-9]{{0,{_DIGITS - 1}}}) {_FRACTION} ([eE] [+-]? [0-9]{{1,2}})?'
    parts: list[str] = []
    if least is None or least < 0:
        parts.append(_magnitudes("-", 0 if most is None or most >= 0 else -most, None if least is None else -least))
    if most is None or most >= 0:
        parts.append(_magnitudes("", 0 if least is None or least < 0 else least, most))
    return " | ".join(parts)


def _magnitudes(sign: str, least: int, most: int | None) -> str:
    """`sign` and a decimal number from `least` to `most`: a whole part below `most` with any fraction, or `most` itself."""
    prefix = f'"{sign}" ' if sign else ""
    if most is None:
        whole = integers(least, None)
        return f"{prefix}({whole}) {_FRACTION}"
    exact = f'{prefix}"{most}" {_ZEROS}'
    whole = integers(least, most - 1) if most > least else None
    return f"{prefix}({whole}) {_FRACTION} | {exact}" if whole else exact


def _positive(low: int, high: int) -> str:
    """Decimal integers from low to high, 1 <= low <= high, without leading zeros."""
    parts: list[str] = []
    for length in range(len(str(low)), len(str(high)) + 1):
        least, most = max(low, 10 ** (length - 1)), min(high, 10**length - 1)
        parts.append(_same_length(str(least), str(most)))
    return " | ".join(parts)


def _same_length(low: str, high: str) -> str:
    if not low:
        return '""'
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{len(low)}}}"
    if low[1:] == "0" * (len(low) - 1) and high[1:] == "9" * (len(high) - 1):
        rest = f" [0-9]{{{len(low) - 1}}}" if len(low) > 1 else ""
        return f"[{low[0]}-{high[0]}]{rest}"
    if low[0] == high[0]:
        return f'"{low[0]}" ({_same_length(low[1:], high[1:])})'
    nines, zeros = "9" * (len(low) - 1), "0" * (len(low) - 1)
    parts = [f'"{low[0]}" ({_same_length(low[1:], nines)})']
    if int(high[0]) - int(low[0]) > 1:
        parts.append(_same_length(f"{int(low[0]) + 1}{zeros}", f"{int(high[0]) - 1}{nines}"))
    parts.append(f'"{high[0]}" ({_same_length(zeros, high[1:])})')
    return " | ".join(parts)
