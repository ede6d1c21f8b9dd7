"""A llama in Hugging Face layout as the local model's prepared folder: its numbers, its own tokenizer and chat template.

The checkpoint is written as a GGUF, which the runtime reads into the very graph that `graph` knows; the tokenizer is
converted from the folder's own. Where a model is, and under which name it is opened, is left to `hosts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, ModelError
from rung.models.causal.chat import read_tokenizer
from rung.models.causal.folder import read_json, read_weights
from rung.models.graph import convert, made_for_runtime
from rung.models.tensors import read_tensors
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST = 65504.0
_FORMAT = 1  # raise it when another folder is made of the same checkpoint
PLAIN = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + eos_token + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def prepared(folder: Path, home: Path) -> Path:
    """Folder under `home` with the named graph, the tokenizer and `config.json`; made on first use, atomically.

    Raises:
        ModelError: the folder is no llama with a tokenizer and a chat template.
        MissingExtra: gguf or transformers is not installed.
    """
    return made_for_runtime(home, lambda scratch: _make(folder, scratch), mark=f"hf{_FORMAT}")


def why_not(config: Mapping[str, Json]) -> str:
    """Why OpenVINO's reader does not take a model of this `config.json`; "" where it does."""
    if config.get("model_type") != "llama":
        return f"it is of type {config.get('model_type')!r}"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else "unknown"
    if kind != "default":
        return f"it has rope scaling {kind!r}"
    if config.get("attention_bias") or config.get("mlp_bias"):
        return "it has biases"
    heads, width = config.get("num_attention_heads"), config.get("hidden_size")
    if config.get("quantization_config"):
        return "its weights are quantised"
    if isinstance(heads, int) and isinstance(width, int) and (config.get("head_dim") or width // heads) != width // heads:
        return "its heads are of another width than its layers"
    return ""


def check(folder: Path) -> dict[str, Json]:
    """The folder's config, when everything is there that serving by OpenVINO takes.

    Raises:
        ModelError: a file is missing or broken, another architecture, no chat template; says what to do.
    """
    config = read_json(folder / "config.json")
    if why := why_not(config):
        raise ModelError(f"{folder} cannot be opened by OpenVINO: {why}")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder}/tokenizer.json is missing: save the tokenizer with save_pretrained (a fast one)")
    read_weights(folder)
    settings = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    if not (folder / "chat_template.jinja").is_file() and not settings.get("chat_template"):
        raise ModelError(
            f"{folder} has no chat template, so nobody knows how its chats are written: it is a base model, or the file "
            f"chat_template.jinja is missing. Copy the one of the model's instruct version there; for a base model that you "
            f"tune yourself a plain one will do: {PLAIN}"
        )
    return config


def looked_over(folder: Path) -> tuple[dict[str, Json], Any]:
    """The folder's config and its tokenizer, before any weight is read.

    Raises:
        ModelError: as `check`, or the tokenizer cannot be read, or has no token that ends a turn.
        MissingExtra: transformers is not installed.
    """
    config, tokenizer = check(folder), read_tokenizer(folder)
    if not isinstance(tokenizer.eos_token_id, int):
        raise ModelError(f"{folder}/tokenizer_config.json names no eos_token: name the token that ends a turn")
    return config, tokenizer


def _make(folder: Path, scratch: Path) -> Path:
    config, tokenizer = looked_over(folder)
    gguf = scratch / "checkpoint.gguf"
    _write_gguf(gguf, folder, config, end=tokenizer.eos_token_id)
    converted = convert(gguf, scratch)
    save_tokenizer(tokenizer, converted)
    return converted


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """The folder's own tokenizer in the place of the GGUF's: its tokens, its chat template, and texts of any length."""
    import openvino
    from openvino_tokenizers import convert_tokenizer

    both = convert_tokenizer(tokenizer, with_detokenizer=True, max_length=2**31 - 1)
    for name, model in zip(("openvino_tokenizer", "openvino_detokenizer"), both, strict=True):
        for suffix in (".xml", ".bin"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
        openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)


def _write_gguf(path: Path, folder: Path, config: Mapping[str, Json], *, end: int) -> None:
    """The checkpoint as a GGUF. Its tokens are place-holders: the tokenizer is converted apart."""
    try:
        import gguf
    except ImportError as error:
        raise MissingExtra("hf", "models in Hugging Face folders") from error

    def number(key: str, otherwise: float | None = None) -> float:
        value = config.get(key, otherwise)
        if not isinstance(value, (int, float)):
            raise ModelError(f"{folder}/config.json lacks {key}: copy the model again")
        return value

    heads, width = int(number("num_attention_heads")), int(number("hidden_size"))
    kv, rope = int(number("num_key_value_heads", heads)), config.get("rope_parameters")
    theta = (rope.get("rope_theta") if isinstance(rope, dict) else None) or number("rope_theta", 10000.0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(int(number("num_hidden_layers")))
    writer.add_context_length(int(number("max_position_embeddings")))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(int(number("intermediate_size")))
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_layer_norm_rms_eps(number("rms_norm_eps"))
    writer.add_rope_dimension_count(int(number("head_dim", width // heads)))
    writer.add_rope_freq_base(float(str(theta)))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["a", "b", "ab", *(f"t{n}" for n in range(3, int(number("vocab_size"))))])
    writer.add_token_types([1] * int(number("vocab_size")))
    writer.add_token_merges(["a b"])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id):
        add(end)
    writer.add_chat_template(PLAIN)
    for name, tensor in _tensors(folder, heads=heads, kv=kv):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(folder: Path, *, heads: int, kv: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """The checkpoint's tensors by their GGUF names, one file's at a time."""
    for path in sorted(folder.glob("*.safetensors")):
        for name, values in read_tensors(path).items():
            bare = name.removesuffix(".weight")
            if bare in _WHOLE:
                yield f"{_WHOLE[bare]}.weight", values if "norm" in bare else _half(name, values)
            elif name.startswith("model.layers."):
                layer, part = bare.removeprefix("model.layers.").split(".", 1)
                if part not in _LAYER:
                    continue  # rotary tables of old checkpoints
                count = {"self_attn.q_proj": heads, "self_attn.k_proj": kv}.get(part)
                turned = _paired(values, count) if count else values
                yield f"blk.{layer}.{_LAYER[part]}.weight", turned if "norm" in part else _half(name, turned)


def _half(name: str, values: NDArray[np.float32]) -> NDArray[np.float16]:
    """float16, the widest type that the runtime's reader takes for a matrix; a bfloat16 checkpoint loses next to nothing."""
    import numpy as np

    if float(np.abs(values).max(initial=0)) > _LARGEST:
        raise ModelError(f"{name} holds numbers beyond float16 ({_LARGEST:,.0f}): this model cannot be served here")
    return values.astype(np.float16)


def _paired(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as a GGUF has them: the two channels of a rotary pair side by side, not half a head apart."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)
