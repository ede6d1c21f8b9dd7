"""A comparison that goes on whoever watches: `rung compare` as a process of its own, its output in a file of the project."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.config.project import Project
from rung.errors import UserError
from rung.files.durable import alone
from rung.pipeline.run_control import LOCK, LOG
from rung.pipeline.run_record import read_record

PATIENCE = 60.0  # seconds until it has begun, or said why not
_LOOKING = 0.1
_SHOWN = 40  # lines of the log


@dataclass(frozen=True, slots=True)
class Asked:
    """How it is to run. `limit`: a trial run of so many cases; None: all; budgets None: none."""

    limit: int | None = None
    minutes: float | None = None
    usd: float | None = None

    @property
    def words(self) -> list[str]:
        """As options of the command."""
        given = {"--limit": self.limit, "--budget-minutes": self.minutes, "--budget-usd": self.usd}
        return [word for option, value in given.items() if value is not None for word in (option, repr(value))]


def start_comparison(project: Project, asked: Asked) -> None:
    """Begin a comparison, and return when it is under way.

    Raises:
        UserError: one runs already, or this one ended before it began; says why.
    """
    with alone(project.state / LOCK):
        record = read_record(project)
        if record is not None and record.status == "running":
            raise UserError(f"a comparison runs already (process {record.process}): let it end, or stop it first")
        before = None if record is None else (record.process, record.began)
        log = project.state / LOG
        process = _spawned([sys.executable, "-m", "rung", "compare", str(project.root), *asked.words], log)
        ends = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < ends:
            record = read_record(project)
            if record is not None and (record.process, record.began) != before:
                return
            time.sleep(_LOOKING)
        if process.returncode and (record is None or record.process != process.pid):
            raise UserError(f"the comparison did not begin: {' '.join(log_lines(project)[-3:]) or 'it said nothing'}")


def _spawned(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """The process; it outlives this one, whose own it is not, and is waited for so that nothing of it is left."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    threading.Thread(target=process.wait, name="comparison", daemon=True).start()
    return process


def log_lines(project: Project) -> list[str]:
    """The last lines of what it wrote; none where none was started here."""
    try:
        with (project.state / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 20_000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.replace("\r", "\n").split("\n") if line.strip()][-_SHOWN:]
