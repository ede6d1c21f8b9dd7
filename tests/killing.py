"""A command that is killed in the middle, so that what it kept can be gone on with."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def killed(
    command: Sequence[str],
    checkpoint: Path,
    patience: float,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> bool:
    """Whether it was killed, so many seconds after its checkpoint was there, or had ended before."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(patience)
    is_running = process.poll() is None
    if is_running:
        process.send_signal(signal.SIGKILL)
    process.wait()
    return is_running
