"""Where is trained? Every tensor on one device; one that is absent is said; memory that runs out is known as such."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM, masking_utils

from rung.errors import UserError
from rung.models.causal.network import Network
from rung.models.out_of_memory import is_out_of_memory
from rung.models.precision import multiplies_bfloat16
from rung.training.bases import lora_settings
from rung.training.device import find_device, product_type
from rung.training.learner import Learner
from rung.training.recipe import Recipe
from tests.training.tiny import CONFIG, RECIPE, token_rows

torch = pytest.importorskip("torch")


def test_a_device_that_is_not_there_is_said() -> None:
    assert find_device("cpu").type == "cpu"
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("cuda", "mps"):
        if find_device("auto").type != name:
            with pytest.raises(UserError, match=rf"device: {name} was asked for, .* write device: auto"):
                find_device(name)
    with pytest.raises(UserError, match="'device' must be one of auto, cpu, cuda, mps, found 'tpu'"):
        Recipe.of({"device": "tpu"}, rows=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_tensor_of_a_step_is_left_on_the_cpu(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's "meta" device has shapes and no numbers, and refuses to be mixed with the CPU, as a GPU does."""
    monkeypatch.setattr(masking_utils, "find_packed_sequence_indices", lambda _: None)  # the library looks at numbers there
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**CONFIG)).to(dtype)
    where: Any = "meta"
    learner = Learner(Network(model, where), lora_settings(RECIPE), seed=0, products_in="none")
    with learner.forward.computed(token_rows(7)) as (losses, _):
        changes = torch.autograd.grad(losses.sum(), learner.learnt)
    assert {t.device.type for t in (losses, learner.values, learner.gradient, *changes)} == {"meta"}
    learner.forward.network.device = "cpu"  # the check of the check: a batch on the CPU is refused
    with pytest.raises(RuntimeError, match="device"), learner.forward.computed(token_rows(7)):
        pass


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("could not create a primitive"), True),  # oneDNN, with bfloat16 products
        (RuntimeError("could not execute a primitive"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("Could not allocate memory for Tensor SizesAndStrides!"), True),
        (RuntimeError("Torch: unable to mmap memory: you tried to mmap 1GB."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_what_is_out_of_memory(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one


def test_a_recipe_gets_the_numbers_that_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    here = torch.bfloat16 if multiplies_bfloat16() else torch.float32
    assert product_type(torch.device("cpu"), "auto") is here
    assert product_type(torch.device("cpu"), "float32") is torch.float32
    assert product_type(torch.device("cpu"), "bfloat16") is torch.bfloat16
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert product_type(torch.device("cpu"), "auto") is torch.float32  # what oneDNN may not use would be emulated
    with pytest.raises(UserError, match="'precision' must be one of auto, float32, bfloat16, found 'fp8'"):
        Recipe.of({"precision": "fp8"}, rows=1)


LEARNT = """
import json
import sys
from pathlib import Path
from rung.training import Recipe, train_generator
from tests.training.tiny import WIDE, TinyModel, chats
recipe = Recipe(rank=4, learning_rate=0.005, epochs=1, batch_rows=8, device="cpu", precision=sys.argv[2], seed=3)
train_generator(chats(24), TinyModel(config=WIDE), recipe=recipe, folder=Path(sys.argv[1]))
made = json.loads((Path(sys.argv[1]) / "manifest.json").read_text())
print(made["products_in"], *(loss for _, loss in made["train_loss"]))
"""


@pytest.mark.slow
def test_float32_learns_the_same_with_fewer_instructions(tmp_path: Path) -> None:
    """AVX2 alone, as on older CPUs, beside whatever this CPU has."""
    narrow = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    curves = {}
    for name, precision, environment in (("here", "float32", {}), ("narrow", "auto", narrow)):
        command = [sys.executable, "-c", LEARNT, str(tmp_path / name), precision]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            command, cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
        kind, *losses = done.stdout.split()
        assert kind == "float32", name
        curves[name] = [float(loss) for loss in losses]
    assert curves["here"] == pytest.approx(curves["narrow"], rel=1e-3)
