"""The tokenizer of an encoder's folder as transformers 4 and 5 open it: `tokenizer.json`, and what stands beside it.

A class of BERT's own takes its normaliser from `tokenizer_config.json`, and version 5 builds the rest anew. Where the two
files contradict each other, so that versions read other tokens, the folder is refused.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rung.errors import ModelError
from rung.models.encoder_folder import EncoderFolder
from rung.models.encoder_modules import read_settings, refuse

BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast")
_AS_IT_IS = (
    "PreTrainedTokenizerFast",
    "PreTrainedTokenizer",
    "TokenizersBackend",
    "XLMRobertaTokenizer",
    "XLMRobertaTokenizerFast",
)
_CHANGES = ("add_bos_token", "add_eos_token", "split_special_tokens")  # what version 5 makes other tokens by
_NORMALIZER = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
_DEFAULTS = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}


def open_tokenizer(source: EncoderFolder, *, tokens: int | None = None) -> Any:
    """The tokenizer, without padding; texts are cut to `tokens`, marks included, where that is given.

    Raises:
        ModelError: there is none, or it is not understood here; names what.
    """
    return _settled(_read(source), source, tokens=tokens)


def _settled(tokenizer: Any, source: EncoderFolder, *, tokens: int | None = None) -> Any:
    path, words = source.folder / "tokenizer.json", read_settings(source.folder / "tokenizer_config.json")
    side = words.get("truncation_side") or (tokenizer.truncation or {}).get("direction", "right")
    if "left" in (words.get("padding_side"), (tokenizer.padding or {}).get("direction")):
        raise ModelError(f"{path.parent} pads on the left, which moves the positions of a text with its neighbours' lengths")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    kind = str(
        words.get("tokenizer_class")
        or read_settings(source.folder / "config.json").get("tokenizer_class")
        or BERT_CLASSES[0]
    )
    if kind in BERT_CLASSES:
        tokenizer.normalizer = _bert_normalizer(path, tokenizer, words)
    elif kind not in _AS_IT_IS or any(words.get(key) for key in _CHANGES):
        changed = [f", {key}: {words[key]}" for key in _CHANGES if words.get(key)]
        raise ModelError(f"{path.parent} has a tokenizer of the class {kind}{''.join(changed)}: that is not understood here")
    if any(tokenizer.encode("a").type_ids):
        raise ModelError(f"{path} gives a text segments other than 0, which is not understood here")
    if tokens is not None:
        tokenizer.enable_truncation(tokens, direction=str(side))
    return tokenizer


def counts_by_word(tokenizer: Any) -> bool:
    """Whether a text has the tokens of its words: BERT's WordPiece never looks past white space."""
    parts = [type(part).__name__ for part in (tokenizer.model, tokenizer.normalizer, tokenizer.pre_tokenizer)]
    added = tokenizer.get_added_tokens_decoder().values()
    return parts == ["WordPiece", "BertNormalizer", "BertPreTokenizer"] and not any(
        re.search(r"\s", token.content) for token in added
    )


def normalizer_change(source: EncoderFolder) -> str:
    """The normaliser as JSON where it is not the one of `tokenizer.json`."""
    tokenizer = _read(source)
    before, after = _normalizer(tokenizer), _normalizer(_settled(tokenizer, source))
    return after if after != before else ""


def _normalizer(tokenizer: Any) -> str:
    return "" if tokenizer.normalizer is None else str(tokenizer.normalizer.__getstate__().decode())


def prompt_tokens(tokenizer: Any, prompt: str) -> int:
    """Tokens of a prompt and the marks before it, as sentence-transformers leaves them out of the pooling."""
    if not prompt:
        return 0
    ids = tokenizer.encode(prompt).ids
    special = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    return len(ids) - (ids[-1] in special)


def _read(source: EncoderFolder) -> Any:
    from tokenizers import Tokenizer

    path = source.folder / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"{path} cannot be read: {error}") from error


def _bert_normalizer(path: Path, tokenizer: Any, words: dict[str, Any]) -> Any:
    """BERT's, as `tokenizer_config.json` sets it; the rest, the marks around a text too, must be what the class builds."""
    from tokenizers.normalizers import BertNormalizer

    model, normalizer = tokenizer.model, json.loads(_normalizer(tokenizer) or "{}")
    settled = ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word")
    pieces = [type(model).__name__, *(getattr(model, key, None) for key in settled)]
    expected = {
        "model": pieces == ["WordPiece", _mark(words, "unk"), "##", 100],
        "normalizer": (normalizer.get("type"), normalizer.get("clean_text")) == ("BertNormalizer", True),
        "pre_tokenizer": type(tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer",
        "post_processor": tokenizer.encode("").tokens == [_mark(words, "cls"), _mark(words, "sep")],
    }
    for name, same in expected.items():
        if not same:
            taken = "is named" if words else "without a tokenizer_config.json is taken"
            raise ModelError(
                f"{path}: its {name} is not that of the class BertTokenizer, which {taken} as its reader: copy the whole "
                "folder, or name PreTrainedTokenizerFast as tokenizer_class in tokenizer_config.json"
            )
    settings = {key: words.get(key, value) for key, value in _DEFAULTS.items()}
    for key, value in settings.items():
        if not isinstance(value, bool) and (value is not None or key != "strip_accents"):
            refuse(path.with_name("tokenizer_config.json"), key, value)
    for key, name in _NORMALIZER.items():
        there = normalizer.get(name)
        if (
            key not in words
            and there != settings[key]
            and not (key == "strip_accents" and there == settings["do_lower_case"])
        ):
            raise ModelError(
                f"{path} says {name}: {json.dumps(there)}, but transformers reads {json.dumps(settings[key])} where "
                f"tokenizer_config.json says no {key}: write {key} there"
            )
    return BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(settings["tokenize_chinese_chars"]),
        strip_accents=settings["strip_accents"],
        lowercase=bool(settings["do_lower_case"]),
    )


def _mark(words: dict[str, Any], name: str) -> str:
    """A special token by the name that `tokenizer_config.json` gives it."""
    token: object = words.get(f"{name}_token", f"[{name.upper()}]")
    return str(token.get("content")) if isinstance(token, dict) else str(token)
