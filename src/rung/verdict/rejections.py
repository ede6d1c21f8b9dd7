"""Why a rung is not the choice, or has no scores: reasons with their kinds. Which one holds is decided in `decide` and
`eligible`; reasons that weigh rungs against each other are in `choice_words`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rung.records import Estimate, Reason, RungResult
from rung.verdict.bar import Limit
from rung.verdict.reasons import amount, cases, chance, interval, limit_words, number

REFERENCE = Reason("reference", "reference arm: measured beside the rungs, never chosen")
NOT_BEGUN = Reason("not_begun", "the budget ended before its first case")
UNJUDGED = Reason("unjudged", "not judged: no case has a score")
MISSES, WORSE, NOT_NEEDED = "misses the bar", "worse", "not needed"
_BREAKS = "breaks a limit"


def stopped(
    why: str,
    score: Estimate,
    *,
    rival: str,
    total: int,
    bar: float | None,
    broken: Sequence[tuple[str, float, Limit]] = (),
) -> Reason:
    """A rung that the race stopped before it had answered every case.

    `broken`: the hard limits that it breaks whatever the other cases bring.
    """
    after = f"stopped after {score.n:,} of {cases(total)} at correct {interval(score)}"
    if why == "misses":
        return Reason("misses", f"{MISSES}: {after}, surely not enough for {number(bar or 0.0)}")
    if why == "limit":
        limits = breaks(broken, {}).text if broken else _BREAKS
        return Reason("limit", f"{limits}; {after}, since no further case could mend it")
    if why == "worse":
        return Reason("worse", f"{WORSE}: {after}, surely below {rival}")
    if why == "before":
        by = "by the scores and the bar of then; 'rung compare' lets it go on where it may win"
        return Reason("not_needed", f"{NOT_NEEDED} then: {after}, {by}")
    lower = f"{rival} is lower on the ladder, and this one could not win any more"
    return Reason("not_needed", f"{NOT_NEEDED}: {after}; {lower}")


def superfluous(leader: str, *, clears: bool) -> Reason:
    """A rung that was not even built: a lower one won, whatever this one would have answered."""
    why = "clears the bar" if clears else "answers so well that nothing could be shown to be better"
    return Reason(
        "not_needed",
        f"{NOT_NEEDED}: not built, since {leader} is lower on the ladder and {why}; "
        "--exhaustive builds and judges it all the same",
    )


def not_built_then() -> Reason:
    """The same, where scores, bar or prices are others by now."""
    by = "by the scores and the bar of then; 'rung compare' builds it where it may win"
    return Reason("not_needed", f"{NOT_NEEDED} then: not built, {by}")


def not_built(why: str) -> Reason:
    """A rung that the budget did not reach."""
    return Reason("not_built", f"not built: {why}")


def not_measured(result: RungResult) -> Reason:
    """Why a rung has no scores."""
    why = result.why or Reason("failed" if result.status == "failed" else "not_applicable", "")
    text = why.text.rstrip(".")
    if why.kind in ("not_built", "not_needed"):
        return replace(why, text=text)
    head = {"failed": "failed", "not_begun": "not begun"}.get(why.kind, "not applicable")
    return replace(why, text=f"{head}: {text}" if text else head)


def nothing_right(n: int, failures: int) -> Reason:
    """A rung with a mean of 0 is no choice, however low the bar."""
    return Reason("nothing_right", f"no case right: 0 of {n:,}" + (f", {failures:,} of them failed" if failures else ""))


def breaks(broken: Sequence[tuple[str, float, Limit]], keeps: Mapping[str, float]) -> Reason:
    """Which hard limits a rung breaks; `keeps`: with which probability it keeps each, where that was told."""
    parts = []
    for name, value, limit in broken:
        probability = f" (kept with probability {chance(keeps[name])})" if name in keeps else ""
        parts.append(f"{name} is {amount(value, limit.value)}, allowed {limit_words(limit)}{probability}")
    return Reason("limit", f"{_BREAKS}: {'; '.join(parts)}")


def forgets(marked: str) -> Reason:
    """A tuned rung that lost too much of what the base model can."""
    return Reason("limit", f"{_BREAKS}: {marked}")
