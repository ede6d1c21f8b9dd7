#!/usr/bin/env bash
# torch 2.13.0 (oneDNN inside): once a product found no memory for its kernel, its thread computes no new shape any more.
#
# oneDNN compiles a kernel for each new shape, into memory that it maps for it. Where the process may not grow at that moment,
# the product raises "could not create a primitive". The thread that asked is then refused every kernel that is not there
# already, though the limit is lifted and gigabytes are free: the error that the assembler keeps for each thread is looked at
# again for the next kernel, and nothing clears it. Whoever answers such an error by trying again with less at once fails
# again, down to a single row. Other threads compute all shapes.
# (In other runs, short of memory, torch did not raise but died in oneDNN.)
# Through bfloat16 products, for which torch always asks oneDNN on CPUs that have them; the limit here is set by the script.
#
# Seen on 2026-11-30 with torch 2.13.0+cpu (Linux x86-64 with AMX, and without by ONEDNN_MAX_CPU_ISA; Python 3.11):
#   limited: RuntimeError: could not create a primitive
#   limit lifted, same thread: RuntimeError: could not create a primitive
#   limit lifted, another thread: computes
#   same thread, another shape: RuntimeError: could not create a primitive
set -euo pipefail
if ! grep -qE "avx512_bf16|amx_bf16" /proc/cpuinfo; then
    echo "this CPU has no bfloat16 products: nothing to see here"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cat >"$scratch/try.py" <<'PY'
import ctypes
import resource
import sys
from pathlib import Path
from threading import Thread

import torch

C = ctypes.CDLL(None)
C.malloc.restype = ctypes.c_void_p
FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
torch.set_num_threads(1)


def product(width: int) -> str:
    square = torch.ones(width, width, dtype=torch.bfloat16)
    try:
        square @ square
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "computes"


def elsewhere(width: int) -> str:
    heard = []
    thread = Thread(target=lambda: heard.append(product(width)))
    thread.start()
    thread.join()
    return heard[0]


product(64)
heap = [C.malloc(65536) for _ in range(256)]
for block in heap[:-1]:
    C.free(ctypes.c_void_p(block))
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), FREE[1]))
width = 80
while (heard := product(width)) == "computes" and width < 2000:
    width += 16
resource.setrlimit(resource.RLIMIT_AS, FREE)
seen = {
    "limited": heard,
    "limit lifted, same thread": product(width),
    "limit lifted, another thread": elsewhere(width),
    "same thread, another shape": product(width + 16),
}
for when, what in seen.items():
    print(f"{when}: {what}")
refused = "RuntimeError: could not create a primitive"
sys.exit(0 if [*seen.values()] == [refused, refused, "computes", refused] else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
