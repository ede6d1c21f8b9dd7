"""Llama with LoRA: the model's function and the gradient of its loss, forward and backward by hand.

Written out instead of left to autograd because a small model on a CPU is bound by wasted products and memory traffic:
here one dense product per group of linear layers and direction is nearly all that is paid. Adapters are applied to the
activations (to fold them into the weights costs a pass over all weights a step, and a copy of them); frozen norm weights and
the scores' scale are folded once for ever; no gradient of a frozen weight is formed; tokens are packed and their shared
beginning is computed once (`packing`); the last layer goes on, and the vocabulary is looked at, only where an answer's token
is predicted; buffers stay. It is the function of `LlamaForCausalLM` with a PEFT adapter, to rounding: a test compares losses
and gradients. What the adapters are is left to `lora`, steps and order to `learning`.

Letters of the comments: N tokens, D width, F inner width; x [N, D]; d stands before what is the loss's gradient by it.

    n = x / rms(x)                        RMSNorm; its weight γ is folded into the product after it
    qkv = n Wᵀ + s (n Aᵀ) B               one product for q, k, v; s = alpha / rank; A [3r, D], B [r, outputs] a part
    x ← x + attention(qkv) Oᵀ             and what O's adapter adds
    x ← x + (silu(n Gᵀ) ∘ n Uᵀ) Downᵀ      SwiGLU
    loss = −Σ log softmax(γ n Hᵀ)[target]  over the tokens of answers
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.training.attention import Attention, Seen
from rung.training.lora import Adapters
from rung.training.shape import Group, Shape
from rung.training.workspace import Workspace

if TYPE_CHECKING:
    import torch

    from rung.training.packing import Packed

MIN_PROBABILITY = 1e-38  # a probability that rounds to 0 counts as this: 87.5 nats
HEAD_ROWS = 256  # rows of logits that exist at a time: 256 x 49,152 floats are 50 MB


@dataclass(slots=True)
class Saved:
    """What a layer's forward leaves for its backward."""

    normed: torch.Tensor
    scale: torch.Tensor
    seen: list[Seen]
    mixed: torch.Tensor
    normed_mlp: torch.Tensor
    scale_mlp: torch.Tensor
    gate_up: torch.Tensor
    act: torch.Tensor


