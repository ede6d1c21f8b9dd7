"""Which trainer a model is tuned by: all that trainings, the gate of forgetting and looks at losses ask of a base model.

Plain llamas whose weights Rung serves by itself are trained by its own network, which takes less of a CPU; whatever else
transformers opens, by transformers and peft (`peft_base`). Which rows come when is left to `learning`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from rung.errors import MissingExtra, UserError
from rung.records import Json
from rung.training.batches import pieces
from rung.training.device import find_device, product_type
from rung.training.examples import Row, Tokenizing, Tokens
from rung.training.learner import Learner, Written
from rung.training.packing import pack
from rung.training.recipe import ALL_LINEAR, OWN, Recipe
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.training.network import Network

OUT_OF_REACH = "this model's weights are out of reach"


@runtime_checkable
class Trainable(Protocol):
    """A plain llama whose weights are here as arrays."""

    name: str
    config: dict[str, Json]

    @property
    def tokens(self) -> Tokenizing: ...

    @property
    def identity(self) -> str: ...

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights as served, by their Hugging Face names."""
        ...


class RowLosses(Protocol):
    """Weights that are not trained any more."""

    def summed(self, rows: Sequence[Row]) -> Iterator[tuple[Row, float]]:
        """Each row with its loss, summed over its answer's tokens, in nats; in any order."""
        ...


class Base(Protocol):
    """A model that can be tuned."""

    @property
    def trainer(self) -> str:
        """What tunes it, for manifests and people."""
        ...

    @property
    def context(self) -> int:
        """Tokens that a row may have at most."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def tokens(self) -> Tokens: ...

    def check(self, recipe: Recipe) -> None:
        """Refuse what this trainer cannot do, before anything is loaded.

        Raises:
            UserError: names the setting.
        """
        ...

    def learner(self, recipe: Recipe) -> Learner:
        """Adapters on the frozen weights, as they begin.

        Raises:
            UserError: a setting does not fit the model, the device is not there, or too little memory is free.
        """
        ...

    def losses(self, adapter: Path | None, *, precision: str = "auto") -> RowLosses:
        """The weights as served, with an adapter's where one is given, in the type that training multiplies in.

        `precision` is a recipe's."""
        ...


@dataclass(frozen=True)
class OwnBase:
    """A plain llama, tuned by Rung's own network."""

    model: Trainable
    trainer: ClassVar[str] = OWN

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
        """As served."""
        return self.model.tokens

    @property
    def context(self) -> int:
        """Positions of the model."""
        return self.shape.positions

    @property
    def shape(self) -> Shape:
        """Its numbers; raises `UserError` where it is no plain llama."""
        return Shape.of(self.model.config)

    def check(self, recipe: Recipe) -> None:
        """As `Base` says."""
        check_own(recipe)
        recipe.check_layers(self.shape.layers)

    def learner(self, recipe: Recipe) -> Learner:
        """As `Base` says."""
        self.check(recipe)
        find_device(recipe.device)  # before the weights are read
        if recipe.quantize == "none":
            return Written(self.model.weights(), self.shape, recipe)
        from rung.training.quantized import Quantized

        return Quantized(self.model.weights(), self.model.config, self.shape, recipe)

    def losses(self, adapter: Path | None, *, precision: str = "auto") -> RowLosses:
        """As `Base` says."""
        from rung.training.merging import tuned_network

        return OwnLosses(tuned_network(self.model, adapter, dtype=product_type(precision=precision)))


def check_own(recipe: Recipe) -> None:
    """Refuse what has no meaning for Rung's own trainer, whatever the model.

    Raises:
        UserError: names the setting.
    """
    modules = recipe.target_modules != (ALL_LINEAR,)
    odd = {"target_modules": modules, f"variant: {recipe.variant}": recipe.variant != "lora"}
    for setting in (name for name, is_odd in odd.items() if is_odd):
        raise UserError(
            f"{setting} has no meaning for the trainer of plain llamas, which learns LoRA on all linear layers: take it "
            "out of the recipe"
        )


@dataclass(frozen=True)
class OwnLosses:
    """Rung's network; what rows share is computed once."""

    network: Network

    def summed(self, rows: Sequence[Row]) -> Iterator[tuple[Row, float]]:
        """As `RowLosses` says."""
        for part in pieces(rows) if rows else ():
            losses = self.network.losses(pack(part))
            lengths = [len(row.ids) - row.prompt for row in part]
            for row, own in zip(part, losses.split(lengths), strict=True):
                yield row, float(own.double().sum())


def base_of(model: object) -> Base:
    """The model as its trainer sees it.

    Raises:
        UserError: its weights are not on this machine.
        MissingExtra: torch is not installed.
    """
    if isinstance(model, Trainable):
        need_torch()
        return OwnBase(model)
    from rung.training.peft_base import FolderBase, InFolder

    if not isinstance(model, InFolder):
        raise UserError(f"{OUT_OF_REACH}, so it cannot be tuned: name a local model")
    need_torch()
    return FolderBase(model)


def need_torch() -> None:
    """Raises `MissingExtra` where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("train", "training") from error
