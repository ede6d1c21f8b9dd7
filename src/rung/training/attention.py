"""Causal attention over a packed batch, rows seeing the shared beginning; forward and backward by hand.

Query heads that share a key head are stacked as rows of one product, so keys are never repeated. Everything here is float32;
the products around it are left to `training.network`.

Letters of the comments: R rows of a batch, T tokens of its longest row, p shared tokens before them, G key heads (`kv`),
g query heads of a key head (`group`), d channels of a head. Q [R·G, g·T, d]; K, V [R·G, p + T, d].
The scale 1/√d stands in the query's frozen weights (`shape`).

    S = Q Kᵀ + M              [R·G, g·T, p + T]   M: −∞ where a key stands behind its query
    P = softmax(S)            by rows
    O = P V                   [R·G, g·T, d]
    dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ∘ (dP − rowsum(dP ∘ P));  dQ = dS K;  dK = dSᵀ Q
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.training.shape import Shape

if TYPE_CHECKING:
    import torch

    from rung.training.packing import Packed
    from rung.training.workspace import Workspace


MAX_KEPT = 4_000_000  # floats of attention that a layer keeps for its gradient: 16 MB, times the layers


@dataclass(frozen=True, slots=True)
class Seen:
    """What one attention keeps for its gradient.

    Queries [rows * kv, group * longest, d], keys and values [rows * kv, before + longest, d]; who looks at whom, unless that
    would take too much memory: then it is computed again.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    likely: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows that attend: `rows` of at most `longest` tokens; `before` are tokens that all of them see."""

    rows: int
    longest: int
    before: int
    places: torch.Tensor | None  # None: one row, nothing to pad
    spread: torch.Tensor | None


class Attention:
    """Causal attention with rotary positions for one shape of model."""

    def __init__(self, shape: Shape, space: Workspace) -> None:
        import torch

        self.shape, self.space = shape, space
        self.group = shape.heads // shape.kv_heads
        self.query, self.key = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        powers = torch.arange(0, shape.head_width, 2, dtype=torch.int64).float() / shape.head_width
        self._speeds = (1.0 / (shape.theta**powers)).to(space.device)
        self._future = torch.empty(0, 0, device=space.device)

    def rotation(self, positions: torch.Tensor) -> torch.Tensor:
        """Unit complex numbers [tokens, 1, head_width / 2] by which channel pairs are turned."""
        import torch

        angles = positions.float()[:, None] * self._speeds[None, :]  # m · θ^(−2i/d)  [tokens, d/2]
        return torch.polar(torch.ones_like(angles), angles)[:, None, :]

    def forward(
        self, qkv: torch.Tensor, packed: Packed, rotation: torch.Tensor, tag: str
    ) -> tuple[torch.Tensor, list[Seen]]:
        """Mixed values [tokens, heads * d] of qkv [tokens, (heads + 2 kv) * d]; q and k in `qkv` are turned in place."""
        self.turn(qkv, rotation)
        mixed = self.space.take(f"mixed{tag}", len(qkv), self.query)
        seen: list[Seen] = []
        for part, block in _blocks(packed):
            before = qkv[: block.before, self.query :]
            seen.append(self._look(qkv[part], mixed[part], block, before, f"{tag}.{len(seen)}"))
        return mixed, seen

    def backward(self, gradient: torch.Tensor, packed: Packed, rotation: torch.Tensor, seen: list[Seen]) -> torch.Tensor:
        """Gradient of qkv [tokens, …] from that of the mixed values."""
        change = self.space.take("change_qkv", len(gradient), self.query + 2 * self.key)
        for (part, block), saved in zip(_blocks(packed), seen, strict=True):
            self._look_back(gradient[part], change[part], block, change[: block.before, self.query :], saved)
        self.turn(change, rotation.conj().resolve_conj())
        return change

    def turn(self, qkv: torch.Tensor, rotation: torch.Tensor) -> None:
        """Turn the channel pairs of q and k, in place."""
        import torch

        turned = qkv[:, : self.query + self.key].unflatten(1, (-1, self.shape.head_width // 2, 2))
        torch.view_as_complex(turned).mul_(rotation)  # (a + ib) · e^(i m θᵢ), each pair of channels; RoPE

    def _look(self, own: torch.Tensor, out: torch.Tensor, block: _Block, before: torch.Tensor, name: str) -> Seen:
        import torch

        rows, longest, p, kv, d = block.rows, block.longest, block.before, self.shape.kv_heads, self.shape.head_width
        padded = self._padded(own, block)
        query = self.space.take(f"query{name}", rows * kv, self.group * longest, d)
        self._stacked(query, block).copy_(
            padded[:, : self.query].view(rows, longest, kv, self.group, d).permute(0, 2, 3, 1, 4)
        )
        seen = [query]
        for n, kind in enumerate(("key", "value")):
            here = self.space.take(f"{kind}{name}", rows * kv, p + longest, d)
            columns = slice(self.query + n * self.key, self.query + (n + 1) * self.key)
            four = here.view(rows, kv, p + longest, d)
            four[:, :, p:].copy_(padded[:, columns].view(rows, longest, kv, d).transpose(1, 2))
            if p:
                four[:, :, :p].copy_(before[:, n * self.key : (n + 1) * self.key].view(p, kv, d).transpose(0, 1))
            seen.append(here)
        likely = self._likely(query, seen[1], block, name)
        mixed = self.space.take("mixing", rows * kv, self.group * longest, d)
        torch.bmm(likely, seen[2], out=mixed)  # O = P V
        flat = self.space.take("unstacked", rows * longest, self.query)
        flat.view(rows, longest, kv, self.group, d).copy_(self._stacked(mixed, block).permute(0, 3, 1, 2, 4))
        if block.places is None:
            out.copy_(flat)
        else:
            torch.index_select(flat, 0, block.places, out=out)
        return Seen(query, seen[1], seen[2], likely if likely.numel() <= MAX_KEPT else None)

    def _likely(self, query: torch.Tensor, key: torch.Tensor, block: _Block, name: str) -> torch.Tensor:
        """Who looks at whom [rows * kv, group * longest, before + longest]; large ones share one buffer."""
        import torch

        shape = (len(query), query.shape[1], key.shape[1])
        fits = math.prod(shape) <= MAX_KEPT
        likely = self.space.take(f"likely{name}" if fits else "likely", *shape)
        torch.bmm(query, key.transpose(1, 2), out=likely)  # S = Q Kᵀ  [R·G, g·T, p + T]
        likely.view(-1, block.longest, key.shape[1])[:, :, block.before :].add_(self._hidden(block.longest))  # + M
        return torch.softmax(likely, -1, out=likely)  # P

    def _look_back(
        self, gradient: torch.Tensor, change: torch.Tensor, block: _Block, before: torch.Tensor, seen: Seen
    ) -> None:
        """Write the gradient of own q, k, v into `change`; add that of the shared k, v to `before`."""
        import torch

        rows, longest, p, kv, d = block.rows, block.longest, block.before, self.shape.kv_heads, self.shape.head_width
        likely = self._likely(seen.query, seen.key, block, "") if seen.likely is None else seen.likely
        grown = self.space.take("mixing", rows * kv, self.group * longest, d)
        flat = self._padded_with_zeros(gradient, block)
        self._stacked(grown, block).copy_(flat.view(rows, longest, kv, self.group, d).permute(0, 2, 3, 1, 4))
        scores = self.space.take("dlikely", *likely.shape)
        torch.bmm(grown, seen.value.transpose(1, 2), out=scores)  # dP = dO Vᵀ  [R·G, g·T, p + T]
        along = torch.linalg.vecdot(scores, likely)  # rowsum(dP ∘ P)  [R·G, g·T]
        scores.sub_(along[..., None]).mul_(likely)  # dS = P ∘ (dP − rowsum(dP ∘ P))
        padded = self.space.take("padded", rows * longest, self.query + 2 * self.key)
        for n, (left, right) in enumerate(((scores, seen.query), (likely, grown))):
            both = self.space.take("dkey", rows * kv, p + longest, d)
            torch.bmm(left.transpose(1, 2), right, out=both)  # dK = dSᵀ Q; dV = Pᵀ dO  [R·G, p + T, d]
            four = both.view(rows, kv, p + longest, d)
            columns = slice(self.query + n * self.key, self.query + (n + 1) * self.key)
            padded[:, columns].view(rows, longest, kv, d).copy_(four[:, :, p:].transpose(1, 2))
            if p:
                shared = before[:, n * self.key : (n + 1) * self.key].view(p, kv, d)
                shared.add_(four[:, :, :p].sum(0).transpose(0, 1))  # every row adds to the shared tokens' dK, dV
        torch.bmm(scores, seen.key, out=grown)  # dQ = dS K
        padded[:, : self.query].view(rows, longest, kv, self.group, d).copy_(
            self._stacked(grown, block).permute(0, 3, 1, 2, 4)
        )
        if block.places is None:
            change.copy_(padded)
        else:
            torch.index_select(padded, 0, block.places, out=change)

    def _hidden(self, longest: int) -> torch.Tensor:
        """Minus infinity where the key stands behind the query [longest, longest]."""
        import torch

        if len(self._future) < longest:
            self._future = torch.full((longest, longest), float("-inf"), device=self.space.device).triu(1)
        return self._future[:longest, :longest]

    def _stacked(self, heads: torch.Tensor, block: _Block) -> torch.Tensor:
        return heads.view(block.rows, self.shape.kv_heads, self.group, block.longest, self.shape.head_width)

    def _padded(self, own: torch.Tensor, block: _Block) -> torch.Tensor:
        """Own tokens [tokens, c] as [rows * longest, c]; what stands behind a row's end is finite and never looked at."""
        import torch

        if block.spread is None:
            return own
        return torch.index_select(own, 0, block.spread, out=self.space.take("padded", len(block.spread), own.shape[1]))

    def _padded_with_zeros(self, own: torch.Tensor, block: _Block) -> torch.Tensor:
        if block.places is None:
            return own
        flat = self.space.take("unstacked", block.rows * block.longest, own.shape[1])
        return flat.zero_().index_copy_(0, block.places, own)


def _blocks(packed: Packed) -> list[tuple[slice, _Block]]:
    """The shared tokens attend to themselves; then every row to them and to itself."""
    p = packed.shared
    shared = [(slice(0, p), _Block(1, p, 0, None, None))] if p else []
    return [*shared, (slice(p, None), _Block(packed.rows, packed.longest, p, packed.places, packed.spread))]
