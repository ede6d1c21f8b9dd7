"""What the trainer itself says: greedy text of the network as it trains, to be compared with what is served.

Written apart from the training's forward, with a plain cache, so that the two check each other. Serving is left to `models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from rung.training.network import Network


def greedy(network: Network, prompts: Sequence[Sequence[int]], *, end: int, max_tokens: int) -> list[list[int]]:
    """Token ids of each answer, without the end mark. All prompts go on together, at most `max_tokens` steps."""
    import torch

    cache = _Cache(network, len(prompts), max(len(p) for p in prompts) + max_tokens)
    last = torch.tensor([len(p) - 1 for p in prompts])
    longest = int(last.max()) + 1
    ids = torch.tensor([[*p, *[end] * (longest - len(p))] for p in prompts])
    positions = torch.arange(longest).repeat(len(prompts), 1)
    generated: list[list[int]] = [[] for _ in prompts]
    open_rows = set(range(len(prompts)))
    states = cache.advance(ids, positions)[torch.arange(len(prompts)), last]
    for _ in range(max_tokens):
        chosen = cache.logits(states).argmax(1)
        for row in sorted(open_rows):
            if int(chosen[row]) == end:
                open_rows.discard(row)
            else:
                generated[row].append(int(chosen[row]))
        if not open_rows:
            break
        last += 1
        states = cache.advance(chosen[:, None], last[:, None])[:, 0]
    return generated


class _Cache:
    """Keys and values [rows, kv, tokens, d] of every layer. What stands behind a row's end is overwritten or never seen."""

    def __init__(self, network: Network, rows: int, tokens: int) -> None:
        import torch

        shape = network.shape
        self.network = network
        self.held = torch.zeros(shape.layers, 2, rows, shape.kv_heads, tokens, shape.head_width)

    def advance(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Hidden states [rows, n, width] of tokens [rows, n] at their positions; the cache grows by them."""
        import torch

        net, shape = self.network, self.network.shape
        rows, n = ids.shape
        x = net.embedding[ids.reshape(-1)]
        rotation = net.attention.rotation(positions.reshape(-1))
        hidden = torch.arange(self.held.shape[4])[None, None, :] > positions[:, :, None]
        for layer in range(shape.layers):
            qkv = net.project(net.normalise(x, "greedy")[0], layer, net.qkv, "greedy_qkv")
            net.attention.turn(qkv, rotation)
            x = x + net.project(self._mix(qkv.view(rows, n, -1), positions, hidden, layer), layer, net.o, "greedy_step")
            gate, up = net.project(net.normalise(x, "greedy")[0], layer, net.gate_up, "greedy_mlp").split(shape.inner, dim=1)
            x = x + net.project(torch.nn.functional.silu(gate) * up, layer, net.down, "greedy_step")
        return x.view(rows, n, -1)

    def _mix(self, qkv: torch.Tensor, positions: torch.Tensor, hidden: torch.Tensor, layer: int) -> torch.Tensor:
        shape, (rows, n, _) = self.network.shape, qkv.shape
        query, key, value = qkv.split([shape.heads * shape.head_width, *[shape.kv_heads * shape.head_width] * 2], dim=2)
        keys, values = self.held[layer]
        for held, new in ((keys, key), (values, value)):
            for row in range(rows):
                held[row][:, positions[row]] = new[row].view(n, shape.kv_heads, shape.head_width).transpose(0, 1)
        heads = query.view(rows, n, shape.kv_heads, -1, shape.head_width).permute(0, 2, 3, 1, 4)
        scores = (heads @ keys[:, :, None].transpose(3, 4)).masked_fill_(hidden[:, None, None], float("-inf"))
        mixed = scores.softmax(-1) @ values[:, :, None]
        return mixed.permute(0, 3, 1, 2, 4).reshape(rows * n, -1)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Scores of the vocabulary [rows, vocabulary]."""
        net = self.network
        return (net.normalise(states, "greedy")[0] * net.final_norm).to(net.dtype) @ net.head.T
