"""Where is trained, and in what numbers? Found at run time: a GPU where torch sees one, else the CPU.

The network of `training.network` runs on any of them; only the CPU has been measured (docs/training.md).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from rung.errors import UserError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
_FULL = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc")


def find_device(wanted: str) -> torch.device:
    """The device of a recipe's `device`; "auto": CUDA, else MPS, else the CPU.

    Raises:
        UserError: torch does not see the device that was named.
    """
    import torch

    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    if wanted == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there()))
    if not there[wanted]():
        found = ", ".join(name for name, is_there in there.items() if is_there())
        raise UserError(
            f"device: {wanted} was asked for, and torch {torch.__version__} sees none (it sees: {found}): "
            f"install a torch that is built for it, or write device: auto"
        )
    return torch.device(wanted)


def fast_type(device: torch.device | None = None) -> torch.dtype:
    """The type of the dense products: bfloat16 where the device multiplies in it, else float32.

    A CPU does with AMX or AVX-512 BF16; emulated, it is 60 times slower.
    """
    import torch

    if device is not None and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device is not None and device.type == "mps":
        return torch.bfloat16
    try:
        fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    except AttributeError:  # private names of torch 2.13; float32 is right everywhere
        fast = False
    return torch.bfloat16 if fast else torch.float32


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or the machine below it, had no memory left."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _FULL)


def give_back(clear: Callable[[], None]) -> None:
    """Let go of what a failed computation left: our buffers, then what torch keeps of freed ones."""
    import torch

    clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
