"""One thread: for a model this small a second one only waits for the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As on most machines: parts of a batch are computed side by side."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for the processes that tests start
    torch.set_num_threads(1)
