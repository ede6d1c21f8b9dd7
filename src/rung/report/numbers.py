"""Numbers written for people: shares as per cent, time and money in the unit that fits, the unknown as a word."""

from __future__ import annotations

from rung.records import Estimate

DASH = "–"
_THIN = "\u202f"  # narrow no-break space: a number and its unit stay on one line


def percent(share: float | None, *, digits: int = 0) -> str:
    """0.642 -> "64 %"; None -> "–"."""
    return DASH if share is None else f"{_minus(share * 100, digits)}{_THIN}%"


def points(share: float | None, *, digits: int = 0) -> str:
    """A difference of shares in percentage points, with its sign: 0.05 -> "+5"."""
    if share is None:
        return DASH
    written = _minus(share * 100, digits)
    return written if written.startswith("−") or float(written) == 0 else f"+{written}"


def interval(estimate: Estimate, *, digits: int = 0) -> str:
    """The ends of the 95 % interval of a share: "52–75 %", "" where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{_minus(estimate.low * 100, digits)}–{_minus(estimate.high * 100, digits)}{_THIN}%"


def points_interval(estimate: Estimate) -> str:
    """The ends of the 95 % interval of a difference: "−2 to +7"."""
    if estimate.low is None or estimate.high is None:
        return ""
    digits = 1 if min(abs(estimate.low), abs(estimate.high)) < 0.01 else 0  # whether 0 is inside must stay visible
    return f"{points(estimate.low, digits=digits)} to {points(estimate.high, digits=digits)}"


def seconds(value: float) -> str:
    """0.34 -> "340 ms", 75 -> "75 s", 260 -> "4 min 20 s"."""
    if value < 0.9995:
        return f"{significant(value * 1000)}{_THIN}ms"
    if value < 120:
        return f"{significant(value)}{_THIN}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes}{_THIN}min" + (f" {rest}{_THIN}s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_THIN}h {minutes}{_THIN}min"


def milliseconds(value: float) -> str:
    """340 -> "340 ms", 1240 -> "1.24 s"."""
    return seconds(value / 1000)


def money(usd: float | None) -> str:
    """0.4217 -> "$0.42", 0.00031 -> "$0.00031"; None -> "unknown"."""
    if usd is None:
        return "unknown"
    return f"${usd:,.2f}" if usd == 0 or usd >= 0.1 else f"${significant(usd, digits=2)}"


def significant(value: float, *, digits: int = 3) -> str:
    """At most so many significant digits, thousands marked, no exponent: 1234.5 -> "1,234", 0.01234 -> "0.0123"."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}") if abs(value) < 10 ** (digits - 1) else round(value)
    written = f"{rounded:,.10f}".rstrip("0").rstrip(".")
    return written.replace("-", "−")


def count(number: int, noun: str) -> str:
    """1 -> "1 case", 1200 -> "1,200 cases"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _minus(value: float, digits: int) -> str:
    written = f"{value:.{digits}f}"
    return written.lstrip("-") if float(written) == 0 else written.replace("-", "−")
