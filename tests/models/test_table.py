"""Does the table make what its file says, and does the shipped one stand near its encoder?"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rung.errors import ModelError
from rung.models.embedding import MiniLM
from rung.models.protocol import Embedder
from rung.models.table import FILE, TableEmbedder, TokenTable, shipped
from rung.testing.models import EmbedderContract

MAX_BYTES = 12_000_000


def test_a_vector_is_the_weighted_mean_of_its_tokens_and_the_constant() -> None:
    rows = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 4]], dtype=np.float32)
    table = TokenTable(rows, np.array([0.5, 0, 0], dtype=np.float32), "x")
    texts = [[0, 1, 1, 1], [], [2]]
    often = 1 + math.log(3)
    expected = np.array([[0.5 + 1 / (1 + often), 2 * often / (1 + often), 0], [0.5, 0, 0], [0.5, 0, 4]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(table.vectors(texts), expected, atol=1e-6)
    assert table.vectors([]).shape == (0, 3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", None])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "t.npz"
    if content is None:
        np.savez(path, rows=np.zeros((4, 3), np.int8), scales=np.ones(4, np.float16), constant=np.zeros(2, np.float32))
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"t\.npz .*install Rung again"):
        TokenTable.read(path)


def test_the_shipped_one_is_small_and_says_whose_it_is() -> None:
    assert FILE.stat().st_size <= MAX_BYTES
    assert shipped().rows.shape == (30_522, 384)
    words = (FILE.parent / "LICENCE").read_text(encoding="utf-8")
    assert all(name in words for name in ("all-MiniLM-L6-v2", "WordNet", "SQuAD"))


@pytest.mark.slow
class TestTable(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: MiniLM) -> Embedder:
        return TableEmbedder(minilm)


@pytest.mark.slow
def test_it_stands_near_the_encoder_and_leaves_questions_to_it(minilm: MiniLM) -> None:
    texts = [
        "Returned items are refunded within thirty days if the receipt is enclosed.",
        "The heart pumps blood through the arteries of the body.",
        "def read(path): return open(path).read()",
    ]
    table = TableEmbedder(minilm)
    by_table, by_encoder = table.embed(texts, kind="passage"), minilm.embed(texts, kind="passage")
    assert float((by_table * by_encoder).sum(axis=1).min()) > 0.4
    assert np.array_equal(table.embed(texts, kind="query"), minilm.embed(texts, kind="query"))
    assert table.identity != minilm.identity
