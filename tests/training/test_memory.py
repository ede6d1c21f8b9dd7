"""What happens when memory runs out? The step is computed in smaller parts, comes to the same, and it is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, GPT2Config, Qwen3MoeConfig

from rung.errors import UserError
from rung.models.causal.devices import Device
from rung.models.precision import multiplies_bfloat16
from rung.training import Recipe, memory, train_generator
from rung.training.bases import base_of, lora_settings
from rung.training.checkpoint import Source
from rung.training.examples import Row
from rung.training.learner import Learner, adapted
from rung.training.learning import Learning
from tests.training.tiny import RECIPE, WIDE, TinyModel, chats, token_rows

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
TOOK = """
import ctypes, gc, sys
from pathlib import Path
import torch
torch.set_num_threads(2)
from rung.training import Recipe
from rung.training.bases import base_of
from rung.training.examples import Row
from rung.training.optimiser import Adam
from tests.training.tiny import WIDE, TinyModel

def kilobytes(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if name in line)

def learn(model, rows):
    learner = base_of(model).learner(recipe, rows)
    learner.learn_parts(learner.parts(rows, most=learner.most), weight=1.0)
    Adam(learner.values, learner.gradient).step(1, rate=1e-3, clip=1.0)

drawn = torch.Generator().manual_seed(0)
rows = [Row(tuple(torch.randint(0, 250, (65,), generator=drawn).tolist()), 50) for _ in range(16)]
recipe, model = Recipe(rank=16, batch_rows=16, device="cpu", precision="float32"), TinyModel(config=WIDE)
learn(TinyModel(), rows[:2])
gc.collect()
ctypes.CDLL(None).malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
learn(model, rows)
took = (kilobytes("VmHWM") - before) * 1024
print(took, base_of(model).estimate(recipe, rows, where="cpu", dtype=torch.float32).peak)
"""
LIMITED = """
import ctypes, gc, json, resource, sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from rung.errors import UserError
from rung.records import Example, Message
from rung.training import Recipe, memory, train_generator
from tests.training.tiny import WIDE, TinyModel
rows = [Example(str(n), (Message("user", f"{n} " + "x" * 90), Message("assistant", "word " * 4))) for n in range(16)]
recipe = Recipe(rank=4, epochs=1, batch_rows=16, validation=0.0, precision=sys.argv[2])
folder = Path(sys.argv[1])
train_generator(rows[:2], TinyModel(config=WIDE), recipe=replace(recipe, batch_rows=1), folder=folder / "warm")
trim = ctypes.CDLL(None).malloc_trim
for room in range(240, 0, -15):
    gc.collect()
    trim(0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room * 1_000_000, resource.RLIM_INFINITY))
    try:
        train_generator(rows, TinyModel(config=WIDE), recipe=recipe, folder=folder / str(room))
    except UserError as error:
        print("refused", room, error)
        continue
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if notes := json.loads((folder / str(room) / "manifest.json").read_text())["notes"]:
        print("saved", room, notes)
        break
"""


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A memory that holds no more than so many tokens at once."""
    learn = Learner.learn

    def holding(room: int) -> None:
        def learnt(self: Learner, rows: Sequence[Row], **given: Any) -> tuple[float, int]:
            total, tokens = learn(self, rows, **given)  # it fails late: half a gradient has been added by then
            if tokens > room:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4194304 bytes")
            return total, tokens

        monkeypatch.setattr(Learner, "learn", learnt)

    return holding


def learnt(folder: Path) -> Learning:
    recipe = Recipe(
        rank=4, alpha=8, learning_rate=0.02, epochs=1, batch_rows=8, validation=0.0, device="cpu", precision="float32"
    )
    rows = token_rows(24)
    learning = Learning(rows, (), base_of(TinyModel()).learner(recipe, rows), recipe=recipe, source=Source(folder, "of"))
    learning.run(lambda _n, _of, _note: None)
    return learning


def test_it_is_saved_step_by_step_comes_to_the_same_weights_and_is_said(
    tmp_path: Path, two_threads: None, scarce: Callable[[int], None]
) -> None:
    whole = learnt(tmp_path)
    scarce(110)
    parts = learnt(tmp_path)
    assert not whole.notes
    assert "out of memory at step 1: from there on one part of a step is computed after another" in parts.notes[0]
    assert "layers are computed twice" in parts.notes[1]
    assert "from there on at most" in parts.notes[2]
    assert parts.most < whole.most
    torch.testing.assert_close(whole.learner.values, parts.learner.values, rtol=1e-3, atol=1e-5)
    assert [loss for _, loss in whole.now.curve] == pytest.approx([loss for _, loss in parts.now.curve], rel=1e-4)
    assert parts.now.computed > whole.now.computed  # the shared beginning is computed for each part
    scarce(3)
    with pytest.raises(UserError, match=r"the memory does not hold one row of \d+ tokens: lower max_tokens"):
        learnt(tmp_path / "less")


