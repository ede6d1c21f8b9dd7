"""What a folder says of its sentence encoder, as sentence-transformers 3 to 6 read it: pooling, layers, lengths, prompts.

What is not understood here is refused by its name: vectors that are not quite the model's are worse than none. The modules
are read in `encoder_modules`; tokenizing is left to `encoder_tokenizer`, computing to `bert_graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rung.errors import ModelError
from rung.models.bert import Shape
from rung.models.encoder_modules import (
    MODULES,
    WEIGHTS,
    HeadLayer,
    fixed,
    read_layer,
    read_modules,
    read_pooling,
    read_settings,
    refuse,
    refuse_unknown,
)

FILES = (WEIGHTS, "config.json", "tokenizer.json")
SENTENCE_CONFIG = "config_sentence_transformers.json"
TRANSFORMER_CONFIGS = (  # of the transformer module; the first that is there counts
    "sentence_bert_config.json",
    *(f"sentence_{kind}_config.json" for kind in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")),
)
_ARGUMENTS = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
_TRANSFORMER_SETTINGS = {
    *("max_seq_length", "do_lower_case", "query_length", "document_length", "unpad_inputs", "transformer_task"),
    *("module_output_name", "modality_config", "query_expansion", "processing_kwargs", "tokenizer_name_or_path"),
    *_ARGUMENTS,
}
_TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_HARMLESS = {
    "torch_dtype",
    "dtype",
    "attn_implementation",
    "trust_remote_code",
    "revision",
    "add_pooling_layer",
    "use_cache",
}


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """An encoder as its folder means it. Its vectors are always brought to unit length.

    Attributes:
        folder: holds `config.json`, `model.safetensors` and `tokenizer.json`.
        query_tokens, passage_tokens: of a text that are seen, prompt and marks included.
        poolings: joined in this order.
        include_prompt: whether the prompt's tokens are pooled too.
        layers: between pooling and vector.
        query_prompt, passage_prompt: stand before each text.
        dimensions: the leading ones that are kept; 0: all.
        lowercase: texts are lowercased before they are tokenized.
    """

    folder: Path
    query_tokens: int
    passage_tokens: int
    poolings: tuple[str, ...] = ("mean",)
    include_prompt: bool = True
    layers: tuple[HeadLayer, ...] = ()
    query_prompt: str = ""
    passage_prompt: str = ""
    dimensions: int = 0
    lowercase: bool = False

    @property
    def leaves_prompt_out(self) -> bool:
        """Whether some tokens are seen and not pooled."""
        return not self.include_prompt and bool(self.query_prompt or self.passage_prompt)

    def prompt(self, kind: Literal["query", "passage"]) -> str:
        """What stands before a text of this kind."""
        return self.query_prompt if kind == "query" else self.passage_prompt

    def read(self, text: str, kind: Literal["query", "passage"]) -> str:
        """A text as the tokenizer is given it."""
        whole = self.prompt(kind) + text
        return whole.lower() if self.lowercase else whole

    def tokens(self, kind: Literal["query", "passage"]) -> int:
        """Tokens that are seen of a text of this kind."""
        return self.query_tokens if kind == "query" else self.passage_tokens

    def described(self) -> dict[str, Any]:
        """What vectors depend on beside the three files and the passages' tokens; empty for plain mean pooling."""
        settings: dict[str, Any] = {}
        if self.poolings != ("mean",):
            settings["poolings"] = list(self.poolings)
        if self.layers:
            settings["layers"] = [layer.described() for layer in self.layers]
        if self.query_prompt or self.passage_prompt:
            settings["prompts"] = [self.query_prompt, self.passage_prompt, self.include_prompt]
        if self.query_tokens != self.passage_tokens:
            settings["query_tokens"] = self.query_tokens
        if self.lowercase:
            settings["lowercase"] = True
        return settings


def read_encoder(folder: Path) -> EncoderFolder:
    """The encoder of a folder in sentence-transformers' layout, or in Hugging Face's, which means pooling by the mean.

    Raises:
        ModelError: it holds no such encoder, is not whole, or says what is not understood here; names it.
    """
    try:
        return _read(folder)
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error}") from error


def _read(folder: Path) -> EncoderFolder:
    if not (folder / MODULES).is_file():
        _refuse_remains(folder)
        return _transformer(folder, {})
    modules = read_modules(folder)
    first, pooling, *rest = modules
    source = _transformer(first.folder, _transformer_config(first.folder))
    poolings, include = read_pooling(pooling.folder / "config.json")
    layers = tuple(layer for module in rest for layer in read_layer(module))
    unit = bool(layers) and layers[-1].kind == "normalize"
    while layers and layers[-1].kind == "normalize":  # vectors are brought to unit length in any case
        layers = layers[:-1]
    whole = replace(source, poolings=poolings, include_prompt=include, layers=layers)
    return _with_sentence_config(whole, folder / SENTENCE_CONFIG, unit=unit)


