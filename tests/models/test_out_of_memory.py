"""Where memory ends: an error is told from others, and computing goes on in a thread that was refused nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rung.models.out_of_memory import OwnThread, is_out_of_memory
from rung.models.precision import multiplies_bfloat16

ROOT = Path(__file__).parents[2]
REFUSED = """
import ctypes, resource, sys
from pathlib import Path
import torch
from rung.models.out_of_memory import OwnThread, is_out_of_memory
FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
torch.set_num_threads(1)
def product(width):
    square = torch.ones(width, width, dtype=torch.bfloat16)
    return float((square @ square)[0, 0])
own = OwnThread("products")
run = own.run if sys.argv[1] == "own" else lambda work: work()
run(lambda: product(64))
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def room():
    blocks = [libc.malloc(65536) for _ in range(256)]
    for block in blocks[:-1]:
        libc.free(ctypes.c_void_p(block))
run(room)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), FREE[1]))
try:
    run(lambda: product(96))
except RuntimeError as error:
    resource.setrlimit(resource.RLIMIT_AS, FREE)
    print(is_out_of_memory(error), error)
print(run(lambda: product(96)), run(lambda: product(112)))
"""


def limited(whose: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", REFUSED, whose], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not multiplies_bfloat16(), reason="oneDNN makes no kernels for products here")
def test_a_thread_that_was_refused_a_kernel_is_left() -> None:
    done = limited("own")
    assert done.stdout.splitlines() == ["True could not create a primitive", "96.0 112.0"], done.stderr
    assert "could not create a primitive" in limited("same").stderr  # else it would be needed no longer


def test_work_is_done_in_one_thread_and_in_another_after_memory_ended() -> None:
    own = OwnThread("products")

    def full() -> None:
        raise MemoryError

    first = own.run(threading.get_ident)
    assert first == own.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        own.run(lambda: 1 // 0)
    assert own.run(threading.current_thread).ident == first
    before = own.run(threading.current_thread)
    with pytest.raises(MemoryError):
        own.run(full)
    assert own.run(threading.current_thread) is not before


def test_a_thread_that_cannot_be_started_is_memory_that_ended() -> None:
    assert is_out_of_memory(RuntimeError("can't start new thread"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
