"""A stream of good and bad answers: evidence that from some answer on fewer are good than before, after every answer.

The evidence of `sequential` for one moment of change, summed over all moments with weights that sum to 1. Each is at most a
martingale that starts at 1, and so is their sum: it passes 1/risk with a chance of at most `risk`, ever (Ville's inequality;
Shin, Ramdas and Rinaldo, "E-detectors", 2022, sum so without weights, and bound the time between false alarms instead).
Scores between 0 and 1 may stand for good and bad: x log a + (1 - x) log(1 - a) is linear in x, so by convexity the expected
likelihood ratio of a score with mean a is at most that of an answer that is good with the chance a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.stats.conformal_martingale import start_share
from rung.stats.sequential import log_evidence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EVERY = 8  # answers between two moments that are looked at,
_DOUBLED_FROM = 4096 * EVERY  # twice as many from here on, and again from twice as far on
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Change:
    """What a stream says of a drop. `evidence`: natural logarithm, as of `sequential.Look`. `since`: answers before the
    moment that the evidence is strongest for, None where there is nothing to say; `before`, `after`: mean scores on its two
    sides."""

    evidence: float
    since: int | None = None
    before: float | None = None
    after: float | None = None

    def shows(self, risk: float) -> bool:
        """Whether a drop is shown, with a chance of being wrong of at most `risk`, however often one looks."""
        return self.evidence >= math.log(1 / risk)


def drop(scores: Floats, *, tolerance: float = 0.0, reference: tuple[float, float] | None = None) -> Change:
    """The evidence that from some answer on the mean is lower by more than a tolerance.

        E = Σ_k π_k E_k + what has not begun
        E_k: `sequential.log_evidence`, "worse", of the scores from k on against the reference

    >>> import numpy as np
    >>> quiet, worse = np.tile([1.0, 1.0, 1.0, 0.0], 50), np.tile([1.0, 0.0, 0.0, 0.0], 25)
    >>> drop(quiet).shows(0.05), drop(np.concatenate([quiet, worse])).shows(0.05)
    (False, True)

    Args:
        scores: of each answer in [0, 1], in their order, 1 is good, [T].
        tolerance: the drop that is none, as a share.
        reference: sums of good and of bad that the stream is held against; None: all that came before the moment of change.

    Raises:
        InternalError: a score is not in [0, 1].
    """
    import numpy as np
    from scipy.special import logsumexp

    if len(scores) and not (np.nanmin(scores) >= 0 and np.nanmax(scores) <= 1):
        raise InternalError("scores lie in [0, 1]")
    starts = moments(len(scores), first=0 if reference else EVERY)
    if not len(starts):
        return Change(0.0)
    good = np.concatenate([[0.0], np.cumsum(scores)])  # [T + 1]
    bad = np.arange(len(good)) - good
    new = np.stack([good[-1] - good[starts], bad[-1] - bad[starts]], axis=1)  # [starts, 2]
    old = np.stack([good[starts], bad[starts]], axis=1) if reference is None else np.tile(reference, (len(starts), 1))
    counts = np.concatenate([old, new], axis=1)
    parts = [log_evidence(some, margin=tolerance, claim="worse") for some in np.array_split(counts, _parts(len(counts)))]
    shares = np.array([start_share(number) for number in range(1, len(starts) + 1)])
    shared = np.concatenate(parts) + np.log(shares)
    evidence = float(logsumexp([*shared, -math.log(math.log2(len(starts) + 2))]))
    best = int(shared.argmax())
    s1, f1, s2, f2 = map(float, counts[best])
    return Change(evidence, int(starts[best]), _rate(s1, f1), _rate(s2, f2))


def moments(answers: int, *, first: int = 0) -> NDArray[np.int64]:
    """The numbers of answers after which a change may begin, below `answers`; the same whatever comes after."""
    import numpy as np

    every, begin, parts = EVERY, 0, []
    while begin < answers:
        end = max(_DOUBLED_FROM, begin * 2)
        parts.append(np.arange(begin, min(end, answers), every, dtype=np.int64))
        begin, every = end, every * 2
    joined = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    return joined[joined >= first]


def _parts(count: int) -> int:
    return -(-count // _AT_ONCE)


def _rate(good: float, bad: float) -> float | None:
    return good / (good + bad) if good + bad else None
