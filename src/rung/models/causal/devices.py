"""Where a torch model answers and in what numbers; how much memory is there for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.errors import MissingExtra, ModelError
from rung.models.precision import chosen, multiplies_bfloat16

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda", "mps"]
_NAMES: tuple[Device, ...] = ("cuda", "mps", "cpu")
_CONTROL_GROUP = Path("/sys/fs/cgroup")  # of the container


def device() -> Device:
    """`RUNG_DEVICE`, "cuda", "mps" or "cpu"; without it CUDA where torch sees it, else MPS, else the CPU.

    Raises:
        ModelError: it names another, or one that torch does not see.
        MissingExtra: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("hf", "models in Hugging Face folders") from error
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    named = os.environ.get("RUNG_DEVICE", "auto")
    if named == "auto":
        return next(name for name in _NAMES if there[name]())
    for name in _NAMES:
        if name == named and there[name]():
            return name
    seen = ", ".join(name for name in _NAMES if there[name]())
    raise ModelError(f"RUNG_DEVICE is {named!r}, and torch {torch.__version__} sees: {seen}: name one of these, or unset it")


def number_type(where: Device, stored: str) -> torch.dtype:
    """In which numbers a model is computed.

    On the CPU float32, so that answers do not hang on their companions; with RUNG_PRECISION=fast bfloat16 where the CPU
    multiplies in it. Elsewhere the checkpoint's own type, or the nearest that the device has.

    Args:
        where: the device.
        stored: the checkpoint's type, as its config says: "bfloat16", "float16" or "float32".
    """
    import torch

    if where == "cpu":
        return torch.bfloat16 if chosen() == "fast" and multiplies_bfloat16() else torch.float32
    if stored == "float32" and chosen() == "exact":
        return torch.float32
    if where == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.float16 if stored == "float16" else torch.bfloat16


def free_memory(where: Device) -> int:
    """Bytes that a model could take there now: what the kernel, the container's limit, or the GPU's driver says."""
    if where == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), free)
    except (OSError, ValueError):  # no Linux: all the memory there is
        pass
    try:
        limit = int((_CONTROL_GROUP / "memory.max").read_text())
        used = int((_CONTROL_GROUP / "memory.current").read_text())
        lines = (_CONTROL_GROUP / "memory.stat").read_text().splitlines()
        cached = next((int(line.split()[1]) for line in lines if line.startswith("file ")), 0)  # given back when asked for
        free = min(free, limit - used + cached)
    except (OSError, ValueError):  # no such group, or "max"
        pass
    return max(0, free)
