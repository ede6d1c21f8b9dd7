"""Some hundred mangled files of all forms; `tests.importers.mangling` tries as many as are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers.mangling import ending

SEEDS = 300


@pytest.mark.parametrize("block", range(6))
def test_a_mangled_file_ends_in_a_report_or_a_sentence(block: int, tmp_path: Path) -> None:
    size = SEEDS // 6
    ends = {seed: ending(seed, tmp_path / str(seed)) for seed in range(block * size, (block + 1) * size)}
    assert {seed: end for seed, end in ends.items() if end not in ("imported", "refused")} == {}
    assert "imported" in ends.values()
