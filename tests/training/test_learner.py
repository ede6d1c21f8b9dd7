"""Do adapters begin as peft draws them, by the seed, and do their files say what they were made on?"""

from __future__ import annotations

import gc
import json
import math
import weakref
from typing import Literal

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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_go_with_whoever_computed_with_them(precision: Literal["float32", "bfloat16"]) -> None:
    """Without the collector of cycles: several models would be in memory at once, and trainings refused for them."""
    base, rows = base_of(TinyModel()), token_rows(3)
    gc.collect()
    gc.disable()
    try:
        learner = base.learner(Recipe(rank=2, device="cpu", precision=precision), rows)
        learner.learn(rows, weight=1.0)
        losses = base.losses(None, precision=precision, device="cpu")
        list(losses.summed(rows))
        layers = [one.network.model.model.layers[0].mlp.up_proj for one in (learner, losses)]
        weights = [weakref.ref(getattr(layer, "base_layer", layer).weight) for layer in layers]
        del learner, losses, layers
        assert [one() for one in weights] == [None, None]
    finally:
        gc.enable()


def test_linear_layers_alone_are_narrowed() -> None:
    """Embeddings and vectors stay as served; a head that is tied to the embeddings gets numbers of its own."""
    model = base_of(TinyModel()).learner(Recipe(rank=2, device="cpu", precision="bfloat16"), token_rows(3)).network.model
    given = TinyModel().weights()
    for name, p in model.named_parameters():
        is_product = name.endswith(("proj.base_layer.weight", "lm_head.weight"))
        assert p.dtype == (torch.bfloat16 if is_product else torch.float32), name
        if name in given and not is_product:
            torch.testing.assert_close(p.detach(), torch.from_numpy(given[name]), rtol=0, atol=0)
    assert model.lm_head.weight.dtype == torch.bfloat16


def test_settings_as_usual_are_left_out_for_earlier_versions_of_peft() -> None:
    assert set(json.loads(stirred(TinyModel()).files(base={})[CONFIG])) == {
        *("peft_type", "task_type", "base_model_name_or_path", "revision", "r", "lora_alpha", "lora_dropout", "bias"),
        *("fan_in_fan_out", "target_modules", "inference_mode"),
    }
