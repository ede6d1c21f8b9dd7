"""Do the benchmarks still fit the code? They run by hand and seldom, so that a name which moved would be noticed late."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _taken(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of what a file takes from `rung`, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rung":
            yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_takes_is_there(path: Path) -> None:
    gone = []
    for module, name in _taken(path):
        found = importlib.import_module(module)
        is_module = hasattr(found, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
        if not hasattr(found, name) and not is_module:
            gone.append(f"{module}.{name}")
    assert not gone


def test_there_are_benchmarks_that_take_something() -> None:
    assert sum(bool(list(_taken(path))) for path in BENCHMARKS.glob("*.py")) > 10