class Network:
    """The frozen model with trainable adapters."""

    def __init__(
        self, weights: Mapping[str, torch.Tensor], shape: Shape, adapters: Adapters, *, dtype: torch.dtype | None = None
    ) -> None:
        """`weights` by their Hugging Face names, float32. `dtype` is that of the dense products (None: float32). It computes
        where the adapters are."""
        import torch

        self.shape, self.adapters, self.dtype = shape, adapters, dtype or torch.float32
        self.device = adapters.values.device
        self.space = Workspace(self.device)
        self.attention = Attention(shape, self.space)
        self.embedding = weights["model.embed_tokens.weight"].to(self.device)
        self.head = weights.get("lm_head.weight", self.embedding).to(self.device, self.dtype)
        self.final_norm = weights["model.norm.weight"].to(self.device)
        self.qkv, self.o, self.gate_up, self.down = shape.groups()
        self.frozen: dict[tuple[int, Group], torch.Tensor] = {}
        self.norms: dict[tuple[int, Group], torch.Tensor] = {}
        for layer in range(shape.layers):
            for group in shape.groups():
                self._freeze(weights, layer, group)

    def beside(self) -> Network:
        """One that computes beside this one: the same weights and adapters, buffers and a gradient of its own."""
        other = copy.copy(self)
        other.adapters, other.space = self.adapters.beside(), Workspace(self.device)
        other.attention = Attention(self.shape, other.space)
        return other

    def _freeze(self, weights: Mapping[str, torch.Tensor], layer: int, group: Group) -> None:
        import torch

        parts = []
        for part in group.parts:
            weight = weights[f"model.layers.{layer}.{part.name}.weight"]
            parts.append((weight[self.shape.pairing(part.outputs)] if part.paired else weight) * part.scale)
        whole = torch.cat(parts)
        if group.norm:
            norm = weights[f"model.layers.{layer}.{group.norm}.weight"]
            whole *= norm
            self.norms[layer, group] = norm.to(self.device)
        self.frozen[layer, group] = whole.to(self.device, self.dtype)

    def loss(self, packed: Packed) -> float:
        """Sum of the cross entropies of the answers' tokens."""
        x, _ = self._forward(packed)
        return float(self._head(x, packed, weight=None)[0])

    def losses(self, packed: Packed) -> torch.Tensor:
        """Cross entropy of each of the answers' tokens, in the order of `packed.targets`, in nats."""
        import torch

        x, _ = self._forward(packed)
        normed, _ = self.normalise(x, "normed_last")
        losses = torch.empty(len(x))
        for begin in range(0, len(x), HEAD_ROWS):
            rows = slice(begin, begin + HEAD_ROWS)
            logits = ((normed[rows] * self.final_norm).to(self.dtype) @ self.head.T).float()
            losses[rows] = torch.nn.functional.cross_entropy(logits, packed.targets[rows], reduction="none")
        return losses

    def learn(self, packed: Packed, *, weight: float) -> float:
        """Add the gradient of `weight` times the summed cross entropy to the adapters' gradient; the sum is returned."""
        x, saved = self._forward(packed)
        total, change = self._head(x, packed, weight=weight)
        self._backward(change, packed, saved)
        return float(total)

    def _forward(self, packed: Packed) -> tuple[torch.Tensor, dict[int, Saved]]:
        """Hidden states [answer tokens, width] before the last norm."""
        import torch

        x = torch.index_select(self.embedding, 0, packed.ids, out=self.space.take("x", packed.tokens, self.shape.width))
        rotation = self.attention.rotation(packed.positions)
        saved = {}
        for layer in range(self.shape.layers):
            trained = layer >= self.adapters.first
            x, left = self._layer(x, packed, rotation, layer, tag=str(layer) if trained else "")
            if trained:
                saved[layer] = left
        return x, saved

    def _layer(
        self, x: torch.Tensor, packed: Packed, rotation: torch.Tensor, layer: int, *, tag: str
    ) -> tuple[torch.Tensor, Saved]:
        """`x` is changed in place, except in the last layer, which goes on with the kept tokens alone."""
        import torch

        normed, scale = self.normalise(x, f"normed{tag}")
        qkv = self.project(normed, layer, self.qkv, "qkv")
        mixed, seen = self.attention.forward(qkv, packed, rotation, tag)
        if layer == self.shape.layers - 1:
            mixed = torch.index_select(
                mixed, 0, packed.scored, out=self.space.take("mixed_kept", len(packed.scored), mixed.shape[1])
            )
            x = torch.index_select(x, 0, packed.scored, out=self.space.take("x_kept", len(packed.scored), x.shape[1]))
        x.add_(self.project(mixed, layer, self.o, "step"))
        normed_mlp, scale_mlp = self.normalise(x, f"normed_mlp{tag}")
        gate_up = self.project(normed_mlp, layer, self.gate_up, f"gate_up{tag}")
        act = self.space.take(f"act{tag}", len(x), self.shape.inner)
        torch.nn.functional.silu(act.copy_(gate_up[:, : self.shape.inner]), inplace=True)  # silu(z) = z σ(z)  [N, F]
        act.mul_(gate_up[:, self.shape.inner :])  # silu(gate) ∘ up
        x.add_(self.project(act, layer, self.down, "step"))
        return x, Saved(normed, scale, seen, mixed, normed_mlp, scale_mlp, gate_up, act)

    def normalise(self, x: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """x over its root mean square, in the buffer `name`, and the factors [tokens, 1]; the norm's weight is elsewhere."""
        import torch

        length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        scale = (length * length / x.shape[1] + self.shape.epsilon).rsqrt_()  # 1 / rms = (|x|²/D + ε)^(−1/2)  [N, 1]
        return torch.mul(x, scale, out=self.space.take(name, *x.shape)), scale

    def _norm_back(self, change: torch.Tensor, grown: torch.Tensor, normed: torch.Tensor, scale: torch.Tensor) -> None:
        """Add to `change` what `grown`, the gradient of `normed`, means for the input; `grown` is used up."""
        import torch

        along = torch.linalg.vecdot(grown, normed).div_(-normed.shape[1])  # −(dn · n) / D  [N]
        change.addcmul_(grown.addcmul_(normed, along[:, None]), scale)  # dx += (dn − n (dn · n) / D) / rms

    def project(self, x: torch.Tensor, layer: int, group: Group, name: str) -> torch.Tensor:
        """x Wᵀ for all parts of the group, and what their adapters add."""
        import torch

        out = self.space.take(name, len(x), group.outputs)
        weight, low, rank, row = self.frozen[layer, group], self.adapters.low.get((layer, group)), self.adapters.rank, 0
        if self.dtype == torch.float32:
            torch.mm(x, weight.T, out=out)  # x Wᵀ  [N, outputs]
        else:
            out.copy_(torch.mm(x.to(self.dtype), weight.T))
        if low is None:
            return out
        a = self._inward(layer, group)
        inward = torch.mm(x, a.T, out=self.space.take(f"inward{layer}{group.name}", len(x), len(a)))  # x Aᵀ  [N, parts·r]
        for n, part in enumerate(group.parts):
            here, factor = slice(n * rank, (n + 1) * rank), self.adapters.scale * part.scale
            out[:, row : row + part.outputs].addmm_(inward[:, here], low.b[n], alpha=factor)  # + s (x Aᵀ) B
            row += part.outputs
        return out

    def _inward(self, layer: int, group: Group) -> torch.Tensor:
        """The adapters' A [parts * rank, inputs] as it meets an input whose norm's weight is folded elsewhere."""
        low = self.adapters.low[layer, group]
        return low.a * self.norms[layer, group] if group.norm else low.a

    def _product_back(
        self, change: torch.Tensor, x: torch.Tensor, layer: int, group: Group, *, deeper: bool = True
    ) -> torch.Tensor:
        """Add the gradient of the group's adapters; return that of its input `x`."""
        import torch

        a = self._inward(layer, group)
        outward = self._adapters_back(change, x, layer, group)
        out = self.space.take(f"d{group.name}", len(x), group.inputs)
        if not deeper:
            return out
        weight = self.frozen[layer, group]
        if self.dtype == torch.float32:
            torch.mm(change, weight, out=out)
        else:
            out.copy_(torch.mm(change.to(self.dtype), weight))
        return out.addmm_(outward, a)  # dx = dy W + s (dy Bᵀ) A  [N, inputs]

    def _adapters_back(self, change: torch.Tensor, x: torch.Tensor, layer: int, group: Group) -> torch.Tensor:
        """Add to the adapters' gradient; what reaches their A [tokens, parts * rank] is returned."""
        import torch

        low, gradient = self.adapters.low[layer, group], self.adapters.low_gradient[layer, group]
        rank, row = self.adapters.rank, 0
        inward = self.space.take(f"inward{layer}{group.name}", len(x), len(low.a))  # as `project` left it
        outward = self.space.take("outward", len(x), len(low.a))
        for n, part in enumerate(group.parts):
            mine, here = change[:, row : row + part.outputs], slice(n * rank, (n + 1) * rank)
            factor = self.adapters.scale * part.scale
            outward[:, here] = torch.mm(mine, low.b[n].T).mul_(factor)  # s dy Bᵀ  [N, r]
            gradient.b[n].addmm_(inward[:, here].T, mine, alpha=factor)  # dB += s (x Aᵀ)ᵀ dy  [r, outputs]
            row += part.outputs
        if group.norm:
            gradient.a.addcmul_(torch.mm(outward.T, x), self.norms[layer, group])  # dA += (s dy Bᵀ)ᵀ x, γ folded in  [r, D]
        else:
            gradient.a.addmm_(outward.T, x)
        return outward

    def _head(self, x: torch.Tensor, packed: Packed, *, weight: float | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed cross entropy, and with a `weight` the gradient of x; `HEAD_ROWS` rows of the vocabulary at a time."""
        import torch

        normed, scale = self.normalise(x, "normed_last")
        change = self.space.take("change_last", *x.shape).zero_()
        wide = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no float64
        total = torch.zeros((), dtype=wide, device=self.device)
        for begin in range(0, len(x), HEAD_ROWS):
            rows = slice(begin, begin + HEAD_ROWS)
            seen, targets = (normed[rows] * self.final_norm).to(self.dtype), packed.targets[rows, None]
            logits = self.space.take("logits", len(seen), len(self.head), dtype=self.dtype)
            torch.mm(seen, self.head.T, out=logits)
            likely = logits if self.dtype == torch.float32 else logits.float()
            torch.softmax(likely, -1, out=likely)  # p  [rows, vocabulary]
            total -= likely.gather(1, targets).clamp_min_(MIN_PROBABILITY).log_().sum(dtype=wide)  # −Σ log p[target]
            if weight is not None:
                likely.scatter_add_(1, targets, torch.full(targets.shape, -1.0, device=self.device))
                # dlogits = p − onehot(target)  [rows, vocabulary];  dn = (dlogits H) γ  [rows, D]
                grown = torch.mm(likely.to(self.dtype), self.head).float().mul_(self.final_norm * weight)
                self._norm_back(change[rows], grown, normed[rows], scale[rows])
        return total, change

    def _backward(self, last: torch.Tensor, packed: Packed, saved: Mapping[int, Saved]) -> None:
        import torch

        rotation, change = self.attention.rotation(packed.positions), last
        inner, end = self.shape.inner, self.shape.layers - 1
        for layer in range(end, self.adapters.first - 1, -1):
            left = saved[layer]
            grown = self._product_back(change, left.act, layer, self.down)  # d(silu(gate) ∘ up)  [N, F]
            gates = self.space.take("dgate_up_out", len(change), 2 * inner)
            gate, up = left.gate_up[:, :inner], left.gate_up[:, inner:]
            open_ = torch.sigmoid(gate, out=self.space.take("open", len(change), inner))  # σ(gate)  [N, F]
            silu = torch.mul(gate, open_, out=left.act)  # silu(gate) = gate σ(gate)
            torch.mul(grown, silu, out=gates[:, inner:])  # dup = d ∘ silu(gate)
            slope = silu.addcmul_(open_, silu, value=-1).add_(open_)  # silu′(gate) = silu(gate) − σ silu(gate) + σ
            torch.mul(grown.mul_(up), slope, out=gates[:, :inner])  # dgate = d ∘ up ∘ silu′(gate)
            self._norm_back(
                change, self._product_back(gates, left.normed_mlp, layer, self.gate_up), left.normed_mlp, left.scale_mlp
            )
            mixed = self._product_back(change, left.mixed, layer, self.o)
            if layer == end:
                change = self._scattered(change, packed, "change")
                mixed = self._scattered(mixed, packed, "dmixed")
            qkv = self.attention.backward(mixed, packed, rotation, left.seen)
            deeper = layer > self.adapters.first
            grown = self._product_back(qkv, left.normed, layer, self.qkv, deeper=deeper)
            if deeper:
                self._norm_back(change, grown, left.normed, left.scale)

    def _scattered(self, rows: torch.Tensor, packed: Packed, name: str) -> torch.Tensor:
        whole = self.space.take(name, packed.tokens, rows.shape[1])
        return whole.zero_().index_copy_(0, packed.scored, rows)
