"""A tuned model for other programs: as a PEFT folder, as whole weights in Hugging Face layout, as GGUF.

Every form is written beside its place and moved there when it is whole. Whether it says what Rung serves is left to
`parity`; which artifact is meant, to `pipeline`.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rung.errors import ModelError, UserError
from rung.files.outputs import check_free
from rung.models.adapters import CONFIG, WEIGHTS, Lora, joined, read_adapter
from rung.models.tensor_files import write_tensors
from rung.models.weights import PACKAGED
from rung.training.generator import MANIFEST
from rung.training.gguf_files import PRECISIONS, keys_of, modelfile, read_gguf, write_gguf
from rung.training.sources import Named, Trainable
from rung.training.tokenizer_files import tokenizer_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMATS = ("peft", "merged", "gguf", "st")
MODEL = "model.gguf"
_PREFIX = "base_model.model."  # of the names in an adapter's file


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is exported: an adapter's folder, the model that it was made for, that model's GGUF, the system prompt."""

    adapter: Path
    model: Trainable
    source: Path
    system: str = ""


class OnBase(Protocol):
    """An adapter and the model that it is to be exported with."""

    @property
    def adapter(self) -> Path: ...

    @property
    def model(self) -> Named: ...


def check_base(tuned: OnBase) -> None:
    """Refuse an adapter that was made for another base.

    Raises:
        UserError: names both.
    """
    path = tuned.adapter / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    base = manifest.get("base") or {}
    theirs, ours = str(base.get("identity", "")), tuned.model.identity
    if theirs and _weights_of(theirs) != _weights_of(ours):
        raise UserError(
            f"the adapter {tuned.adapter.name[:12]} was made for another base: {base.get('name')} "
            f"({_weights_of(theirs)[:18]}…), the project's model is {tuned.model.name} ({_weights_of(ours)[:18]}…)"
        )


def _weights_of(identity: str) -> str:
    """The weights' digest out of an identity: the runtime's version changes rounding, not what was tuned."""
    return identity.split("/", 1)[0]


def write_peft(tuned: Tuned, out: Path) -> None:
    """The adapter as PEFT reads it, with its manifest. What the model was taught before it was shipped is part of it, so
    that it belongs on the weights that everybody has.

    Raises:
        UserError: it cannot be written, or `out` is there already.
    """
    taught = getattr(tuned.model, "taught", None)
    files = (MANIFEST,) if taught else (WEIGHTS, MANIFEST)

    def write(part: Path) -> None:
        _copy(tuned.adapter, part, files)
        if taught:
            _write_joined(joined(taught, read_adapter(tuned.adapter)), tuned.adapter, part)
        else:
            write_settings(tuned.adapter, part)

    with_folder(out, write)


