"""Over random access lists: is nothing forbidden found, and nothing readable missed? benchmarks/leaks.py asks for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rung.testing.leaks import leaks_and_misses


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_no_search_leaks_or_misses(seed: int, tmp_path: Path) -> None:
    assert leaks_and_misses(tmp_path, random.Random(seed), 500) == (0, 0)
