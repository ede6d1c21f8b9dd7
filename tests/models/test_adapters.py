"""What an adapter must be to be served; that it is served rightly is shown in test_local."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from rung.errors import ModelError
from rung.models.adapters import Lora, check_adapter, joined, read_adapter

SHAPES = {"model.layers.0.self_attn.q_proj": (6, 4), "model.layers.0.mlp.up_proj": (8, 4)}
Q = "base_model.model.model.layers.0.self_attn.q_proj"


def write(folder: Path, config: Mapping[str, object] = {}, tensors: Mapping[str, tuple[int, ...]] | None = None) -> Path:
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 8, **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    shapes = {f"{Q}.lora_A.weight": (2, 4), f"{Q}.lora_B.weight": (6, 2)} if tensors is None else tensors
    save_file(
        {name: np.ones(shape, dtype=np.float32) for name, shape in shapes.items()}, folder / "adapter_model.safetensors"
    )
    return folder


def test_scales_are_multiplied_into_b(tmp_path: Path) -> None:
    check_adapter(write(tmp_path), SHAPES)
    a, b = read_adapter(tmp_path).layers["model.layers.0.self_attn.q_proj"]
    assert a.max() == 1
    assert b.max() == 4, "alpha / rank"
    _, b = read_adapter(write(tmp_path, {"use_rslora": True})).layers["model.layers.0.self_attn.q_proj"]
    assert b.max() == pytest.approx(8 / math.sqrt(2))
    _, b = read_adapter(write(tmp_path, {"alpha_pattern": {"q_proj": 2}})).layers["model.layers.0.self_attn.q_proj"]
    assert b.max() == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "LoRA"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "whole weights"),
        ({"modules_to_save": ["lm_head"]}, "whole weights"),
        ({"lora_alpha": None}, "lora_alpha"),
    ],
)
def test_kinds_that_cannot_be_served_whole_are_refused(tmp_path: Path, config: Mapping[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check_adapter(write(tmp_path, config), SHAPES)


def test_an_adapter_of_another_base_is_refused_by_digest(tmp_path: Path) -> None:
    """The shapes fit: fine-tuned versions of one model look all alike."""
    told = {"base_model_name_or_path": "mine", "revision": "local:aaaa1111bbbb2222/openvino-genai-1/exact/grammar-1"}
    folder = write(tmp_path, told)
    check_adapter(folder, SHAPES, base="aaaa1111bbbb2222")
    with pytest.raises(ModelError, match=r"was trained on mine \(aaaa1111bbbb\), and the model here is cccc"):
        check_adapter(folder, SHAPES, base="cccc")
    check_adapter(write(tmp_path, {"revision": "main"}), SHAPES, base="cccc")  # another tool's: only shapes can be compared


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "no LoRA tensor"),
        ({f"{Q}.lora_A.weight": (2, 4)}, "lacks its A or B"),
        ({f"{Q}.lora_A.weight": (2, 4), f"{Q}.lora_B.weight": (6, 3)}, "differ in rank"),
        ({f"{Q}.lora_A.weight": (2, 5), f"{Q}.lora_B.weight": (6, 2)}, "another base model"),
        ({"base_model.model.lm_head.lora_A.weight": (2, 4)}, "matches no layer"),
        ({f"{Q}.lora_embedding_A": (2, 4)}, "matches no layer"),
    ],
)
def test_tensors_that_would_be_ignored_are_refused(
    tmp_path: Path, tensors: Mapping[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        check_adapter(write(tmp_path, tensors=tensors), SHAPES)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapter_config\.json is missing"):
        check_adapter(tmp_path, SHAPES)
    write(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="broken"):
        check_adapter(tmp_path, SHAPES)
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors is missing"):
        check_adapter(tmp_path, SHAPES)


def drawn(ranks: Mapping[str, int], seed: int) -> Lora:
    luck = np.random.default_rng(seed)
    layers = {}
    for layer, rank in ranks.items():
        out, into = SHAPES[layer]
        a, b = luck.normal(size=(rank, into)), luck.normal(size=(out, rank))
        layers[layer] = (a.astype(np.float32), b.astype(np.float32))
    return Lora(layers)


def test_two_adapters_joined_add_what_both_add() -> None:
    q, up = SHAPES
    first, second = drawn({q: 2, up: 3}, 1), drawn({q: 1}, 2)
    base: dict[str, NDArray[np.float32]] = {
        f"{layer}.weight": np.ones(shape, dtype=np.float32) for layer, shape in SHAPES.items()
    }
    base["norm"] = np.ones(4, dtype=np.float32)
    both = joined(first, second)
    assert both.layers[q][0].shape == (3, 4), "ranks side by side"
    one_after_the_other = second.added_to(first.added_to(base))
    together = both.added_to(base)
    assert together.keys() == base.keys()
    for name, weight in together.items():
        np.testing.assert_allclose(weight, one_after_the_other[name], rtol=1e-5)
    assert not np.allclose(together[f"{q}.weight"], first.added_to(base)[f"{q}.weight"])
    assert base[f"{q}.weight"].max() == 1, "the weights that were given stay as they are"
    tensors = joined(first, second).tensors()
    assert tensors[f"{Q}.lora_A.weight"].shape == (3, 4)


def test_an_adapter_is_added_to_no_weights_of_another_shape() -> None:
    q, _ = SHAPES
    with pytest.raises(ModelError, match="was made for another base model"):
        drawn({q: 2}, 1).added_to({f"{q}.weight": np.ones((6, 5), dtype=np.float32)})
