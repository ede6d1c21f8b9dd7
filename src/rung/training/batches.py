"""Which rows are learnt together, and in what order? Seeded, so that a resumed run goes on with the very same batches.

How a batch becomes tensors is left to `training.packing`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from rung.records import digest
from rung.training.examples import Row
from rung.training.packing import shared_beginning

MOST_TOKENS = 1024  # computed at once: beyond it products get no faster, only memory grows (about 0.9 MB a token)
MOST_VALIDATION = 64
_CHUNK = 8  # batches' worth of rows that are sorted by length together


def split(rows: Sequence[Row], *, share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """(rows to learn, rows held out). Fewer than 20 rows, or a share of 0: none is held out."""
    held = min(MOST_VALIDATION, round(len(rows) * share)) if len(rows) >= 20 else 0
    order = list(range(len(rows)))
    random.Random(digest("validation", seed)).shuffle(order)
    out = set(order[:held])
    return [r for i, r in enumerate(rows) if i not in out], [rows[i] for i in sorted(out)]


def passing(rows: Sequence[Row], *, batch_rows: int, seed: int, epoch: int) -> list[list[Row]]:
    """The batches of one pass: shuffled, rows of like length together."""
    luck = random.Random(digest("pass", seed, epoch))
    order = list(rows)
    luck.shuffle(order)
    batches = []
    for begin in range(0, len(order), batch_rows * _CHUNK):
        chunk = sorted(order[begin : begin + batch_rows * _CHUNK], key=lambda r: len(r.ids))
        batches += [chunk[n : n + batch_rows] for n in range(0, len(chunk), batch_rows)]
    luck.shuffle(batches)
    return batches


def pieces(batch: Sequence[Row]) -> Iterator[list[Row]]:
    """A batch in parts that are computed one after the other, so that memory does not grow with it."""
    part: list[Row] = []
    computed = 0
    shared = shared_beginning(batch) if len(batch) > 1 else 0
    for row in sorted(batch, key=lambda r: len(r.ids)):
        own = len(row.ids) - 1 - shared
        if part and shared + computed + own > MOST_TOKENS:
            yield part
            part, computed = [], 0
        part.append(row)
        computed += own
    yield part
