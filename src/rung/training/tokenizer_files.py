"""The files that tell transformers how a model reads and writes: tokenizer, chat template, generation settings.

They are made from what the GGUF says of its tokenizer, as the server's own is; `parity` shows that both read alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rung.errors import UserError
from rung.records import Json

_CONTROL, _OWN = 3, 4  # kinds of tokens in a GGUF: marks of the chat, and words added by the model's makers
_DIGITS_APART = ("smollm", "starcoder", "refact", "command-r")
_PLAIN = ("default", "gpt-2", "gpt2", "")


def tokenizer_files(metadata: Mapping[str, Any], config: Mapping[str, Json]) -> dict[str, str]:
    """File name -> content, for a folder in Hugging Face layout.

    Args:
        metadata: the GGUF's keys and values, lists whole.
        config: the model's `config.json`.

    Raises:
        UserError: the tokenizer is of a kind that is not written here.
    """
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    named = {
        f"{what}_token": tokens[id]
        for what, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
        if isinstance(id := metadata.get(f"tokenizer.ggml.{key}_token_id"), int)
    }
    template = str(metadata.get("tokenizer.chat_template") or "")
    settings: dict[str, Json] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config["max_position_embeddings"],
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
        **named,
    }
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if config.get(key) is not None}
    files = {
        "tokenizer.json": _tokenizer(metadata, tokens),
        "tokenizer_config.json": _json(settings),
        "generation_config.json": _json({"do_sample": False, **ends}),
    }
    return {**files, "chat_template.jinja": template} if template else files


def _tokenizer(metadata: Mapping[str, Any], tokens: list[str]) -> str:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    kind, pre = metadata.get("tokenizer.ggml.model"), str(metadata.get("tokenizer.ggml.pre", ""))
    if kind != "gpt2" or pre not in (*_DIGITS_APART, *_PLAIN):
        raise UserError(
            f"the tokenizer of this model ({kind}, {pre or 'default'}) cannot be written for transformers here: "
            "export it with --to gguf, which carries its tokenizer as it is"
        )
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=merges))
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, by_bytes]) if pre in _DIGITS_APART else by_bytes
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    marks = [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds, strict=True) if k == _CONTROL]
    own = [AddedToken(t, special=False, normalized=False) for t, k in zip(tokens, kinds, strict=True) if k == _OWN]
    tokenizer.add_special_tokens(marks)
    if own:
        tokenizer.add_tokens(own)
    text: str = tokenizer.to_str(pretty=False)
    return text


def _json(value: Mapping[str, Json]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
