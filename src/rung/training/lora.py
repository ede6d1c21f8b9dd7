"""LoRA matrices for every linear layer, in one flat tensor, read and written as PEFT reads and writes them.

y = x Wᵀ + (alpha / rank) · (x Aᵀ) Bᵀ, A drawn as PEFT draws it, B zero (Hu et al. 2021, arXiv:2106.09685). One flat tensor
makes optimiser, clipping and checkpoints one call each. Computing with them is left to `training.network`.
"""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Json
from rung.training.shape import Group, Linear, Shape

if TYPE_CHECKING:
    import torch

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Low:
    """The adapters of one group: `a` [parts * rank, inputs] for all its parts, `b` [rank, outputs] for each:
    transposed, because its gradient is formed faster that way."""

    a: torch.Tensor
    b: tuple[torch.Tensor, ...]


class Adapters:
    """The trainable numbers of layers `first` and up: `values`, and `gradient` of the same length, both float32."""

    def __init__(
        self, shape: Shape, *, rank: int, alpha: float, first: int, seed: int, device: torch.device | None = None
    ) -> None:
        """`device`: where they are, the CPU unless said. They are drawn on the CPU: a seed means the same everywhere."""
        import torch

        self.shape, self.rank, self.alpha, self.first = shape, rank, alpha, first
        self.scale = alpha / rank
        size = sum(self._size(g) for g in shape.groups()) * (shape.layers - first)
        drawn = torch.zeros(size)
        rng = torch.Generator().manual_seed(seed)
        for (_, group), low in self._views(drawn).items():
            bound = 1 / math.sqrt(group.inputs)  # kaiming_uniform_(a=sqrt(5)), PEFT's choice
            low.a.uniform_(-bound, bound, generator=rng)
        self.values, self.gradient = drawn.to(device), torch.zeros(size, device=device)
        self.low = self._views(self.values)
        self.low_gradient = self._views(self.gradient)

    def beside(self) -> Adapters:
        """The same values, with a gradient of their own."""
        import torch

        other = copy.copy(self)
        other.gradient = torch.zeros_like(self.gradient)
        other.low_gradient = other._views(other.gradient)
        return other

    def _size(self, group: Group) -> int:
        return self.rank * (len(group.parts) * group.inputs + group.outputs)

    def _views(self, flat: torch.Tensor) -> dict[tuple[int, Group], Low]:
        views, end = {}, 0

        def next_view(rows: int, columns: int) -> torch.Tensor:
            nonlocal end
            end += rows * columns
            return flat[end - rows * columns : end].view(rows, columns)

        for layer in range(self.first, self.shape.layers):
            for group in self.shape.groups():
                a = next_view(len(group.parts) * self.rank, group.inputs)
                views[layer, group] = Low(a, tuple(next_view(self.rank, part.outputs) for part in group.parts))
        return views

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies by the names that PEFT uses: `…layers.0.self_attn.q_proj.lora_A.weight`."""
        tensors = {}
        for (layer, group), low in self.low.items():
            for n, part in enumerate(group.parts):
                name = _name(layer, part)
                tensors[f"{name}.lora_A.weight"] = low.a[n * self.rank : (n + 1) * self.rank].cpu().clone()
                tensors[f"{name}.lora_B.weight"] = self._to_checkpoint(part, low.b[n].T.cpu())
        return tensors

    def _to_checkpoint(self, part: Linear, b: torch.Tensor) -> torch.Tensor:
        import torch

        if not part.paired:
            return b.clone(memory_format=torch.contiguous_format)
        named = torch.empty_like(b, memory_format=torch.contiguous_format)
        named[self.shape.pairing(part.outputs)] = b
        return named

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take values by PEFT's names."""
        for (layer, group), low in self.low.items():
            for n, part in enumerate(group.parts):
                name = _name(layer, part)
                low.a[n * self.rank : (n + 1) * self.rank].copy_(tensors[f"{name}.lora_A.weight"])
                b = tensors[f"{name}.lora_B.weight"]
                low.b[n].copy_((b[self.shape.pairing(part.outputs)] if part.paired else b).T)

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """The files of the folder that `peft.PeftModel.from_pretrained` and the local model read.

        `base`: name and identity of what the adapter was trained on; PEFT's fields for them are the base model's name and
        its revision.
        """
        from safetensors.torch import save

        names = [part.name.rsplit(".", 1)[1] for group in self.shape.groups() for part in group.parts]
        config: dict[str, Json] = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": str(base.get("name", "")),
            "revision": str(base.get("identity", "")) or None,
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "target_modules": list(names),
            "layers_to_transform": list(range(self.first, self.shape.layers)) if self.first else None,
            "inference_mode": True,
        }
        content = json.dumps(config, indent=2, ensure_ascii=False).encode()
        return {WEIGHTS: save(self.tensors(), metadata={"format": "pt"}), CONFIG: content}


def _name(layer: int, part: Linear) -> str:
    return f"base_model.model.model.layers.{layer}.{part.name}"
