"""Cross-encoders of sentence-transformers 3 to 6: read as the version that saved them reads them, or refused by name."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from rung.errors import ModelError
from rung.models.cross_encoder import CrossEncoder
from tests.models.sentence_folders import Crossed, crossed

pytest.importorskip("torch")
pytest.importorskip("transformers")
REFUSED = {
    "falling": "activation_f.*Softmin|sbert_ce_default_activation_function.*Softmin",
    "two-labels-unsaid": "id2label: entailment, other",
    "three-labels": "3 labels",
    "own-code": "auto_map",
    "prompt-gone": "default_prompt_name 'rank', and has no such prompt",
    "dense": "is no cross-encoder|names Transformer, Pooling, Dense",
}
ALL = list(crossed())


def named(case: Crossed) -> str:
    return f"{case.version}-{case.name}"


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in ALL if case.name not in REFUSED], ids=named)
def test_scores_are_those_of_the_version_that_saved_the_folder(case: Crossed, tmp_path: Path) -> None:
    assert case.scores is not None
    wanted = case.scores
    if case.name.startswith("two-labels"):
        yes = 0 if case.name == "two-labels-turned" else 1
        wanted = [row[yes] - row[1 - yes] for row in wanted]
    found = CrossEncoder(case.write(tmp_path)).scores(case.pairs)
    assert found == pytest.approx(wanted, abs=1e-4)
    assert len({round(score, 2) for score in wanted}) > 3, "else a mistake would not show"


@pytest.mark.parametrize("case", [case for case in ALL if case.name in REFUSED], ids=named)
def test_what_is_not_understood_is_refused_by_its_name(case: Crossed, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=REFUSED[case.name]):
        CrossEncoder(case.write(tmp_path))


def of(name: str, version: int = 6) -> Crossed:
    return next(case for case in ALL if (case.version, case.name) == (version, name))


def test_a_prompt_has_another_identity(tmp_path: Path) -> None:
    plain, prompted = (CrossEncoder(of(name).write(tmp_path / name)) for name in ("as-it-comes", "prompt"))
    assert plain.identity != prompted.identity


def test_an_encoder_is_no_cross_encoder(tmp_path: Path) -> None:
    folder = of("as-it-comes").write(tmp_path)
    said = json.loads((folder / "config_sentence_transformers.json").read_text())
    (folder / "config_sentence_transformers.json").write_text(json.dumps({**said, "model_type": "SentenceTransformer"}))
    with pytest.raises(ModelError, match="model_type 'SentenceTransformer': that is no cross-encoder"):
        CrossEncoder(folder)


def test_a_head_that_is_not_in_the_weights_is_said(tmp_path: Path) -> None:
    """The library would draw one at random, with a mere warning."""
    from safetensors.numpy import load_file, save_file

    folder = of("as-it-comes").write(tmp_path)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "classifier" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks the weights classifier\.bias, classifier\.weight"):
        CrossEncoder(folder)


@pytest.mark.parametrize("seed", range(20))
def test_mangled_folders_open_or_are_said(seed: int, tmp_path: Path) -> None:
    """No small file of a folder, whatever stands in it, ends in a traceback."""
    luck = random.Random(seed)
    folder = of("prompt" if seed % 2 else "two-labels").write(tmp_path)
    values: list[Any] = [None, True, -1, 0, "", "x", [], ["a"], {}, {"a": 1}, [None], "torch.nn.Tanh"]
    path = luck.choice([path for path in folder.rglob("*.json") if path.name != "tokenizer.json"])
    text = path.read_text()
    said = json.loads(text)
    if luck.randrange(3) == 0:
        text = text[: luck.randrange(len(text) + 1)]
    elif isinstance(said, dict):
        said[luck.choice(sorted(said))] = luck.choice(values)
        text = json.dumps(said)
    path.write_text(text)
    with contextlib.suppress(ModelError):
        CrossEncoder(folder).scores([("a", "refund")])
