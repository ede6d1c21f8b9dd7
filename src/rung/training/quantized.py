"""Tuning a model whose weights do not fit, by QLoRA: frozen weights in 4-bit NF4, the same adapters, rows and recipe.

Dettmers et al. 2023 (arXiv:2305.14314), by transformers, peft and bitsandbytes (extra `qlora`). Rows are padded, not
packed: each attends to itself alone. Steps, checkpoints and early stopping are those of `training.learning`, as for the
network that is written out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra
from rung.records import Json
from rung.training.device import find_device, product_type
from rung.training.examples import Row
from rung.training.learner import summed
from rung.training.lora import Adapters
from rung.training.recipe import Recipe
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_IGNORED = -100  # a label that `cross_entropy` leaves out


class Quantized:
    """A learner (`training.learner.Learner`) on 4-bit weights.

    Raises:
        MissingExtra: a library is not installed.
    """

    def __init__(
        self, weights: Mapping[str, NDArray[np.float32]], config: Mapping[str, Json], shape: Shape, recipe: Recipe
    ) -> None:
        import torch

        self.device = find_device(recipe.device)
        self.dtype = product_type(self.device, recipe.precision)
        self.products_in = f"nf4, {str(self.dtype).removeprefix('torch.')}"
        self.adapters = Adapters(shape, rank=recipe.rank, alpha=recipe.alpha, first=recipe.first_layer, seed=recipe.seed)
        self.model = _adapted(_four_bit(weights, config, self.device, self.dtype), self.adapters)
        named = {_plain(name): p for name, p in self.model.named_parameters() if p.requires_grad}
        self._named = {name: named[name] for name in self.adapters.tensors()}
        size = sum(p.numel() for p in self._named.values())
        self.values = torch.zeros(size, device=self.device)
        self.gradient = torch.zeros(size, device=self.device)
        begin = 0
        for name, drawn in self.adapters.tensors().items():
            parameter = self._named[name]
            here = slice(begin, begin + parameter.numel())
            # one flat tensor behind all parameters: optimiser, clipping and checkpoints are `learning`'s own
            parameter.data = self.values[here].view(parameter.shape)
            parameter.grad = self.gradient[here].view(parameter.shape)
            parameter.data.copy_(drawn)
            begin = here.stop

    def learn(self, rows: Sequence[Row], *, weight: float) -> tuple[float, int]:
        """As `Learner` says."""
        loss, tokens = self._summed(rows)
        (loss * weight).backward()
        return float(loss.detach()), tokens

    def learn_parts(self, parts: Sequence[Sequence[Row]], *, weight: float) -> tuple[float, int]:
        """As `Learner` says."""
        return summed([self.learn(part, weight=weight) for part in parts])

    def alone(self) -> bool:
        """It always does."""
        return False

    def loss(self, rows: Sequence[Row]) -> float:
        """As `Learner` says."""
        import torch

        with torch.no_grad():
            return float(self._summed(rows)[0])

    def free(self) -> None:
        """There are no buffers of ours."""

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """As `Learner` says."""
        self.adapters.load({name: p.detach().float().cpu() for name, p in self._named.items()})
        return self.adapters.files(base=base)

    def _summed(self, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
        """The answers' summed loss, and how many tokens were computed, padding among them."""
        import torch

        longest = max(len(row.ids) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, _IGNORED)
        for n, row in enumerate(rows):
            ids[n, : len(row.ids)] = torch.tensor(row.ids)
            mask[n, : len(row.ids)] = 1
            labels[n, row.prompt : len(row.ids)] = torch.tensor(row.ids[row.prompt :])
        ids, mask, labels = (t.to(self.device) for t in (ids, mask, labels))
        logits = self.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=_IGNORED, reduction="sum"
        )
        return loss, ids.numel()


def _plain(name: str) -> str:
    return name.replace(".default.", ".")


def _four_bit(
    weights: Mapping[str, NDArray[np.float32]], config: Mapping[str, Json], device: torch.device, dtype: torch.dtype
) -> Any:
    """The base model as transformers reads it, linear layers in NF4. The weights pass through a folder that is removed."""
    try:
        import bitsandbytes  # noqa: F401
        from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        raise MissingExtra("qlora", "training on 4-bit weights") from error
    import torch
    from safetensors.torch import save_file

    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    with tempfile.TemporaryDirectory(prefix="rung-base-") as scratch:
        LlamaConfig(**config).save_pretrained(scratch)
        tensors = {name: torch.from_numpy(weight).to(dtype).contiguous() for name, weight in weights.items()}
        save_file(tensors, Path(scratch) / "model.safetensors", metadata={"format": "pt"})
        return LlamaForCausalLM.from_pretrained(
            scratch, quantization_config=quantization, device_map={"": device.type}, dtype=dtype
        )


def _adapted(model: Any, adapters: Adapters) -> Any:
    """The model with PEFT's LoRA on the layers of our adapters, everything else frozen."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtra("qlora", "training on 4-bit weights") from error
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.config.use_cache = False
    settings = LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=0.0,
        target_modules=[part.name.rsplit(".", 1)[1] for group in adapters.shape.groups() for part in group.parts],
        layers_to_transform=list(range(adapters.first, adapters.shape.layers)),
        task_type="CAUSAL_LM",
    )
    # in evaluation mode bitsandbytes repacks weights for AVX-512 kernels that take only multiples of 64, and rounds scales
    return get_peft_model(model, settings).train()
