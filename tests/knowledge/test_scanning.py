"""Does the search by one bit a dimension find what comparing all vectors finds, and never a row that is masked out?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rung.knowledge.store.scanning import Codes, codes, nearest_exactly


def vectors_of(rows: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors that differ in far fewer directions than they have dimensions, as embeddings do."""
    chance, space = np.random.default_rng(seed), np.random.default_rng(99).standard_normal((20, dimensions))
    made = chance.standard_normal((rows, 20)) @ space + 0.5 * chance.standard_normal((rows, dimensions))
    units: NDArray[np.float32] = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return units


@pytest.mark.parametrize("dimensions", [1, 63, 64, 100, 384])
def test_a_code_is_the_signs(dimensions: int) -> None:
    vectors = vectors_of(50, dimensions, 0)
    packed = codes(vectors)
    assert packed.shape == (50, -(-dimensions // 64) * 8)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1)[:, :dimensions], vectors > 0)


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
@pytest.mark.parametrize("rows", [3_000, 200_000])
def test_it_holds_the_nearest_hundred(rows: int, share: float) -> None:
    vectors, queries = vectors_of(rows, 384, 1), vectors_of(20, 384, 2)
    mask = None if share == 1 else np.random.default_rng(3).random(rows) < share
    held = Codes(codes(vectors))
    exact = nearest_exactly(queries, vectors, [mask] * len(queries), [100] * len(queries))
    missed = 0
    for query, truth in zip(queries, exact, strict=True):
        found = held.candidates(query, mask, 3_200)
        assert mask is None or mask[found].all()
        missed += len(set(truth) - set(found))
    assert missed <= 0.02 * sum(map(len, exact))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 60), count=st.integers(1, 80), masked=st.none() | st.integers(0, 2**60), seed=st.integers(0, 2**32)
)
def test_what_is_masked_out_never_comes_and_enough_comes(rows: int, count: int, masked: int | None, seed: int) -> None:
    vectors = vectors_of(rows, 16, seed)
    mask = None if masked is None else np.array([bool(masked >> row & 1) for row in range(rows)])
    found = Codes(codes(vectors)).candidates(vectors[0], mask, count)
    allowed = set(range(rows)) if mask is None else set(np.flatnonzero(mask).tolist())
    assert set(found.tolist()) <= allowed
    assert len(set(found.tolist())) == len(found) >= min(count, len(allowed))
