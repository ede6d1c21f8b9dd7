"""Whether a PEFT folder fits the local model, and its tensors as the engine wants them.

The engine ignores LoRA tensors that match no layer with a mere warning, and does not read `adapter_config.json`. So what it
would ignore is refused here, and the scale (alpha / rank) is multiplied into B. Serving is left to `local`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import ModelError
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"  # the files of a PEFT folder
_TENSOR = re.compile(r"^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$")
_LOCAL = re.compile(r"^(?:local|hf):([0-9a-f]+)")  # an identity of a generator whose weights are here
_REFUSED = {
    "use_dora": "DoRA",
    "use_qalora": "QA-LoRA",
    "alora_invocation_tokens": "activated LoRA",
    "lora_bias": "LoRA bias",
}


@dataclass(frozen=True, slots=True)
class Lora:
    """One adapter: layer name -> (A [rank, in], B [out, rank], scale already in B), float32."""

    layers: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The adapter under the names that the engine looks for."""
        named: dict[str, NDArray[np.float32]] = {}
        for layer, (a, b) in self.layers.items():
            named[f"base_model.model.{layer}.lora_A.weight"] = a
            named[f"base_model.model.{layer}.lora_B.weight"] = b
        return named

    def added_to(self, weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """The weights by their Hugging Face names, W + B A [out, in] in the place of those that the adapter changes.

        Raises:
            ModelError: it names a layer that these weights lack, or of another shape: it is another base's.
        """
        tuned = dict(weights)
        for layer, (a, b) in self.layers.items():
            name = f"{layer}.weight"
            if name not in tuned or tuned[name].shape != (b.shape[0], a.shape[1]):
                raise ModelError(f"{layer} fits no layer of this model: the adapter was made for another base model")
            tuned[name] = tuned[name] + b @ a
        return tuned


def joined(first: Lora, second: Lora) -> Lora:
    """One adapter that adds what both add: ranks side by side, B1 A1 + B2 A2 = [B1 B2] [A1; A2]."""
    import numpy as np

    layers = {**first.layers, **second.layers}
    for layer in first.layers.keys() & second.layers.keys():
        (a1, b1), (a2, b2) = first.layers[layer], second.layers[layer]
        layers[layer] = (np.concatenate([a1, a2], axis=0), np.concatenate([b1, b2], axis=1))
    return Lora(dict(sorted(layers.items())))


def check_adapter(folder: Path, shapes: Mapping[str, tuple[int, int]], *, base: str = "") -> None:
    """Refuse an adapter that this model cannot serve whole, without reading its weights.

    Args:
        folder: `adapter_config.json` and `adapter_model.safetensors`, as PEFT writes them.
        shapes: layer name -> (out, in) of the base model's projections.
        base: digest of the base model's weights. What Rung trained names its own as PEFT's `revision`; where an adapter
            names none, only the shapes are compared.

    Raises:
        ModelError: a file is missing or broken, a kind of adapter is not supported, it was trained on another base, or a
            tensor fits no layer.
    """
    from safetensors import safe_open

    config = _config(folder)
    _scales(config)
    trained_on = _LOCAL.match(str(config.get("revision") or ""))
    if base and trained_on and trained_on[1] != base:
        name = config.get("base_model_name_or_path") or "another model"
        raise ModelError(
            f"{folder}: this adapter was trained on {name} ({trained_on[1][:12]}), and the model here is {base[:12]}: name "
            "that model under 'model:', or train the adapter again on this one"
        )
    path = folder / WEIGHTS
    if not path.exists():
        raise ModelError(f"{path} is missing: train the adapter again, or save it with PEFT's save_pretrained")
    try:
        with safe_open(path, framework="np") as file:
            shapes_of = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except Exception as error:  # safetensors has no public error base for a broken header
        raise ModelError(f"{path} is broken ({error}): train the adapter again") from error
    _check_shapes(path, shapes_of, shapes)


def _check_shapes(path: Path, held: Mapping[str, tuple[int, ...]], shapes: Mapping[str, tuple[int, int]]) -> None:
    ranks: dict[str, dict[str, int]] = {}
    for name, shape in held.items():
        match = _TENSOR.match(name)
        if not match or match[1] not in shapes:
            raise ModelError(
                f"{path}: tensor {name!r} matches no layer of this model, and would be ignored: wrong base model?"
            )
        layer, side = match[1], match[2]
        out, into = shapes[layer]
        if len(shape) != 2 or shape[0 if side == "B" else 1] != (out if side == "B" else into):
            raise ModelError(f"{path}: {name!r} has shape {shape}, the layer is {out} x {into}: made for another base model")
        ranks.setdefault(layer, {})[side] = shape[1 if side == "B" else 0]
    for layer, sides in ranks.items():
        if set(sides) != {"A", "B"} or sides["A"] != sides["B"]:
            raise ModelError(f"{path}: {layer} lacks its A or B, or they differ in rank: train the adapter again")
    if not ranks:
        raise ModelError(f"{path} holds no LoRA tensor: train the adapter again")


def read_adapter(folder: Path) -> Lora:
    """The weights of a checked adapter, its scales multiplied into B."""
    from safetensors import safe_open

    scales = _scales(_config(folder))
    sides: dict[str, dict[str, NDArray[np.float32]]] = {}
    with safe_open(folder / WEIGHTS, framework="np") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            if match := _TENSOR.match(name):
                sides.setdefault(match[1], {})[match[2]] = file.get_tensor(name).astype("float32")
    return Lora({layer: (ab["A"], ab["B"] * scales.of(layer, ab["A"].shape[0])) for layer, ab in sorted(sides.items())})


@dataclass(frozen=True, slots=True)
class _Scales:
    alpha: float
    patterns: Mapping[str, float]
    by_root: bool  # rsLoRA: alpha / sqrt(rank)

    def of(self, layer: str, rank: int) -> float:
        alpha = next((a for p, a in self.patterns.items() if re.match(rf"(.*\.)?({p})$", layer)), self.alpha)
        return alpha / (math.sqrt(rank) if self.by_root else rank)


def _config(folder: Path) -> dict[str, Json]:
    path = folder / CONFIG
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: an adapter is a PEFT folder with this file") from error
    except ValueError as error:
        raise ModelError(f"{path} is no JSON ({error}): train the adapter again") from error
    if not isinstance(value, dict) or value.get("peft_type") != "LORA":
        raise ModelError(f"{path} does not describe a LoRA adapter (peft_type LORA): only LoRA can be served here")
    return value


def _scales(config: Mapping[str, Json]) -> _Scales:
    for key, what in _REFUSED.items():
        if config.get(key):
            raise ModelError(f"the adapter uses {what} ({key}), which cannot be served here: train it without")
    if config.get("bias", "none") != "none" or config.get("modules_to_save"):
        raise ModelError("the adapter carries whole weights (bias or modules_to_save), which cannot be served here")
    alpha, patterns = config.get("lora_alpha"), config.get("alpha_pattern") or {}
    if not isinstance(alpha, (int, float)) or not isinstance(patterns, dict):
        raise ModelError("adapter_config.json lacks lora_alpha: save the adapter with PEFT's save_pretrained")
    by_layer = {key: float(value) for key, value in patterns.items() if isinstance(value, (int, float))}
    return _Scales(float(alpha), by_layer, bool(config.get("use_rslora")))
