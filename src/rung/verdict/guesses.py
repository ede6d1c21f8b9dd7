"""Which changes of a choice are guesses: those that hang on cases that a rung did not answer, since the race had stopped it,
the budget was spent, or it was not built.

Pure: at the changed value the choice is made again with such a rung as good, and as bad, as its interval over all cases
leaves possible, and with all such rungs at once; of one that answered nothing, right in every case. A change to such a rung
is a guess in any case, since it has to answer the rest before it can be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.records import Estimate, Evaluation, kind_of
from rung.verdict.bar import MAIN, Bar
from rung.verdict.eligible import chooser, is_judged
from rung.verdict.racing import always_valid
from rung.verdict.rejections import not_built_then
from rung.verdict.sensitivity import FARTHEST, Choose, Economy, changed_to, priced, seen_of
from rung.verdict.sensitivity_words import INPUTS
from rung.verdict.share_flips import ENDS, Flip, Partly, Seen, rounded_flip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.stats.estimates import Floats

_STEPS, _HALVINGS = 16, 7  # by which the end of what is sure is looked for
_BESIDE = 1e-3  # of a stretch: so near to its ends the choice is made again


def hedged(
    flips: Iterable[Flip],
    evaluations: Sequence[Evaluation],
    *,
    bar: Bar,
    economy: Economy,
    incumbent: str = "",
    closely: bool = False,
) -> list[Flip]:
    """The changes, each with the rungs by whose answers it is guessed; what is sure at first and not all the way ends where
    it no longer is.

    `closely`: whether a choice that is kept without being shown to clear the bar is another than one that clears it; that
    none clears it always is. Other arguments as of `sensitivity.flips`.
    """
    rest = _Rest.of(evaluations, bar, economy, incumbent)
    if not rest.partly:
        return list(flips)

    def open_at(flip: Flip, value: float) -> tuple[str, ...]:
        """The rungs whose other answers may make another the choice at a value."""

        def is_so(seen: Seen) -> bool:
            standing = seen[1] if closely or "missed" in (seen[1], flip.standing) else flip.standing
            return seen[0] == flip.winner and (not flip.standing or standing == flip.standing)

        return rest.against(is_so, *changed_to(bar, economy, flip.what, value))

    def told(flip: Flip) -> Flip:
        along, near, far = _along(flip), _BESIDE, 1 - _BESIDE
        names = dict.fromkeys((*((flip.winner,) if flip.winner in rest.partly else ()), *open_at(flip, along(near))))
        if names:
            return replace(flip, going_by=tuple(rest.partly[name] for name in names))
        if not any(open_at(flip, along(share)) for share in (0.5, far)):
            return flip
        end = along(_last(lambda share: not open_at(flip, along(share)), near, far))
        return rounded_flip(replace(flip, end=end), lambda value: not open_at(flip, value), True)

    return [told(flip) for flip in flips]


def guessed_choice(
    evaluations: Sequence[Evaluation], winner: str | None, *, bar: Bar, economy: Economy, incumbent: str = ""
) -> tuple[Partly, ...]:
    """The rungs whose other answers may make another than `winner` the choice, it among them where it has others to give.
    Other arguments as of `hedged`."""
    rest = _Rest.of(evaluations, bar, economy, incumbent)
    own = (winner,) if winner in rest.partly else ()
    names = (*own, *rest.against(lambda seen: seen[0] == winner, bar, economy))
    return tuple(rest.partly[name] for name in dict.fromkeys(names))


def partly_answered(evaluations: Sequence[Evaluation]) -> dict[str, Partly]:
    """The rungs that have not answered every case, by name, and those that the comparison came to build no more."""
    cases = max((len(e.values[MAIN]) for e in evaluations if MAIN in e.values), default=0)
    return {
        e.name: Partly(e.name, 0, cases) if is_untried(e) else Partly(e.name, cases - int(_unanswered(e).sum()), cases)
        for e in evaluations
        if is_partial(e) or (cases and is_untried(e))
    }


def is_partial(evaluation: Evaluation) -> bool:
    """Whether a rung has answered some cases and not all, whether or not it is counted as stopped here."""
    if evaluation.is_reference or not is_judged(evaluation):
        return False
    return evaluation.interval is not None or (bool(evaluation.outcomes) and bool(_unanswered(evaluation).any()))


def is_untried(evaluation: Evaluation) -> bool:
    """Whether it has answered nothing, and might have: it was not needed, or the budget did not reach it."""
    result = evaluation.result
    left_out = kind_of(result.why) in ("not_needed", "not_built", "not_begun")
    return not evaluation.is_reference and result.status == "not_applicable" and left_out


def unbuilt_then(evaluation: Evaluation) -> Evaluation:
    """With the reason why it was not built as one of then; others as they are."""
    if not is_untried(evaluation) or kind_of(evaluation.result.why) != "not_needed":
        return evaluation
    return replace(evaluation, result=replace(evaluation.result, why=not_built_then()))


@dataclass(frozen=True, slots=True)
class _Ladder:
    """The rungs as they may be once some of them (`of`) have answered every case, and what chooses among them."""

    of: tuple[str, ...]
    rungs: Sequence[Evaluation]
    choose: Choose


@dataclass(frozen=True, slots=True)
class _Rest:
    """What the cases that were not answered may bring."""

    partly: Mapping[str, Partly]
    ladders: Sequence[_Ladder]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation], bar: Bar, economy: Economy, incumbent: str) -> _Rest:
        again = [replace(e, result=replace(priced(e.result, economy), stopped=None)) for e in evaluations]
        partly = partly_answered(again)
        some = [(e, partly[e.name]) for e in again if e.name in partly]
        best, worst = ({e.name: _at_end(e, one, bar, high=high) for e, one in some} for high in (True, False))
        alone = [((name,), {name: ends[name]}) for name in partly for ends in (best, worst)]
        together = [(tuple(partly), ends) for ends in (best, worst)] if len(partly) > 1 else []
        ladders = []
        for names, ends in (*alone, *together):
            rungs = [ends.get(e.name, e) for e in again]
            ladders.append(_Ladder(names, rungs, chooser(rungs, incumbent=incumbent)))
        return cls(partly, ladders)

    def against(self, is_so: Callable[[Seen], bool], bar: Bar, economy: Economy) -> tuple[str, ...]:
        """The rungs by whose other answers it may be otherwise; all of them, where that takes several."""
        for group in (1, len(self.partly)):
            names = {
                ladder.of: None
                for ladder in self.ladders
                if len(ladder.of) == group
                and not is_so(seen_of(ladder.choose, [priced(e.result, economy) for e in ladder.rungs], bar))
            }
            if names:
                return tuple(dict.fromkeys(name for of in names for name in of))
        return ()


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


def _unanswered(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Which cases it has not answered, [n]; without outcomes, those that have no score."""
    import numpy as np

    asked = {outcome.case for outcome in evaluation.outcomes}
    unscored = np.isnan(evaluation.values[MAIN])
    return unscored & np.array([case not in asked for case in evaluation.scorecard.cases]) if asked else unscored


