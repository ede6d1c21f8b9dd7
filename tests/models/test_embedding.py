"""The embedder against transformers' BertModel, which knows nothing of our graph."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.models.embedding import MiniLM
from rung.models.protocol import Embedder
from rung.models.weights import MINILM, fetch
from rung.testing.models import EmbedderContract

pytestmark = pytest.mark.slow


class TestMiniLM(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: MiniLM) -> Embedder:
        return minilm


TEXTS = [
    "Hello world",
    "",
    "émigré 世界 😀",
    "refunds " * 60,
    "a",
    "The violin has four strings. " * 100,
    "Paris is in France.",
]


def test_vectors_are_those_of_the_published_model(minilm: MiniLM) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = fetch(MINILM)
    network = BertModel(BertConfig.from_json_file(folder / "config.json"))
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    given = tokenizer(TEXTS, padding="longest", truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = network.eval()(given["input_ids"], attention_mask=given["attention_mask"]).last_hidden_state
    mask = given["attention_mask"][..., None].float()
    wanted = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    assert float((wanted * minilm.embed(TEXTS, kind="passage")).sum(axis=1).min()) > 0.9999


PIECES = ["word ", "Wörter", "e\u0301", "世界", "😀", " ", "\n\n", "\t", "\r\n", "\x00", "\x1c", "\u2028", "\u00a0",
          "\u200b", ". ", "don't", "[SEP]", "[CLS] ", "##ing", "a" * 120, "3.14", "-", "ﬁ", "İ"]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)), max_size=5)
)
def test_words_counted_once_are_the_tokens_of_the_text(minilm: MiniLM, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    assert minilm.count_tokens(texts) == [len(e.ids) for e in minilm.counter.tokenizer.encode_batch(texts)]


def test_it_sees_256_tokens_and_counts_them_all(minilm: MiniLM) -> None:
    words = [f"word{n}" for n in range(400)]
    seen, more = minilm.embed([" ".join(words[:60]), " ".join(words[:60] + ["other"] * 10)], kind="passage")
    assert float(seen @ more) < 0.999, "token 128 and beyond is seen: the tokenizer file's own limit was lifted"
    assert minilm.count_tokens(["word " * 1000]) == [1002]
    assert minilm.max_tokens == 256


def test_questions_at_once_have_the_vectors_that_they_have_alone(minilm: MiniLM) -> None:
    import numpy as np

    minilm.warm()
    alone = [minilm.embed([text], kind="query") for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(lambda text: minilm.embed([text], kind="query"), TEXTS * 4))
    assert all(np.array_equal(one, other) for one, other in zip(alone * 4, at_once, strict=True))
