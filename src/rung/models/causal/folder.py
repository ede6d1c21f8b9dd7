"""What lies in a folder of Hugging Face layout, before anything is loaded: its settings, and that its weights are whole.

Loading is left to `network`, where folders lie to `hub`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import ModelError, first_line
from rung.models.causal.quiet import quiet
from rung.records import Json

_POINTER = b"version https://git-lfs"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json", "spiece.model", "vocab.txt")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose files are there and whole.

    Args:
        config: `config.json`.
        generation: `generation_config.json`; empty where there is none.
        numbers: how many numbers the weights have.
        bytes: how many bytes they are on the disk.
        rows: how many tokens the model has a row for; 0: its config does not say.
    """

    path: Path
    config: dict[str, Json]
    generation: dict[str, Json]
    numbers: int
    bytes: int
    rows: int = 0

    @property
    def stored(self) -> str:
        """The type of the weights, as the config says: "bfloat16", "float16", "float32"."""
        text = self.config.get("text_config")
        inner = text.get("dtype", text.get("torch_dtype")) if isinstance(text, dict) else None
        return str(self.config.get("dtype", self.config.get("torch_dtype")) or inner or "float32")

    @property
    def is_quantised(self) -> bool:
        """Whether its weights are in a form that a library of its own reads."""
        return bool(self.config.get("quantization_config"))


def read_folder(folder: Path) -> ModelFolder:
    """Look at a folder.

    Raises:
        ModelError: a file is missing, broken or cut; the weights are pickles; code would be needed. Says what to do.
    """
    config = read_json(folder / "config.json")
    _refuse_code(folder, config)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelError(f"{folder}/tokenizer.json is missing: save the tokenizer with save_pretrained (a fast one)")
    numbers, size = read_weights(folder)
    generation = folder / "generation_config.json"
    rows = getattr(configuration(folder).get_text_config(decoder=True), "vocab_size", None)
    settings = read_json(generation) if generation.is_file() else {}
    return ModelFolder(folder, config, settings, numbers, size, rows if isinstance(rows, int) else 0)


def configuration(folder: Path) -> Any:
    """`config.json` as the library has it, with what it leaves unsaid; no code of the folder's is run.

    Raises:
        ModelError: the library cannot read it.
    """
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises what it pleases for what it cannot read
        raise ModelError(
            f"transformers cannot read {folder}/config.json ({first_line(error)}): copy the model again"
        ) from error


def read_json(path: Path) -> dict[str, Json]:
    """A JSON object.

    Raises:
        ModelError: it is not there, or is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: a Hugging Face folder has it") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no JSON ({error}): copy the model again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no object: copy the model again")
    return value


def _refuse_code(folder: Path, config: dict[str, Json]) -> None:
    """A model whose architecture transformers does not have: what only code of the folder's own could open."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = config.get("model_type")
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return
    if config.get("auto_map"):
        raise ModelError(
            f"{folder} needs Python code of its own (auto_map in config.json), which is never run: name a model whose "
            f"architecture transformers has"
        )
    if not kind:
        raise ModelError(f"{folder}/config.json names no model_type: copy the model again")
    raise ModelError(
        f"{folder} is of type {kind!r}, and transformers has no causal language model of that name: name another model, or "
        f"install a newer transformers"
    )


def read_weights(folder: Path) -> tuple[int, int]:
    """(numbers, bytes) of the weights, each file's header read and its length compared.

    Raises:
        ModelError: a file is missing or damaged, or they are pickles.
    """
    files = _files(folder)
    if not files:
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ModelError(
                f"{folder} has its weights as a pickle ({pickles[0]}), which can run code and is never opened: save them as "
                f"safetensors (save_pretrained), or take a revision that has *.safetensors"
            )
        raise ModelError(f"{folder} holds no *.safetensors: save the model with save_pretrained")
    return sum(_numbers(path) for path in files), sum(path.stat().st_size for path in files)


def _files(folder: Path) -> list[Path]:
    """The files that hold the weights: what the index names, else the whole one."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file() or not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    named = read_json(index).get("weight_map")
    if not isinstance(named, dict):
        raise ModelError(f"{index} has no weight_map: copy the model again")
    files = [folder / str(name) for name in sorted({str(name) for name in named.values()})]
    if missing := [path.name for path in files if not path.is_file()]:
        raise ModelError(f"{folder} lacks {', '.join(missing[:3])} of {len(files)} files of weights: copy the model again")
    return files


def _numbers(path: Path) -> int:
    from safetensors import safe_open

    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise ModelError(f"{path} is a pointer of Git LFS, not the file: fetch it with 'git lfs pull'")
    try:
        with safe_open(path, framework="np") as held:
            slices = [held.get_slice(name) for name in held.keys()]  # noqa: SIM118 - no mapping
            count = 0
            for piece in slices:
                size = 1
                for side in piece.get_shape():
                    size *= side
                count += size
            return count
    except Exception as error:  # safetensors has no public error base for a broken header
        raise ModelError(f"{path} is damaged ({error}): copy the model again") from error
