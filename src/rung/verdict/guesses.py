"""Which changes of a choice are guesses: those that hang on cases that a rung did not answer, since the race
had stopped it or the budget was spent.

Pure: at the changed value the choice is made again with such a rung as good, and as bad, as its interval over all cases
leaves possible. A change to a stopped rung is a guess in any case, since it has to answer the rest before it can be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.records import Evaluation
from rung.verdict.bar import MAIN, Bar
from rung.verdict.eligible import chooser, is_judged
from rung.verdict.sensitivity import FARTHEST, Economy, changed_to, priced
from rung.verdict.sensitivity_words import INPUTS
from rung.verdict.share_flips import ENDS, Flip, Partly, rounded_flip

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

_STEPS, _HALVINGS = 16, 7  # by which the end of what is sure is looked for
_BESIDE = 1e-3  # of a stretch: so near to its ends the choice is made again


def hedged(
    flips: Iterable[Flip], evaluations: Sequence[Evaluation], *, bar: Bar, economy: Economy, incumbent: str = ""
) -> list[Flip]:
    """The changes, each with the rungs by whose answers it is guessed; what is sure at first and not all the way ends where
    it no longer is. Arguments as of `sensitivity.flips`."""
    again = [replace(e, result=replace(priced(e.result, economy), stopped="")) for e in evaluations]
    partly = {e.name: e for e in again if is_partial(e)}
    if not partly:
        return list(flips)
    ladders = {
        name: [[_filled(e, mean) if e.name == name else e for e in again] for mean in one.interval or ()]
        for name, one in partly.items()
    }

    def open_at(flip: Flip, value: float) -> tuple[str, ...]:
        """The rungs whose other answers may make another the choice at a value."""
        changed, costs = changed_to(bar, economy, flip.what, value)

        def chosen(ladder: Sequence[Evaluation]) -> str | None:
            choice = chooser(ladder, incumbent=incumbent)([priced(e.result, costs) for e in ladder], changed)
            return None if choice is None else choice.name

        return tuple(name for name in partly if any(chosen(ladder) != flip.winner for ladder in ladders[name]))

    def told(flip: Flip) -> Flip:
        near, *further = _within(flip)
        names = dict.fromkeys((*((flip.winner,) if flip.winner in partly else ()), *open_at(flip, near)))
        if names:
            return replace(flip, going_by=tuple(_told(partly[name]) for name in names))
        if not any(open_at(flip, value) for value in further):
            return flip
        end = _last(lambda value: not open_at(flip, value), near, further[-1])
        return rounded_flip(replace(flip, end=end), lambda value: not open_at(flip, value), True)

    return [told(flip) for flip in flips]


def _last(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Up to where it holds, between a value at which it does and one further on; the nearest end where it has several."""
    for value in [inside + (outside - inside) * step / _STEPS for step in range(1, _STEPS + 1)]:
        if not holds(value):
            outside = value
            break
        inside = value
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def is_partial(evaluation: Evaluation) -> bool:
    """Whether the race stopped a rung before it had answered every case, whether or not it is counted as stopped here."""
    return evaluation.interval is not None and not evaluation.is_reference and is_judged(evaluation)


def _told(evaluation: Evaluation) -> Partly:
    import numpy as np

    column = evaluation.values[MAIN]
    return Partly(evaluation.name, int((~np.isnan(column)).sum()), len(column))


def _filled(evaluation: Evaluation, mean: float) -> Evaluation:
    """With the cases that it did not answer right as often as makes this mean of all, evenly among them."""
    import numpy as np

    column = evaluation.values[MAIN]
    open_ = np.flatnonzero(np.isnan(column))
    if not len(open_):
        return evaluation
    right = min(max(mean * len(column) - float(np.nansum(column)), 0.0), float(len(open_)))
    filled: Floats = column.copy()
    filled[open_] = np.diff(np.floor(np.arange(len(open_) + 1) * round(right) / len(open_) + 1e-9))
    card = replace(evaluation.scorecard, values={**evaluation.values, MAIN: filled})
    return replace(evaluation, cards=(card,))


def _within(flip: Flip) -> Iterator[float]:
    """Values of the stretch for which a change is claimed: just within its ends, and between."""
    end = flip.end
    if end is None and flip.what in ENDS:
        end = ENDS[flip.what][flip.upwards]
    if end is None:
        times = FARTHEST if flip.what in INPUTS else 10.0
        end = (flip.value or 1e-9) * (times if flip.upwards else 1 / times)
    for share in (_BESIDE, 0.5, 1 - _BESIDE):
        yield flip.value + (end - flip.value) * share
