"""Tuning whatever causal language model transformers opens, by peft: LoRA, rsLoRA, DoRA, on whole or 4-bit weights.

The folder is opened as the torch engine opens it, rows are written by the engine's own chat template, and the adapter is
served by it. Batches and gradients are left to `peft_learner`, steps and checkpoints to `learning`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from rung.errors import MissingExtra, UserError
from rung.models.causal.chat import Chat
from rung.models.causal.devices import Device, free_memory
from rung.models.causal.folder import ModelFolder
from rung.models.causal.network import Network, open_network
from rung.records import Message
from rung.training.batches import MAX_TOKENS
from rung.training.device import find_device, product_type
from rung.training.examples import Row, Tokens
from rung.training.peft_learner import Bounds, PeftLearner, adapted, answer_losses, by_length
from rung.training.recipe import ALL_LINEAR, GENERAL, Recipe

if TYPE_CHECKING:
    import torch

_BESIDE = 1.1  # of the weights' memory: what loading takes beside them
_STATES = 5 * 4  # bytes of each number that is learnt: itself, its gradient, the optimiser's three, in float32
_NF4 = 0.52  # bytes of a weight in 4 bits, with its scales
_REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # without it CUDA's products may add in any order


@runtime_checkable
class InFolder(Protocol):
    """A model that the torch engine serves from a folder."""

    name: str
    files: ModelFolder
    chat: Chat

    @property
    def identity(self) -> str: ...

    @property
    def context_tokens(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...

    def render(self, messages: Sequence[Message]) -> str: ...

    def with_answer(self, messages: Sequence[Message]) -> tuple[list[int], int]: ...

    def close(self) -> None:
        """Give back the memory of what answers."""
        ...


@dataclass(frozen=True)
class FolderBase:
    """Any model in a folder of Hugging Face layout; its methods are those of `bases.Base`."""

    model: InFolder
    trainer: ClassVar[str] = GENERAL

    @property
    def name(self) -> str:
        """As in messages."""
        return self.model.name

    @property
    def identity(self) -> str:
        """What the adapter belongs to."""
        return self.model.identity

    @property
    def tokens(self) -> Tokens:
        """The engine's own tokenizer and template."""
        return self.model

    @property
    def context(self) -> int:
        """As the engine counts it."""
        return self.model.context_tokens

    def check(self, recipe: Recipe) -> None:
        """Nothing that a recipe may say is without meaning here; how many layers there are is known to the config."""
        _need_libraries(four_bit=recipe.quantize == "4bit")
        if (layers := _layers(self.model.files)) is not None:
            recipe.check_layers(layers)

    def learner(self, recipe: Recipe) -> PeftLearner:
        """The engine's copy of the weights is given back first: it opens another when it is asked again."""
        self.check(recipe)
        device = find_device(recipe.device)
        if device.type == "cuda":
            os.environ.setdefault(*_REPEATABLE)
        where: Device = device.type
        dtype = product_type(device, recipe.precision)
        self.model.close()
        check_memory(self.model.files, where, dtype, recipe)
        network = open_network(self.model.files, where=where, dtype=dtype, quantization=_four_bit(recipe, dtype))
        if recipe.quantize == "4bit":
            network.model.train()  # in evaluation bitsandbytes repacks weights for AVX-512 kernels, and rounds scales
        number = str(dtype).removeprefix("torch.")
        products_in = f"nf4, {number}" if recipe.quantize == "4bit" else number
        return PeftLearner(network, lora_settings(recipe), seed=recipe.seed, products_in=products_in)

    def losses(self, adapter: Path | None, *, precision: str = "auto") -> FolderLosses:
        """As `bases.Base` says."""
        self.model.close()
        device = find_device("auto")
        where: Device = device.type
        network = open_network(self.model.files, where=where, dtype=product_type(device, precision))
        if adapter is not None:
            network.adapters.load(adapter.name, adapter)
        return FolderLosses(network, "" if adapter is None else adapter.name)


