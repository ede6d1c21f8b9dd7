"""Whether a stream of answers has more bad ones than it may by now: evidence summed over every point where that may begin.

An e-detector of the Shiryaev-Roberts kind (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential
change detection", NEJSDS 2024). For answer n, x = 1 where it is bad, q the share that may be, p > q:

    L_n = (p/q)^x ((1-p)/(1-q))^(1-x)        R_n = (1 + R_(n-1)) L_n

averaged over several p. While the chance of a bad answer is at most q, whatever came before, E[R_t] <= E[t] at every
stopping time t, so that the chance of ever seeing R >= N/risk within N answers is at most `risk`. No normal approximation
is in it. Looking at some answers only, or beginning anew, makes R smaller, never larger. What is counted as bad is left to
the caller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RATES = 12  # values of p: even on the scale of arcsin(sqrt) between q and 1
ROOM = 3.0  # R is held to e^ROOM times what counts as shown: what went well again is seen so many answers later, not more
_EDGE = 1e-6  # shares keep so far from 0 and 1


@dataclass(frozen=True, slots=True)
class Change:
    """What a stream says. `evidence`: log R at its end; `since`: how many answers ago it most likely began, 0 where nothing
    speaks for a change; `share`: of bad ones since then, of all where `since` is 0."""

    evidence: float
    since: int
    share: float


def shown(*, within: int, risk: float) -> float:
    """The evidence from which a change is shown, with a chance of at most `risk` of being wrong within so many answers.

    >>> round(shown(within=10_000, risk=0.005), 2)
    14.51
    """
    if within < 1 or not 0 < risk < 1:
        raise InternalError(f"no stream of {within} answers has a risk of {risk}")
    return math.log(within / risk)


def change(bad: NDArray[np.bool_], share: float, *, within: int, risk: float) -> Change:
    """The evidence that more than `share` of the newest answers are bad.

    >>> import numpy as np
    >>> quiet, then = np.zeros(500, dtype=bool), np.ones(20, dtype=bool)
    >>> change(np.concatenate([quiet, then]), 0.05, within=1000, risk=0.01).since
    20

    Args:
        bad: of each answer, oldest first, [answers].
        share: that may be bad, in (0, 1).
        within: the number of answers that `risk` is of.
        risk: the chance that is taken of saying so while it is not so.
    """
    return changes(bad[:, None], [share], within=within, risk=risk)[0]


def changes(bad: NDArray[np.bool_], shares: Sequence[float], *, within: int, risk: float) -> list[Change]:
    """The same of several ways of being bad, each with the share that may be: [answers, ways]. `together` says what they
    show as one."""
    import numpy as np

    if not len(bad):
        return [Change(-math.inf, 0, 0.0) for _ in shares]
    limits = [min(max(share, _EDGE), 1 - _EDGE) for share in shares]
    rates, q = np.stack([_rates(limit) for limit in limits]), np.array(limits)[:, None]  # [ways, RATES], [ways, 1]
    steps = np.where(bad[:, :, None], np.log(rates / q), np.log((1 - rates) / (1 - q)))  # log L, [answers, ways, RATES]
    most = math.exp(shown(within=within, risk=risk) + ROOM)
    evidence = np.zeros(rates.shape)
    for factor in np.exp(steps):
        evidence = np.minimum((1 + evidence) * factor, most)
    sums = np.concatenate([np.zeros((1, *rates.shape)), steps.cumsum(axis=0)])
    results = []
    for way, some in enumerate(evidence.mean(axis=1)):
        since = _since(sums[:, way])
        share = float(bad[-since:, way].mean()) if since else float(bad[:, way].mean())
        results.append(Change(math.log(max(float(some), 1e-300)), since, share))
    return results


def together(some: Sequence[Change]) -> float:
    """The evidence of all of them: the log of the mean of R, to be held against `shown` as that of one is."""
    from scipy.special import logsumexp

    return float(logsumexp([one.evidence for one in some])) - math.log(len(some))


def _since(sums: Floats) -> int:
    """Answers since the sum of log L, at the rate where it rose most, was lowest (CUSUM); 0 where none rose. `sums`:
    [answers + 1, RATES]."""
    import numpy as np

    rose = sums[-1] - sums.min(axis=0)
    best = int(np.argmax(rose))
    return int(np.argmin(sums[::-1, best])) if rose[best] > 0 else 0


def answers_to_find(share: float, became: float, *, within: int, risk: float, power: float = 0.99, ways: int = 1) -> int:
    """Answers within which a change to a greater share of bad ones is shown, with a chance of about `power`.

    The first n at which n D - z s sqrt(n) reaches what is to be shown: D and s are mean and standard deviation of the log of
    L at the value of p that is best for the new share, z is the normal quantile of `power`. `ways`: that are looked at
    together.

    >>> answers_to_find(0.1, 0.9, within=10_000, risk=0.005) < 20
    True
    """
    from statistics import NormalDist

    limit = min(max(share, _EDGE), 1 - _EDGE)
    became = min(became, 1 - _EDGE)
    if became <= limit:
        raise InternalError(f"{became} is no greater share than {limit}")
    z, needed = NormalDist().inv_cdf(power), shown(within=within, risk=risk) + math.log(RATES * ways)
    best = math.inf
    for rate in _rates(limit).tolist():
        if_bad, if_good = math.log(rate / limit), math.log((1 - rate) / (1 - limit))
        mean = became * if_bad + (1 - became) * if_good
        if mean > 0:
            spread = z * abs(if_bad - if_good) * math.sqrt(became * (1 - became))
            root = (spread + math.sqrt(spread**2 + 4 * mean * needed)) / (2 * mean)
            best = min(best, root**2)
    return math.ceil(best)


def share_beyond(count: int, rank: int, *, risk: float) -> float:
    """The share of a population that lies beyond the `rank`-th smallest of `count` draws of it is at most this, but for a
    chance of `risk`; the quantile of Beta(count - rank + 1, rank), which needs no shape of the population.

    >>> round(share_beyond(20, 20, risk=0.01), 3)
    0.206
    """
    from scipy.special import betaincinv

    if not 1 <= rank <= count:
        raise InternalError(f"there is no rank {rank} among {count}")
    return float(betaincinv(count - rank + 1, rank, 1 - risk))


def _rates(limit: float) -> Floats:
    import numpy as np

    begin = math.asin(math.sqrt(limit))
    parts = (np.arange(RATES) + 0.5) / RATES
    rates: Floats = np.sin(begin + (math.pi / 2 - begin) * parts) ** 2
    return np.clip(rates, _EDGE, 1 - _EDGE)
