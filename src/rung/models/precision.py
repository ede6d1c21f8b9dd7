"""In which numbers this machine computes: what "exact" and "fast" mean to OpenVINO, and what the CPU multiplies in.

Every graph that Rung compiles by itself or hands to a pipeline takes its settings from here. Which type training uses on
other devices is left to `training.device`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from rung.errors import ModelError

Precision = Literal["exact", "fast"]

OPENVINO: dict[Precision, dict[str, str]] = {
    # With an 8-bit cache 2 of 16 greedy answers differed from the trainer's, with float16 none; the speed was the same.
    # With VNNI the plugin quantises what is multiplied by 4-bit weights, whatever the hint says: logits move by 2.5.
    "exact": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"},
    "fast": {},
}
# The variables by which oneDNN is told to leave instructions out, and the values that leave out bfloat16 products.
NARROWING = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_WITHOUT_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
_WITH_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def chosen() -> Precision:
    """`RUNG_PRECISION`: "exact" (the default) or "fast".

    Raises:
        ModelError: it says something else.
    """
    named = os.environ.get("RUNG_PRECISION", "exact")
    if named == "exact":
        return "exact"
    if named == "fast":
        return "fast"
    raise ModelError(f"RUNG_PRECISION is {named!r}: set it to 'exact' or 'fast', or unset it")


def cpu_flags() -> frozenset[str] | None:
    """The instructions that the CPU has, in the kernel's names; None where the machine does not tell (no Linux on x86)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((frozenset(line.split()) for line in lines if line.startswith("flags")), None)


def narrowed() -> str:
    """The variable that leaves instructions out for oneDNN, as `NAME=value`; "" where none is set."""
    return next((f"{name}={os.environ[name]}" for name in NARROWING if os.environ.get(name)), "")


def multiplies_bfloat16() -> bool:
    """Whether the CPU has bfloat16 products, and oneDNN may use them. Emulated, they are 60 times slower than float32."""
    if narrowed().partition("=")[2].upper() in _WITHOUT_BFLOAT16:
        return False
    return bool(_WITH_BFLOAT16 & (cpu_flags() or frozenset()))
