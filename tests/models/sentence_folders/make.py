"""Tiny folders as a version of sentence-transformers saves them, and the vectors that it gives: one JSON file a version.

Not run by the tests, which need one version only. For version 3 (4, 5 and 6 alike; torch as it is):

    pip install --no-deps --target /tmp/st3 sentence-transformers==3.4.1 transformers==4.48.3 tokenizers==0.21.4 \
        huggingface_hub==0.36.2
    PYTHONPATH=/tmp/st3 python tests/models/sentence_folders/make.py

4.1.0 goes with transformers 4.51.3, 5.1.2 with 4.57.3 and tokenizers 0.22.1, 6.2.0 with transformers 5.24.0.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

st = importlib.import_module("sentence_transformers")
modules = importlib.import_module("sentence_transformers.models")
transformers = importlib.import_module("transformers")
HERE, MAJOR = Path(__file__).parent, int(st.__version__.split(".")[0])
WIDTH = 8
TEXTS = (
    "Refunds are paid within thirty days",
    "",
    "four VIOLIN strings für émigré",
    "bake the bread in the oven " * 12,
    "a [SEP] b 世界",
)
WORDS = "refund refunds paid pay thirty days violin strings four bread oven bake query search document : the a in is for"
LETTERS = "abcdefghijklmnopqrstuvwxyzABFRV0123456789.,?!éü世界"
Change = Callable[[Path], None]


def base(folder: Path, *, cased: bool = False, unigram: bool = False, roberta: bool = False) -> Path:
    """A BERT of random weights in Hugging Face's layout."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [mark + letter for letter in LETTERS for mark in ("", "##")]
    words = list(dict.fromkeys((*marks, *WORDS.split(), *pieces)))
    if unigram:
        words = [*marks, "▁", *(f"▁{word}" for word in WORDS.split()), *LETTERS]
        made = Tokenizer(models.Unigram([(word, -float(place + 1) / 9) for place, word in enumerate(words)], unk_id=1))
        made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    else:
        vocabulary = {word: place for place, word in enumerate(words)}
        made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
        made.normalizer = normalizers.BertNormalizer(lowercase=not cased)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(marks)
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    said = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    kind = "PreTrainedTokenizerFast" if unigram else "BertTokenizer"
    told = {**said, "tokenizer_class": kind, **({} if unigram else {"do_lower_case": not cased})}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    sizes = {"hidden_size": WIDTH, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = {"vocab_size": len(words), "max_position_embeddings": 40, **sizes}
    torch.manual_seed(0)
    if roberta:
        network = transformers.RobertaModel(transformers.RobertaConfig(**config))
    else:
        network = transformers.BertModel(transformers.BertConfig(**config))
    for name, weight in network.named_parameters():  # so drawn that another word, place or layer makes another vector
        weight.data = torch.randn_like(weight) * (0.1 if name.endswith("bias") else 0.7) + float("LayerNorm.weight" in name)
    network.save_pretrained(folder)
    return folder


def dense(inputs: int, outputs: int, activation: Any, **more: Any) -> Any:
    """A Dense with weights that tell: the library's own are small."""
    made = modules.Dense(inputs, outputs, activation_function=activation, **more)
    for weight in made.parameters():
        weight.data = torch.randn_like(weight) * 0.5
    return made


def edit(name: str, **said: object) -> Change:
    """Change a small file of a saved folder; None takes a key out."""

    def change(folder: Path) -> None:
        path = folder / name
        held = json.loads(path.read_text()) if path.exists() else {}
        held = {key: value for key, value in {**held, **said}.items() if value is not None}
        path.write_text(json.dumps(held))

    return change


def baked(folder: Path) -> None:
    """A limit and padding in `tokenizer.json`, as a published MiniLM has it."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))


def layered(bare: Path) -> dict[str, list[Any]]:
    """Modules by the name of the case."""
    pooling = modules.Pooling
    torch.manual_seed(1)

    def of(*mode: str, **more: Any) -> Any:
        if MAJOR >= 6:
            return pooling(WIDTH, mode[0] if len(mode) == 1 else mode, **more)
        flags = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
        said = {
            f"pooling_mode_{flag}": any(flag in (way, f"{way}_token", f"{way}_tokens") for way in mode) for flag in flags
        }
        return pooling(WIDTH, **said, **more)

    tanh, gelu, nn = torch.nn.Tanh(), torch.nn.GELU(), torch.nn
    cases: dict[str, list[Any]] = {
        mode: [of(mode)] for mode in ("mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
    }
    cases |= {
        "joined": [of("cls", "max", "mean"), dense(3 * WIDTH, 16, nn.ReLU())],
        "normalized": [of("mean"), modules.Normalize()],
        "dense": [of("mean"), dense(WIDTH, 5, tanh)],
        "dense-twice": [of("cls"), dense(WIDTH, 12, gelu), modules.Dropout(0.5), dense(12, 4, nn.Identity(), bias=False)],
        "dense-after-unit": [of("mean"), modules.Normalize(), dense(WIDTH, 6, nn.Sigmoid()), modules.Normalize()],
        "layer-norm": [of("max"), modules.LayerNorm(WIDTH), dense(WIDTH, WIDTH, nn.SiLU())],
        "odd-activation": [of("mean"), dense(WIDTH, 5, nn.Hardshrink())],
        "prompt-left-out": [of("mean", "max", "weightedmean", "lasttoken", include_prompt=False)],
        "prompt-left-out-cls": [of("cls", include_prompt=False)],
        "word-weights": [modules.WordWeights(["a"], {"a": 2.0}), of("mean")],
        "cnn": [modules.CNN(WIDTH, out_channels=4), pooling(12)],
    }
    if MAJOR >= 6:
        cases["residual"] = [of("mean"), dense(WIDTH, 5, tanh, use_residual=True)]
        cases["residual-same"] = [of("mean"), dense(WIDTH, WIDTH, tanh, use_residual=True)]
    return {name: [modules.Transformer(str(bare), max_seq_length=24), *found] for name, found in cases.items()}


PROMPTS = {"query": "search query: ", "document": "document : "}
LEFT_OUT = {"prompt-left-out": PROMPTS, "prompt-left-out-cls": PROMPTS}


def changed() -> dict[str, tuple[dict[str, Any], dict[str, Any], list[Change]]]:
    """Cases of plain mean pooling: how the base is made, the model is, and what is edited then."""
    told, words, config = "config_sentence_transformers.json", "tokenizer_config.json", "config.json"
    cases: dict[str, tuple[dict[str, Any], dict[str, Any], list[Change]]] = {
        "prompts": ({}, {"prompts": PROMPTS}, []),
        "prompt-query": ({}, {"prompts": {"query": "search : "}}, []),
        "prompt-passage": ({}, {"prompts": {"query": "query : ", "passage": "document : "}}, []),
        "prompt-default": ({}, {"prompts": {"all": "search : "}, "default_prompt_name": "all"}, []),
        "prompt-default-query": ({}, {"prompts": PROMPTS, "default_prompt_name": "query"}, []),
        "prompts-of-tasks": ({}, {"prompts": {**PROMPTS, "sorting": "the : "}}, []),
        "cased": ({"cased": True}, {}, []),
        "lowercased": ({"cased": True}, {"do_lower_case": True}, []),
        "accents-kept": ({}, {}, [edit(words, strip_accents=False, tokenize_chinese_chars=False)]),
        "normalizers-apart": ({"cased": True}, {}, [edit(words, do_lower_case=None)]),
        "unigram": ({"unigram": True}, {}, []),
        "roberta": ({"roberta": True}, {}, []),
        "short": ({}, {"max_seq_length": 7}, []),
        "longer-than-positions": ({}, {"max_seq_length": 64}, []),
        "baked": ({}, {}, [baked]),
        "cut-left": ({}, {"max_seq_length": 9}, [edit(words, truncation_side="left")]),
        "padded-left": ({}, {}, [edit(words, padding_side="left")]),
        "dot": ({}, {"similarity_fn_name": "dot"}, []),
        "relu": ({}, {}, [edit(config, hidden_act="relu")]),
        "decoder": ({}, {}, [edit(config, is_decoder=True)]),
        "half": ({}, {"half": True}, []),
        "sparse": ({}, {}, [edit(told, model_type="SparseEncoder")]),
    }
    if MAJOR >= 6:
        cases["truncated"] = ({}, {}, [edit(told, truncate_dim=5)])
        cases["lengths"] = ({}, {}, [edit("sentence_bert_config.json", query_length=6, document_length=9)])
        cases["processing"] = ({}, {}, [edit("sentence_bert_config.json", processing_kwargs={"text": {"max_length": 5}})])
    return cases


def saved(scratch: Path, name: str, made: dict[str, Any], given: dict[str, Any], parts: list[Any] | None) -> Path:
    """The folder of a case, by this version."""
    bare, given = base(scratch / f"{name}-base", **made), dict(given)
    longest, half = given.pop("max_seq_length", 24), given.pop("half", False)
    lower = given.pop("do_lower_case", False)
    parts = parts or [modules.Transformer(str(bare), max_seq_length=longest, do_lower_case=lower), modules.Pooling(WIDTH)]
    model = st.SentenceTransformer(modules=parts, device="cpu", **given)
    if half:
        model.half()
    model.save(str(scratch / name), create_model_card=False)
    return scratch / name


def vectors(folder: Path) -> dict[str, Any]:
    """What this version gives for questions and documents; one text at a time, so that no neighbour's padding counts."""
    model = st.SentenceTransformer(str(folder), device="cpu")
    found = {}
    for kind, verb in (("query", "encode_query"), ("passage", "encode_document")):
        if MAJOR >= 5:
            rows = [getattr(model, verb)(text) for text in TEXTS]
        else:  # these have one verb, and prompts by name
            named = "query" if kind == "query" else "document"
            known = named if named in model.prompts else None
            rows = [model.encode(text, prompt_name=known) for text in TEXTS]
        found[kind] = [[float(f"{number:.5g}") for number in row.tolist()] for row in rows]
        unit = torch.nn.functional.normalize(torch.tensor(found[kind]))
        near = (unit @ unit.T - 2 * torch.eye(len(unit))).max().item()
        if near > 0.999:
            sys.stderr.write(f"{folder.name}: two texts have vectors of cosine {near:.4f}: a mistake would not show\n")
    return found


def router(scratch: Path, bare: Path) -> Path:
    """A model that goes other ways for questions and documents."""
    ways = {way: [modules.Transformer(str(bare)), modules.Pooling(WIDTH)] for way in ("query", "document")}
    if MAJOR >= 5:
        parts = [modules.Router.for_query_document(ways["query"], ways["document"])]
    else:
        asym = {way: [dense(WIDTH, 4, torch.nn.Tanh())] for way in ways}
        parts = [*ways["query"], modules.Asym(asym)]
    st.SentenceTransformer(modules=parts, device="cpu").save(str(scratch / "router"), create_model_card=False)
    return scratch / "router"


PAIRS = [["refund", text] for text in TEXTS] + [["pay thirty days", "paid in thirty days"], ["", "bake"]]


def crossed(scratch: Path) -> dict[str, Path]:
    """Cross-encoders by the name of the case."""
    said = "sentence_transformers" if MAJOR >= 4 else "sbert_ce_default_activation_function"
    cases: dict[str, tuple[dict[str, Any], list[Change]]] = {
        "as-it-comes": ({}, []),
        "identity": ({"activation": torch.nn.Identity()}, []),
        "tanh": ({"activation": torch.nn.Tanh()}, []),
        "falling": ({"activation": torch.nn.Softmin(dim=0)}, []),
        "two-labels": ({"num_labels": 2}, []),
        "two-labels-turned": ({"num_labels": 2}, [edit("config.json", id2label={"0": "yes", "1": "no"})]),
        "two-labels-unsaid": ({"num_labels": 2}, [edit("config.json", id2label={"0": "entailment", "1": "other"})]),
        "three-labels": ({"num_labels": 3}, []),
        "short": ({"max_length": 9}, []),
        "own-code": ({}, [edit("config.json", auto_map={"AutoModelForSequenceClassification": "own.Model"})]),
        "activation-unsaid": ({}, [edit("config.json", **{said: None})]),
    }
    if MAJOR >= 6:
        told = "config_sentence_transformers.json"
        cases["prompt"] = ({"prompts": {"rank": "query : "}, "default_prompt_name": "rank"}, [])
        cases["prompts"] = ({"prompts": {"rank": "query : "}}, [])
        cases["prompt-gone"] = ({}, [edit(told, default_prompt_name="rank")])
    found = {}
    for name, (given, changes) in cases.items():
        how = dict(given)
        activation = how.pop("activation", None)
        if activation is not None and MAJOR >= 4:
            how["activation_fn"] = activation
        elif activation is not None:  # version 3 writes it where it does not save; the folders of the hub have it
            kind = type(activation)
            changes.append(edit("config.json", **{said: f"{kind.__module__}.{kind.__qualname__}"}))
        torch.manual_seed(2)
        model = st.CrossEncoder(str(base(scratch / f"{name}-cross")), device="cpu", **{"num_labels": 1, **how})
        head = (model.model if hasattr(model, "model") else model[0].auto_model).classifier
        head.weight.data = torch.randn_like(head.weight)
        model.save_pretrained(str(scratch / name))
        for change in changes:
            change(scratch / name)
        found[name] = scratch / name
    if MAJOR >= 6:
        parts = [modules.Transformer(str(base(scratch / "dense-cross"))), modules.Pooling(WIDTH)]
        head = modules.Dense(WIDTH, 1, module_output_name="scores")
        st.CrossEncoder(modules=[*parts, head], device="cpu").save_pretrained(str(scratch / "dense"))
        found["dense"] = scratch / "dense"
    return found


def scores(folder: Path) -> list[Any]:
    """What this version gives for each pair alone, before its activation function."""
    model = st.CrossEncoder(str(folder), device="cpu", **({"max_length": 40} if MAJOR < 4 else {}))  # 3 knows no limit
    name = "activation_fct" if MAJOR < 4 else "activation_fn"
    return [model.predict([pair], **{name: torch.nn.Identity()})[0].tolist() for pair in PAIRS]


def kept(folder: Path, contents: dict[str, str]) -> dict[str, str]:
    """The folder's files by path: the digest of each, whose content is kept once."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("README.md", "vocab.txt", "special_tokens_map.json"):
            raw = path.read_bytes()
            files[str(path.relative_to(folder))] = key = hashlib.sha256(raw).hexdigest()[:12]
            binary = path.suffix in (".safetensors", ".bin", ".pt")
            contents[key] = "base64:" + base64.b64encode(raw).decode() if binary else raw.decode()
    return files


def computed(compute: Callable[[Path], Any], folder: Path) -> Any:
    """What this version gives, or None where it fails."""
    try:
        return compute(folder)
    except Exception as error:
        sys.stderr.write(f"{folder.name} gives nothing: {str(error)[:200]}\n")
        return None


def main() -> None:
    """Write `v<major>.json`: `cases` (files by path, vectors by kind), `cross` (files, scores), `contents` by digest."""
    contents: dict[str, str] = {}
    cases: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        bare = base(scratch / "bare")
        folders: dict[str, tuple[Path, list[Change]]] = {"router": (router(scratch, bare), [])}
        for name, parts in layered(bare).items():
            given = {"prompts": LEFT_OUT[name]} if name in LEFT_OUT else {}
            folders[name] = (saved(scratch, name, {}, given, parts), [])
        for name, (how, given, changes) in changed().items():
            folders[name] = (saved(scratch, name, how, given, None), changes)
        for name, (folder, changes) in folders.items():
            for change in changes:
                change(folder)
            cases[name] = {"files": kept(folder, contents), "vectors": computed(vectors, folder)}
        (scratch / "cross").mkdir()
        cross = {
            name: {"files": kept(folder, contents), "scores": computed(scores, folder)}
            for name, folder in crossed(scratch / "cross").items()
        }
    whole = {"version": st.__version__, "texts": TEXTS, "pairs": PAIRS, "contents": contents, "cases": cases, "cross": cross}
    out = HERE / f"v{MAJOR}.json"
    out.write_text(json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    sys.stderr.write(f"{out}: {out.stat().st_size:,} bytes, {len(cases)} cases\n")


if __name__ == "__main__":
    main()
