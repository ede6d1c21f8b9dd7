"""The command line as a user runs it, another process each time, but forked from one that has the slow imports behind it.

Starting Python and importing what outside libraries need took most of the time of the tests of the command line. Only
libraries are imported beforehand, and none that starts threads; Rung itself comes anew with every command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# what commands import from elsewhere, and what takes longest of it
SLOW = (
    "lance_namespace",
    "numpy",
    "pyarrow",
    "pydantic",
    "rich.console",
    "rich.progress",
    "scipy.special",
    "scipy.stats",
    "typer",
)


class Ended(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class Commands:
    """Runs commands one after the other; `close` it in the end."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__)), *SLOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], files: Path) -> Ended:
        """`rung` with these words, as `python -m rung` runs it; its output goes through files in `files`."""
        out, err = files / "stdout", files / "stderr"
        asked = {"words": list(words), "cwd": str(cwd), "env": dict(env), "out": str(out), "err": str(err)}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return Ended(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        """End the process that forks."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)


def _serve(modules: Sequence[str]) -> None:
    import importlib
    import threading

    for module in modules:
        importlib.import_module(module)
    assert not [name for name in sys.modules if name.partition(".")[0] == "rung"]
    assert threading.active_count() == 1, threading.enumerate()  # a fork has no other thread
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(asked)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _become(asked: Mapping[str, object]) -> None:
    """The command; never comes back."""
    import runpy

    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(str(asked[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    sys.argv = ["rung", *asked["words"]]  # type: ignore[misc]
    code: object = 70
    try:
        runpy.run_module("rung", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(sys.argv[1:])
