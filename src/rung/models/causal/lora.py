"""LoRA adapters of PEFT's format on a transformers model, several at once: each row of a batch is computed with its own.

What an adapter's file holds and the model would ignore is refused: else the base model would answer as if tuned.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rung.errors import MissingExtra, ModelError, first_line
from rung.models.adapters import CONFIG, WEIGHTS
from rung.models.causal.folder import read_json

_BASE = "__base__"  # PEFT's name for rows without an adapter
_TRAINED_ON = re.compile(r"^(?:local|hf):([0-9a-f]+)")  # identity of the generator that an adapter was trained on
_EMBEDDING = re.compile(r"embed|lm_head|\bwte\b")  # a tensor that is the vocabulary's


def check_folder(folder: Path, *, base: str) -> None:
    """Refuse a folder that is no LoRA adapter, or was trained on another base; its weights are looked at when it is loaded.

    Args:
        folder: as PEFT's `save_pretrained` makes it.
        base: digest of the base model.

    Raises:
        ModelError: a file is missing or broken, it is of another kind, or was trained on another model.
    """
    config = read_json(folder / CONFIG)
    if config.get("peft_type") != "LORA":
        raise ModelError(f"{folder / CONFIG} describes no LoRA adapter (peft_type LORA): only LoRA can be served here")
    if config.get("alora_invocation_tokens"):
        raise ModelError(
            f"{folder} is an activated LoRA (alora_invocation_tokens), which cannot be served here: train it without"
        )
    trained_on = _TRAINED_ON.match(str(config.get("revision") or ""))
    if trained_on and trained_on[1] != base:
        name = config.get("base_model_name_or_path") or "another model"
        raise ModelError(
            f"{folder}: this adapter was trained on {name} ({trained_on[1][:12]}), and the model here is {base[:12]}: name "
            "that model under 'model:', or train the adapter again on this one"
        )
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{folder / WEIGHTS} is missing: train the adapter again, or save it with PEFT's save_pretrained")


class Adapters:
    """The adapters of one model, by name. Each forward pass says which row has which."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._peft: Any = None
        self._names: dict[str, str] = {}
        self._mixable: dict[str, bool] = {}
        self._active: str | None = ""

    def load(self, digest: str, folder: Path) -> None:
        """Put an adapter's weights beside the model's; nothing is done where they are there.

        Raises:
            ModelError: its tensors are not those that this model takes.
            MissingExtra: peft is not installed.
        """
        if digest in self._names:
            return
        try:
            from peft import PeftModel, get_peft_model_state_dict
        except ImportError as error:
            raise MissingExtra("hf", "adapters") from error
        name, held = f"adapter{len(self._names)}", _tensors(folder / WEIGHTS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that later ones have not
                if self._peft is None:
                    self._peft = PeftModel.from_pretrained(self._model, folder, adapter_name=name)
                else:
                    self._peft.load_adapter(folder, adapter_name=name)
            # said, not left to the library: else it asks the hub what vocabulary a model of the base's name has
            whole = any(".lora_" not in tensor and _EMBEDDING.search(tensor) for tensor in held)
            taken = set(get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=whole))
        except Exception as error:  # the library raises what it pleases for what fits nowhere
            raise ModelError(
                f"{folder} fits no layer of this model ({first_line(error)}): was it trained on another?"
            ) from error
        if odd := sorted(held ^ taken):
            self._peft.delete_adapter(name)
            what = "matches no layer of this model" if odd[0] in held else "is missing"
            raise ModelError(f"{folder / WEIGHTS}: tensor {odd[0]!r} {what}: was the adapter trained on another?")
        self._peft.eval()
        self._names[digest] = name
        self._mixable[digest] = self._can_mix(name)
        self._active = None

    def can_mix(self, digest: str) -> bool:
        """Whether its rows may share a pass with rows of other adapters."""
        return self._mixable.get(digest, True)

    def _can_mix(self, name: str) -> bool:
        config = self._peft.peft_config[name]
        whole = config.use_dora or config.modules_to_save or getattr(config, "target_parameters", None)
        return not (whole or config.bias != "none" or config.lora_bias)

    def of(self, adapters: Sequence[str]) -> Callable[..., Any]:
        """The forward pass in which row n has adapter n; "" is the base model."""
        if self._peft is None:
            return self._model  # type: ignore[no-any-return]
        if len(set(adapters)) == 1:
            self._switch(adapters[0])
            return self._model  # type: ignore[no-any-return]
        if self._active != "mixed":
            self._peft.base_model.enable_adapter_layers()
            self._active = "mixed"
        names = [self._names[adapter] if adapter else _BASE for adapter in adapters]
        return functools.partial(self._peft, adapter_names=names)

    def _switch(self, adapter: str) -> None:
        if self._active == adapter:
            return
        if adapter:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._names[adapter])
        else:
            self._peft.base_model.disable_adapter_layers()
        self._active = adapter


def _tensors(path: Path) -> set[str]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as held:
            return set(held.keys())
    except Exception as error:  # safetensors has no public error base for a broken header
        raise ModelError(f"{path} is broken ({error}): train the adapter again") from error
