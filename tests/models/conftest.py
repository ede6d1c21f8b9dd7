"""The real models, opened once for all tests that need them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rung.models.catalog import embedder, generator
from rung.models.embedding import MiniLM
from rung.models.local import LocalGenerator


@pytest.fixture(scope="session")
def local() -> Iterator[LocalGenerator]:
    """SmolLM2-135M-Instruct; its weights are fetched when they are not in the cache."""
    opened = generator("smollm2-135m-instruct")
    assert isinstance(opened, LocalGenerator)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """all-MiniLM-L6-v2."""
    opened = embedder("minilm-l6-v2")
    assert isinstance(opened, MiniLM)
    return opened
