"""Where the choice would be another, or no rung would clear the bar any more: one row for each input, with the nearest
changes above and below its value of today.

Each change is `sensitivity`'s; this puts them in order, and says of every input whether there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.verdict import sensitivity_words
from rung.verdict.bar import QUANTILES, Bar
from rung.verdict.decide import Settled
from rung.verdict.guesses import hedged, partly_answered
from rung.verdict.judging import DecisionContext
from rung.verdict.sensitivity import FARTHEST, OF_MONEY, flips_of_shares, flips_of_the_rest
from rung.verdict.share_flips import MOST_RISK, Flip
from rung.verdict.would_change import guessed_by, relevant, thin_in

FOLLOWED = (*OF_MONEY, *QUANTILES)  # limits whose changes are followed


@dataclass(frozen=True, slots=True)
class Turn:
    """An input with its value of today (None: not stated), and what is known of where the choice changes.

    `what`: "traffic", "changes", "price" (times what an answer costs), "bar", "risk", or the name of a limit. `note`: why
    there is no change, "" where there is one.
    """

    what: str
    now: float | None
    changes: tuple[Flip, ...] = ()
    note: str = ""


def turns(settled: Settled, *, bar: Bar, context: DecisionContext) -> tuple[Turn, ...]:
    """Every input of a verdict, with its nearest changes.

    `bar`, `context`: by what it was settled; the context's `incumbent` is the last choice of whoever decides again.
    """
    lines, verdict, economy = settled.evaluations, settled.verdict, settled.economy
    nearest = [
        *flips_of_the_rest(lines, bar=bar, economy=economy, incumbent=context.incumbent),
        *flips_of_shares(lines, bar=bar, economy=economy, incumbent=context.incumbent),
    ]
    thin = thin_in(lines)
    as_it_is = (verdict.winner, "clears" if verdict.clears_bar else "kept" if verdict.code == "kept" else "missed")
    telling = [
        flip
        for flip in relevant(nearest, lines, verdict.rejected)
        if flip.winner not in thin and (flip.winner, flip.standing) != as_it_is
    ]
    telling = hedged(telling, lines, bar=bar, economy=economy, incumbent=context.incumbent, closely=True)
    demand = context.demand
    by_what_there_is = ", by the cases that were answered" if partly_answered(lines) else ""
    inputs: dict[str, float | None] = {"traffic": demand.queries, "changes": demand.changes, "price": 1.0}
    inputs |= {"bar": bar.correct, "risk": bar.risk} | {name: limit.value for name, limit in bar.limits.items()}
    rows = []
    for what, now in inputs.items():
        own = tuple(sorted((flip for flip in telling if flip.what == what), key=_order))
        note = _note(what, now, bar, is_thin=verdict.winner in thin)
        rows.append(Turn(what, now, () if note else own, note or ("" if own else f"{_nowhere(what)}{by_what_there_is}")))
    return tuple(rows)


def _note(what: str, now: float | None, bar: Bar, *, is_thin: bool) -> str:
    """Why nothing is followed; "" where it is."""
    if is_thin:
        return "the choice has too few judged answers to tell"
    if what in sensitivity_words.INPUTS:
        if not now:
            return "not stated: give it a value"
        if bar.prefer != "cost" and not any(name in bar.limits for name in OF_MONEY):
            return "it changes costs, not the choice: no limit is on money, and the lowest rung is taken"
    if what == "bar" and now is None:
        return "no bar is set"
    if what not in (*sensitivity_words.INPUTS, *sensitivity_words.SHARES, *FOLLOWED):
        return "not followed: try another value"
    return ""


def _nowhere(what: str) -> str:
    if what in sensitivity_words.INPUTS:
        return f"no change up to {FARTHEST:,.0f} times more or less"
    return f"no change up to {MOST_RISK:g}" if what == "risk" else "no change at any value"


def _order(flip: Flip) -> tuple[bool, float]:
    """Those above first, the nearest of each way before the others."""
    return not flip.upwards, abs(flip.value - flip.now)


def in_words(flip: Flip) -> tuple[str, str]:
    """(where, what then): "above 0.42", "rag"."""
    where = sensitivity_words.where(flip.what, flip.shown, end=flip.shown_end, upwards=flip.upwards)
    perhaps, guessed = ("perhaps ", f", {guessed_by(flip)}") if flip.going_by else ("", "")
    if flip.winner is None:
        return where, f"{perhaps}no rung could be chosen{guessed}"
    then = {
        "": "{}",
        "clears": "{}, shown to clear the bar",
        "kept": "{}, kept as the last choice, and not shown to clear the bar",
        "missed": "none would be shown to clear the bar; {} would stand in",
    }
    unchecked = sensitivity_words.in_brackets(flip.unchecked)
    return where, f"{perhaps}{then[flip.standing].format(flip.winner)}{unchecked}{guessed}"
