"""Tuned weights as GGUF, with a Modelfile: the base's own file, its tensors replaced.

Everything that the base's GGUF says of itself (tokenizer, chat template, positions) is carried over as it is, so llama.cpp,
Ollama and Rung read the result as they read the base. Format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, ModelError
from rung.records import Json, Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRECISIONS = ("f16", "q8_0")  # float32 matrices are nothing that OpenVINO reads from a GGUF
_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TENSOR = re.compile(r"(?:blk\.(\d+)\.)?(\w+)\.weight")
_FILE_TYPES = {"f16": 1, "q8_0": 7}  # general.file_type
_CHATML = """\
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


def read_gguf(path: Path) -> Any:
    """A `gguf.GGUFReader` of the file.

    Raises:
        MissingExtra: the library is not installed.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise MissingExtra("export", "writing a model for other programs") from error
    return GGUFReader(path)


def keys_of(reader: Any) -> dict[str, Any]:
    """The keys and values of a GGUF, lists whole."""
    return {name: field.contents() for name, field in reader.fields.items()}


def write_gguf(
    path: Path, base: Any, weights: Mapping[str, NDArray[np.float32]], *, precision: str, config: Mapping[str, Json]
) -> None:
    """The file, with `weights` (Hugging Face names) in the places of the base's tensors; norms stay float32.

    Args:
        path: where it is written.
        base: the base's own file, from `read_gguf`.
        weights: all of them, float32.
        precision: one of `PRECISIONS`, of the matrices.
        config: the model's `config.json`.

    Raises:
        ModelError: the base has a tensor that is none of a llama's.
    """
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    for name, field in base.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    writer.add_file_type(_FILE_TYPES[precision])
    kinds = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
    for tensor in base.tensors:
        name = hugging_face_name(tensor.name)
        if name not in weights:
            raise ModelError(f"the base's GGUF has a tensor {tensor.name}, which a llama has not: it cannot be exported")
        weight = _as_stored(name, weights[name], config)
        kind = kinds[precision] if weight.ndim == 2 else gguf.GGMLQuantizationType.F32
        data = weight if kind == gguf.GGMLQuantizationType.F32 else gguf.quants.quantize(weight, kind)
        writer.add_tensor(tensor.name, np.ascontiguousarray(data), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def hugging_face_name(name: str) -> str:
    """ "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; "" where it is none of a llama's."""
    match = _TENSOR.fullmatch(name)
    part = _NAMES.get(match[2]) if match else None
    if match is None or part is None:
        return ""
    return f"model.layers.{match[1]}.{part}.weight" if match[1] is not None else f"{part}.weight"


def _as_stored(name: str, weight: NDArray[np.float32], config: Mapping[str, Json]) -> NDArray[np.float32]:
    """A GGUF keeps the two channels of a rotary pair side by side; Hugging Face, half a head apart."""
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(name.split(".")[-2])
    if heads is None:
        return weight
    n = int(str(config[heads]))
    return weight.reshape(n, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def modelfile(render: Callable[[Sequence[Message]], str], *, file: str, system: str, end: str) -> str:
    """What `ollama create` reads. The template is written where it is ChatML; another stays the GGUF's own."""
    lines = [f"FROM ./{file}"]
    if _is_chatml(render):
        lines.append(f'TEMPLATE """{_CHATML}"""')
    else:
        lines.append("# no TEMPLATE: the chat template in the GGUF is used")
    lines += [f'PARAMETER stop "{end}"', "PARAMETER temperature 0"]
    if system:
        lines.append(f'SYSTEM """{system.replace(chr(34) * 3, chr(39) * 3)}"""')
    return "\n".join(lines) + "\n"


def _is_chatml(render: Callable[[Sequence[Message]], str]) -> bool:
    chat = [Message("system", "S"), Message("user", "U"), Message("assistant", "A"), Message("user", "V")]
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in chat)
    return render(chat) == f"{turns}<|im_start|>assistant\n"
