"""Where a choice changes as a share does, the bar or the risk: a hundredth at a time, then by bisection.

What is chosen at a value is left to `sensitivity`, how it is said to `sensitivity_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from rung.verdict import sensitivity_words as flip_words

LEAST_RISK, MOST_RISK = 0.001, 0.5  # how far risk is followed: to even odds
ENDS = {"bar": (0.0, 1.0), "risk": (LEAST_RISK, MOST_RISK)}
_STEP, _HALVINGS = 0.01, 10

# To the bar: "clears" it, is "kept" as the last choice without that, or stands in where it is "missed" by all; "": no bar.
Standing = Literal["", "clears", "kept", "missed"]
Seen = tuple[str | None, Standing]  # a choice: its name, and how it stands


@dataclass(frozen=True, slots=True)
class Partly:
    """A rung that has not answered every case: how many of all it has; 0 where it was not built, or not begun."""

    name: str
    answered: int
    cases: int


def going_by(some: Sequence[Partly]) -> str:
    """By whose answers something is guessed, in words; "" where it is none."""
    return flip_words.going_by([(one.name, one.answered, one.cases) for one in some])


@dataclass(frozen=True, slots=True)
class Flip:
    """At `value` of `what` the choice becomes `winner` (None: none). `now`: today's value; `upwards`: above or below it.

    It stays so up to `end`, None where nothing ends it as far as that is followed. `standing`: how the winner stands to the
    bar then, where it is bar or risk that changes. `shown`, `shown_end`: both ends rounded into that stretch, as roughly as
    it allows; `shown_end` is "" without an end. `going_by`: the rungs by whose answers so far it is guessed (see `guesses`).
    `unchecked`: limits that are not held against the winner, since its number is unknown while others' are known.
    """

    what: str
    value: float
    winner: str | None
    now: float
    upwards: bool
    standing: Standing = ""
    end: float | None = None
    shown: str = ""
    shown_end: str = ""
    going_by: tuple[Partly, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def clears(self) -> bool:
        """Whether the winner is not one that only stands in, where no rung is shown to clear the bar."""
        return self.standing != "missed"


def share_flips(seen: Callable[[float], Seen], what: str, now: float, *, of: Callable[[Seen], object]) -> Iterator[Flip]:
    """The nearest change above and below of a share, and how far what is chosen there lasts: the first hundredth where
    another is, then bisection.

    `seen`: what is chosen at a value; `now`: today's; `of`: what of it is looked at for a change.
    """
    today = of(seen(now))
    for upwards in (True, False):
        change = _until(lambda value: of(seen(value)) == today, what, now, upwards=upwards)
        if change is not None:
            same, away = change
            then, value = seen(away), same if upwards else away
            lasting = _until(lambda value, then=then: seen(value) == then, what, away, upwards=upwards)  # type: ignore[misc]
            end = None if lasting is None else lasting[0]
            yield rounded_flip(Flip(what, value, then[0], now, upwards, then[1], end), seen, then)


def _until(holds: Callable[[float], bool], what: str, start: float, *, upwards: bool) -> tuple[float, float] | None:
    """From a value at which it holds on: the last value found at which it does, and the first at which it does not; None
    where it does to the end."""
    least, most = ENDS[what]
    same, step, end = start, _STEP if upwards else -_STEP, most if upwards else least
    while (end - same) * step > 0:
        away = min(most, max(least, same + step))
        if not holds(away):
            return _bisected_share(holds, same, away)
        same = away
    return None


def all_share_flips(seen: Callable[[float], Seen], what: str, now: float) -> list[Flip]:
    """The nearest changes of a share: to another choice, to one that clears the bar or does not, to none that clears it or
    some. Arguments as of `share_flips`."""
    seen = cache(seen)
    looks: tuple[Callable[[Seen], object], ...] = (winner_of, lambda one: one[1] == "clears", lambda one: one[1] == "missed")
    changes = [flip for look in looks for flip in share_flips(seen, what, now, of=look)]
    return list({flip.value: flip for flip in changes}.values())


def winner_of(seen: Seen) -> str | None:
    """Who is chosen."""
    return seen[0]


def _bisected_share(is_same: Callable[[float], bool], same: float, away: float) -> tuple[float, float]:
    """The two values nearer to each other: one at which the choice is the same, and one at which it is not."""
    for _ in range(_HALVINGS):
        middle = (same + away) / 2
        same, away = (middle, away) if is_same(middle) else (same, middle)
    return same, away


def rounded_flip(flip: Flip, seen: Callable[[float], object], then: object) -> Flip:
    """With the roughest forms of its value past which, and of its end up to which, that is seen."""
    end = flip.end

    def shown(of: float, *, upwards: bool) -> str:
        """Within the stretch: rounded away from today's, as its beginning is, or to it, as its end."""
        forms = flip_words.forms(flip.what, of, upwards=upwards)
        past = 1e-6 if upwards else -1e-6
        within = ((words, value) for words, value in forms if end is None or (value - flip.value) * (end - value) >= 0)
        return next((words for words, value in within if seen(value + past * abs(value)) == then), forms[-1][0])

    ends = "" if end is None else shown(end, upwards=not flip.upwards)
    return replace(flip, shown=shown(flip.value, upwards=flip.upwards), shown_end=ends)


def first_change(
    stretches: Iterable[tuple[float, float]], choice: Callable[[float], str | None], now: str | None
) -> tuple[float, str | None, float | None] | None:
    """Where the choice first is another than `now`, which, and where that ends (None: nowhere); None where it never is.

    `stretches`: away from today's value, each with where it begins and a value within, for all of which the choice is one.
    """
    change: tuple[float, str | None] | None = None
    for begin, within in stretches:
        other = choice(within)
        if change is not None and other != change[1]:
            return (*change, begin)
        if change is None and other != now:
            change = (begin, other)
    return None if change is None else (*change, None)
