"""What would one same answer to every case get? A rung that is no better than that has learnt nothing but the habit.

Always refusing, or always the commonest label. Whether a rung is better is left to `statistics`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Case

if TYPE_CHECKING:
    from rung.estimating import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """What is said to every case, in words, and its `correct` case by case, in the order of the cases."""

    what: str
    values: Floats

    @property
    def mean(self) -> float:
        """Mean over the cases."""
        return float(self.values.mean())


def best_constant(cases: Sequence[Case], labels: Sequence[str] = ()) -> Constant | None:
    """The same answer that is right most often; None where no answer fits more than one case in twenty."""
    import numpy as np

    if labels:
        accepted = Counter(answer for case in cases for answer in set(case.answers))
        common = max(accepted, key=lambda label: accepted[label], default="")
        found = Constant(f"'{common}'", np.array([float(common in case.answers) for case in cases]))
    else:
        found = Constant("that it is not known", np.array([float(not case.answerable) for case in cases]))
    return found if len(cases) and found.mean > 1 / 20 else None
