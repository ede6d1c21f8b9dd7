"""A GGUF that OpenVINO's reader does not take (Qwen, scaled positions) as a folder in Hugging Face layout.

transformers reads the tensors and the tokenizer. It does not read how positions are scaled, nor the width of heads where
that is not hidden size / heads: a model would answer, and wrongly at length. So both are read here, and what is not
understood is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, ModelError, first_line
from rung.models.gguf import read_metadata, tensor_names
from rung.models.sealed import made_once
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READ = ("llama", "qwen2", "qwen3")
_FORMAT = 1  # raise it when another folder is made of the same file
_FREQUENCIES = (
    "rope_freqs.weight"  # by how much each pair of channels turns slower: Llama 3's scaling, as llama.cpp keeps it
)
_TYPES = {0: "float32", 32: "bfloat16"}  # general.file_type; of all others float16 holds what a block can say


def is_for_openvino(path: Path) -> bool:
    """Whether OpenVINO's reader takes a file as it is: a llama whose positions are not scaled.

    Raises:
        ModelError: it is no GGUF.
    """
    metadata = read_metadata(path)
    if metadata.get("general.architecture") != "llama" or metadata.get("llama.rope.scaling.type", "none") != "none":
        return False
    return _FREQUENCIES not in tensor_names(path)


def prepared(path: Path, home: Path) -> Path:
    """Folder under `home` with the file's weights, tokenizer and settings; made on first use, atomically.

    Raises:
        ModelError: another architecture, a scaling that is not known, or the library cannot read the file.
        MissingExtra: torch, transformers or gguf is not installed.
    """
    return made_once(
        home / f"transformers-{version('transformers')}-{_FORMAT}", lambda scratch: _make(path, scratch / "folder")
    )


def _make(path: Path, folder: Path) -> Path:
    try:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig
    except ImportError as error:
        raise MissingExtra("hf", "GGUF files of this kind") from error
    metadata = read_metadata(path)
    architecture, rope = check(path, metadata)
    named: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(path.parent, **named)
        width = metadata.get(f"{architecture}.attention.key_length")
        if isinstance(width, int):
            config.head_dim = width
        config.rope_parameters = rope
        file_type = metadata.get("general.file_type")
        dtype = getattr(torch, _TYPES.get(file_type if isinstance(file_type, int) else -1, "float16"))
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, config=config, dtype=dtype, quantization_config=GgufConfig(dequantize=True), **named
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **named)
    except Exception as error:  # the library raises what it pleases for what it cannot read
        raise ModelError(f"transformers cannot read {path}: {first_line(error)}") from error
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def check(path: Path, metadata: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """(architecture, how positions are turned) of a file that transformers will read.

    Raises:
        ModelError: another architecture, or a scaling that is not known.
        MissingExtra: gguf is not installed.
    """
    architecture = str(metadata.get("general.architecture"))
    if architecture not in READ:
        raise ModelError(
            f"GGUF architecture {architecture!r} is not supported: use one of {', '.join(READ)}, or hf:<folder>"
        )
    return architecture, _rope(path, metadata, architecture)


def _rope(path: Path, metadata: Mapping[str, Json], architecture: str) -> dict[str, Json]:
    """How the file's positions are turned, as a config of transformers says it."""

    def number(key: str, otherwise: float) -> float:
        value = metadata.get(f"{architecture}.rope.{key}", otherwise)
        return float(value) if isinstance(value, (int, float)) else otherwise

    theta = number("freq_base", 10000.0)
    kind = metadata.get(f"{architecture}.rope.scaling.type", "none")
    factors = _frequencies(path)
    if factors is not None:
        return _llama3(factors, theta)
    if kind == "none":
        return {"rope_type": "default", "rope_theta": theta}
    scaled: dict[str, Json] = {"rope_type": str(kind), "rope_theta": theta, "factor": number("scaling.factor", 1.0)}
    if kind == "yarn":
        scaled["original_max_position_embeddings"] = int(number("scaling.original_context_length", 0))
    if kind not in ("linear", "yarn") or not scaled.get("original_max_position_embeddings", 1):
        raise ModelError(f"rope scaling {kind!r} is not supported in a GGUF: use the model as a folder, hf:<folder>")
    return scaled


def _frequencies(path: Path) -> NDArray[np.float32] | None:
    """The file's own factors of frequencies [half a head]; None where it has none."""
    import numpy as np

    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise MissingExtra("hf", "GGUF files of this kind") from error
    tensor = next((t for t in GGUFReader(path).tensors if t.name == _FREQUENCIES), None)
    return None if tensor is None else np.asarray(tensor.data, dtype=np.float32).reshape(-1)


def _llama3(factors: NDArray[np.float32], theta: float) -> dict[str, Json]:
    """The scaling of Llama 3.1 to 3.3 that these factors are. Its numbers cannot be read off them, so they are tried."""
    import numpy as np

    if np.allclose(factors, 1):
        return {"rope_type": "default", "rope_theta": theta}
    wavelengths = 2 * np.pi * theta ** (np.arange(len(factors)) / len(factors))
    for factor in sorted({8.0, 32.0, round(float(factors.max()), 3)}):
        for original in (8192, 4096, 2048, 1024, 512, 256, 128, 64):
            smooth = np.clip((original / wavelengths - 1) / 3, 0, 1)
            expected = 1 / ((1 - smooth) / factor + smooth)
            if np.allclose(expected, factors, rtol=1e-4):
                return {
                    "rope_type": "llama3",
                    "rope_theta": theta,
                    "factor": factor,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": original,
                }
    raise ModelError(
        "the factors of frequencies in this GGUF are not those of Llama 3: use the model as a folder, hf:<folder>"
    )
