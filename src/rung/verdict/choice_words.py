"""Why a rung was chosen, and why another was not, in words. What they say is decided in `decide`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rung.records import Estimate, Reason, RungResult
from rung.verdict.bar import Bar, Limit
from rung.verdict.choice import FLOOR
from rung.verdict.reasons import amount, cases, chance, interval, limit_words, listed, number, reaching, turned
from rung.verdict.rejections import MISSES, NOT_NEEDED, WORSE
from rung.verdict.statistics import ALPHA, Paired

BY_WHAT_THERE_IS = "The comparison was cut short, so nothing is shown yet; by the answers that there are:"
_CHANCE = "so much comes by chance among {} comparisons (Holm's correction)"


def clears(
    winner: RungResult, bar: Bar, *, lower: Sequence[RungResult], more: str, costs: Collection[float | None] = ()
) -> str:
    """Why the winner: it is the lowest that is good enough, or the cheapest. `costs`: of all that are good enough."""
    asked, score = bar.correct or 0.0, winner.scores["correct"]
    below = ", ".join(f"{r.name} reaches it with {reaching(r, bar.risk)}" for r in lower[-2:])
    return (
        f"{winner.name} clears the bar with probability {chance(winner.probability)} ({1 - bar.risk:.2f} is asked), and is "
        f"{_which('that does', bar, costs)}: correct {interval(score, beside=asked)} against {number(asked)}"
        f"{'; ' + below if below else ''}.{more}"
    )


def _which(whom: str, bar: Bar, costs: Collection[float | None]) -> str:
    """ "the cheapest rung that does"; `costs`: of all of whom that is said.

    >>> _which("that does", Bar(0.7, prefer="cost"), [0.2, None])
    'the cheapest rung that does, of those whose cost is known'
    """
    if bar.prefer == "ladder":
        return f"the lowest rung {whom}"
    if costs and all(cost is None for cost in costs):
        return f"the lowest rung {whom} (the cheapest is preferred, and no cost is known)"
    return f"the cheapest rung {whom}{', of those whose cost is known' if None in costs else ''}"


def may_too(stopped: Sequence[RungResult], all_cases: int) -> str:
    """Lower rungs that may clear the bar as well: they were stopped before that was asked."""
    if not stopped:
        return ""
    each = listed([f"{one.name} (asked {one.answered} of {all_cases} cases)" for one in stopped])
    return f" Lower, and stopped before it was known whether it clears this bar: {each}; `rung compare` asks the rest."


def stays(winner: RungResult, bar: Bar, *, more: str) -> str:
    """Why the last verdict's winner again."""
    asked, score = bar.correct or 0.0, winner.scores["correct"]
    return (
        f"{winner.name} stays, as the last verdict's choice: it reaches the bar with probability "
        f"{reaching(winner, bar.risk)}, so it is not likely below it, and no lower rung is shown to clear it: correct "
        f"{interval(score, beside=asked)} against {number(asked)}.{more}"
    )


def none_clears(bar: Bar, best: RungResult) -> str:
    """What is said first where the bar decides nothing."""
    asked, reached = number(bar.correct or 0.0), reaching(best, bar.risk)
    return f"No rung is shown to clear the bar of {asked}: {best.name}, the best, does with probability {reached}."


def best(winner: RungResult, bar: Bar, *, alone: bool, lowest: bool, more: str) -> str:
    """Why the winner: it is the best, and every lower one that could be chosen is shown to be worse, or every one that costs
    less. `lowest`: there is none of these."""
    by_cost = bar.prefer == "cost"
    none = "none whose best setting is known to cost less could be chosen" if by_cost else "the lowest that could be chosen"
    those = "rung whose best setting costs less" if by_cost else "lower rung that could be chosen"
    standing = (
        "is the only rung that could be chosen"
        if alone
        else f"is the best, and {none}"
        if lowest
        else f"is the best, and every {those} is shown to be worse, at a risk of {bar.risk:.0%}"
    )
    return f"{winner.name} {standing}: correct {interval(winner.scores['correct'], beside=bar.correct)}.{more}"


def last_in_the_race(winner: str, score: Estimate, bar: float | None, *, more: str) -> str:
    """Why the winner: the race stopped every other rung."""
    return (
        f"{winner} is the lowest rung that none can surely beat: correct {interval(score, beside=bar)}; the others "
        f"were stopped early, as worse or as higher on the ladder than they need be.{more}"
    )


def as_good_as_best(
    winner: tuple[str, Estimate],
    *,
    best: tuple[str, Estimate],
    difference: Paired,
    bar: Bar,
    more: str,
    costs: Collection[float | None] = (),
) -> str:
    """Why the winner: a tie goes to the lower rung, or to the cheaper one. `costs`: of all that are not shown
    to be worse."""
    gap = abs(difference.estimate.mean or 0.0)
    small = f" A difference of up to {number(FLOOR)} counts as none." if gap <= FLOOR else ""
    (name, score), whom = winner, "that is not shown to be worse than the best"
    return (
        f"{name} is {_which(whom, bar, costs)}, at a risk of {bar.risk:.0%}: correct "
        f"{interval(score)} against {number(best[1].mean or 0.0)} for {best[0]}, a difference of "
        f"{interval(difference.estimate)}.{small}{more}"
    )


