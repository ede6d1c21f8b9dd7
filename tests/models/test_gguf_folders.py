"""GGUF files that OpenVINO's reader does not take, written from tiny models: do they say what their folders say?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.errors import ModelError
from rung.models.catalog import check_files, generator
from rung.models.causal.generator import TransformersGenerator
from rung.models.causal.gguf_folder import is_for_openvino
from rung.models.hf import PLAIN
from rung.models.tensors import read_tensors
from rung.testing.models import asking
from tests.models.test_causal import greedy, network_of, prompts_of, served
from tests.models.tiny_models import ARCHITECTURES, TEMPLATE, tiny_model

gguf = pytest.importorskip("gguf")
pytest.importorskip("torch")
pytest.importorskip("xgrammar")

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def paired(values: Any, heads: int) -> Any:
    """Rows of q and k as llama.cpp's converter puts them for llamas."""
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def write_gguf(folder: Path, path: Path, architecture: str) -> Path:
    """The folder's model in float32, as llama.cpp's converter writes it."""
    config = json.loads((folder / "config.json").read_text())
    words = json.loads((folder / "tokenizer.json").read_text())
    heads, kv, width = config["num_attention_heads"], config["num_key_value_heads"], config["hidden_size"]
    rope = config["rope_parameters"]
    head = config.get("head_dim") or width // heads
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_file_type(0)
    if architecture == "llama":
        writer.add_rope_dimension_count(head)
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "llama3":
        waves = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, head, 2) / head)
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        smooth = np.clip((rope["original_max_position_embeddings"] / waves - low) / (high - low), 0, 1)
        writer.add_tensor("rope_freqs.weight", (1 / ((1 - smooth) / rope["factor"] + smooth)).astype(np.float32))
    by_id = {number: token for token, number in words["model"]["vocab"].items()}
    by_id |= {token["id"]: token["content"] for token in words["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([by_id.get(n, f"[PAD{n}]") for n in range(config["vocab_size"])])
    special = {token["id"] for token in words["added_tokens"]}
    writer.add_token_types([3 if n in special else 1 if n in by_id else 5 for n in range(config["vocab_size"])])
    writer.add_token_merges([" ".join(pair) for pair in words["model"]["merges"]])
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in read_tensors(folder / "model.safetensors").items():
        bare, _, kind = name.rpartition(".")
        if bare in _WHOLE:
            writer.add_tensor(f"{_WHOLE[bare]}.{kind}", tensor)
            continue
        layer, part = bare.removeprefix("model.layers.").split(".", 1)
        turned = architecture == "llama" and part in ("self_attn.q_proj", "self_attn.k_proj")
        values = paired(tensor, heads if "q_proj" in part else kv) if turned else tensor
        writer.add_tensor(f"blk.{layer}.{_NAMES[part]}.{kind}", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNG_DEVICE", "cpu")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "architecture"),
    [("llama3-rope", "llama"), ("llama-yarn", "llama"), ("qwen2", "qwen2"), ("qwen3", "qwen3")],
)
def test_a_gguf_says_what_its_folder_says(name: str, architecture: str, tmp_path: Path) -> None:
    assert name in ARCHITECTURES
    folder = tiny_model(tmp_path / "folder", name)
    path = write_gguf(folder, tmp_path / "model.gguf", architecture)
    assert not is_for_openvino(path)
    model = generator(f"gguf:{path}")
    assert isinstance(model, TransformersGenerator)
    asked = [asking(prompt, max_tokens=8) for prompt in prompts_of()[2:8]]
    assert served(model, asked) == greedy(network_of(folder), model, asked)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "mamba")
    writer.add_chat_template(PLAIN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for look in (check_files, generator):
        with pytest.raises(ModelError, match="GGUF architecture 'mamba' is not supported: use one of llama, qwen2, qwen3"):
            look(f"gguf:{tmp_path / 'odd.gguf'}")
        for content in (b"", b"Words, and no model."):
            (tmp_path / "none.gguf").write_bytes(content)
            with pytest.raises(ModelError, match=r"is no GGUF file of version 2 or 3|is broken"):
                look(f"gguf:{tmp_path / 'none.gguf'}")
