"""The small files beside a tuned encoder's weights, by which transformers and sentence-transformers open the folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.models.encoder_folder import EncoderFolder
from rung.models.encoder_modules import POOLING_FLAGS, HeadLayer, read_settings
from rung.models.encoder_tokenizer import BERT_CLASSES
from rung.records import Json
from rung.training.heads import Layer

_KINDS = {"dense": "Dense", "layer_norm": "LayerNorm", "normalize": "Normalize"}


def small_files(
    source: EncoderFolder, config: Mapping[str, Json], tokenizer: Any, layers: Sequence[Layer], *, width: int
) -> dict[str, Json]:
    """Content by name. `width`: of a token's state."""
    base: dict[str, Json] = {key: value for key, value in config.items() if not key.startswith("_")}
    base |= {key: "float32" for key in ("dtype", "torch_dtype") if key in base}  # as the weights are written
    kinds = ["Transformer", "Pooling", *(_KINDS[layer.settings.kind] for layer in layers), "Normalize"]
    places = ["", "1_Pooling", *(place_of(layer.settings, number) for number, layer in enumerate(layers))]
    places.append(f"{len(places)}_Normalize")
    files: dict[str, Json] = {
        "config.json": {**base, "architectures": ["BertModel"]},
        "tokenizer_config.json": tokenizer_settings(source, tokenizer, tokens=source.passage_tokens),
        "sentence_bert_config.json": _transformer(source),
        "config_sentence_transformers.json": _sentence_transformer(source),
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (kind, path) in enumerate(zip(kinds, places, strict=True))
        ],
        "1_Pooling/config.json": _pooling(source, width),
    }
    for number, layer in enumerate(layers):
        if layer.weights:
            files[f"{place_of(layer.settings, number)}/config.json"] = _layer(layer)
    return files


def place_of(layer: HeadLayer, number: int) -> str:
    """The folder of the layer that stands so many places after the pooling."""
    return f"{number + 2}_{_KINDS[layer.kind]}"


def tokenizer_settings(source: EncoderFolder, tokenizer: Any, *, tokens: int) -> dict[str, Json]:
    """`tokenizer_config.json`: as it was, with what the tokenizer does said in full."""
    words: dict[str, Json] = {"tokenizer_class": BERT_CLASSES[0]}
    words |= {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    words = read_settings(source.folder / "tokenizer_config.json") or words
    if words.get("tokenizer_class", BERT_CLASSES[0]) in BERT_CLASSES:
        parsed = json.loads(tokenizer.normalizer.__getstate__())
        words |= {"do_lower_case": parsed["lowercase"], "strip_accents": parsed["strip_accents"]}
        words |= {"tokenize_chinese_chars": parsed["handle_chinese_chars"]}
    return {**words, "model_max_length": tokens}


def _transformer(source: EncoderFolder) -> dict[str, Json]:
    settings: dict[str, Json] = {"max_seq_length": source.passage_tokens, "do_lower_case": source.lowercase}
    if source.query_tokens != source.passage_tokens:  # settings of version 6
        settings |= {"query_length": source.query_tokens, "document_length": source.passage_tokens}
    return settings


def _sentence_transformer(source: EncoderFolder) -> dict[str, Json]:
    settings: dict[str, Json] = {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"}
    if source.query_prompt or source.passage_prompt:
        settings |= {"prompts": {"query": source.query_prompt, "document": source.passage_prompt}}
    if source.dimensions:
        settings |= {"truncate_dim": source.dimensions}
    return settings


def _pooling(source: EncoderFolder, width: int) -> dict[str, Json]:
    """By flags, which all versions read, where their order is that of the flags."""
    flags: dict[str, Json] = {flag: way in source.poolings for flag, way in POOLING_FLAGS.items()}
    in_order = [way for way in POOLING_FLAGS.values() if way in source.poolings]
    if in_order == list(source.poolings):
        return {"word_embedding_dimension": width, **flags}
    return {"embedding_dimension": width, "pooling_mode": list(source.poolings), "include_prompt": True}


def _layer(layer: Layer) -> dict[str, Json]:
    weight = layer.weights["weight"]
    if layer.settings.kind == "layer_norm":
        return {"dimension": len(weight)}
    name = layer.settings.activation
    settings: dict[str, Json] = {
        "in_features": weight.shape[1],
        "out_features": weight.shape[0],
        "bias": "bias" in layer.weights,
        "activation_function": f"torch.nn.modules.{'linear' if name == 'Identity' else 'activation'}.{name}",
    }
    return {**settings, "use_residual": True} if layer.settings.residual else settings
