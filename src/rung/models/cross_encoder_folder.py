"""What a folder says of its cross-encoder, as sentence-transformers 3 to 6 read it.

What is not understood is refused by its name. Only the order of the scores counts here, so that a rising activation function
changes nothing; any other is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import ModelError
from rung.models.encoder_folder import SENTENCE_CONFIG, TRANSFORMER_CONFIGS
from rung.models.encoder_modules import MODULES, fixed, listed_modules, read_settings, refuse, refuse_unknown

_RISING = ("Sigmoid", "Identity", "Tanh")
_OF_TWO = ("Identity", "Softmax")  # over two labels
_LOGITS = {"text": {"method": "forward", "method_output_name": "logits"}}
_FIXED = {"transformer_task": "sequence-classification", "module_output_name": "scores", "modality_config": _LOGITS}
_RELEVANT = ("label_1", "1", "yes", "true", "relevant", "positive")


@dataclass(frozen=True, slots=True)
class CrossEncoderFolder:
    """A cross-encoder as its folder means it.

    Attributes:
        folder: in Hugging Face format.
        prompt: stands before the query.
        max_tokens: of a pair that are seen; None: as tokenizer and model say.
        relevant: which of two labels says that the passage answers; None: there is one score.
    """

    folder: Path
    prompt: str = ""
    max_tokens: int | None = None
    relevant: int | None = None


def read_cross_encoder(folder: Path) -> CrossEncoderFolder:
    """What the folder's small files say; its weights and tokenizer are left to who opens it.

    Raises:
        ModelError: it is no cross-encoder, or says what is not understood here; names it.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} holds no config.json: name a folder in Hugging Face format (config.json, model.safetensors, "
            "tokenizer.json), as a model hub gives it"
        )
    config, sentence = read_settings(path), read_settings(folder / SENTENCE_CONFIG)
    kind = sentence.get("model_type") or "CrossEncoder"
    if kind != "CrossEncoder":
        raise ModelError(f"{folder / SENTENCE_CONFIG} says model_type {kind!r}: that is no cross-encoder")
    _refuse_untrained(folder, config)
    for name in ("auto_map", "quantization_config"):
        if config.get(name):
            refuse(path, name, config[name])
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder} has an adapter_config.json: merge the adapter into the model, and save it whole")
    relevant = _relevant(path, config)
    _check_activation(folder, config, sentence, _RISING if relevant is None else _OF_TWO)
    return CrossEncoderFolder(folder, _prompt(folder / SENTENCE_CONFIG, sentence), _longest(folder), relevant)


def _refuse_untrained(folder: Path, config: Mapping[str, Any]) -> None:
    """An encoder without a head gets a random one from the library, with a mere warning, and ranks at random."""
    kinds = config.get("architectures") or []
    if not isinstance(kinds, list) or not any("SequenceClassification" in str(kind) for kind in kinds):
        listed = ", ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds)
        raise ModelError(
            f"{folder} is no cross-encoder: its config.json says {listed or 'nothing'} under 'architectures', and a "
            "reranker's says …ForSequenceClassification"
        )


def _relevant(path: Path, config: Mapping[str, Any]) -> int | None:
    """Of two labels the one that says yes, by its name; transformers has two where nothing is said."""
    names = config.get("id2label") or {}
    labels = len(names) if names else config.get("num_labels", 2)
    if labels not in (1, 2) or not isinstance(names, dict):
        raise ModelError(f"{path.parent} has {labels} labels; a reranker has one relevance score, or two labels (no, yes)")
    if labels == 1:
        return None
    both = [str(names.get(str(index), f"LABEL_{index}")).lower() for index in range(2)]
    right = [index for index, name in enumerate(both) if name in _RELEVANT]
    if len(right) != 1:
        raise ModelError(
            f"{path} says id2label: {', '.join(both)}: which of the two means that a passage answers is not said; call that "
            "one 'relevant' there"
        )
    return right[0]


def _check_activation(
    folder: Path, config: Mapping[str, Any], sentence: Mapping[str, Any], allowed: tuple[str, ...]
) -> None:
    """Versions 4 and 5 say it inside `config.json`, version 3 there by another name, version 6 in a file of its own."""
    inside = config.get("sentence_transformers")
    candidates = [
        (folder / SENTENCE_CONFIG, "activation_fn", sentence.get("activation_fn")),
        (folder / "config.json", "activation_fn", inside.get("activation_fn") if isinstance(inside, dict) else None),
        (folder / "config.json", "sbert_ce_default_activation_function", config.get("sbert_ce_default_activation_function")),
    ]
    where, key, activation = next((candidate for candidate in candidates if candidate[2] is not None), candidates[0])
    module, _, name = str(activation).rpartition(".")
    if activation is not None and not ((module == "torch.nn" or module.startswith("torch.nn.modules.")) and name in allowed):
        refuse(where, key, activation)


def _prompt(path: Path, settings: Mapping[str, Any]) -> str:
    """What stands before each query: the default prompt, of which only version 6 knows."""
    prompts, default = settings.get("prompts") or {}, settings.get("default_prompt_name")
    if default is None:
        return ""
    if not isinstance(prompts, dict) or not isinstance(default, str) or not isinstance(prompts.get(default), str | None):
        refuse(path, "prompts", prompts)
    if default not in prompts:
        raise ModelError(f"{path} says default_prompt_name {default!r}, and has no such prompt: mend it")
    return prompts[default] or ""


def _longest(folder: Path) -> int | None:
    """A limit of the transformer module of version 6; what else it says must be what a plain cross-encoder does."""
    if not (folder / MODULES).is_file():
        return None
    modules = listed_modules(folder)
    if [module.kind for module in modules] != ["Transformer"]:
        raise ModelError(
            f"{folder / MODULES} names {', '.join(module.kind for module in modules) or 'no module'}: only a Transformer "
            "alone is understood here"
        )
    if modules[0].folder != folder:
        raise ModelError(f"{folder / MODULES} keeps the model in {modules[0].folder}: name that folder")
    where = folder / TRANSFORMER_CONFIGS[0]
    settings = read_settings(where)
    refuse_unknown(where, settings, {*_FIXED, "max_seq_length", "do_lower_case", "unpad_inputs"})
    for name, value in _FIXED.items():
        fixed(where, settings, name, value)
    if settings.get("do_lower_case"):
        refuse(where, "do_lower_case", True)
    longest = settings.get("max_seq_length")
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int) or longest < 8):
        refuse(where, "max_seq_length", longest)
    return longest
