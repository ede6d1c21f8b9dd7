"""Where a choice changes as a share does, the bar or the risk: a hundredth at a time, then by bisection.

What is chosen at a value is left to `sensitivity`, how it is said to `sensitivity_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from rung.verdict import sensitivity_words as flip_words

LEAST_RISK, MOST_RISK = 0.001, 0.5  # how far risk is followed: to even odds
_ENDS = {"bar": (0.0, 1.0), "risk": (LEAST_RISK, MOST_RISK)}
_STEP, _HALVINGS = 0.01, 10

# To the bar: "clears" it, is "kept" as the last choice without that, or stands in where it is "missed" by all; "": no bar.
Standing = Literal["", "clears", "kept", "missed"]
Seen = tuple[str | None, Standing]  # a choice: its name, and how it stands


@dataclass(frozen=True, slots=True)
class Flip:
    """At `value` of `what` the choice becomes `winner` (None: none). `now`: today's value; `upwards`: above or below it.

    `standing`: how the winner stands to the bar then, where it is bar or risk that changes. `shown`: the value rounded away
    from today's, as roughly as that choice allows.
    """

    what: str
    value: float
    winner: str | None
    now: float
    upwards: bool
    standing: Standing = ""
    shown: str = ""

    @property
    def clears(self) -> bool:
        """Whether the winner is not one that only stands in, where no rung is shown to clear the bar."""
        return self.standing != "missed"


def share_flips(seen: Callable[[float], Seen], what: str, now: float, *, of: Callable[[Seen], object]) -> Iterator[Flip]:
    """The nearest change above and below of a share: the first hundredth where it is, then bisection.

    `seen`: what is chosen at a value; `now`: today's; `of`: what of it is looked at.
    """
    least, most = _ENDS[what]
    today = of(seen(now))
    for step, end in ((_STEP, most), (-_STEP, least)):
        same = now
        while (end - same) * step > 0:
            away = min(most, max(least, same + step))
            if of(seen(away)) != today:
                same, away = _bisected_share(lambda value: of(seen(value)) == today, same, away)
                then, value = seen(away), same if step > 0 else away
                flip = Flip(what, value, then[0], now, upwards=step > 0, standing=then[1])
                yield rounded_flip(flip, seen, then)
                break
            same = away


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
    """With the roughest form of its value past which that is seen."""
    forms = flip_words.forms(flip.what, flip.value, upwards=flip.upwards)
    past = 1e-6 if flip.upwards else -1e-6
    true = (words for words, value in forms if seen(value + past * abs(value)) == then)
    return replace(flip, shown=next(true, forms[-1][0]))
