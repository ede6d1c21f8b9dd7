"""What would change the choice, in words. What would is found by `flips`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from rung.verdict import reasons

SHARES = ("bar", "risk")  # inputs in [0, 1]
INPUTS = ("traffic", "changes", "price")  # inputs of the costs; all others are limits
# how a change above a value is said, and one below
_OF_SHARES = ("above {}", "at or below {}")
_OF_INPUTS = ("above about {}", "below about {}")
_OF_LIMITS = ("at or above {}", "below {}")


def where(what: str, value: str, *, end: str, upwards: bool) -> str:
    """Where the choice is another: "above 0.42", "between 0.42 and 0.51". `what`, `end`: as of `flip`."""
    words = _OF_SHARES if what in SHARES else _OF_INPUTS if what in INPUTS else _OF_LIMITS
    return _from_to(what, value, end, upwards=upwards) if end else words[0 if upwards else 1].format(value)


def _from_to(what: str, value: str, end: str, *, upwards: bool) -> str:
    about, of = ("about ", "about") if what in INPUTS else ("", "of")
    low, high = (value, end) if upwards else (end, value)
    return f"{of} {value}" if low == high else f"between {about}{low} and {high}"


def flip(
    what: str,
    stretch: tuple[str, str],
    winner: str | None,
    *,
    upwards: bool,
    clears: bool = True,
    going_by: str = "",
    unchecked: Sequence[str] = (),
) -> str:
    """What would change the choice, with the `stretch` for which: the nearest value, in one of `forms`, and the end up to
    which that choice lasts ("": no end was found). `clears`: whether the choice would then clear the bar. `going_by`: as of
    the function of that name, for what is a guess. `unchecked`: limits not held against it, for want of its
    numbers."""
    would = "might" if going_by else "would"
    then = f"{winner} {would} be the choice"
    if winner is None:
        then = "perhaps no rung could be chosen" if going_by else "no rung could be chosen"
    if winner is not None and not clears:
        perhaps, it = "perhaps " if going_by else "", "it" if what == "bar" else "the bar"
        then = (
            f"{perhaps}no rung would be shown to clear {it}; {winner} would then stand in, as the lowest that is not shown "
            "to be worse than the best"
        )
    then += in_brackets(unchecked)
    then += f", {going_by}" if going_by else ""
    value, end = stretch
    lasting = where(what, value, end=end, upwards=upwards)
    if what in INPUTS and not end:
        lasting = f"{'more' if upwards else 'less'} than about {value}"
    if what == "bar":
        return f"With a bar {lasting}, {then}."
    if what == "risk":
        return f"At a risk {lasting}, {then}."
    if what == "traffic":
        return f"At {lasting} queries a month, {then}."
    if what == "changes":
        return f"If the documents changed {lasting} times a month, {then}."
    if what == "price":
        return f"If an answer cost {lasting} times what it does, {then}."
    return f"With a limit on {what} {lasting}, {then}."


def not_checked(limits: Sequence[str]) -> str:
    """That limits are not held against the rung just named; "" of none.

    >>> not_checked(["usd_per_1k"])
    'its usd_per_1k is unknown, and that limit not checked'
    """
    if not limits:
        return ""
    are, which = ("is", "that limit") if len(limits) == 1 else ("are", "these limits")
    return f"its {reasons.listed(list(limits))} {are} unknown, and {which} not checked"


def in_brackets(limits: Sequence[str]) -> str:
    """The same after a rung's name or what it would be; "" of none."""
    return f" ({not_checked(limits)})" if limits else ""


def by_cost(
    name: str,
    usd: tuple[float, float],
    correct: tuple[float, float],
    *,
    monthly: bool,
    left_out: Sequence[str] = (),
    unchecked: Sequence[str] = (),
    going_by: str = "",
) -> str:
    """That the cheapest is another than the choice: its dollars and its score, then those of the choice; by the month, or by
    a thousand answers, `left_out` being parts of the whole cost that are unknown. `unchecked`, `going_by`: as of `flip`."""
    would = "might" if going_by else "would"
    theirs, own = (f"${one:,.2f}" if monthly else f"${one:,.3g}" for one in usd)
    apart = f", without {reasons.listed(list(left_out), most=8)}, of which no cost is known" if left_out else ""
    per = "a month" if monthly else f"per 1,000 answers{apart}"
    scores = " against ".join(reasons.number(one) for one in correct)
    of_it = f"{name} {would} be the choice{in_brackets(unchecked)}"
    by = f", {going_by}" if going_by else ""
    return f"With prefer: cost, {of_it}: {theirs} against {own} {per}; correct {scores}{by}."


def going_by(answered: Sequence[tuple[str, int, int]]) -> str:
    """By what a change is guessed: of each rung with open cases its name, cases it answered, and all cases; "" of none."""
    if not answered:
        return ""
    ((name, some, cases), *others) = answered
    if not others:
        if not some:
            return f"leaving aside {name}, which has answered nothing"
        return f"going by the {some:,} of {cases:,} cases that {name} answered"
    each = [f"{name} answered {f'{some:,} of {cases:,} cases' if some else 'nothing'}" for name, some, cases in answered]
    return f"going by what there is: {reasons.listed(each)}"


def forms(what: str, value: float, *, upwards: bool) -> list[tuple[str, float]]:
    """The ways to write a value, from the roughest: rounded away from today's. Bars in decimals, all else in digits."""
    exact = Decimal(f"{value:.12g}")
    is_share = what in SHARES
    last = [-digits for digits in (2, 3, 4, 5)] if is_share else [exact.adjusted() - digits for digits in (2, 3, 4, 6)]
    way = ROUND_CEILING if upwards else ROUND_FLOOR
    shown = [exact.quantize(Decimal(1).scaleb(exponent), rounding=way) for exponent in last]
    return [(f"{one:f}" if is_share else _plain(one), float(one)) for one in shown]


def rounded(value: float, way: str = ROUND_HALF_EVEN) -> str:
    """Three digits at most, thousands marked: 41237 is 41,200."""
    exact = Decimal(f"{value:.12g}")
    return _plain(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 2), rounding=way))


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cheaper_from(
    cheap: str, dear: str, volume: float, queries: float | None, *, but_steps: bool = False, going_by: str = ""
) -> str:
    """The break-even of two rungs that are good enough. `but_steps`: whether the cheap one is the dearer again for a while
    where it takes a further server. `going_by`: whose costs are those of some cases, as of the function of that name."""
    but = ", but for stretches in which it takes a server more" if but_steps else ""
    by = f", {going_by}" if going_by else ""
    if volume == 0:
        return f"{cheap} costs less than {dear} at any traffic{but}{by}."
    stated = "" if queries is None else f" (the stated traffic is {rounded(queries)})"
    return f"{cheap} costs less than {dear} from about {rounded(volume, ROUND_CEILING)} queries a month on{stated}{but}{by}."
