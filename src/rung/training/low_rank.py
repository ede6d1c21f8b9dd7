"""Linear layers of the library's models, with plain LoRA of peft's or frozen, each as one step of autograd.

That takes fewer passes over memory, and on a CPU lets the products with frozen weights alone be in bfloat16.

y = x Wᵀ + b + s (x Aᵀ) Bᵀ. Products with W are computed in W's type, all else in x's. What else peft has (DoRA, other kinds
of layers) is left as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def fuse(model: Any, *, narrow_to: torch.dtype | None = None) -> None:
    """Let the model's LoRA layers compute so, if all are plain.

    A model in bfloat16 then computes in float32 but for products with its matrices, which stay as they are; where it has
    other weights than linear layers, embeddings and vectors, it is left whole as it is.

    Args:
        model: frozen, adapters in it.
        narrow_to: the type that a model in float32 comes to: its linear layers where these can alone, else all.
    """
    import torch

    layers, mixes = _lora_layers(model), mixes_types(model)
    if narrow_to is not None:
        (_narrow_products if mixes else _narrow_whole)(model, narrow_to)
    frozen = _frozen(model)
    is_narrow = narrow_to is not None or any(p.dtype != torch.float32 for _, p in frozen)
    if not all(map(_is_plain, layers)) or (is_narrow and not mixes):
        return
    if is_narrow:
        _widen(list({module: None for module, _ in frozen}))
    for layer in layers:
        (name,) = layer.active_adapters
        low, base = (layer.lora_A[name].weight, layer.lora_B[name].weight), layer.get_base_layer()
        layer.forward = functools.partial(_forward, _step(), base.weight, base.bias, *low, layer.scaling[name])


def mixes_types(model: Any) -> bool:
    """Whether linear layers' weights can be in one type and all else in another: adapters are plain LoRA, and all other
    weights embeddings and vectors. A class made from torch's linear layer may compute anything (scaled logits, routers,
    packed 4-bit weights), so it counts as other weights."""
    import torch

    return all(map(_is_plain, _lora_layers(model))) and not any(
        isinstance(module, torch.nn.Linear) or (p.ndim > 1 and not isinstance(module, torch.nn.Embedding))
        for module, p in _frozen(model)
        if type(module) is not torch.nn.Linear
    )


def _lora_layers(model: Any) -> list[Any]:
    from peft.tuners.lora.layer import LoraLayer

    return [module for module in model.modules() if isinstance(module, LoraLayer)]


def _frozen(model: Any) -> list[tuple[Any, Any]]:
    return [(module, p) for module in model.modules() for p in module.parameters(recurse=False) if not p.requires_grad]


def _is_plain(layer: Any) -> bool:
    import torch
    from peft.tuners.lora import Linear

    plain = type(layer) is Linear and type(layer.get_base_layer()) is torch.nn.Linear
    return plain and not layer.lora_variant and not any(layer.lora_bias.values())


def _narrow_products(model: Any, dtype: torch.dtype) -> None:
    """A head that is tied to the embeddings gets numbers of its own."""
    import torch

    for name, module in model.named_modules():
        if type(module) is torch.nn.Linear and ".lora_" not in name:
            module.weight = torch.nn.Parameter(module.weight.detach().to(dtype), requires_grad=False)


def _narrow_whole(model: Any, dtype: torch.dtype) -> None:
    left = ".lora_", *(getattr(model, "_keep_in_fp32_modules_strict", None) or ())  # as the library opens it
    for name, p in model.named_parameters():
        if not any(word in name for word in left):
            p.data = p.data.to(dtype)


def _widen(modules: Sequence[Any]) -> None:
    import torch

    for module in modules:
        if type(module) is torch.nn.Linear:
            # of the module itself it knows nothing: a cycle would keep the weights until the collector comes
            module.forward = functools.partial(_forward, _step(), module.weight, module.bias, None, None, 0.0)
        elif isinstance(module, torch.nn.Embedding):
            module.register_forward_hook(_as_float)
        else:
            for p in module.parameters(recurse=False):
                p.data = p.data.float()


def _as_float(_module: Any, _given: Any, out: torch.Tensor) -> torch.Tensor:
    return out.float()


def _forward(step: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float, x: Any) -> Any:  # noqa: PLR0917
    return step.apply(x, weight, bias, a, b, scale)


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
            out = torch.mm(narrow, weight.T).to(x.dtype)
            if bias is not None:
                out.add_(bias)
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
