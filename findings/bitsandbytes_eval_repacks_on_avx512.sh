#!/usr/bin/env bash
# bitsandbytes 0.50.2, CPU with AVX-512 bfloat16: Linear4bit computes in train() and raises in eval(), and eval() rounds again.
#
# In evaluation mode the first forward repacks the 4-bit weights for a kernel of its own. It takes only layers whose inputs are a
# multiple of the block (64): a narrower one raises "shape '[32, 0]' is invalid for input of size 16", in eval() only. A layer
# that it takes is changed for good: scales are rounded to bfloat16, so that the same layer says something else after having
# been looked at once in eval() mode, also when it is in train() mode again. On CPUs without AVX-512 bfloat16 neither happens.
#
# Seen on 2026-11-28 with bitsandbytes 0.50.2, torch 2.13.0 (Linux x86-64 with AVX-512 BF16, Python 3.11):
#   width 32: train() computes, eval() raises RuntimeError
#   width 64: train() after eval() differs from train() before
set -euo pipefail
if ! grep -q avx512_bf16 /proc/cpuinfo; then
    echo "this CPU has no AVX-512 bfloat16: nothing to see here"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q torch==2.13.0 bitsandbytes==0.50.2 numpy==2.4.6
cat >"$scratch/try.py" <<'PY'
import sys

import bitsandbytes as bnb
import torch


def layer(width: int) -> torch.nn.Module:
    torch.manual_seed(0)
    made = bnb.nn.Linear4bit(width, 32, bias=False, compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4")
    return made.to("cpu")


x = torch.randn(4, 32)
narrow = layer(32)
narrow.train()(x)
try:
    narrow.eval()(x)
    said = "computes"
except RuntimeError as error:
    said = f"raises {type(error).__name__}"
print(f"width 32: train() computes, eval() {said}")

wide, y = layer(64), torch.randn(4, 64)
before = wide.train()(y).float()
wide.eval()(y)
after = wide.train()(y).float()
differs = not torch.equal(before, after)
print(f"width 64: train() after eval() {'differs from' if differs else 'equals'} train() before")
sys.exit(0 if said == "raises RuntimeError" and differs else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