@dataclass(frozen=True)
class FolderLosses:
    """A network of the torch engine's, and the adapter that it computes with."""

    network: Network
    adapter: str

    def summed(self, rows: Sequence[Row]) -> Iterator[tuple[Row, float]]:
        """Each row with its loss, summed over its answer's tokens, in nats."""
        import torch

        bounds = Bounds(self.network.turns_at, self.network.turns_always)
        for part in by_length(rows, most=MAX_TOKENS, bounds=bounds):
            with torch.no_grad():
                losses, _ = answer_losses(self.network.adapters.of([self.adapter]), part, self.network)
            lengths = [len(row.ids) - row.prompt for row in part]
            for row, own in zip(part, losses.split(lengths), strict=True):
                yield row, float(own.double().sum())


def lora_settings(recipe: Recipe) -> Any:
    """peft's settings of a recipe's adapters. Layers below `first_layer` are left out by the first number in their names."""
    from peft import LoraConfig

    below = "|".join(map(str, range(recipe.first_layer)))
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=0.0,
        target_modules=ALL_LINEAR if recipe.target_modules == (ALL_LINEAR,) else list(recipe.target_modules),
        exclude_modules=rf"(?:[^.\d][^.]*\.)*(?:{below})(?:\..*)?" if below else None,
        use_rslora=recipe.variant == "rslora",
        use_dora=recipe.variant == "dora",
        task_type="CAUSAL_LM",
    )


def check_memory(files: ModelFolder, where: Device, dtype: torch.dtype, recipe: Recipe) -> None:
    """Refuse a training that there is no memory for, with the numbers; counted on the model without its weights.

    Raises:
        UserError: weights, adapters and optimiser alone need more than is free, or a layer that is named is not there.
    """
    weights, learnt = _sizes(files, dtype, recipe)
    states = learnt * _STATES
    needed, free = int(weights * _BESIDE) + states, free_memory(where)
    if needed > free:
        number = "4 bits" if recipe.quantize == "4bit" else str(dtype).removeprefix("torch.")
        less = "" if recipe.quantize == "4bit" else ", set quantize: 4bit"
        raise UserError(
            f"training {files.path} takes more than {needed / 1e9:.2f} GB: {files.numbers / 1e9:.2f} billion weights in "
            f"{number}, {weights / 1e9:.2f} GB, and adapters of rank {recipe.rank} with their optimiser, {states / 1e9:.2f} "
            f"GB; {free / 1e9:.2f} GB are free ({where}): close other programs, lower rank{less}, or name a smaller model"
        )


def _sizes(files: ModelFolder, dtype: torch.dtype, recipe: Recipe) -> tuple[int, int]:
    """(bytes of the weights, numbers that are learnt) of the model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(files.path, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    size = files.bytes if files.is_quantised else files.numbers * dtype.itemsize
    if recipe.quantize == "4bit":
        head = model.get_output_embeddings()
        linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
        size -= int(sum(m.weight.numel() for m in linear) * (dtype.itemsize - _NF4))
    model = adapted(model, lora_settings(recipe), seed=0)
    return size, sum(p.numel() for p in model.parameters() if p.requires_grad)


def _four_bit(recipe: Recipe, dtype: torch.dtype) -> Any:
    if recipe.quantize != "4bit":
        return None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def _layers(files: ModelFolder) -> int | None:
    inner = files.config.get("text_config")
    for settings in (files.config, inner if isinstance(inner, dict) else {}):
        for key in ("num_hidden_layers", "n_layer", "num_layers"):
            if isinstance(value := settings.get(key), int):
                return value
    return None


def _need_libraries(*, four_bit: bool) -> None:
    try:
        import peft  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("hf", "training models in Hugging Face folders") from error
    if four_bit:
        try:
            import bitsandbytes  # noqa: F401
        except ImportError as error:
            raise MissingExtra("qlora", "training on 4-bit weights") from error
