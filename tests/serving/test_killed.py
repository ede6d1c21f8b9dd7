"""Is nothing lost that was acknowledged, where promoting or serving is killed? `benchmarks/kills.py` in short."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def kills() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    bench = kills()
    promoting, serving = bench.kills(bench.make_project(tmp_path / "kills"), 3, seed=1)
    assert promoting.gone == serving.gone == []
    assert (promoting.kills, serving.kills) == (3, 3)
    assert promoting.acknowledged >= 3
    assert serving.acknowledged >= 3
