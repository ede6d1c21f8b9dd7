"""Does a cross-encoder learn to tell answers from others, and is what it writes the reranker that serves?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.models.cross_encoder import CrossEncoder
from rung.training.encoder import Encoder
from rung.training.reranker import CrossNetwork, Group, RerankerRecipe, group_of, train_reranker
from rung.training.retriever import positives_of
from tests.training.test_retriever import PAIRS
from tests.training.tiny_encoder import tiny_encoder

torch = pytest.importorskip("torch")
RECIPE = RerankerRecipe(
    epochs=12, batch_pairs=8, negatives=3, learning_rate=3e-3, max_tokens=64, checkpoint_seconds=0, seed=1
)


@pytest.mark.slow
def test_it_learns_and_serves_what_it_learnt(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    done = train_reranker(PAIRS, Encoder.of(folder), recipe=RECIPE, folder=tmp_path / "tuned")
    again = train_reranker(PAIRS, Encoder.of(folder), recipe=RECIPE, folder=tmp_path / "again")
    assert done.curve[-1][1] < 0.8 * done.curve[0][1]
    assert again.curve == done.curve
    served = CrossEncoder(tmp_path / "tuned")
    asked = [(PAIRS[0].anchor, p.positive) for p in PAIRS[:4]] + [("bread " * 80, "a violin " * 80)]
    network = CrossNetwork(Encoder.of(tmp_path / "tuned"), max_tokens=64, seed=0)
    from safetensors.torch import load_file

    held = load_file(tmp_path / "tuned" / "model.safetensors")
    network.encoder.named |= {name: held[name] for name in ("classifier.weight", "classifier.bias")}
    with torch.no_grad():
        mine = network.scores(network.rows(asked)).tolist()
    assert served.scores(asked) == pytest.approx(mine, abs=2e-4)


def test_parts_that_fit_into_memory_have_the_same_gradient(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path)
    groups = [Group(p.anchor, (p.positive, *p.negatives)) for p in PAIRS[:6]]
    found = []
    for tokens in (100_000, 40):
        encoder = Encoder.of(folder)
        network = CrossNetwork(encoder, max_tokens=64, seed=0)
        _, gradient = encoder.laid_flat([name for name in encoder.named if not name.startswith("embeddings.")])
        found.append((network.learn(groups, tokens=tokens), gradient.clone()))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-4, rtol=1e-3)


def test_a_group_holds_no_other_answer() -> None:
    texts, answers = [p.positive for p in PAIRS], positives_of(PAIRS)
    group = group_of(PAIRS[0], texts, answers, RECIPE, epoch=0)
    assert group.passages[0] == PAIRS[0].positive
    assert len(set(group.passages)) == 4
    assert PAIRS[0].negatives[0] in group.passages
    assert (
        group == group_of(PAIRS[0], texts, answers, RECIPE, epoch=0) != group_of(PAIRS[0], texts, answers, RECIPE, epoch=1)
    )


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 pairs are too few"):
        train_reranker(PAIRS[:3], Encoder.of(tiny_encoder(tmp_path)), recipe=RECIPE, folder=tmp_path)
    with pytest.raises(UserError, match=r"'negatives' must be .* found 0"):
        RerankerRecipe.of({"negatives": 0})
    with pytest.raises(UserError, match="unknown training setting 'rank'"):
        RerankerRecipe.of({"rank": 1})
