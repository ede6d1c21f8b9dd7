"""The command line as a user runs it, another process each time, but forked from one that has the slow imports behind it.

Starting Python and importing took most of the time of the tests of the command line. The first command of each verb brings
Rung anew, as a user's does, so that what a verb does not import itself is missed; before it, only libraries were imported.
Later ones find Rung imported, too. Nothing is imported beforehand that starts threads, or reads the environment as it comes.
"""

from __future__ import annotations

import itertools
import json
import os
import re
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
READS_ENVIRONMENT = {"huggingface_hub", "torch", "transformers"}
_VERB = re.compile("[a-z]{1,30}")
# what runs as it is imported, what needs pytest, and what needs one of the above
_LATER = re.compile(r"\.(__main__|worker|testing|migrations)\b|^rung\.models\.causal\.rows$")


class Ended(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class Commands:
    """Runs commands one after the other; `close` it in the end."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)  # before a test changes it: servers are started when they are first needed
        self._seen: set[tuple[str, ...]] = set()
        self._servers: dict[bool, subprocess.Popen[str]] = {}

    def run(self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], files: Path) -> Ended:
        """`rung` with these words, as `python -m rung` runs it; its output goes through files in `files`."""
        out, err = files / "stdout", files / "stderr"
        asked = {"words": list(words), "cwd": str(cwd), "env": dict(env), "out": str(out), "err": str(err)}
        verb = tuple(itertools.takewhile(lambda word: _VERB.fullmatch(word) and not (cwd / word).exists(), words[:2]))
        server = self._server(again=verb in self._seen)
        self._seen.add(verb)
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return Ended(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def _server(self, *, again: bool) -> subprocess.Popen[str]:
        if again not in self._servers:
            command = [sys.executable, str(Path(__file__)), *(["rung"] if again else [])]
            pipe, root = subprocess.PIPE, Path(__file__).parents[1]
            started = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root, env=self._environment)
            self._servers[again] = started
        return self._servers[again]

    def close(self) -> None:
        """End the processes that fork."""
        for server in self._servers.values():
            assert server.stdin is not None
            server.stdin.close()
            server.wait(timeout=30)


def _serve(packages: Sequence[str]) -> None:
    import gc
    import importlib
    import pkgutil
    import threading

    for module in SLOW:
        importlib.import_module(module)
    for package in packages:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not _LATER.search(found.name):
                importlib.import_module(found.name)
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert ("rung" in loaded) == bool(packages)
    assert not loaded & READS_ENVIRONMENT, loaded & READS_ENVIRONMENT
    assert threading.active_count() == 1, threading.enumerate()  # a fork has no other thread
    gc.freeze()
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