def test_other_errors_are_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> tuple[float, int]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Learner, "learn", broken)
    with pytest.raises(RuntimeError, match="shapes cannot"):
        learnt(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision",
    [
        "float32",
        pytest.param("bfloat16", marks=pytest.mark.skipif(not multiplies_bfloat16(), reason="emulated here: minutes")),
    ],
)
def test_a_process_that_may_not_grow_saves_memory_and_goes_on(tmp_path: Path, precision: str) -> None:
    """The machine's own limit, and torch's own error."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), precision],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    assert "saved" in done.stdout, done.stdout + done.stderr[-2000:]
    assert "out of memory at step" in done.stderr


def test_what_was_said_is_kept_with_the_artifact(tmp_path: Path) -> None:
    train_generator(chats(20), TinyModel(), recipe=RECIPE, folder=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["notes"] == []


def test_too_little_memory_is_said_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model, recipe = TinyModel(), Recipe(rank=256, epochs=1, replay=0.0, device="cpu", precision="float32")
    needed = base_of(model).estimate(recipe, token_rows(8), where="cpu", dtype=torch.float32)
    assert needed.least < needed.peak
    monkeypatch.setattr(memory, "free_memory", lambda _: needed.peak - 1)
    train_generator(chats(8), model, recipe=recipe, folder=tmp_path / "a")
    assert "training tiny is expected to take 0.01 GB: 0.00 billion weights" in caplog.text
    notes = json.loads((tmp_path / "a" / "manifest.json").read_text())["notes"]
    assert notes[0].startswith("too little memory was free: from the beginning ")
    monkeypatch.setattr(memory, "free_memory", lambda _: needed.least - 1)
    monkeypatch.setattr(TinyModel, "weights", lambda _: pytest.fail("they were read"))
    says = r"takes 0\.01 GB, and with little at once still .*adapters of rank 256 with their gradients .*, 0\.01 GB"
    with pytest.raises(UserError, match=says):
        train_generator(chats(8), model, recipe=recipe, folder=tmp_path / "b")


@pytest.mark.slow
def test_the_estimate_is_near_what_a_training_takes() -> None:
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TOOK], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    took, estimated = map(int, done.stdout.split())
    assert took > 100e6
    assert 0.7 < estimated / took < 1.4


def estimated(where: Device, dtype: Any, **given: Any) -> memory.Estimate:
    return base_of(TinyModel(config=WIDE)).estimate(Recipe(rank=4, **given), token_rows(8), where=where, dtype=dtype)


def test_arrays_are_counted_where_they_lie() -> None:
    """On a CPU the model computes on them; a device of its own takes the weights, and main memory the arrays."""
    wide, narrow = (estimated("cpu", dtype) for dtype in (torch.float32, torch.bfloat16))
    bytes_of_all = 4 * wide.numbers
    assert (wide.weights, wide.host, narrow.host) == (bytes_of_all, 0, 0)
    assert wide.reading == narrow.reading == int(1.1 * bytes_of_all)
    embeddings = 260 * 512 * 4
    assert 0 < narrow.weights - bytes_of_all / 2 - embeddings < 20_000  # the embeddings wide, the head for itself; vectors
    there = estimated("cuda", torch.bfloat16)
    assert (there.weights, there.host) == (bytes_of_all // 2, bytes_of_all)
    four = estimated("cuda", torch.bfloat16, quantize="4bit")
    assert four.host == bytes_of_all
    assert four.reading < 0.16 * bytes_of_all
    assert estimated("mps", torch.bfloat16).reading > 1.5 * bytes_of_all  # of one memory


def test_main_memory_is_looked_at_for_a_device_that_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    four, recipe = estimated("cuda", torch.bfloat16, quantize="4bit"), Recipe(rank=4, quantize="4bit")
    free: dict[str, int] = {"cuda": four.peak, "cpu": four.host}
    monkeypatch.setattr(memory, "free_memory", lambda where: free[where])
    assert memory.check_memory("m", four, recipe, where="cuda", number="4 bits") == four.peak
    free["cpu"] -= 1
    with pytest.raises(UserError, match=r"take 0\.04 GB of main memory while they are read, and 0\.04 GB are free"):
        memory.check_memory("m", four, recipe, where="cuda", number="4 bits")


def test_losses_of_weights_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 1000)
    monkeypatch.setattr(TinyModel, "weights", lambda _: pytest.fail("they were read"))
    with pytest.raises(UserError, match=r"the weights of tiny take 0\.00 GB as they are read"):
        base_of(TinyModel()).losses(None)


def test_what_no_gradient_goes_through_is_not_remembered_and_turned_layers_count() -> None:
    whole, upper = estimated("cpu", torch.float32), estimated("cpu", torch.float32, first_layer=2)
    assert upper.activations < 0.4 * whole.activations
    named: dict[str, Any] = {"num_hidden_layers": 2, "vocab_size": 64}
    experts = {"num_experts": 8, "moe_intermediate_size": 32, "head_dim": 16, "num_key_value_heads": 2}
    numbers = {}
    for name, config in {
        "gpt2": GPT2Config(n_layer=2, n_embd=64, n_head=4, vocab_size=64),
        "two": Qwen3MoeConfig(hidden_size=64, num_attention_heads=4, num_experts_per_tok=2, **experts, **named),
        "four": Qwen3MoeConfig(hidden_size=64, num_attention_heads=4, num_experts_per_tok=4, **experts, **named),
    }.items():
        with torch.device("meta"):
            model = adapted(AutoModelForCausalLM.from_config(config), lora_settings(Recipe(rank=4)), seed=0)
        opening = memory.Opening("cuda", torch.float32, torch.float32)
        numbers[name] = memory.estimate(
            model, [Row(tuple(range(11)), 10)], Recipe(rank=4, batch_rows=1), opening=opening
        ).activations
    logits = int(64 * 16 / 11)
    # c_attn, c_proj, c_fc, c_proj of each of two blocks; of two experts more: gate and up together, down
    assert numbers["gpt2"] == 11 * (6 * 2 * (4 * 64 + 2 * 64 + 2 * 5 * 64) + logits)
    assert numbers["four"] - numbers["two"] == 11 * 6 * 2 * 2 * ((64 + 64) + (32 + 64))
