"""Folders of sentence-transformers 3 to 6: read as the version that saved them reads them, or refused by name."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import ModelError
from rung.models.catalog import embedder
from rung.models.embedding import MiniLM
from rung.models.protocol import Embedder
from tests.models.sentence_folders import Case, cases

REFUSED = {
    "router": "names the module (Asym|Router)",
    "word-weights": "names the module WordWeights",
    "cnn": "names the module CNN",
    "odd-activation": "activation_function: .*Hardshrink",
    "prompt-left-out-cls": "pooling by cls and include_prompt false",
    "prompt-passage": "a prompt 'passage' and none named 'document'",
    "prompt-default": "the prompt 'all' for all texts",
    "normalizers-apart": "tokenizer_config.json says no do_lower_case",
    "roberta": "says model_type: 'roberta'",
    "padded-left": "pads on the left",
    "dot": "similarity_fn_name 'dot'",
    "relu": "says hidden_act: 'relu'",
    "decoder": "says is_decoder: True",
    "sparse": "model_type 'SparseEncoder'",
    "processing": "says processing_kwargs",
}
LOST = (6, "lowercased")  # version 6 keeps do_lower_case in a normaliser that it does not read again
ALL = list(cases())


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def named(case: Case) -> str:
    return f"{case.version}-{case.name}"


def unit(rows: object) -> NDArray[np.float64]:
    given = np.asarray(rows, dtype=np.float64)
    found: NDArray[np.float64] = given / np.linalg.norm(given, axis=1, keepdims=True)
    return found


def is_refused(case: Case) -> bool:
    return case.name in REFUSED or (case.version, case.name) == LOST


def opened(case: Case, folder: Path) -> Embedder:
    return embedder(f"encoder:{case.write(folder)}")


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in ALL if not is_refused(case)], ids=named)
def test_vectors_are_those_of_the_version_that_saved_the_folder(case: Case, tmp_path: Path) -> None:
    served = opened(case, tmp_path)
    if case.vectors is None:
        assert case.name == "longer-than-positions"
        assert served.max_tokens == 40
        return
    for kind in ("query", "passage"):
        wanted, found = unit(case.vectors[kind]), served.embed(case.texts, kind=kind)
        assert (wanted * found).sum(axis=1).min() > 0.9999, kind


@pytest.mark.parametrize("case", [case for case in ALL if is_refused(case)], ids=named)
def test_what_is_not_understood_is_refused_by_its_name(case: Case, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=REFUSED.get(case.name, "its normalizer is not that of the class BertTokenizer")):
        opened(case, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("version", [3, 6])
def test_other_vectors_have_another_identity(version: int, tmp_path: Path) -> None:
    seen: dict[str, tuple[str, NDArray[np.float64]]] = {}
    for case in ALL:
        if case.version != version or is_refused(case) or case.vectors is None:
            continue
        made = np.stack([unit(rows) for rows in case.vectors.values()])
        identity = opened(case, tmp_path / case.name).identity
        other, vectors = seen.setdefault(identity, (case.name, made))
        same = made.shape == vectors.shape and np.allclose(made, vectors, atol=1e-3)
        assert same, f"{case.name} and {other} have one identity"


def of(name: str, version: int = 6) -> Case:
    return next(case for case in ALL if (case.version, case.name) == (version, name))


def test_the_identity_of_plain_pooling_is_that_of_its_three_files(tmp_path: Path) -> None:
    whole = opened(of("mean"), tmp_path / "whole")
    assert isinstance(whole, MiniLM)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        shutil.copy(tmp_path / "whole" / name, bare / name)
    alone = embedder(f"encoder:{bare}")
    assert whole.identity.rpartition("/")[0] == alone.identity.rpartition("/")[0]
    assert (whole.max_tokens, alone.max_tokens) == (24, 40), "without a limit the model sees all its positions"


def test_a_passage_shares_its_tokens_with_the_prompt(tmp_path: Path) -> None:
    plain, prompted = (opened(of(name), tmp_path / name) for name in ("mean", "prompts"))
    assert plain.max_tokens - prompted.max_tokens == len(["document", ":"])
    assert plain.count_tokens(["paid days"]) == prompted.count_tokens(["paid days"]) == [4]
    long = "pay " * (prompted.max_tokens - 2)
    seen, cut = prompted.embed([f"{long}violin", long], kind="passage")
    assert float(seen @ cut) == pytest.approx(1, abs=1e-5), "what is past max_tokens is not seen"
    shorter = prompted.embed([long.removesuffix("pay ")], kind="passage")[0]
    assert float(shorter @ cut) < 0.9999, "what is within is"


def test_words_are_counted_with_the_tokens_around_them_where_the_tokenizer_is_no_wordpiece(tmp_path: Path) -> None:
    served = opened(of("unigram"), tmp_path)
    assert isinstance(served, MiniLM)
    texts = ["refund  paid", " bread", "a\tb", ""]
    assert served.count_tokens(texts) == [len(served.counter.tokenizer.encode(text).ids) for text in texts]


def test_truncate_dim_is_the_default_and_can_be_said_otherwise(tmp_path: Path) -> None:
    folder = of("truncated").write(tmp_path)
    assert embedder(f"encoder:{folder}").dimensions == 5
    assert embedder(f"encoder:{folder}#8").dimensions == 8
    with pytest.raises(ModelError, match="has 8 dimensions, not 9"):
        embedder(f"encoder:{folder}#9")


def changed(folder: Path, name: str, **said: object) -> Path:
    path = folder / name
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **said}))
    return folder


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "best"]}, 'pooling_mode: ."mean", "best".'),
        ("1_Pooling/config.json", {"pooling_mode": []}, "pooling_mode"),
        ("1_Pooling/config.json", {"weights": "idf"}, "weights"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "'long' tokens"),
        ("sentence_bert_config.json", {"query_expansion": {"length": 32}}, "query_expansion"),
        ("sentence_bert_config.json", {"model_kwargs": {"attention_type": "block_sparse"}}, "attention_type"),
        ("config_sentence_transformers.json", {"prompts": {"query": 3}}, "prompts"),
        ("config_sentence_transformers.json", {"default_prompt_name": "gone"}, "has no such prompt"),
        ("config_sentence_transformers.json", {"truncate_dim": -1}, "truncate_dim"),
        ("config.json", {"auto_map": {"AutoModel": "modeling.Other"}}, "auto_map"),
        ("config.json", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("config.json", {"num_hidden_layers": 2}, "lacks encoder.layer.1"),
        ("config.json", {"intermediate_size": 10}, "does not fit config.json"),
        ("config.json", {"hidden_size": "wide"}, "hidden_size: wide"),
        ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}, "BertJapaneseTokenizer"),
        ("tokenizer_config.json", {"cls_token": "[MASK]"}, "post_processor"),
        ("adapter_config.json", {"peft_type": "LORA"}, "merge the adapter"),
    ],
)
def test_a_setting_that_is_not_understood_is_named(name: str, said: dict[str, Any], why: str, tmp_path: Path) -> None:
    folder = changed(of("mean").write(tmp_path), name, **said)
    with pytest.raises(ModelError, match=why):
        embedder(f"encoder:{folder}")


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        ("modules.json", "config_sentence_transformers.json, sentence_bert_config.json, 1_Pooling.* but no modules.json"),
        ("1_Pooling/config.json", "1_Pooling/config.json is missing"),
        ("2_Dense/model.safetensors", "2_Dense has no model.safetensors"),
        ("model.safetensors", "has no model.safetensors"),
    ],
)
def test_a_folder_that_is_not_whole_is_said(gone: str, why: str, tmp_path: Path) -> None:
    folder = of("dense").write(tmp_path)
    (folder / gone).unlink()
    with pytest.raises(ModelError, match=why):
        embedder(f"encoder:{folder}")


def test_modules_of_strangers_and_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    folder = of("dense").write(tmp_path / "model")
    rows = json.loads((folder / "modules.json").read_text())
    for number, change, why in (
        (2, {"type": "custom_st.Dense"}, "custom_st.Dense, which is code of the model's own"),
        (2, {"path": "../elsewhere"}, "leads out of the folder"),
        (2, {"kwargs": ["task"]}, "the arguments"),
        (1, {"type": "sentence_transformers.models.Dense"}, "in this order"),
    ):
        altered = [{**row, **change} if place == number else row for place, row in enumerate(rows)]
        (folder / "modules.json").write_text(json.dumps(altered))
        with pytest.raises(ModelError, match=why):
            embedder(f"encoder:{folder}")


def test_old_layouts_are_read(tmp_path: Path) -> None:
    """Version 2 kept the transformer in a folder of its own; BERT's first checkpoints called norms gamma and beta."""
    from safetensors.numpy import load_file, save_file

    plain = of("cls", 3)
    new, old = plain.write(tmp_path / "new"), plain.write(tmp_path / "old")
    rows = json.loads((old / "modules.json").read_text())
    rows[0]["path"] = "0_Transformer"
    (old / "modules.json").write_text(json.dumps(rows))
    (old / "0_Transformer").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"):
        (old / name).rename(old / "0_Transformer" / name)
    weights = load_file(old / "0_Transformer" / "model.safetensors")
    said = {".weight": ".gamma", ".bias": ".beta"}
    renamed = {
        f"bert.{name.removesuffix(end)}{said[end] if 'LayerNorm' in name else end}": weight
        for name, weight in weights.items()
        for end in [f".{name.rpartition('.')[2]}"]
    }
    save_file(
        {**renamed, "bert.embeddings.position_ids": np.arange(40)[None], "cls.predictions.bias": np.zeros(3, np.float32)},
        old / "0_Transformer" / "model.safetensors",
    )
    one, other = (embedder(f"encoder:{folder}").embed(plain.texts, kind="query") for folder in (new, old))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(60))
