"""Rows as one batch without waste: packed end to end, the beginning that all share once, no padding.

A chat's rows begin alike: template, system prompt. Computing that beginning once and letting every row look at it is the
same function as computing it per row, because a token only sees what stands before it. Which rows make a batch is left to
`training.batches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from rung.training.examples import Row


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch: the shared tokens first, then each row's own, end to end.

    `places` [own]: where an own token stands in the padded form [rows * longest]. `scored` [answer]: the packed tokens whose
    next token is the answer's, which is in `targets`.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    shared: int
    rows: int
    longest: int
    places: torch.Tensor
    scored: torch.Tensor
    targets: torch.Tensor

    @property
    def tokens(self) -> int:
        """Tokens that are computed."""
        return len(self.ids)


def shared_beginning(rows: Sequence[Row]) -> int:
    """How many tokens all rows begin with alike; each row keeps its prompt's last token for itself."""
    return min((alike(rows[0], row) for row in rows), default=0)


def alike(one: Row, other: Row) -> int:
    """How many tokens of their prompts, but for the last, two rows begin with alike."""
    most = min(one.prompt, other.prompt) - 1
    return next((n for n in range(most) if one.ids[n] != other.ids[n]), most)


def pack(rows: Sequence[Row], *, device: torch.device | None = None) -> Packed:
    """One batch of these rows, on the CPU unless said. A row's last token is only a target."""
    import torch

    shared = shared_beginning(rows) if len(rows) > 1 else 0
    own = [len(row.ids) - 1 - shared for row in rows]
    longest = max(own)
    ids: list[int] = list(rows[0].ids[:shared])
    positions = list(range(shared))
    places: list[int] = []
    scored: list[int] = []
    targets: list[int] = []
    for n, (row, length) in enumerate(zip(rows, own, strict=True)):
        begin = len(ids)
        scored.extend(range(begin + row.prompt - 1 - shared, begin + length))
        targets.extend(row.ids[row.prompt :])
        places.extend(range(n * longest, n * longest + length))
        ids.extend(row.ids[shared:-1])
        positions.extend(range(shared, shared + length))
    return Packed(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        shared=shared,
        rows=len(rows),
        longest=longest,
        places=torch.tensor(places, device=device),
        scored=torch.tensor(scored, device=device),
        targets=torch.tensor(targets, device=device),
    )
