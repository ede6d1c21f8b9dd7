"""General rows, mixed in among those of the task, keep a model from forgetting."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rung.errors import UserError
from rung.records import digest
from rung.training.examples import Row


def mixed(rows: Sequence[Row], general: Sequence[Row], *, share: float, seed: int, again: bool = False) -> list[Row]:
    """The task's rows, then so many general ones that they are that share of all; drawn by the seed, none twice.

    Args:
        rows: of the task.
        general: what is drawn from.
        share: of the general rows among all.
        seed: of the draw.
        again: where there are too few general rows, they come again, once all have been drawn; of none, none is drawn.

    Raises:
        UserError: there are no general rows, or too few for the share, and none may come again.
    """
    needed = round(len(rows) * share / (1 - share))
    if needed > len(general) and not again:
        raise UserError(
            f"replay {share:g} of {len(rows)} rows takes {needed} general rows, replay_rows hold {len(general)} that fit: "
            "lower replay, or name more files"
        )
    if not general:
        return list(rows)
    rng, drawn = random.Random(digest("replay", seed)), list[int]()
    while len(drawn) < needed:
        shuffled = list(range(len(general)))
        rng.shuffle(shuffled)
        drawn += sorted(shuffled[: needed - len(drawn)])
    return [*rows, *(general[index] for index in drawn)]
