"""What torch computes where memory may end: the libraries' words for it, and a thread that can be given up.

After a kernel of oneDNN's could not get its memory, the thread that asked is refused every further kernel for as long as it
lives, however much memory is free again (`findings/onednn_thread_never_recovers_from_memory.sh`). Hence `OwnThread`. What is
done when memory has run out is left to those who compute.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

R = TypeVar("R")

# How the libraries say it, in lower case: torch and its allocators, CUDA's libraries, C++, the kernel, Python. oneDNN names
# no reason: it cannot create a kernel, or run it, when the process may not grow.
_FULL = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "could not allocate",
    "failed to allocate",
    "allocation failed",
    "alloc_failed",
    "unable to mmap",
    "bad_alloc",
    "can't start new thread",
    "could not create a primitive",
    "could not create a memory",
    "could not execute a primitive",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or the machine below it, had no memory left."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _FULL)


def give_back() -> None:
    """Let go of what is needed no longer, and of what torch and the C library keep of it."""
    import torch

    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:  # glibc: oneDNN maps its kernels outside the heap
        trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class OwnThread:
    """Computes in a thread of its own; once memory ran out there, in another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(1, name)

    def run(self, work: Callable[[], R]) -> R:
        """What the work comes to, or raises. It has ended then, also where the caller was interrupted."""
        task = None
        try:
            task = self._pool.submit(work)
            return task.result()
        except BaseException as error:
            if task is not None:
                wait([task])
            if is_out_of_memory(error):
                self._pool.shutdown(wait=False)
                self._pool = ThreadPoolExecutor(1, self._name)
            raise
        finally:
            del task  # it holds the error, whose frames hold it
