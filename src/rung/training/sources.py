"""Where the weights of a model lie: in arrays that OpenVINO serves, or in a folder that the torch engine opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from rung.errors import UserError
from rung.models.causal.chat import Chat
from rung.models.causal.devices import Device
from rung.models.causal.folder import ModelFolder, configuration
from rung.models.causal.network import Network, open_llama, open_network
from rung.models.graph import PROJECTIONS
from rung.models.vocabulary import why_no_row
from rung.records import Json, Message
from rung.training.examples import Tokenizing, Tokens
from rung.training.recipe import ALL_LINEAR, Recipe

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_TUNED = tuple(name.rpartition(".")[2] for name in PROJECTIONS)  # what OpenVINO serves adapters on


class Named(Protocol):
    """A model with a name and a digest."""

    name: str

    @property
    def identity(self) -> str: ...


@runtime_checkable
class Trainable(Protocol):
    """A plain llama whose weights are here as arrays: OpenVINO serves it."""

    name: str
    config: dict[str, Json]

    @property
    def tokens(self) -> Tokenizing: ...

    @property
    def identity(self) -> str: ...

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights as served, by their Hugging Face names."""
        ...


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


class Source(Protocol):
    """A model's weights as they lie, and how the libraries open them."""

    @property
    def model(self) -> Named: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def context(self) -> int: ...

    @property
    def config(self) -> Mapping[str, Json]:
        """As in its `config.json`."""
        ...

    @property
    def bytes(self) -> int | None:
        """Of quantised weights."""
        ...

    @property
    def read_as(self) -> int:
        """Bytes of a number in main memory while it is read, before it is the model's."""
        ...

    def held(self, where: Device, dtype: torch.dtype) -> torch.dtype:
        """The type that weights are opened in for products in another: on a CPU, where linear layers alone can be narrowed
        afterwards, one that no number is rounded for."""
        ...

    def check(self, recipe: Recipe) -> None:
        """Raises `UserError` where the engine would not serve what is learnt."""
        ...

    def make_room(self) -> None:
        """Give back the memory of what answers, where that opens again when it is asked."""
        ...

    def configuration(self) -> Any:
        """The library's."""
        ...

    def opened(self, *, where: Device, dtype: torch.dtype, quantization: Any) -> Network:
        """The model of the library, its weights read."""
        ...


@dataclass(frozen=True)
class FromArrays:
    """A llama that OpenVINO serves."""

    model: Trainable
    bytes: ClassVar[int | None] = None
    read_as: ClassVar[int] = 4

    @property
    def tokens(self) -> Tokens:
        """As served."""
        return WithinRows(self.model)

    @property
    def context(self) -> int:
        """Positions of the model."""
        return int(str(self.model.config["max_position_embeddings"]))

    @property
    def config(self) -> Mapping[str, Json]:
        """As `Source` says."""
        return self.model.config

    def held(self, where: Device, dtype: torch.dtype) -> torch.dtype:
        """As served."""
        import torch

        return torch.float32 if where == "cpu" else dtype

    def check(self, recipe: Recipe) -> None:
        """As `Source` says."""
        check_served(recipe)

    def make_room(self) -> None:
        """OpenVINO's pipelines stay: they hold what prompts share, for those who are asked next."""

    def configuration(self) -> Any:
        """As `Source` says."""
        from transformers import LlamaConfig

        return LlamaConfig(**self.model.config)

    def opened(self, *, where: Device, dtype: torch.dtype, quantization: Any) -> Network:
        """As `Source` says; no file is written."""
        given: dict[str, Any] = {"where": where, "dtype": dtype, "quantization": quantization}
        return open_llama(self.model.config, self.model.weights(), **given)


@dataclass(frozen=True)
class WithinRows:
    """The tokenizer of a llama that OpenVINO serves; refuses texts with a token that the model has no row for."""

    model: Trainable

    @property
    def end(self) -> str:
        """What every answer ends with."""
        return self.model.tokens.end

    def token(self, number: int) -> str:
        """A token by its id."""
        return self.model.tokens.token(number)

    def render(self, messages: Sequence[Message]) -> str:
        """As served."""
        return self.model.tokens.render(messages)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """As served.

        Raises:
            UserError: the model has no row for a token.
        """
        encoded, rows = self.model.tokens.encode(texts), int(str(self.model.config["vocab_size"]))
        for ids in encoded:
            if why := why_no_row(ids, rows, self.model.name, self.token):
                raise UserError(why)
        return encoded


@dataclass(frozen=True)
class FromFolder:
    """A model that the torch engine serves."""

    model: InFolder
    read_as: ClassVar[int] = 0  # mapped, not copied

    @property
    def tokens(self) -> Tokens:
        """The engine's own tokenizer and template."""
        return self.model

    @property
    def context(self) -> int:
        """As the engine counts it."""
        return self.model.context_tokens

    @property
    def config(self) -> Mapping[str, Json]:
        """As `Source` says."""
        return self.model.files.config

    @property
    def bytes(self) -> int | None:
        """As `Source` says."""
        return self.model.files.bytes if self.model.files.is_quantised else None

    def held(self, where: Device, dtype: torch.dtype) -> torch.dtype:
        """As `Source` says; a checkpoint in the very type needs no other, and a quantised one says its own."""
        import torch

        as_it_is = (
            where != "cpu" or self.model.files.is_quantised or self.model.files.stored == str(dtype).removeprefix("torch.")
        )
        return dtype if as_it_is else torch.float32

    def check(self, recipe: Recipe) -> None:
        """All that peft learns is served."""

    def make_room(self) -> None:
        """As `Source` says."""
        self.model.close()

    def configuration(self) -> Any:
        """As `Source` says."""
        return configuration(self.model.files.path)

    def opened(self, *, where: Device, dtype: torch.dtype, quantization: Any) -> Network:
        """As `Source` says."""
        return open_network(self.model.files, where=where, dtype=dtype, quantization=quantization)


def check_served(recipe: Recipe) -> None:
    """Refuse adapters that OpenVINO would not serve, whatever the model.

    Raises:
        UserError: names the setting.
    """
    if recipe.variant == "dora":
        raise UserError(
            "variant: dora is not served by OpenVINO, which answers for this model: take lora or rslora in the recipe"
        )
    odd = [name for name in recipe.target_modules if name != ALL_LINEAR and name.rpartition(".")[2] not in _TUNED]
    if odd:
        raise UserError(
            f"target_modules names {', '.join(odd)}, and OpenVINO, which answers for this model, serves adapters on "
            f"{', '.join(_TUNED)} alone: name some of these"
        )
