"""Where is trained? Every tensor on one device; one that is absent is said; memory that runs out is known as such."""

from __future__ import annotations

import pytest

from rung.errors import UserError
from rung.training.device import find_device, is_out_of_memory
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.packing import pack
from rung.training.recipe import Recipe
from rung.training.shape import Shape
from tests.training.tiny import CONFIG, TinyModel, token_rows

torch = pytest.importorskip("torch")
SHAPE = Shape.of(CONFIG)


def test_a_device_that_is_not_there_is_said() -> None:
    assert find_device("cpu").type == "cpu"
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("cuda", "mps"):
        if find_device("auto").type != name:
            with pytest.raises(UserError, match=rf"device: {name} was asked for, .* write device: auto"):
                find_device(name)
    with pytest.raises(UserError, match="device is 'tpu': give auto or cpu or cuda or mps"):
        Recipe(device="tpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_tensor_of_a_step_is_left_on_the_cpu(dtype: object) -> None:
    """torch's "meta" device has shapes and no numbers, and refuses to be mixed with the CPU, as a GPU does."""
    device = torch.device("meta")
    adapters = Adapters(SHAPE, rank=4, alpha=8.0, first=1, seed=0, device=device)
    net = Network({name: torch.from_numpy(w) for name, w in TinyModel().weights().items()}, SHAPE, adapters, dtype=dtype)
    packed = pack(token_rows(7), device=device)
    x, saved = net._forward(packed)
    total, change = net._head(x, packed, weight=0.5)
    net._backward(change, packed, saved)
    assert {t.device.type for t in (x, total, change, adapters.gradient)} == {"meta"}
    with pytest.raises(RuntimeError, match="device"):
        net._forward(pack(token_rows(7)))  # the check of the check: a batch on the CPU is refused


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_out_of_memory(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one
