"""Is the encoder that learns the embedder that serves, and is what it writes what others open?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rung.errors import ModelError, UserError
from rung.models.catalog import embedder
from rung.models.scripted import ScriptedEmbedder
from rung.testing.models import EmbedderContract
from rung.training.encoder import Encoder, padded
from tests.models.sentence_folders import Case, cases
from tests.models.test_encoder_folders import is_refused
from tests.training.tiny_encoder import tiny_encoder

pytest.importorskip("torch")
TEXTS = [
    "refunds are paid within thirty days",
    "",
    "a violin has four strings",
    "bake the bread " * 40,
    "ÉMIGRÉ 世界 😀 x",
    "a",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def own_cache(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not request.node.get_closest_marker("slow"):  # those need the weights that are in the user's
        monkeypatch.setenv("RUNG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_it_embeds_as_the_served_one(folder: Path) -> None:
    served = embedder(f"encoder:{folder}")
    assert served.dimensions == 32
    assert served.max_tokens == 64
    np.testing.assert_allclose(Encoder.of(folder).embed(TEXTS), served.embed(TEXTS, kind="passage"), atol=2e-6)
    np.testing.assert_allclose(Encoder.of(served).embed(TEXTS), served.embed(TEXTS, kind="query"), atol=2e-6)


@pytest.mark.slow
def test_it_is_transformers_bert(folder: Path) -> None:
    import torch
    from transformers import BertModel

    encoder = Encoder.of(folder)
    ids, mask = padded(encoder.tokens(TEXTS, kind="passage"))
    network = BertModel.from_pretrained(folder).eval()
    wanted = network(ids, attention_mask=mask).last_hidden_state
    kept = mask.bool()
    torch.testing.assert_close(encoder.states(ids, mask)[kept], wanted[kept], atol=2e-5, rtol=1e-4)
    pairs = torch.ones_like(ids)
    wanted = network(ids, attention_mask=mask, token_type_ids=pairs).last_hidden_state
    torch.testing.assert_close(encoder.states(ids, mask, pairs)[kept], wanted[kept], atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_it_learns_and_what_it_writes_others_open(folder: Path, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    encoder = Encoder.of(folder)
    before = encoder.embed(TEXTS)
    moving = torch.optim.SGD(encoder.parameters(), lr=1.0)
    encoder.forward(*padded(encoder.tokens(TEXTS, kind="passage")))[0].sum().backward()
    moving.step()
    after = encoder.embed(TEXTS)
    assert float(np.abs(before - after).max()) > 0.01
    encoder.save(tmp_path / "saved")
    np.testing.assert_allclose(Encoder.of(tmp_path / "saved").embed(TEXTS), after, atol=1e-7)
    served = embedder(f"encoder:{tmp_path / 'saved'}")
    np.testing.assert_allclose(served.embed(TEXTS, kind="passage"), after, atol=2e-6)
    strangers = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert strangers.max_seq_length == 64
    np.testing.assert_allclose(strangers.encode(TEXTS), after, atol=2e-6)


SAVED = [case for case in cases() if case.version in (3, 6) and case.vectors is not None and not is_refused(case)]


@pytest.mark.slow
@pytest.mark.parametrize("case", SAVED, ids=lambda case: f"{case.version}-{case.name}")
def test_it_pools_and_prompts_as_the_folder_says(case: Case, tmp_path: Path) -> None:
    """What opens is embedded alike by the served one, by the one that learns, by what that writes, and by strangers."""
    from sentence_transformers import SentenceTransformer

    served = embedder(f"encoder:{case.write(tmp_path / 'folder')}")
    if case.name == "prompt-left-out":
        with pytest.raises(ModelError, match="leaves its prompts out of the pooling"):
            Encoder.of(served)
        return
    encoder = Encoder.of(served)
    encoder.save(tmp_path / "saved")
    again = embedder(f"encoder:{tmp_path / 'saved'}")
    assert (again.dimensions, again.max_tokens) == (served.dimensions, served.max_tokens)
    strangers = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    for kind, verb in (("query", strangers.encode_query), ("passage", strangers.encode_document)):
        wanted = served.embed(case.texts, kind=kind)  # type: ignore[arg-type]
        np.testing.assert_allclose(encoder.embed(case.texts, kind=kind), wanted, atol=2e-5)  # type: ignore[arg-type]
        np.testing.assert_allclose(again.embed(case.texts, kind=kind), wanted, atol=2e-5)  # type: ignore[arg-type]
        found = np.stack([verb(text, normalize_embeddings=True) for text in case.texts])
        found = found / np.linalg.norm(found, axis=1, keepdims=True)  # of truncated ones only the rest is of unit length
        texts = slice(-1) if case.name == "lowercased" else slice(None)  # version 6 does not lowercase a mark, [SEP]
        np.testing.assert_allclose(found[texts], wanted[texts], atol=2e-5)


def test_training_learns_below_a_dense_layer_and_keeps_it(tmp_path: Path) -> None:
    case = next(case for case in SAVED if (case.version, case.name) == (6, "dense-twice"))
    encoder = Encoder.of(case.write(tmp_path / "folder"))
    values, gradient = encoder.flatten(words=False)
    encoder.forward(*padded(encoder.tokens(case.texts, kind="query")))[0].sum().backward()
    assert float(gradient.abs().max()) > 0
    values -= 0.05 * gradient
    encoder.save(tmp_path / "saved")
    served = embedder(f"encoder:{tmp_path / 'saved'}")
    assert served.dimensions == 4
    moved = served.embed(case.texts, kind="query")
    np.testing.assert_allclose(moved, encoder.embed(case.texts, kind="query"), atol=2e-5)
    assert float(np.abs(moved - Encoder.of(tmp_path / "folder").embed(case.texts, kind="query")).max()) > 0.01


class TestServed(EmbedderContract):
    @pytest.fixture
    def embedder(self, folder: Path) -> object:
        return embedder(f"encoder:{folder}")

    def test_like_texts_are_nearer_than_unlike_ones(self, embedder: object) -> None:
        """Random weights know no likeness."""


@pytest.mark.slow
def test_other_weights_have_another_identity(folder: Path, tmp_path: Path) -> None:
    same = shutil.copytree(folder, tmp_path / "same")
    other = tiny_encoder(tmp_path / "other", seed=1)
    first, again, another = (embedder(f"encoder:{path}").identity for path in (folder, same, other))
    assert first == again != another


def test_a_model_with_a_head_is_opened_without_it(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    headed = shutil.copytree(folder, tmp_path / "headed")
    held = load_file(folder / "model.safetensors")
    save_file({f"bert.{name}": weight for name, weight in held.items()}, headed / "model.safetensors")
    np.testing.assert_array_equal(Encoder.of(headed).embed(TEXTS), Encoder.of(folder).embed(TEXTS))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", None, "it has no config.json"),
        ("model.safetensors", "nothing", "model.safetensors cannot be read"),
        ("config.json", json.dumps({"model_type": "roberta"}), "describes no BERT with GELU"),
        ("tokenizer.json", "{}", "tokenizer.json cannot be read"),
        ("1_Pooling/config.json", json.dumps({"pooling_mode_cls_token": True}), "has 1_Pooling but no modules.json"),
    ],
)
def test_what_is_no_encoder_is_said(folder: Path, tmp_path: Path, name: str, content: str | None, says: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / name).parent.mkdir(exist_ok=True)
    (broken / name).unlink(missing_ok=True)
    if content is not None:
        (broken / name).write_text(content)
    with pytest.raises(ModelError, match=says):
        embedder(f"encoder:{broken}")


def test_weights_out_of_reach_are_said() -> None:
    with pytest.raises(UserError, match="out of reach"):
        Encoder.of(ScriptedEmbedder())


@pytest.mark.slow
def test_minilm_learns_from_the_vectors_that_are_served() -> None:
    served = embedder("minilm-l6-v2")
    texts = [*TEXTS, "How long does a refund take?", "Refunds are paid within thirty days of the parcel's return. " * 30]
    learnt, wanted = Encoder.of(served).embed(texts), served.embed(texts, kind="passage")
    assert float((learnt * wanted).sum(axis=1).min()) > 0.999999


@pytest.mark.slow
def test_leading_dimensions_alone(folder: Path) -> None:
    whole, cut = (embedder(f"encoder:{folder}{size}") for size in ("", "#8"))
    assert cut.dimensions == 8
    wanted = whole.embed(TEXTS, kind="query")[:, :8]
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(cut.embed(TEXTS, kind="query"), wanted, atol=1e-6)
    assert cut.identity != whole.identity
    with pytest.raises(ModelError, match="has 32 dimensions, not 64"):
        embedder(f"encoder:{folder}#64")
