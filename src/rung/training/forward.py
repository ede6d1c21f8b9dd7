"""What a model comes to on rows: the loss of the answers' tokens, computed alike in training and in what measures it.

Rows are packed where the model allows it (`packed_attention`), else padded behind their ends, sorted by length, so that no
row sees another's tokens or its own padding; only the answers' tokens are scored. On a CPU layers are computed as
`low_rank` says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.models.causal.network import Network
from rung.training.batches import MAX_TOKENS, pieces
from rung.training.examples import Row
from rung.training.low_rank import fuse
from rung.training.packed_attention import can_pack, computing, pack_attention
from rung.training.packing import Packed, pack

if TYPE_CHECKING:
    import torch

_ON_A_GPU = 8192  # tokens computed at once, where memory is read faster than on a CPU


@dataclass(frozen=True, slots=True)
class Bounds:
    """The length past which positions are turned another way, so that lengths cannot share a pass; 0: there is none.

    `always`: past it by every length another way.
    """

    at: int = 0
    always: bool = False

    def side(self, row: Row) -> int:
        """Rows of one side may share a pass."""
        length = len(row.ids) - 1
        return 0 if not self.at or length <= self.at else length if self.always else 1


class Forward:
    """The forward pass of a model over rows, with the adapters that are in it.

    `most`: tokens that are computed at once, where there are so many.

    Args:
        network: its model frozen.
        narrow_to: as `low_rank.fuse`.
    """

    def __init__(self, network: Network, *, narrow_to: torch.dtype | None = None) -> None:
        self.network = network
        self.packs = can_pack(network)
        if self.packs:
            pack_attention(network.model)
        if network.device == "cpu":
            fuse(network.model, narrow_to=narrow_to)
        self.most = most_at_once(network.device)
        self.bounds = Bounds(network.turns_at, network.turns_always)

    def parts(self, rows: Sequence[Row], *, most: int) -> list[list[Row]]:
        """The rows in parts that are each computed at once, none above `most` tokens but a row alone; what rows share is
        computed once, or else padding counts."""
        return list(pieces(rows, most=most)) if self.packs else by_length(rows, most=most, bounds=self.bounds)

    @contextlib.contextmanager
    def computed(self, rows: Sequence[Row]) -> Iterator[tuple[torch.Tensor, int]]:
        """Cross entropy of the answers' tokens [answers], float32, row after row, and how many tokens were computed; as long
        as gradients are asked for."""
        if not self.packs:
            yield self._padded(rows)
            return
        packed = pack(rows, device=self.network.model.device)
        with computing(packed):
            yield self._packed(packed), packed.tokens

    def summed(self, rows: Sequence[Row]) -> Iterator[tuple[Row, float]]:
        """Each row with its loss, summed over its answer's tokens, in nats; in any order."""
        import torch

        for part in self.parts(rows, most=self.most) if rows else ():
            with torch.no_grad(), self.computed(part) as (losses, _):
                own = losses.split([len(row.ids) - row.prompt for row in part])
            for row, loss in zip(part, own, strict=True):
                yield row, float(loss.cpu().double().sum())  # MPS has no float64

    def _packed(self, packed: Packed) -> torch.Tensor:
        import torch

        given = {"input_ids": packed.ids[None], "position_ids": packed.positions[None], "logits_to_keep": packed.scored}
        logits = self.network.model(**given, use_cache=False).logits[0]
        return torch.nn.functional.cross_entropy(logits.float(), packed.targets, reduction="none")

    def _padded(self, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
        """Rows whose padding stands behind them, where no token of theirs looks."""
        import torch

        network = self.network
        first, longest = min(row.prompt for row in rows) - 1, max(len(row.ids) for row in rows) - 1
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        targets = torch.full((len(rows), longest - first), -1, dtype=torch.long)
        for n, row in enumerate(rows):
            ids[n, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
            targets[n, row.prompt - 1 - first : len(row.ids) - 1 - first] = torch.tensor(row.ids[row.prompt :])
        network.forget_lengths()
        named = {"logits_to_keep": longest - first} if network.takes("logits_to_keep") else {}
        logits = network.model(input_ids=ids.to(network.device), use_cache=False, **named).logits[:, first - longest :]
        scored = (targets.flatten() >= 0).nonzero()[:, 0]
        here = logits.flatten(0, 1).index_select(0, scored.to(network.device))
        expected = targets.flatten()[scored].to(network.device)
        return torch.nn.functional.cross_entropy(here.float(), expected, reduction="none"), ids.numel()


def most_at_once(device: str) -> int:
    """Tokens that are computed at once on a device, where there are so many."""
    return MAX_TOKENS if device == "cpu" else _ON_A_GPU


def by_length(rows: Sequence[Row], *, most: int, bounds: Bounds) -> list[list[Row]]:
    """The rows sorted by length, in parts whose padded tokens are at most `most`; a longer row is alone."""
    parts: list[list[Row]] = []
    for row in sorted(rows, key=lambda one: len(one.ids)):
        length = len(row.ids) - 1
        if parts and (len(parts[-1]) + 1) * length <= most and bounds.side(parts[-1][0]) == bounds.side(row):
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts
