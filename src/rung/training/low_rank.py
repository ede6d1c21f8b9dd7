"""A linear layer of peft's with its LoRA as one step of autograd: fewer passes over memory, the products in the type of the
frozen weight.

y = x Wᵀ + b + s (x Aᵀ) Bᵀ. Plain LoRA on plain linear layers alone; what else peft has is left as it is.
"""

from __future__ import annotations

import functools
from typing import Any


def fuse(model: Any) -> None:
    """Let the model's plain LoRA layers compute so."""
    import torch
    from peft.tuners.lora import Linear

    step = _step()
    for module in model.modules():
        if type(module) is not Linear or type(module.get_base_layer()) is not torch.nn.Linear:
            continue
        names = module.active_adapters
        plain = not module.lora_variant and not module.merged and len(names) == 1 and not module.lora_bias[names[0]]
        if plain:
            module.forward = functools.partial(_forward, step, module, names[0])


def _forward(step: Any, module: Any, name: str, x: Any) -> Any:
    base = module.get_base_layer()
    low = module.lora_A[name].weight, module.lora_B[name].weight
    return step.apply(x, base.weight, base.bias, *low, module.scaling[name])


@functools.cache
def _step() -> Any:
    import torch

    class LowRank(torch.autograd.Function):
        """x [..., inputs], W [outputs, inputs], A [r, inputs], B [outputs, r]."""

        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float) -> Any:
            flat, narrow_a, narrow_b = x.reshape(-1, x.shape[-1]), a.to(weight.dtype), b.to(weight.dtype)
            out = torch.mm(flat, weight.T) if bias is None else torch.addmm(bias, flat, weight.T)
            inward = torch.mm(flat, narrow_a.T)  # x Aᵀ  [N, r]
            out.addmm_(inward, narrow_b.T, alpha=scale)
            ctx.save_for_backward(flat, weight, inward, narrow_a, narrow_b)
            ctx.scale, ctx.types = scale, (a.dtype, b.dtype)
            return out.view(*x.shape[:-1], len(weight))

        @staticmethod
        def backward(ctx: Any, *changes: Any) -> Any:
            flat, weight, inward, a, b = ctx.saved_tensors
            change = changes[0].reshape(-1, len(weight))
            outward = torch.mm(change, b).mul_(ctx.scale)  # s dy B  [N, r]
            of_a = torch.mm(outward.T, flat).to(ctx.types[0])  # dA = s (dy B)ᵀ x
            of_b = torch.mm(change.T, inward).to(ctx.types[1]).mul_(ctx.scale)  # dB = s dyᵀ (x Aᵀ)
            of_x = None
            if ctx.needs_input_grad[0]:
                of_x = torch.mm(change, weight).addmm_(outward, a).view(*changes[0].shape[:-1], flat.shape[1])
            return of_x, None, None, of_a, of_b, None

    return LowRank
