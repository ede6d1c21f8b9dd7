"""Where is trained, and in what numbers, found at run time: a GPU where torch sees one, else the CPU.

Only the CPU has been measured (docs/training.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.models.precision import multiplies_bfloat16

if TYPE_CHECKING:
    import torch


def find_device(requested: str) -> torch.device:
    """The device of a recipe's `device`; "auto": CUDA, else MPS, else the CPU.

    Raises:
        UserError: torch does not see the device that was named.
    """
    import torch

    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    if requested == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there()))
    if not there[requested]():
        seen = ", ".join(name for name, is_there in there.items() if is_there())
        raise UserError(
            f"device: {requested} was asked for, and torch {torch.__version__} sees none (it sees: {seen}): "
            f"install a torch that is built for it, or write device: auto"
        )
    return torch.device(requested)


def product_type(device: torch.device | None = None, precision: str = "auto") -> torch.dtype:
    """The type of the dense products, by a recipe's `precision`; "auto": bfloat16 where the device multiplies in it.

    A CPU does with AMX or AVX-512 BF16; emulated, it is 60 times slower than float32.
    """
    import torch

    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device is not None and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device is not None and device.type == "mps":
        return torch.bfloat16
    return torch.bfloat16 if multiplies_bfloat16() else torch.float32
