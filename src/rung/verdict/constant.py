"""What one same answer to every case would get. A rung that is no better has learnt nothing but the habit.

Always refusing, or always the commonest label; which gets most is left to `constant_baseline`, whether a rung is better to
`statistics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Case

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MIN_MEAN = 1 / 20  # of a habit's mean; below it is none


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """What is said to every case, in words, and its `correct` case by case, in the order of the cases."""

    what: str
    values: Floats

    @property
    def mean(self) -> float:
        """Mean over the cases that are judged."""
        import numpy as np

        return 0.0 if np.isnan(self.values).all() else float(np.nanmean(self.values))


def best_constant(cases: Sequence[Case], labels: Sequence[str] = ()) -> Constant | None:
    """The same answer that is right most often; None where no answer fits more than one case in twenty."""
    import numpy as np

    if labels:
        accepted = Counter(answer for case in cases for answer in set(case.answers))
        common = max(accepted, key=lambda label: accepted[label], default="")
        constant = Constant(f"'{common}'", np.array([float(common in case.answers) for case in cases]))
    else:
        constant = Constant("that it is not known", np.array([float(not case.answerable) for case in cases]))
    return constant if len(cases) and constant.mean > MIN_MEAN else None


def better(one: Constant | None, other: Constant | None) -> Constant | None:
    """The one that gets more, the first of equals; None where neither gets more than a twentieth."""
    candidates = [c for c in (one, other) if c is not None and c.mean > MIN_MEAN]
    return max(candidates, key=lambda c: c.mean, default=None)
