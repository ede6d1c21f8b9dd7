"""Are the adapters' files those of PEFT, and its beginning PEFT's?"""

from __future__ import annotations

import json
import math

import pytest

from rung.training.lora import CONFIG as CONFIG_FILE
from rung.training.lora import WEIGHTS, Adapters
from rung.training.shape import Shape
from tests.training.tiny import CONFIG, stirred

torch = pytest.importorskip("torch")
SHAPE = Shape.of(CONFIG)


def test_b_begins_with_zeros_and_a_as_kaiming_draws_it() -> None:
    named = Adapters(SHAPE, rank=4, alpha=8, first=0, seed=0).tensors()
    assert all(bool((t == 0).all()) for name, t in named.items() if "lora_B" in name)
    for name, t in named.items():
        if "lora_A" in name:
            bound = 1 / math.sqrt(t.shape[1])
            assert 0.8 * bound < float(t.abs().max()) <= bound


def test_the_seed_decides() -> None:
    one, same, other = (Adapters(SHAPE, rank=4, alpha=8, first=0, seed=s).values for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_what_is_written_is_read_back() -> None:
    adapters = stirred(SHAPE)
    again = Adapters(SHAPE, rank=4, alpha=6.0, first=0, seed=9)
    again.load(adapters.tensors())
    assert torch.equal(adapters.values, again.values)


def test_the_files_say_what_they_were_made_on() -> None:
    files = stirred(SHAPE, first=1).files(base={"name": "tiny", "identity": "tiny:0"})
    assert set(files) == {WEIGHTS, CONFIG_FILE}
    config = json.loads(files[CONFIG_FILE])
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny", "tiny:0")
    assert config["layers_to_transform"] == [1, 2]
    assert (config["r"], config["lora_alpha"]) == (4, 6.0)