def _in_doubt(difference: Paired, compared: int) -> str:
    """Why a difference does not count although its interval leaves out 0; "" where it has 0 in it, or is not known."""
    e = difference.estimate
    if e.low is None or e.high is None or e.low <= 0 <= e.high:
        return ""
    return _CHANCE.format(compared)


def not_certain(more: int | None, risk: float, *, of: str = "", clustered: bool = False) -> str:
    """The winner (or the best rung, `of`) may reach the bar or not: what would settle it."""
    head = f" Not certain{f' of {of}' if of else ''}: "
    if more is None:
        return f"{head}it lies so near the bar that more cases would hardly settle it."
    about = f"{cases(more, what='more case')}{', spread over further documents as these are,' if clustered else ''}"
    return f"{head}about {about} would likely settle it, to a probability of {1 - risk:.2f} or more, or below {risk:.2f}."


def misses(result: RungResult, bar: Bar) -> Reason:
    """A rung that is likely not good enough."""
    return Reason("misses", f"{MISSES}: {_reaching(result, bar)}")


def not_shown(result: RungResult, bar: Bar) -> Reason:
    """A rung that may be good enough or not."""
    return Reason("not_shown", f"not shown to clear the bar: {_reaching(result, bar)}, {1 - bar.risk:.2f} is asked")


def _reaching(result: RungResult, bar: Bar) -> str:
    asked = bar.correct or 0.0
    score = result.scores["correct"]
    return f"correct {interval(score, beside=asked)} reaches {number(asked)} with probability {reaching(result, bar.risk)}"


def worse(best: str, difference: Estimate, risk: float) -> Reason:
    """A rung that is shown to be worse than the best."""
    by = f"by {interval(turned(difference))}, more than chance at a risk of {risk:.0%}"
    return Reason("worse", f"{WORSE}: below the best, {best}, {by}")


def not_needed(winner: str, score: Estimate, over: Paired, *, sibling: bool, adjusted: float, compared: int) -> Reason:
    """A rung that is higher on the ladder than it needs to be, or another setting of the winner (`sibling`). Says so if it
    is better all the same.

    `adjusted`: its p by Holm, among so many comparisons with the winner.
    """
    difference = over.estimate.mean or 0.0
    what = "better" if difference > 0 else "worse" if difference < 0 else "different"
    sure = "significantly " if adjusted < ALPHA else "not significantly "
    shown = interval(over.estimate if difference >= 0 else turned(over.estimate))
    by = f" (by {shown})" if over.estimate.mean is not None else ""
    doubt = _in_doubt(over, compared) if adjusted >= ALPHA else ""
    but = f"; {doubt}" if doubt else ""
    where = f"{winner} is a setting of the same rung" if sibling else f"{winner} is lower on the ladder"
    return Reason("not_needed", f"{NOT_NEEDED}: {where}; correct {interval(score)} is {sure}{what}{by}{but}")


def dearer(winner: str, cost: float | None, *, against: float | None, monthly: bool) -> Reason:
    """A rung that is as good as it needs to be, and costs more than the winner, or nobody knows what."""
    theirs, own = (_dollars(usd, monthly=monthly) for usd in (cost, against))
    return Reason("not_needed", f"{NOT_NEEDED}: the cheapest is preferred, which is {winner}: {theirs} against {own}")


def _dollars(usd: float | None, *, monthly: bool) -> str:
    """By the month, or by a thousand answers."""
    if usd is None:
        return "costs that are unknown"
    return f"${usd:,.2f} a month" if monthly else f"${usd:,.4g} per 1,000 answers"


def does_as_well(winner: RungResult, other: RungResult, probability: float, saved: float, *, monthly: bool) -> str:
    """That the choice does as well as a rung on another model, and what it saves."""
    unit = "a month" if monthly else "per 1,000 answers"
    return (
        f" {winner.name} ({winner.model}) does as well as {other.name} ({other.model}), or misses it by {number(FLOOR)} at "
        f"most, with probability {chance(probability)}, and costs ${saved:,.4g} {unit} less."
    )


def beyond(name: str, limit: str, value: float, of: Limit, probability: float | None) -> str:
    """A limit that the choice was measured beyond, and that is not held against it. `probability`: that it is kept."""
    why = "" if probability is None else f", kept with probability {chance(probability)}"
    return (
        f"{name} was measured at {limit} {amount(value, of.value)}, allowed {limit_words(of)}: not "
        f"certain{why}; only what is likely to break a limit is out."
    )
