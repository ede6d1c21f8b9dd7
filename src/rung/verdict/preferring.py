"""What the ladder costs: where the lowest rung that is good enough is taken, whether the cheapest would be another, at which
cost.

Pure: the choice is made again with `prefer: cost`, as whoever writes that into `rung.yaml` would get it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rung.records import Evaluation, RungResult
from rung.verdict import sensitivity_words
from rung.verdict.bar import MAIN, Bar, measured
from rung.verdict.choice import on_one_scale
from rung.verdict.eligible import costs_of
from rung.verdict.guesses import guessed_choice
from rung.verdict.sensitivity import Economy, reopened, seen_of, unchecked
from rung.verdict.share_flips import going_by

WORTH = 0.1  # of the cost of the choice: what is saved by less is not said


def by_cost(
    evaluations: Sequence[Evaluation],
    winner: str,
    bar: Bar,
    economy: Economy,
    *,
    incumbent: str = "",
    thin: Collection[str] = (),
) -> list[str]:
    """The sentence that the cheapest of those that are good enough is another than the choice, with both costs; none where
    it is not, saves less than `WORTH`, has an unknown cost, or does not clear a bar that the choice clears.

    Costs are those of a month, whole, where both are known, else those of a thousand answers, with the parts that are not in
    them.

    Args:
        evaluations: every rung that was named, judged.
        winner: the choice.
        bar: what is good enough.
        economy: of the same rungs.
        incumbent: the last verdict's winner, "" where there is none.
        thin: rungs that have answered too few cases to say that of them.
    """
    if bar.prefer == "cost":
        return []
    choose, results = reopened(evaluations, bar, economy, incumbent)
    cheapest = replace(bar, prefer="cost")
    (_, now), (name, then) = (seen_of(choose, results, one) for one in (bar, cheapest))
    if name is None or name == winner or name in thin or (now == "clears" and then != "clears"):
        return []
    own, other = (next(result for result in results if result.name == one) for one in (winner, name))
    monthly, (mine, theirs) = on_one_scale([costs_of(own), costs_of(other)])
    if mine is None or theirs is None or theirs >= mine or theirs > mine * (1 - WORTH):
        return []
    guess = guessed_choice(evaluations, name, bar=cheapest, economy=economy, incumbent=incumbent)
    return [
        sensitivity_words.by_cost(
            name,
            (theirs, mine),
            (measured(other, MAIN) or 0.0, measured(own, MAIN) or 0.0),
            monthly=monthly,
            left_out=() if monthly else _left_out(own, other),
            unchecked=unchecked(name, results, bar),
            going_by=going_by(guess),
        )
    ]


def _left_out(own: RungResult, other: RungResult) -> list[str]:
    """Parts of the whole cost of either that are unknown, those of the cheaper one first."""
    bills = [one.bill for one in (other, own) if one.bill is not None]
    return list(dict.fromkeys(part for bill in bills for part in bill.unknown))
