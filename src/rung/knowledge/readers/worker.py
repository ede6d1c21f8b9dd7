"""A process that reads files for `workers`; started as ``python -m rung.knowledge.readers.worker <file descriptor>``.

It keeps Ctrl-C for the process that started it, and cannot use more memory than `MEMORY`.
"""

from __future__ import annotations

import resource
import signal
import sys
from multiprocessing.connection import Connection

from rung.knowledge.readers.workers import serve

MEMORY = 3 * 2**30  # bytes


def main() -> None:
    """Serve on the pipe whose file descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))
    serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
