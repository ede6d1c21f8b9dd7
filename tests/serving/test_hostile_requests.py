"""Does a server that is attacked tell anything of another group, or fall? `benchmarks/hostile_requests.py` in short."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("hostile_requests")
    for name in ("hostile_requests", "hostile_attacker", "hostile_tokens"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_nothing_leaks_and_nothing_falls(hostile: ModuleType) -> None:
    counts, wrong, _ = hostile.run(400, seed=1, at_once=8)
    assert wrong == []
    assert sum(counts.values()) == 400
    assert len({kind for kind, _ in counts}) == 9


def test_a_leak_a_fall_and_an_open_door_are_faults(hostile: ModuleType) -> None:
    """Can the judge find what it looks for?"""
    request = hostile.Request("asks for secrets", canaries=frozenset({hostile.PARTNERS}))
    assert hostile.fault_of(request, 200, f"the code is {hostile.STAFF}.") == f"leaks {hostile.STAFF}"
    assert hostile.fault_of(request, 200, f"the code is {hostile.PARTNERS}.") == ""
    assert hostile.fault_of(request, 500, "") == "status 500"
    assert hostile.fault_of(request, 503, "") == ""
    assert hostile.fault_of(request, 0, "") == "no answer"
    assert "status 200" in hostile.fault_of(hostile.Request("bad credential", statuses=frozenset({401})), 200, "")
