"""A BERT of some thousand random weights with a tokenizer of few words: everything of an encoder but the size."""

from __future__ import annotations

import json
from pathlib import Path

from rung.records import Json

TEXT = """refund refunds paid pay thirty days violin strings four bread oven bake flour ship ships shipping parcel late
money back when are is the a in how long many does do i get my can it has within hour hours heat knead tune bow"""
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONFIG: dict[str, Json] = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}


def tiny_encoder(folder: Path, *, seed: int = 0) -> Path:
    """Write `config.json`, `model.safetensors` and `tokenizer.json`; returns the folder."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789.,?!-" for mark in ("", "##")]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys((*MARKS, *TEXT.split(), *letters)))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=marks
    )
    tokenizer.add_special_tokens(list(MARKS))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": len(vocabulary)}))
    luck = torch.Generator().manual_seed(seed)

    def drawn(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=luck) * 0.3

    weights = {
        "embeddings.word_embeddings.weight": drawn(len(vocabulary), 32),
        "embeddings.position_embeddings.weight": drawn(64, 32) * 0.1,
        "embeddings.token_type_embeddings.weight": drawn(2, 32),
        "pooler.dense.weight": drawn(32, 32),
        "pooler.dense.bias": drawn(32),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(2)):
        for part, (outputs, inputs) in {
            "attention.self.query": (32, 32),
            "attention.self.key": (32, 32),
            "attention.self.value": (32, 32),
            "attention.output.dense": (32, 32),
            "intermediate.dense": (64, 32),
            "output.dense": (32, 64),
        }.items():
            weights[f"{layer}.{part}.weight"], weights[f"{layer}.{part}.bias"] = drawn(outputs, inputs), drawn(outputs) * 0.1
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for norm in norms:
        weights[f"{norm}.weight"], weights[f"{norm}.bias"] = 1 + drawn(32) * 0.1, drawn(32) * 0.1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
