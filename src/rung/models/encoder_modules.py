"""The modules of a folder in sentence-transformers' layout: pooling, and the layers between it and the vector.

`modules.json` lists them, each has a folder with a `config.json`. What is not understood is refused by its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from rung.errors import ModelError
from rung.files.durable import sha256
from rung.models.tensors import read_tensors

POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")
WEIGHTS = "model.safetensors"
POOLING_FLAGS = {  # versions 3 to 5, in the order in which they join several
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
MODULES = "modules.json"
_EMBEDDING = "sentence_embedding"


@dataclass(frozen=True, slots=True)
class HeadLayer:
    """A layer between pooling and vector, its weights in `folder`. Dense: activation(x W^T + b), if `residual` plus x."""

    kind: Literal["dense", "layer_norm", "normalize"]
    folder: Path = Path()
    activation: str = "Identity"
    bias: bool = True
    residual: bool = False

    def described(self) -> dict[str, Any]:
        """What the vectors depend on."""
        weights = "" if self.kind == "normalize" else sha256(self.folder / WEIGHTS)
        return {"kind": self.kind, "activation": self.activation, "residual": self.residual, "weights": weights}


@dataclass(frozen=True, slots=True)
class Module:
    """A line of `modules.json`."""

    kind: str
    folder: Path


def listed_modules(folder: Path) -> list[Module]:
    """What `modules.json` lists, all of sentence-transformers' own.

    Raises:
        ModelError: it is no such list, names a stranger's module, or leads out of the folder.
    """
    path = folder / MODULES
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        entries = [(str(row["type"]), str(row["path"]), row.get("kwargs")) for row in rows]
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} is no list of modules ({error!r}): copy the model again") from error
    modules = []
    for kind, inner, arguments in entries:
        if not kind.startswith("sentence_transformers."):
            raise ModelError(f"{path} names the module {kind}, which is code of the model's own: such models are not opened")
        if Path(inner).is_absolute() or ".." in Path(inner).parts:
            raise ModelError(f"{path} names the path {inner!r}, which leads out of the folder: copy the model again")
        if arguments:
            raise ModelError(f"{path} gives the module {kind} the arguments {arguments!r}, which are not understood here")
        modules.append(Module(kind.rpartition(".")[2], folder / inner))
    return modules


def read_modules(folder: Path) -> list[Module]:
    """What `modules.json` lists: a transformer, a pooling, and layers.

    Raises:
        ModelError: it lists something else; names it.
    """
    path, modules = folder / MODULES, listed_modules(folder)
    kinds = [module.kind for module in modules]
    allowed = {"Dense", "LayerNorm", "Normalize", "Dropout"}
    strange = [kind for kind in kinds if kind not in allowed | {"Transformer", "Pooling"}]
    if strange:
        raise ModelError(f"{path} names the module {strange[0]}, which is not understood here")
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= allowed:
        raise ModelError(
            f"{path} names {', '.join(kinds) or 'no module'}: only a Transformer, a Pooling, then "
            f"{', '.join(sorted(allowed))} are understood, in this order"
        )
    return modules


def read_pooling(path: Path) -> tuple[tuple[str, ...], bool]:
    """(how the tokens are pooled, whether the prompt's are too).

    Raises:
        ModelError: it says another way.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing: copy the whole folder")
    settings = read_settings(path)
    refuse_unknown(
        path, settings, {"embedding_dimension", "word_embedding_dimension", "pooling_mode", "include_prompt", *POOLING_FLAGS}
    )
    mode, flags = settings.get("pooling_mode"), [name for name in POOLING_FLAGS if settings.get(name)]
    if mode is None and any(name in settings for name in POOLING_FLAGS):
        if "pooling_mode_mean_tokens" not in settings:
            raise ModelError(
                f"{path} does not say pooling_mode_mean_tokens, which sentence-transformers 3 to 5 then take for true, and "
                "6 for false: add it"
            )
        mode = [POOLING_FLAGS[name] for name in flags]
    ways = tuple(mode) if isinstance(mode, list) else ("mean" if mode is None else mode,)
    if not ways or any(way not in POOLINGS for way in ways):
        refuse(path, "pooling_mode", mode)
    include = settings.get("include_prompt", True)
    if not isinstance(include, bool):
        refuse(path, "include_prompt", include)
    return ways, include


def read_layer(module: Module) -> tuple[HeadLayer, ...]:
    """The layer of a module after the pooling; a dropout does nothing once the model is trained.

    Raises:
        ModelError: a file is missing, or says something else.
    """
    path = module.folder / "config.json"
    given = read_settings(path)
    if module.kind == "Dropout":
        return ()
    for name in ("module_input_name", "module_output_name"):
        fixed(path, given, name, _EMBEDDING)
    if module.kind == "Normalize":
        return (HeadLayer("normalize"),)
    if not path.is_file() or not (module.folder / WEIGHTS).is_file():
        missing = "config.json" if not path.is_file() else WEIGHTS
        raise ModelError(
            f"{module.folder} has no {missing}: copy the whole folder, or save the model again with sentence-transformers"
        )
    if module.kind == "LayerNorm":
        refuse_unknown(path, given, {"dimension"})
        return (HeadLayer("layer_norm", module.folder),)
    settings = {"in_features", "out_features", "bias", "activation_function", "use_residual"}
    refuse_unknown(path, given, {*settings, "module_input_name", "module_output_name"})
    activation = str(given.get("activation_function", "torch.nn.modules.activation.Tanh"))
    name = activation.rpartition(".")[2]
    if not re.fullmatch(r"torch\.nn(\.modules\.\w+)?\.\w+", activation) or name not in ACTIVATIONS:
        refuse(path, "activation_function", activation)
    return (HeadLayer("dense", module.folder, name, bool(given.get("bias", True)), bool(given.get("use_residual"))),)


def layer_weights(layer: HeadLayer, width: int) -> dict[str, Any]:
    """A layer's float32 arrays, for inputs of this width: `weight`, `bias`, `residual`, those that it has.

    Raises:
        ModelError: they cannot be read, or are of another size.
    """
    path = layer.folder / WEIGHTS
    held = read_tensors(path)
    names = {"linear.weight": "weight", "linear.bias": "bias", "residual.weight": "residual"}
    if layer.kind == "layer_norm":
        names = {"norm.weight": "weight", "norm.bias": "bias"}
    for name in set(held) - set(names):
        raise ModelError(f"{path} holds {name}, which is not understood here")
    weights = {names[name]: weight for name, weight in held.items()}
    outputs = len(weights.get("weight", ()))
    expected = {"weight", *(["bias"] if layer.bias else []), *(["residual"] if layer.residual and outputs != width else [])}
    if set(weights) != expected:
        raise ModelError(f"{path} holds {', '.join(sorted(held))}, which is not what its config.json says: copy it again")
    shapes = {"weight": (outputs, width), "bias": (outputs,), "residual": (outputs, width)}
    if layer.kind == "layer_norm":
        shapes = {"weight": (width,), "bias": (width,)}
    for name, weight in weights.items():
        if weight.shape != shapes[name]:
            raise ModelError(f"{path}: {name} is {list(weight.shape)}, not {list(shapes[name])}: copy the model again")
    return weights


def with_weights(layers: Iterable[HeadLayer], width: int) -> Iterator[tuple[HeadLayer, dict[str, Any]]]:
    """Each layer with its weights, from inputs of this width on; raises as `layer_weights`."""
    for layer in layers:
        weights = {} if layer.kind == "normalize" else layer_weights(layer, width)
        yield layer, weights
        width = len(weights["weight"]) if weights else width


def read_settings(path: Path) -> dict[str, Any]:
    """What a small file of the layout says; nothing where it is not there.

    Raises:
        ModelError: it is no JSON object.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}): copy the model again") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path} holds no JSON object: copy the model again")
    return settings


def fixed(path: Path, settings: Mapping[str, Any], name: str, value: object) -> None:
    """Refuse any other value of a setting; one that is not there, or null, is fine."""
    if settings.get(name) not in (None, value):
        refuse(path, name, settings[name])


def refuse_unknown(path: Path, settings: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse a setting that is none of these."""
    for name in settings:
        if name not in names:
            refuse(path, name, settings[name])


def refuse(path: Path, name: str, value: object) -> NoReturn:
    """Raises ModelError, which names what is not understood."""
    raise ModelError(f"{path} says {name}: {json.dumps(value, ensure_ascii=False)[:80]}, which is not understood here")
