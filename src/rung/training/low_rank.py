"""Linear layers of the library's models, with plain LoRA of peft's or frozen, each as one step of autograd.

That takes fewer passes over memory, and on a CPU lets the products with frozen weights alone be in bfloat16.

y = x Wᵀ + b + s (x Aᵀ) Bᵀ. Products with W are computed in W's type, all else in x's. What else peft has (DoRA, other kinds
of layers) is left as it is.
"""

from __future__ import annotations

import functools
from typing import Any


def fuse(model: Any) -> bool:
    """Let the model's plain LoRA layers compute so; whether all are plain."""
    import torch
    from peft.tuners.lora import Linear
    from peft.tuners.lora.layer import LoraLayer

    step, all_plain = _step(), True
    for module in model.modules():
        if not isinstance(module, LoraLayer):
            continue
        base, names = module.get_base_layer(), module.active_adapters
        if (
            type(module) is not Linear
            or type(base) is not torch.nn.Linear
            or module.lora_variant
            or module.lora_bias[names[0]]
        ):
            all_plain = False
            continue
        low = module.lora_A[names[0]].weight, module.lora_B[names[0]].weight
        module.forward = functools.partial(_forward, step, base, *low, module.scaling[names[0]])
    return all_plain


def widen(model: Any) -> None:
    """Let a model in bfloat16 whose LoRA layers are all fused compute in float32 but for products with its matrices, which
    stay as they are. A model with other weights than linear layers, embeddings and vectors stays whole in bfloat16."""
    import torch

    matrices = (torch.nn.Linear, torch.nn.Embedding)
    owners = [(module, p) for module in model.modules() for p in module.parameters(recurse=False) if not p.requires_grad]
    if any(p.ndim > 1 and not isinstance(module, matrices) for module, p in owners):
        return
    step = _step()
    for module in {module: None for module, _ in owners}:
        if isinstance(module, torch.nn.Linear):
            module.forward = functools.partial(_forward, step, module, None, None, 0.0)
        elif isinstance(module, torch.nn.Embedding):
            module.register_forward_hook(lambda *given: given[-1].float())
        else:
            for p in module.parameters(recurse=False):
                p.data = p.data.float()


def _forward(step: Any, base: Any, a: Any, b: Any, scale: float, x: Any) -> Any:  # noqa: PLR0917
    return step.apply(x, base.weight, base.bias, a, b, scale)


@functools.cache
def _step() -> Any:
    import torch

    class Product(torch.autograd.Function):  # type: ignore[misc]  # torch's has no types
        """x [..., inputs], W [outputs, inputs]; A [r, inputs], B [outputs, r], or None."""

        @staticmethod
        def forward(ctx: Any, *given: Any) -> Any:
            x, weight, bias, a, b, scale = given
            flat = x.reshape(-1, x.shape[-1])
            narrow = flat.to(weight.dtype)
            out = torch.mm(narrow, weight.T) if bias is None else torch.addmm(bias, narrow, weight.T)
            out = out.to(x.dtype)
            low: tuple[Any, ...] = ()
            if a is not None:
                a_here, b_here = a.to(x.dtype), b.to(x.dtype)
                inward = torch.mm(flat, a_here.T)  # x Aᵀ  [N, r]
                out.addmm_(inward, b_here.T, alpha=scale)
                low = flat, inward, a_here, b_here
                ctx.scale, ctx.learnt = scale, a.dtype
            ctx.save_for_backward(weight, *low)
            return out.view(*x.shape[:-1], len(weight))

        @staticmethod
        def backward(ctx: Any, *changes: Any) -> Any:
            weight, *low = ctx.saved_tensors
            change = changes[0].reshape(-1, len(weight))
            of_x = of_a = of_b = None
            if ctx.needs_input_grad[0]:
                of_x = torch.mm(change.to(weight.dtype), weight).to(change.dtype)  # dx = dy W + s (dy B) A
            if low:
                flat, inward, a, b = low
                outward = torch.mm(change, b).mul_(ctx.scale)  # s dy B  [N, r]
                of_a = torch.mm(outward.T, flat).to(ctx.learnt)  # dA = s (dy B)ᵀ x
                of_b = torch.mm(change.T, inward).to(ctx.learnt).mul_(ctx.scale)  # dB = s dyᵀ (x Aᵀ)
                of_x = None if of_x is None else of_x.addmm_(outward, a)
            of_x = None if of_x is None else of_x.view(*changes[0].shape[:-1], weight.shape[1])
            return of_x, None, None, of_a, of_b, None

    return Product
