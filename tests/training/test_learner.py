"""Do adapters begin as peft draws them, by the seed, and do their files say what they were made on?"""

from __future__ import annotations

import json
import math

import pytest

from rung.models.adapters import CONFIG, WEIGHTS
from rung.training import Recipe
from rung.training.bases import base_of
from rung.training.learner import Learner
from tests.training.tiny import TinyModel, stirred, token_rows

torch = pytest.importorskip("torch")


def begun(seed: int) -> Learner:
    recipe = Recipe(rank=4, alpha=8, seed=seed, device="cpu", precision="float32")
    return base_of(TinyModel()).learner(recipe, token_rows(3))


def test_b_begins_with_zeros_and_a_as_kaiming_draws_it_by_the_seed() -> None:
    one, same, other = map(begun, (1, 1, 2))
    for name, tensor in one.tensors().items():
        if "lora_B" in name:
            assert not tensor.any()
        else:
            bound = 1 / math.sqrt(tensor.shape[1])
            assert 0.8 * bound < float(tensor.abs().max()) <= bound
    assert torch.equal(one.values, same.values)
    assert not torch.equal(one.values, other.values)


def test_the_files_say_what_they_were_made_on() -> None:
    files = stirred(TinyModel(), first=1).files(base={"name": "tiny", "identity": "tiny:0"})
    assert set(files) == {WEIGHTS, CONFIG}
    config = json.loads(files[CONFIG])
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny", "tiny:0")
    assert (config["r"], config["lora_alpha"], config["inference_mode"]) == (4, 6.0, True)


def test_gradients_add_up_and_follow_their_weight() -> None:
    rows, learner = token_rows(6), stirred(TinyModel())
    learner.learn(rows, weight=0.5)
    whole = learner.gradient.clone()
    learner.gradient.zero_()
    learner.learn(rows[:2], weight=0.25)
    learner.learn(rows[2:], weight=0.25)
    torch.testing.assert_close(2 * learner.gradient, whole, rtol=1e-4, atol=1e-6)
