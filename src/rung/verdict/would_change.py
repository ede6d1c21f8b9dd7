"""What would change the choice, in sentences. The changes are found by `sensitivity`, worded by `sensitivity_words`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from rung.records import Evaluation, Reason, RungResult
from rung.verdict import sensitivity_words as flip_words
from rung.verdict.bar import MAIN, Bar
from rung.verdict.complements import complements
from rung.verdict.complements import in_words as together
from rung.verdict.costs import break_even, dearer_beyond, rate
from rung.verdict.gaps import MIN_CASES
from rung.verdict.guesses import hedged, is_partial, partly_answered
from rung.verdict.preferring import by_cost
from rung.verdict.sensitivity import BY_BREAKPOINTS, Economy, flips, priced
from rung.verdict.share_flips import Flip, Partly, going_by

_UNFIT = ("limit", "worse", "at_floor", "nothing_right")  # kinds of reasons: not good enough, whatever it costs


def what_would_change(
    evaluations: Sequence[Evaluation],
    winner: str | None,
    rejected: Mapping[str, Reason],
    *,
    bar: Bar,
    economy: Economy,
    incumbent: str = "",
) -> tuple[str, ...]:
    """What would change the choice, one sentence each. It is asked of all rungs: those that the race stopped count with what
    they answered, and what hangs on the rest is said to be a guess; of rungs with few answers nothing is said.

    Args:
        evaluations: every rung that was named, judged.
        winner: the choice.
        rejected: why the others are not.
        bar: what is good enough.
        economy: of the same rungs.
        incumbent: the last verdict's winner, "" where there is none.
    """
    nearest = flips(evaluations, bar=bar, economy=economy, incumbent=incumbent)
    results, thin = [e.result for e in evaluations], thin_in(evaluations)
    telling = relevant(nearest, evaluations, rejected)
    telling = hedged(telling, evaluations, bar=bar, economy=economy, incumbent=incumbent)
    sentences = in_words(telling, winner, thin=thin)
    if winner is not None and winner not in thin:
        sentences += by_cost(evaluations, winner, bar, economy, incumbent=incumbent, thin=thin)
        unfit = {*thin, *(name for name, why in rejected.items() if why.kind in _UNFIT)}
        fit = [r for r in results if r.name not in unfit]
        sentences += cheaper_from(winner, fit, bar, economy, partly=partly_answered(evaluations))
    if not any(result.name == winner and bar.is_cleared(result.probability) for result in results):
        breaking = {name for name, why in rejected.items() if why.kind == "limit"}
        pair = complements(evaluations, but=breaking)
        sentences += [together(pair)] if pair else []
    return tuple(sentences)


def relevant(nearest: Sequence[Flip], evaluations: Sequence[Evaluation], rejected: Mapping[str, Reason]) -> list[Flip]:
    """Without changes to what cannot be known to be one. `rejected`: why rungs are not the choice."""
    # no limit of time can be held against these, also where they count as if the race had not stopped them
    untimed = {e.name for e in evaluations if e.result.stopped or (is_partial(e) and e.result.latency is None)}
    floored = {name for name, why in rejected.items() if why.kind == "at_floor"}  # no choice either way
    return [flip for flip in nearest if flip.winner not in (untimed if flip.what.endswith("_seconds") else floored)]


def thin_in(evaluations: Sequence[Evaluation]) -> set[str]:
    """Rungs with too few judged answers to say what would change."""
    results = [e.result for e in evaluations]
    return {r.name for r in results if MAIN in r.scores and r.scores[MAIN].n < MIN_CASES}


def in_words(changes: Sequence[Flip], winner: str | None, *, thin: Collection[str] = ()) -> list[str]:
    """One sentence each. That a limit below the choice's own number leaves nobody goes without saying.

    `thin`: rungs that have answered too few cases for that; of them, and against them, nothing is said.
    """
    if winner in thin:
        return []
    others = (flip for flip in changes if flip.winner != winner and flip.winner not in thin)
    telling = (flip for flip in others if flip.winner is not None or flip.what not in BY_BREAKPOINTS)
    return [
        flip_words.flip(
            flip.what,
            (flip.shown, flip.shown_end),
            flip.winner,
            upwards=flip.upwards,
            clears=flip.clears,
            going_by=guessed_by(flip),
            unchecked=flip.unchecked,
        )
        for flip in telling
    ]


def guessed_by(flip: Flip) -> str:
    """By whose answers a change is guessed, in words; "" where it is none."""
    return going_by(flip.going_by)


def cheaper_from(
    winner: str,
    rungs: Sequence[RungResult],
    bar: Bar,
    economy: Economy,
    *,
    partly: Mapping[str, Partly] = MappingProxyType({}),
) -> list[str]:
    """From which traffic on another rung that is good enough costs less than the choice, or the choice less than it.
    `partly`: those that have not answered every case."""
    bills = {r.name: b for r in rungs if (b := priced(r, economy).bill) is not None}
    good = [r for r in rungs if r.name != winner and r.name in bills and _good_enough(r, bar)]
    sentences = []
    for rung in good if winner in bills else ():
        volume = break_even(bills[winner], bills[rung.name], months=economy.prices.months)
        if volume is not None:
            dear_first = rate(bills[winner]) > rate(bills[rung.name])
            cheap, dear = (rung.name, winner) if dear_first else (winner, rung.name)
            steps = dearer_beyond(bills[winner], bills[rung.name], volume, months=economy.prices.months)
            by = going_by([partly[name] for name in (winner, rung.name) if name in partly])
            sentence = flip_words.cheaper_from(cheap, dear, volume, economy.demand.queries, but_steps=steps, going_by=by)
            sentences.append(sentence)
    return sentences


def _good_enough(rung: RungResult, bar: Bar) -> bool:
    if rung.reference or rung.status != "measured" or (bar.correct is not None and not bar.is_cleared(rung.probability)):
        return False
    return not bar.broken_by(rung)
