"""llama.cpp's server, as the package `xllamacpp` has it: prints its address, and serves until its input ends.

python llama_server.py MODEL.gguf SLOTS TOKENS_OF_EACH
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Serve."""
    llama: Any = import_module("xllamacpp")  # of the environment that runs this: no part of the project's
    path, slots, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    wanted = llama.CommonParams()
    wanted.model.path = path
    wanted.n_parallel, wanted.n_ctx = slots, slots * tokens
    wanted.n_threads_http = slots + 8  # each holds a connection until its answer has ended
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = os.cpu_count()
    wanted.hostnames, wanted.port = ["127.0.0.1"], 0
    server = llama.Server(wanted)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
