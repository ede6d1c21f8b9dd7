"""A real `rung serve` for the benchmarks that need one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?=/v1)")


@dataclass(frozen=True)
class Served:
    """A server that answers: its address, without a path; its process; what it wrote to stderr."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    """A server of a project, its models open; stopped as a person would stop it.

    Args:
        folder: of the project.
        options: of `rung serve`.
        environment: variables for it, beside one's own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        command = [sys.executable, "-m", "rung", "serve", str(folder), "--port", "0", *options]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stderr=errors, env={**os.environ, **environment})
        try:
            while not (found := _ADDRESS.search(log.read_text("utf-8", "replace"))):
                if process.poll() is not None:
                    raise SystemExit(log.read_text("utf-8", "replace"))
                time.sleep(0.1)
            yield Served(found[0], process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(120)
            finally:
                process.kill()