def test_mangled_folders_open_or_are_said(seed: int, tmp_path: Path) -> None:
    """No small file of a folder, whatever stands in it, ends in a traceback."""
    luck = random.Random(seed)
    folder = of("dense-twice", luck.choice([3, 6])).write(tmp_path)
    values: list[Any] = [
        None,
        True,
        -1,
        0,
        1e308,
        "",
        "x",
        [],
        ["cls"],
        {},
        {"a": 1},
        [None],
        [[]],
        "torch.nn.Tanh",
        10**400,
    ]
    for _ in range(luck.randint(1, 3)):
        path = luck.choice([path for path in folder.rglob("*.json") if path.name != "tokenizer.json"])
        text = path.read_text()
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        way = luck.randrange(4)
        if way == 0:
            text = text[: luck.randrange(len(text) + 1)]
        elif way == 1:
            text = json.dumps(luck.choice(values))
        elif isinstance(said, dict) and said:
            said[luck.choice(sorted(said))] = luck.choice(values)
            text = json.dumps(said)
        elif isinstance(said, list) and said and isinstance(said[0], dict):
            said[luck.randrange(len(said))][luck.choice(["type", "path", "kwargs"])] = luck.choice(values)
            text = json.dumps(said)
        path.write_text(text)
    with contextlib.suppress(ModelError):
        assert np.isfinite(embedder(f"encoder:{folder}").embed(["paid", ""], kind="query")).all()
