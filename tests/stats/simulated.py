"""Many streams at once, for tests of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rung.stats import change as tested


def ever_shown(bad: NDArray[np.bool_], share: float, *, within: int, risk: float) -> NDArray[np.bool_]:
    """Whether each stream, [streams, answers], ever seems to change, looked at after every answer; as `change` has it."""
    rates = tested._rates(share)
    if_bad, if_good = np.log(rates / share), np.log((1 - rates) / (1 - share))
    needed = tested.shown(within=within, risk=risk)
    evidence = np.full((len(bad), len(rates)), -np.inf)
    ever = np.zeros(len(bad), dtype=bool)
    for column in bad.T:
        step = np.where(column[:, None], if_bad, if_good)
        evidence = np.minimum(np.logaddexp(0.0, evidence) + step, needed + tested.ROOM)
        top = evidence.max(axis=1)
        ever |= top + np.log(np.exp(evidence - top[:, None]).mean(axis=1)) >= needed
    return ever
