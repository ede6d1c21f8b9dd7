"""A model that is tuned, as trainings, the gate of forgetting and looks at losses see it: transformers' own, by peft.

Where its weights lie is left to `sources`, gradients to `learner`, steps and checkpoints to `learning`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, UserError
from rung.models.causal.devices import Device
from rung.models.causal.network import Network
from rung.records import Json
from rung.training.device import find_device, product_type
from rung.training.examples import Row, Tokens
from rung.training.forward import Forward
from rung.training.learner import Learner, adapted
from rung.training.memory import Estimate, Opening, check_memory, check_opening, estimate
from rung.training.recipe import ALL_LINEAR, Recipe
from rung.training.sources import FromArrays, FromFolder, InFolder, Source, Trainable

if TYPE_CHECKING:
    import torch

OUT_OF_REACH = "this model's weights are out of reach"
_REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # without it CUDA's products may add in any order


@dataclass(frozen=True)
class Base:
    """A model that can be tuned."""

    source: Source

    @property
    def name(self) -> str:
        """As in messages."""
        return self.source.model.name

    @property
    def identity(self) -> str:
        """What an adapter belongs to."""
        return self.source.model.identity

    @property
    def tokens(self) -> Tokens:
        """The engine's own tokenizer and template."""
        return self.source.tokens

    @property
    def context(self) -> int:
        """Tokens that a row may have at most."""
        return self.source.context

    def check(self, recipe: Recipe) -> None:
        """Refuse what does not fit the model or the machine, before anything is loaded.

        Raises:
            UserError: names the setting.
            MissingExtra: a library is not installed.
        """
        if recipe.quantize == "4bit":
            need_libraries("bitsandbytes", extra="qlora", what="training on 4-bit weights")
        self.source.check(recipe)
        if (layers := _layers(self.source.config)) is not None:
            recipe.check_layers(layers)
        if recipe.may_not_fit:
            find_device(recipe.device)
            adapted(self._without_numbers(), lora_settings(recipe), seed=0)

    def learner(self, recipe: Recipe, rows: Sequence[Row]) -> Learner:
        """Adapters on the frozen weights, as they begin. `rows`: what will be learnt, by which memory is estimated.

        Raises:
            UserError: a setting does not fit the model, the device is not there, or too little memory is free.
        """
        self.check(recipe)
        device = find_device(recipe.device)
        if device.type == "cuda":
            os.environ.setdefault(*_REPEATABLE)
        where: Device = device.type
        dtype = product_type(device, recipe.precision)
        self.source.make_room()
        number, is_narrow = str(dtype).removeprefix("torch."), recipe.quantize == "4bit"
        needed = self.estimate(recipe, rows, where=where, dtype=dtype)
        free = check_memory(self.name, needed, recipe, where=where, number="4 bits" if is_narrow else number)
        opening = self._opening(where, dtype, is_four_bit=is_narrow)
        network = self._opened(opening)
        if is_narrow:
            network.model.train()  # in evaluation bitsandbytes repacks weights for AVX-512 kernels, and rounds scales
        products_in, narrow_to = f"nf4, {number}" if is_narrow else number, opening.narrow_to
        settings = lora_settings(recipe)
        learner = Learner(network, settings, seed=recipe.seed, products_in=products_in, narrow_to=narrow_to)
        learner.begin_within(needed, free)
        return learner

    def estimate(self, recipe: Recipe, rows: Sequence[Row], *, where: Device, dtype: torch.dtype) -> Estimate:
        """How much memory it takes to learn these rows.

        Raises:
            UserError: a layer that the recipe names is not there.
        """
        model = adapted(self._without_numbers(), lora_settings(recipe), seed=0)
        opening = self._opening(where, dtype, is_four_bit=recipe.quantize == "4bit")
        return estimate(model, rows, recipe, opening=opening)

    def losses(self, adapter: Path | None, *, precision: str = "auto", device: str = "auto") -> Forward:
        """The weights as served, with an adapter's where one is given; computed as a training computes by that device and
        precision, but for weights in 4 bits: these are whole here.

        Raises:
            UserError: the device is not there, or too little memory is free.
        """
        self.source.make_room()
        computing = find_device(device)
        opening = self._opening(computing.type, product_type(computing, precision))
        check_opening(self.name, self._without_numbers(), opening)
        network = self._opened(opening)
        network.model.requires_grad_(False)
        if adapter is not None:
            network.adapters.load(adapter.name, adapter)
            network.adapters.of([adapter.name])
        return Forward(network, narrow_to=opening.narrow_to)

    def _opening(self, where: Device, dtype: torch.dtype, *, is_four_bit: bool = False) -> Opening:
        source = self.source
        held = dtype if is_four_bit else source.held(where, dtype)
        return Opening(where, dtype, held, read_as=source.read_as, stored=source.bytes, is_four_bit=is_four_bit)

    def _opened(self, opening: Opening) -> Network:
        quantization = _four_bit(opening.dtype) if opening.is_four_bit else None
        return self.source.opened(where=opening.where, dtype=opening.held, quantization=quantization)

    def _without_numbers(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(self.source.configuration(), trust_remote_code=False)
        return model.requires_grad_(False)


def base_of(model: object) -> Base:
    """The model as its trainer sees it.

    Raises:
        UserError: its weights are not on this machine.
        MissingExtra: a library is not installed.
    """
    if isinstance(model, Trainable):
        source: Source = FromArrays(model)
    elif isinstance(model, InFolder):
        source = FromFolder(model)
    else:
        raise UserError(f"{OUT_OF_REACH}, so it cannot be tuned: name a local model")
    need_libraries("torch", "transformers", "peft")
    return Base(source)


def lora_settings(recipe: Recipe) -> Any:
    """peft's settings of a recipe's adapters. Layers below `first_layer` are left out by the first number in their names;
    how that is written down is left to `learner`."""
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


def need_libraries(*names: str, extra: str = "train", what: str = "training") -> None:
    """Raises `MissingExtra` where one of these is not installed."""
    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingExtra(extra, what) from error


def _four_bit(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def _layers(config: Mapping[str, Json]) -> int | None:
    inner = config.get("text_config")
    for settings in (config, inner if isinstance(inner, dict) else {}):
        for key in ("num_hidden_layers", "n_layer", "num_layers"):
            if isinstance(value := settings.get(key), int):
                return value
    return None
