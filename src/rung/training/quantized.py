"""Tuning a model whose weights do not fit, by QLoRA: frozen weights in 4-bit NF4, the same adapters, rows and recipe.

Dettmers et al. 2023 (arXiv:2305.14314), by transformers, peft and bitsandbytes (extra `qlora`). Here are the plain llamas
that Rung serves from arrays; models in folders are opened in `peft_base`. What a step computes is in `peft_learner`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra
from rung.models.causal.devices import Device
from rung.models.causal.network import Network
from rung.records import Json
from rung.training.device import find_device, product_type
from rung.training.lora import Adapters
from rung.training.peft_learner import PeftLearner
from rung.training.recipe import Recipe
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


class Quantized(PeftLearner):
    """A learner (`training.learner.Learner`) on 4-bit weights of a plain llama that is here as arrays.

    Raises:
        MissingExtra: a library is not installed.
    """

    def __init__(
        self, weights: Mapping[str, NDArray[np.float32]], config: Mapping[str, Json], shape: Shape, recipe: Recipe
    ) -> None:
        device = find_device(recipe.device)
        dtype = product_type(device, recipe.precision)
        self.adapters = Adapters(shape, rank=recipe.rank, alpha=recipe.alpha, first=recipe.first_layer, seed=recipe.seed)
        # in evaluation mode bitsandbytes repacks weights for AVX-512 kernels that take only multiples of 64, and rounds
        model = _four_bit(weights, config, device, dtype).train()
        where: Device = device.type
        products_in = f"nf4, {str(dtype).removeprefix('torch.')}"
        super().__init__(Network(model, where), _settings(self.adapters), seed=recipe.seed, products_in=products_in)

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """As `Learner` says; as the network that is written out names them."""
        self.adapters.load(self.tensors())
        return self.adapters.files(base=base)


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


def _settings(adapters: Adapters) -> Any:
    """peft's settings of adapters on the layers of ours."""
    from peft import LoraConfig

    return LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=0.0,
        target_modules=[part.name.rsplit(".", 1)[1] for group in adapters.shape.groups() for part in group.parts],
        layers_to_transform=list(range(adapters.first, adapters.shape.layers)),
        task_type="CAUSAL_LM",
    )
