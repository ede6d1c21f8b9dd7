"""Which rows are learnt together, in what order: seeded, so that a resumed run goes on with the very same batches.

Rows that begin alike for long, as questions about one passage do, are learnt side by side: what they share is computed once.
How a batch becomes tensors is left to `training.packing`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rung.records import digest
from rung.training.examples import Row
from rung.training.packing import alike, shared_beginning
from rung.training.recipe import Recipe

T = TypeVar("T")
MAX_TOKENS = 1024  # computed at once: beyond it products get no faster, only memory grows (see `memory`)
MAX_VALIDATION = 64
_CHUNK = 8  # batches' worth of rows that are sorted by length together


def split(rows: Sequence[T], *, share: float, seed: int) -> tuple[list[T], list[T]]:
    """(rows to learn, rows held out). Fewer than 20 rows, or a share of 0: none is held out."""
    held = min(MAX_VALIDATION, round(len(rows) * share)) if len(rows) >= 20 else 0
    shuffled = list(range(len(rows)))
    random.Random(digest("validation", seed)).shuffle(shuffled)
    out = set(shuffled[:held])
    return [r for i, r in enumerate(rows) if i not in out], [rows[i] for i in sorted(out)]


def passing(rows: Sequence[Row], *, batch_rows: int, seed: int, epoch: int) -> list[list[Row]]:
    """The batches of one pass: shuffled; rows of one family together, the others with rows of like length."""
    rng = random.Random(digest("pass", seed, epoch))
    batches: list[list[Row]] = []
    left: list[list[Row]] = []
    for family in families(rows):
        rng.shuffle(family)
        groups = _cut(family, batch_rows)
        left += [groups.pop()] if len(groups[-1]) < batch_rows else []
        batches += groups
    rng.shuffle(left)
    for chunk in _chunks(left, rows=batch_rows * _CHUNK):
        chunk.sort(key=lambda group: max(len(row.ids) for row in group))
        batches += _cut([row for group in chunk for row in group], batch_rows)
    rng.shuffle(batches)
    return batches


def _cut(rows: list[Row], size: int) -> list[list[Row]]:
    return [rows[n : n + size] for n in range(0, len(rows), size)]


def _chunks(groups: Sequence[list[Row]], *, rows: int) -> Iterator[list[list[Row]]]:
    """The groups in their order, `rows` rows at a time; a group at the border is cut."""
    chunk: list[list[Row]] = []
    room = rows
    for group in groups:
        rest = group
        while rest:
            chunk.append(rest[:room])
            rest, room = rest[room:], room - len(chunk[-1])
            if not room:
                yield chunk
                chunk, room = [], rows
    if chunk:
        yield chunk


def families(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows by what they begin with: neighbours share more than half of what not all rows share anyway."""
    ordered = sorted(rows, key=lambda row: row.ids)
    everyones = alike(ordered[0], ordered[-1]) if ordered else 0
    groups: list[list[Row]] = []
    for row in ordered:
        own = len(row.ids) - everyones
        if groups and 2 * (alike(groups[-1][-1], row) - everyones) > own:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def rows_of_a_batch(rows: Sequence[Row], recipe: Recipe) -> int:
    """How many rows a step learns from: `batch_rows`, more where these come to less than `batch_tokens` tokens."""
    mean = sum(len(row.ids) for row in rows) / max(1, len(rows))
    return max(recipe.batch_rows, min(len(rows), math.ceil(recipe.batch_tokens / max(1.0, mean))))


def pieces(batch: Sequence[Row], *, most: int = MAX_TOKENS) -> Iterator[list[Row]]:
    """A batch in parts that are each computed at once: families apart where that computes less, none above `most`
    tokens but a row alone."""
    everyones = shared_beginning(batch) if len(batch) > 1 else 0
    together: list[Row] = []
    for family in families(batch):
        saved = (shared_beginning(family) - everyones) * (len(family) - 1)
        if saved > everyones:
            yield from _fitting(family, most)
        else:
            together += family
    if together:
        yield from _fitting(together, most)


def _fitting(rows: Sequence[Row], most: int) -> Iterator[list[Row]]:
    """The rows in parts of at most `most` tokens, so that memory does not grow with the batch."""
    part: list[Row] = []
    computed = 0
    shared = shared_beginning(rows) if len(rows) > 1 else 0
    for row in sorted(rows, key=lambda r: len(r.ids)):
        own = len(row.ids) - 1 - shared
        if part and shared + computed + own > most:
            yield part
            part, computed = [], 0
        part.append(row)
        computed += own
    yield part
