"""General rows, mixed in among those of the task, keep a model from forgetting."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rung.errors import UserError
from rung.records import digest
from rung.training.examples import Row


def mixed(rows: Sequence[Row], general: Sequence[Row], *, share: float, seed: int) -> list[Row]:
    """The task's rows, then so many general ones that they are that share of all; drawn by the seed, none twice.

    Raises:
        UserError: there are no general rows, or too few for the share.
    """
    needed = round(len(rows) * share / (1 - share))
    if needed > len(general):
        raise UserError(
            f"replay {share:g} of {len(rows)} rows takes {needed} general rows, replay_rows hold {len(general)} that fit: "
            "lower replay, or name more files"
        )
    shuffled = list(range(len(general)))
    random.Random(digest("replay", seed)).shuffle(shuffled)
    return [*rows, *(general[index] for index in sorted(shuffled[:needed]))]
