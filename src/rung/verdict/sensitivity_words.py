"""What would change the choice, in words. What would is found by `flips`."""

from __future__ import annotations

from rung.verdict.reasons import number


def flip(what: str, value: float, winner: str | None, *, upwards: bool, clears: bool = True) -> str:
    """What would change the choice, with its nearest value. `clears`: whether the choice would then clear the bar."""
    then = "no rung could be chosen" if winner is None else f"{winner} would be the choice"
    if what == "bar" and not clears:
        where = "above" if upwards else "at or below"
        return (
            f"With a bar {where} {number(value)}, no rung would be shown to clear it; {winner} would then stand in, as the "
            "lowest that is not shown to be worse than the best."
        )
    if what == "bar":
        return f"With a bar {'above' if upwards else 'at or below'} {number(value)}, {then}."
    if what == "traffic":
        return f"At {_more(upwards)} than about {rounded(value)} queries a month, {then}."
    if what == "changes":
        return f"If the documents changed {_more(upwards)} than about {rounded(value)} times a month, {then}."
    if what == "price":
        return f"If an answer cost {_more(upwards)} than about {rounded(value)} times what it does, {then}."
    return f"With a limit on {what} {'at or above' if upwards else 'below'} {rounded(value)}, {then}."


def _more(upwards: bool) -> str:
    return "more" if upwards else "less"


def rounded(value: float) -> str:
    """Three digits at most, thousands marked: 41237 is 41,200."""
    if value >= 1000:
        return f"{round(float(f'{value:.3g}')):,}"
    return f"{value:.3g}"


def cheaper_from(cheap: str, dear: str, volume: float, queries: float | None) -> str:
    """The break-even of two rungs that are good enough."""
    if volume == 0:
        return f"{cheap} costs less than {dear} at any traffic."
    stated = "" if queries is None else f" (the stated traffic is {rounded(queries)})"
    return f"{cheap} costs less than {dear} from about {rounded(volume)} queries a month on{stated}."