def _refuse_remains(folder: Path) -> None:
    """Without `modules.json` the rest of sentence-transformers' files means nothing: such a folder is a copy of a part."""
    remains = [name for name in (SENTENCE_CONFIG, *TRANSFORMER_CONFIGS) if (folder / name).exists()]
    remains += sorted(path.parent.name for path in folder.glob("[0-9]*_*/config.json"))
    if remains:
        raise ModelError(
            f"{folder} has {', '.join(remains)} but no {MODULES}, which says what they mean: copy the whole folder"
        )


def _transformer_config(folder: Path) -> dict[str, Any]:
    return next((settings for name in TRANSFORMER_CONFIGS if (settings := read_settings(folder / name))), {})


def _transformer(folder: Path, settings: Mapping[str, Any]) -> EncoderFolder:
    """The encoder with the lengths that the transformer module has."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        hint = ": save the model again as safetensors, in one file" if list(folder.glob("*model*.bin*")) else ""
        raise ModelError(f"{folder} is no sentence encoder: it has no {', '.join(missing)}{hint}")
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder} has an adapter_config.json: merge the adapter into the model, and save it whole")
    where = folder / TRANSFORMER_CONFIGS[0]
    fixed(where, settings, "transformer_task", "feature-extraction")
    fixed(where, settings, "module_output_name", "token_embeddings")
    fixed(where, settings, "modality_config", _TEXT_ONLY)
    for name in ("query_expansion", "processing_kwargs", "tokenizer_name_or_path"):
        fixed(where, settings, name, None)
    refuse_unknown(where, settings, _TRANSFORMER_SETTINGS)
    for name in _ARGUMENTS:  # what is given to transformers on opening: only what changes no vector
        given = settings.get(name) or {}
        strange = [key for key in given if key not in _HARMLESS]
        if strange or not isinstance(given, dict):
            refuse(where, name, given)
    words = read_settings(folder / "tokenizer_config.json")
    positions = Shape.read(folder / "config.json").positions
    longest = settings.get("max_seq_length") or words.get("model_max_length") or positions

    def tokens(name: str) -> int:
        value = settings.get(name) or longest
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 3:
            raise ModelError(f"{folder} says that {value!r} tokens of a text are seen: give a number above 2")
        return int(min(value, positions))

    return EncoderFolder(
        folder, tokens("query_length"), tokens("document_length"), lowercase=bool(settings.get("do_lower_case"))
    )


def _with_sentence_config(source: EncoderFolder, path: Path, *, unit: bool) -> EncoderFolder:
    """With prompts and dimensions. `unit`: whether the model brings its vectors to unit length itself."""
    settings = read_settings(path)
    kind = settings.get("model_type") or "SentenceTransformer"
    if kind != "SentenceTransformer":
        raise ModelError(f"{path} says model_type {kind!r}: only a SentenceTransformer can embed here")
    cut = settings.get("truncate_dim") or 0
    if isinstance(cut, bool) or not isinstance(cut, int) or cut < 0:
        refuse(path, "truncate_dim", cut)
    # unit vectors rank by these as by their cosine
    compared = settings.get("similarity_fn_name") or "cosine"
    if compared != "cosine" and not (unit and not cut and compared in ("dot", "euclidean")):
        raise ModelError(
            f"{path} says similarity_fn_name {compared!r}: vectors are compared by their cosine here, which ranks otherwise"
        )
    query, passage = _prompts(path, settings)
    if "cls" in source.poolings and not source.include_prompt and (query or passage):
        raise ModelError(
            f"{path}: with pooling by cls and include_prompt false sentence-transformers 3 to 5 take the first token, and 6 "
            "the first after the prompt: set include_prompt true, or leave the prompt out"
        )
    return replace(source, query_prompt=query, passage_prompt=passage, dimensions=cut)


def _prompts(path: Path, settings: Mapping[str, Any]) -> tuple[str, str]:
    """(of questions, of passages), as `encode_query` and `encode_document` of sentence-transformers 5 and 6 choose them.

    Where these would leave out a prompt that the folder plainly means, they are not followed in silence.
    """
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or any(not isinstance(text, str | None) for text in prompts.values()):
        refuse(path, "prompts", prompts)
    query, passage = prompts.get("query") or "", prompts.get("document") or ""
    other = next((name for name in ("passage", "corpus") if prompts.get(name)), "")
    if other and not passage:
        raise ModelError(
            f"{path} has a prompt {other!r} and none named 'document', which alone sentence-transformers puts before "
            "documents: write it under 'document' too"
        )
    default = settings.get("default_prompt_name")
    if not isinstance(default, str | None):
        refuse(path, "default_prompt_name", default)
    if default is not None and default not in prompts and default not in ("query", "document"):
        raise ModelError(f"{path} says default_prompt_name {default!r}, and has no such prompt: mend it")
    if default not in (None, "query", "document") and prompts[default] and not (query or passage):
        raise ModelError(
            f"{path} has the prompt {default!r} for all texts, which sentence-transformers leaves out of questions and "
            "documents: write it under 'query' and 'document'"
        )
    return query, passage