def _at_end(evaluation: Evaluation, partly: Partly, bar: Bar, *, high: bool) -> Evaluation:
    """As good, or as bad, as it may come out; as good, with limits on scores kept as far as its other cases can."""
    import numpy as np

    if not partly.answered:
        return _scored(evaluation, {MAIN: np.ones(partly.cases)}) if high else evaluation
    column, open_ = evaluation.values[MAIN], _unanswered(evaluation)
    seen = column[~np.isnan(column)]
    total = len(seen) + int(open_.sum())
    low, most = evaluation.interval or always_valid(seen, total=total)
    values = {MAIN: _filled(column, open_, (most if high else low) * total)}
    for name, limit in bar.limits.items() if high else ():
        if name in evaluation.values:
            best = 0.0 if limit.is_upper else 1.0 if limit.metric.is_share else np.nan
            values[name] = np.where(open_ | np.isnan(best), best, evaluation.values[name])  # NaN: nobody knows how high
    return _scored(evaluation, values)


def _filled(column: Floats, open_: NDArray[np.bool_], points: float) -> Floats:
    """With the open cases right as often as makes so many points in all, evenly among them."""
    import numpy as np

    places, filled = np.flatnonzero(open_), column.copy()
    right = round(min(max(points - float(np.nansum(column)), 0.0), float(len(places))))
    filled[places] = np.diff(np.floor(np.arange(len(places) + 1) * right / max(len(places), 1) + 1e-9))
    return filled


def _scored(evaluation: Evaluation, values: Mapping[str, Floats]) -> Evaluation:
    """With these scores in the place of its own."""
    import numpy as np

    judged = {name: column[~np.isnan(column)] for name, column in values.items()}
    scores = {
        name: Estimate(float(seen.mean()) if len(seen) else None, None, None, len(seen)) for name, seen in judged.items()
    }
    line = replace(evaluation.result, status="measured", scores={**evaluation.result.scores, **scores})
    card = replace(evaluation.scorecard, values={**evaluation.values, **values})
    return replace(evaluation, result=line, cards=(card,))


def _along(flip: Flip) -> Callable[[float], float]:
    """Values of the stretch for which a change is claimed, by shares of it: 0 is its beginning."""
    end = flip.end
    if flip.what in INPUTS:
        farthest = flip.now * (FARTHEST if flip.upwards else 1 / FARTHEST)
        times = (farthest if end is None else end) / flip.value
        return lambda share: float(flip.value * times**share)
    if end is None:
        end = ENDS[flip.what][flip.upwards] if flip.what in ENDS else flip.value * (10.0 if flip.upwards else 0.1)
    last = end
    return lambda share: flip.value + (last - flip.value) * share
