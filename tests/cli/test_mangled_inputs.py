"""Does any mangled input end in a traceback? A short form of benchmarks/torture_inputs.py, and streams of every kind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
QUICK = ("settings", "yaml", "rows", "schema", "facts", "bytes", "places", "options", "links")


@pytest.fixture(scope="module")
def torture() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("torture_inputs", BENCHMARKS / "torture_inputs.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["torture_inputs"] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("torture_inputs", None)


def test_mangled_inputs_end_in_sentences(torture: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    tally = torture.torture(range(32), 7, 60.0, kinds=QUICK, show=True)
    assert sum(tally.runs.values()) > 90
    assert tally.failed == 0, capsys.readouterr().out


def test_names_that_are_no_utf_8(torture: ModuleType, tmp_path: Path) -> None:
    """A file may have such a name, and is named with a mark for each strange byte; a project's folder may not."""
    name = os.fsdecode(b"caf\xe9")
    folder = torture.make_project(tmp_path / "p")
    (folder / f"{name}.txt").write_text("Is there a rope?\n", encoding="utf-8")
    (folder / "docs" / "shipping.txt").rename(folder / "docs" / f"{name}.txt")
    (folder / "cases.jsonl").rename(folder / f"{name}.jsonl")
    settings = {**sys.modules["torture_mangling"].SETTINGS, "cases": ["caf*.jsonl"]}
    (folder / "rung.yaml").write_text(json.dumps(settings), encoding="utf-8")
    commands: list[list[str]] = [
        ["sync", "."],
        ["compare", ".", "--limit", "2"],
        ["search", ".", "Norway", "--json"],
        ["distill", ".", "--teacher", "scripted", "--inputs", f"{name}.txt", "-o", f"{name}.made.jsonl"],
        ["examples", "convert", "examples.jsonl", "--approve", name],
        ["search", ".", name],
        ["init", name],
    ]
    said = []
    with torture.Worker() as worker:
        for words in commands:
            ran = worker.run(torture.Mangled(folder, "names", "names", commands), words, 60.0)
            assert ran.fault == "", (words, ran.said)
            said.append(ran.said)
    assert (folder / f"{name}.made.jsonl").stat().st_size > 0
    assert "a project needs a path in UTF-8" in said[-1]
    assert not (folder / name).exists()


def test_a_pipe_is_not_waited_for(torture: ModuleType, tmp_path: Path) -> None:
    """A file that is added to is read before."""
    folder = torture.make_project(tmp_path / "p")
    os.mkfifo(folder / "fifo.jsonl")
    with torture.Worker() as worker:
        ran = worker.run(torture.Mangled(folder, "", "", ()), ["cases", "suggest", ".", "--output", "fifo.jsonl"], 60.0)
    assert (ran.fault, "is no plain file" in ran.said) == ("", True)


@pytest.mark.parametrize(
    ("shell", "codes", "said"),
    [
        ("rung doctor | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", (0, 2, 141), ""),
        ("rung --version >/dev/full", (2,), "No space left"),
        ("rung --help >/dev/full", (2,), "No space left"),
        ("rung --version >&-", (2,), "standard output is closed"),
        ("rung --version 2>&- <&-", (0,), ""),
        ("rung nonsense 2>/dev/full", (2,), ""),
        ("rung nonsense >&- 2>&- <&-", (2,), ""),
        ("rung advise . >&- 2>&- <&-", (0, 2), ""),
        ("PYTHONIOENCODING=ascii rung check größe", (2,), r"gr\u00f6\u00dfe"),
    ],
)
def test_streams_that_are_none(shell: str, codes: tuple[int, ...], said: str, tmp_path: Path) -> None:
    command = shell.replace("rung ", f"{sys.executable} -m rung ", 1)
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, timeout=120, cwd=tmp_path, env={**os.environ}
    )
    told = done.stderr.decode()
    assert done.returncode in codes, told
    assert said in told
    assert "Traceback" not in told
    assert "Exception ignored" not in told
