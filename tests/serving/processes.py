"""Servers in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

HEADERS = {"x-caller": "somebody"}
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?=/v1)")


class Server:
    """A server that was started; `delay`: seconds between two words of its model."""

    def __init__(self, folder: Path, delay: float) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "tests.serving.serving", str(folder), str(self.port), str(delay)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(600):
            try:
                httpx.get(f"{self.url}/health/ready")
                return
            except httpx.TransportError:
                assert self.process.poll() is None
                time.sleep(0.1)
        raise AssertionError("the server did not come up")

    def counts(self, *lines: str) -> None:
        """Wait until the metrics have these lines."""
        for _ in range(300):
            counted = httpx.get(f"{self.url}/metrics", headers=HEADERS).text
            if all(f"{line}\n" in counted for line in lines):
                return
            time.sleep(0.05)
        raise AssertionError(counted)

    def end(self) -> tuple[int, str]:
        """Its exit code and its last words, when it has ended."""
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out


@contextmanager
def rung_serve(folder: Path, *words: str) -> Iterator[str]:
    """`rung serve` as users start it; its address. It has to end in order, and without a traceback in its log."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "rung", "serve", str(folder), "--port", "0", *words]
        process = subprocess.Popen(command, stderr=log, env={**os.environ, "RUNG_LOG": "info"})
        try:
            yield _address(process, log)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            log.seek(0)
            assert "Traceback" not in (written := log.read()), written
        finally:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: IO[str]) -> str:
    for _ in range(600):
        log.seek(0)
        if found := _ADDRESS.search(log.read()):
            return found[0]
        assert process.poll() is None, "it ended"
        time.sleep(0.1)
    raise AssertionError("the server did not come up")