def write_settings(adapter: Path, part: Path) -> None:
    """An adapter's settings. Where an earlier Rung left layers out by `exclude_modules`, which earlier versions of peft and
    other programs do not know, the layers that have adapters are named."""
    from safetensors import safe_open

    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    if not config.pop("exclude_modules", None) or config.get("target_parameters"):
        shutil.copyfile(adapter / CONFIG, part / CONFIG)
        return
    with safe_open(adapter / WEIGHTS, framework="np") as file:
        names = {name.removeprefix(_PREFIX).partition(".lora_")[0] for name in file.keys()}  # noqa: SIM118 - no mapping
    config["target_modules"] = sorted(names)
    (part / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


def _write_joined(lora: Lora, adapter: Path, part: Path) -> None:
    """An adapter that adds what two add. Its scale is in B already, so its alpha is its rank; where one of the two leaves a
    layer out, zeros fill the rank."""
    import numpy as np

    rank = max(a.shape[0] for a, _ in lora.layers.values())
    lacks = {layer: rank - a.shape[0] for layer, (a, _) in lora.layers.items()}
    filled = {
        layer: (np.pad(a, ((0, lacks[layer]), (0, 0))), np.pad(b, ((0, 0), (0, lacks[layer]))))
        for layer, (a, b) in lora.layers.items()
    }
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    fetched = PACKAGED[config["base_model_name_or_path"]].of
    config |= {"base_model_name_or_path": fetched, "revision": None}
    for bound in ("exclude_modules", "layers_to_transform", "layers_pattern"):  # what was shipped is on every layer
        config.pop(bound, None)
    config |= {"target_modules": sorted({layer.rpartition(".")[2] for layer in lora.layers})}
    config |= {"r": rank, "lora_alpha": rank, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {}}
    (part / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")
    write_tensors(part / WEIGHTS, Lora(filled).tensors(), metadata={"format": "pt"})


def merged(weights: Mapping[str, NDArray[np.float32]], adapter: Path) -> dict[str, NDArray[np.float32]]:
    """The weights by their Hugging Face names, W + (alpha / rank) B A in the place of those that the adapter changes, in
    float32.

    Raises:
        ModelError: the adapter names a layer that these weights lack, or of another shape: it is another base's.
    """
    try:
        return read_adapter(adapter).added_to(weights)
    except ModelError as error:
        raise ModelError(f"{adapter}: {error}") from error


def write_merged(tuned: Tuned, out: Path, *, precision: str = "f32") -> None:
    """The tuned model whole, in Hugging Face layout: weights, config, tokenizer, chat template, generation settings.

    Raises:
        UserError: it cannot be written, or `out` is there already, or the precision is none of f32, f16.
    """
    import numpy as np

    kinds = {"f32": np.float32, "f16": np.float16}
    if precision not in kinds:
        raise UserError(f"merged weights are written in f32 or f16, not {precision}: quantised ones go with --to gguf")
    files = tokenizer_files(keys_of(read_gguf(tuned.source)), tuned.model.config)
    dtype = "float32" if precision == "f32" else "float16"
    files["config.json"] = json.dumps({**tuned.model.config, "dtype": dtype}, indent=2) + "\n"

    def write(part: Path) -> None:
        weights = merged(tuned.model.weights(), tuned.adapter)
        tensors = {name: np.ascontiguousarray(w, dtype=kinds[precision]) for name, w in weights.items()}
        write_tensors(part / "model.safetensors", tensors, metadata={"format": "pt"})
        for name, text in files.items():
            (part / name).write_text(text, encoding="utf-8")
        _copy(tuned.adapter, part, (MANIFEST,))

    with_folder(out, write)


def write_gguf_folder(tuned: Tuned, out: Path, *, precision: str = "f16") -> None:
    """`model.gguf`, the tuned model whole, and a `Modelfile`.

    Raises:
        UserError: it cannot be written, or `out` is there already, or there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UserError(f"a GGUF is written in {', '.join(PRECISIONS)}, not {precision}")
    base = read_gguf(tuned.source)
    tokens = tuned.model.tokens
    recipe = modelfile(tokens.render, file=MODEL, system=tuned.system, end=tokens.end)

    def write(part: Path) -> None:
        weights = merged(tuned.model.weights(), tuned.adapter)
        write_gguf(part / MODEL, base, weights, precision=precision, config=tuned.model.config)
        (part / "Modelfile").write_text(recipe, encoding="utf-8")
        _copy(tuned.adapter, part, (MANIFEST,))

    with_folder(out, write)


def write_sentence_transformers(artifact: Path, out: Path) -> None:
    """A tuned encoder's folder, which is in the layout of sentence-transformers already.

    Raises:
        UserError: the artifact is no such folder, it cannot be written, or `out` is there already.
    """
    if not (artifact / "modules.json").exists():
        raise UserError(
            f"{artifact} is no encoder in the layout of sentence-transformers (no modules.json): "
            "a tuned generator goes with --to peft, merged or gguf"
        )
    with_folder(out, lambda part: shutil.copytree(artifact, part, dirs_exist_ok=True))


def with_folder(out: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder beside `out`, and move it there when it is whole.

    Raises:
        UserError: there is something at `out`, no room, or no right to write.
    """
    check_free(out, instead="name another folder, or remove it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            part = Path(scratch) / out.name
            part.mkdir()
            write(part)
            if out.exists():
                out.rmdir()
            part.rename(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    except Exception as error:  # safetensors has an error of its own for what the system refuses
        if type(error).__name__ != "SafetensorError":
            raise
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: Exception) -> UserError:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    what = "the disk is full" if full else str(getattr(error, "strerror", None) or error)
    return UserError(f"{out} cannot be written: {what}; nothing was left there")


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
