"""What a GGUF file says of its model: the metadata, and from it a Hugging Face Llama config.

The tensors are left to OpenVINO, which reads the file itself. Format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rung.errors import ModelError, first_line
from rung.records import Json

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


def read_metadata(path: Path) -> dict[str, Json]:
    """The key-value pairs of a GGUF file. Arrays of more than 64 values (the vocabulary) are given as their length.

    Raises:
        ModelError: the file is no GGUF of version 2 or 3, or ends early.
    """
    with _opened(path) as (file, _):
        return _pairs(file)


def tensor_names(path: Path) -> set[str]:
    """The names of a GGUF's tensors; raises as `read_metadata` does."""
    with _opened(path) as (file, tensors):
        _pairs(file)
        names: set[str] = set()
        for _ in range(tensors):
            names.add(_text(file))
            file.seek(8 * int(_number(file, "<I")) + 12, 1)  # its sides, its type, where it begins
        return names


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file behind its number of tensors, and that number."""
    with path.open("rb") as file:
        try:
            if file.read(4) != b"GGUF" or _number(file, "<I") not in (2, 3):
                raise ModelError(f"{path} is no GGUF file of version 2 or 3: name a .gguf file that llama.cpp can read")
            yield file, int(_number(file, "<Q"))
        except (struct.error, UnicodeDecodeError, KeyError, OverflowError, MemoryError) as error:
            raise ModelError(f"{path} is broken ({first_line(error)}): fetch the file again") from error


def _pairs(file: BinaryIO) -> dict[str, Json]:
    return {_text(file): _value(file, int(_number(file, "<I"))) for _ in range(int(_number(file, "<Q")))}


def _number(file: BinaryIO, form: str) -> int | float | bool:
    value: int | float | bool = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return value


def _text(file: BinaryIO) -> str:
    return file.read(int(_number(file, "<Q"))).decode()


def _value(file: BinaryIO, kind: int) -> Json:
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY:
        return _number(file, _SCALARS[kind])
    inner, count = int(_number(file, "<I")), int(_number(file, "<Q"))
    values = [_value(file, inner) for _ in range(count)]
    return values if count <= 64 else count


def check_template(path: Path, metadata: Mapping[str, Json]) -> None:
    """Raises `ModelError` where a file has no chat template."""
    if not metadata.get("tokenizer.chat_template"):
        raise ModelError(
            f"{path} has no chat template, so nobody knows how its chats are written: name its instruct version, or a "
            f"Hugging Face folder (hf:<folder>) with a chat_template.jinja in it"
        )


def llama_config(metadata: Mapping[str, Json], *, vocabulary: int, tied: bool) -> dict[str, Json]:
    """`config.json` of `LlamaForCausalLM` from GGUF metadata. `tied`: the output layer is the token embedding.

    Raises:
        ModelError: the model is of another architecture, or scales its positions.
    """
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise ModelError(f"GGUF architecture {architecture!r} is not supported: use a model of architecture 'llama'")
    scaling = metadata.get("llama.rope.scaling.type", "none")
    if scaling != "none":
        raise ModelError(f"rope scaling {scaling!r} is not supported: use a model without it")

    def number(key: str, otherwise: float | None = None) -> int | float:
        value = metadata.get(f"llama.{key}", otherwise)
        if not isinstance(value, (int, float)):
            raise ModelError(f"the GGUF lacks llama.{key}: fetch the file again, or convert it anew")
        return value

    heads, width = int(number("attention.head_count")), int(number("embedding_length"))
    # float32 in the file: 9.999999747378752e-06 is meant to be 1e-05
    epsilon = float(f"{number('attention.layer_norm_rms_epsilon', 1e-5):.6g}")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": int(number("feed_forward_length")),
        "num_hidden_layers": int(number("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(number("attention.head_count_kv", heads)),
        "head_dim": int(number("rope.dimension_count", width // heads)),
        "max_position_embeddings": int(number("context_length")),
        "rope_theta": float(number("rope.freq_base", 10000.0)),
        "rms_norm_eps": epsilon,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "vocab_size": vocabulary,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        "dtype": "float32",
    }
