#!/usr/bin/env bash
# OpenVINO 2026.4.1, CPU: INFERENCE_PRECISION_HINT=f32 does not mean float32 arithmetic for 4-bit weights.
#
# On a CPU with VNNI the plugin quantises the *activations* of a compressed MatMul to 8 bits, in groups of 32, although the hint
# says f32 and get_property confirms float32. One product is off by half a per cent instead of a ten-millionth; through the 30
# layers of a small language model logits moved by 2.5 and greedy answers changed. DYNAMIC_QUANTIZATION_GROUP_SIZE=0 beside the
# hint, or EXECUTION_MODE_HINT=ACCURACY instead of it, gives float32. On CPUs without VNNI all three agree, so a test that
# compares with another runtime passes on one machine and fails on the next.
#
# Seen on 2026-11-28 with openvino 2026.4.1 (Linux x86-64, AVX-512 with VNNI), largest error relative to the largest output:
#   f32 hint: 5e-03, group size 32
#   f32 hint, group size 0: 8e-07
#   accuracy mode: 8e-07
set -euo pipefail
if ! grep -qE 'avx512_vnni|avx_vnni' /proc/cpuinfo; then
    echo "this CPU has no VNNI: nothing to see here"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q openvino==2026.4.1 numpy==2.4.6
cat >"$scratch/try.py" <<'PY'
import sys

import numpy as np
import openvino as ov
from openvino import opset13 as op

WIDTH, GROUP = 576, 32
rng = np.random.default_rng(0)
codes = rng.integers(0, 16, (WIDTH, WIDTH // GROUP, GROUP)).astype(np.uint8)
scale = (rng.random((WIDTH, WIDTH // GROUP, 1)) * 0.02 + 0.01).astype(np.float16)
data = rng.normal(size=(1, 8, WIDTH)).astype(np.float32)
exact = data @ ((codes.astype(np.float32) - 8) * scale.astype(np.float32)).reshape(WIDTH, WIDTH).T

given = op.parameter([-1, -1, WIDTH], np.float32)
packed = ov.op.Constant(ov.Type.u4, ov.Shape(codes.shape), codes.reshape(-1).tolist())
zero = ov.op.Constant(ov.Type.u4, ov.Shape(scale.shape), [8] * scale.size)
centred = op.subtract(op.convert(packed, np.float16), op.convert(zero, np.float16))
whole = op.reshape(op.multiply(centred, op.constant(scale)), op.constant(np.array([WIDTH, WIDTH])), False)
model = ov.Model([op.matmul(given, op.convert(whole, np.float32), False, True)], [given])


def error(settings: dict[str, str]) -> tuple[float, object]:
    compiled = ov.Core().compile_model(model, "CPU", settings)
    off = float(np.abs(compiled(data)[0] - exact).max() / np.abs(exact).max())
    return off, compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE")


hint, size = error({"INFERENCE_PRECISION_HINT": "f32"})
without, _ = error({"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"})
accurate, _ = error({"EXECUTION_MODE_HINT": "ACCURACY"})
print(f"f32 hint: {hint:.0e}, group size {size}")
print(f"f32 hint, group size 0: {without:.0e}")
print(f"accuracy mode: {accurate:.0e}")
sys.exit(0 if hint > 1e-3 and without < 1e-5 and accurate < 1e-5 else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
