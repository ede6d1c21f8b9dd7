"""Does a retriever learn what its pairs say, exactly, again, and after an interruption?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import Interrupted, UserError
from rung.models.out_of_memory import is_out_of_memory
from rung.records import Pair
from rung.training.checkpoint import CHECKPOINT
from rung.training.contrastive import Contrast, info_nce, learn
from rung.training.encoder import Encoder
from rung.training.mining import Seen, best_positive, hard_negatives
from rung.training.query_map import QueryPairs, fit, mapped
from rung.training.retriever import RetrieverRecipe, held_out, positives_of, train_encoder
from tests.training.tiny_encoder import tiny_encoder

torch = pytest.importorskip("torch")
Floats = NDArray[np.float32]
RECIPE = RetrieverRecipe(form="encoder", epochs=6, batch_pairs=4, learning_rate=3e-3, checkpoint_seconds=0, seed=3)
SUBJECTS = ("refunds", "violin", "bread", "parcel", "oven", "flour", "strings", "money")
PAIRS = tuple(
    Pair(f"how long does the {subject} {verb}", f"{subject} {n} {verb} within thirty days", (f"{verb} the {subject}?",))
    for n, subject in enumerate(SUBJECTS)
    for verb in ("ships", "pay", "heat", "tune", "bake", "knead")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


def first_ranks(encoder: Encoder) -> float:
    """Share of the pairs whose own passage is the nearest of all."""
    near = encoder.embed([p.anchor for p in PAIRS]) @ encoder.embed([p.positive for p in PAIRS]).T
    return float((near.argmax(axis=1) == np.arange(len(PAIRS))).mean())


@pytest.mark.slow
def test_it_learns(folder: Path, tmp_path: Path) -> None:
    encoder = Encoder.of(folder)
    before = first_ranks(encoder)
    done = train_encoder(PAIRS, encoder, recipe=RECIPE, folder=tmp_path)
    assert done.curve[-1][1] < 0.6 * done.curve[0][1]
    assert len(done.validation) == 6
    assert first_ranks(Encoder.of(tmp_path)) > before + 0.2
    assert not (tmp_path / CHECKPOINT).exists()
    words = "embeddings.word_embeddings.weight"
    assert torch.equal(Encoder.of(folder).named[words], Encoder.of(tmp_path).named[words]), "frozen unless asked for"


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 30])
def test_interrupted_it_ends_with_the_same_weights(folder: Path, tmp_path: Path, at: int) -> None:
    def press(step: int, _of: int, _note: str | None) -> None:
        if step == at:
            raise KeyboardInterrupt

    train_encoder(PAIRS, Encoder.of(folder), recipe=RECIPE, folder=tmp_path / "whole")
    with pytest.raises(Interrupted, match=f"step {at} of"):
        train_encoder(PAIRS, Encoder.of(folder), recipe=RECIPE, folder=tmp_path / "broken", progress=press)
    train_encoder(PAIRS, Encoder.of(folder), recipe=RECIPE, folder=tmp_path / "broken")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert weights[0] == weights[1]


def test_parts_that_fit_into_memory_have_the_same_gradient(folder: Path) -> None:
    batch = Contrast.of(PAIRS[:8], positives_of(PAIRS), negatives=1)
    found = []
    for tokens in (100_000, 64):
        encoder = Encoder.of(folder)
        _, gradient = encoder.flatten(words=True)
        loss = learn(encoder, batch, temperature=0.05, dims=(32, 8), tokens=tokens)
        found.append((loss, gradient.clone()))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-4, rtol=1e-3)


def test_out_of_memory_halves_the_parts_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def narrow(encoder: Encoder, batch: Contrast, *, temperature: float, dims: tuple[int, ...], tokens: int) -> float:
        if tokens > 5000:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return learn(encoder, batch, temperature=temperature, dims=dims, tokens=tokens)

    monkeypatch.setattr("rung.training.retriever.learn", narrow)
    train_encoder(PAIRS[:8], Encoder.of(folder), recipe=RECIPE, folder=tmp_path)
    assert [record.args for record in caplog.records] == [(8192,), (4096,)]
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_a_loss_that_is_no_number_stops_the_training(folder: Path, tmp_path: Path) -> None:
    encoder = Encoder.of(folder)
    with torch.no_grad():
        encoder.named["encoder.layer.1.output.dense.bias"][0] = float("nan")
    with pytest.raises(UserError, match="the loss is no number at step 1 of"):
        train_encoder(PAIRS, encoder, recipe=RECIPE, folder=tmp_path)
    with pytest.raises(UserError, match="2 pairs are too few"):
        train_encoder(PAIRS[:2], encoder, recipe=RECIPE, folder=tmp_path)


def test_the_loss_is_that_of_sentence_transformers(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

    encoder = Encoder.of(folder)
    encoder.save(folder.parent / "saved")
    strangers = SentenceTransformer(str(folder.parent / "saved"), device="cpu")
    texts = [[p.anchor for p in PAIRS[:6:1]], [p.positive for p in PAIRS[:6]]]
    given = [dict(strangers.tokenize(side)) for side in texts]
    plain = MultipleNegativesRankingLoss(strangers)
    nested = MatryoshkaLoss(strangers, plain, matryoshka_dims=[32, 8])
    sides = [torch.from_numpy(encoder.embed(side)) for side in texts]
    mine = float(info_nce(sides[0], sides[1], (), temperature=0.05))
    assert float(plain(given, None).detach()) == pytest.approx(mine, abs=1e-4)
    dims = float(info_nce(sides[0], sides[1], (), temperature=0.05, dims=(32, 8)))
    assert float(nested(given, None).detach()) == pytest.approx(2 * dims, abs=1e-3)  # theirs is a sum, ours a mean


def test_other_answers_of_a_question_count_neither_way() -> None:
    pairs = [Pair("a", "one"), Pair("a", "two"), Pair("b", "one", ("three", "two")), Pair("c", "four", ("three",))]
    batch = Contrast.of(pairs, positives_of(pairs), negatives=2)
    assert batch.candidates == ("one", "two", "one", "four", "three")
    assert set(batch.also_positive) == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)}
    anchors, candidates = torch.eye(4, 5), torch.eye(5)
    free = info_nce(anchors, candidates, batch.also_positive, temperature=1.0)
    moved = candidates.clone()
    moved[2] = torch.tensor([9.0, 9, 0, 0, 0])  # known to rows 0 and 1 only
    rows = torch.tensor([0, 1])
    assert info_nce(anchors[rows], moved, ((0, 1), (0, 2), (1, 0), (1, 2)), temperature=1.0) == info_nce(
        anchors[rows], candidates, ((0, 1), (0, 2), (1, 0), (1, 2)), temperature=1.0
    )
    assert torch.isfinite(free)


def test_whole_questions_are_held_out() -> None:
    pairs = [Pair(f"q{n // 3}", f"p{n}") for n in range(90)]
    taught, held = held_out(pairs, share=0.2, seed=0)
    assert len(held) == 18
    assert not {p.anchor for p in taught} & {p.anchor for p in held}
    assert held_out(pairs[:39], share=0.2, seed=0)[1] == []


def vector(*values: float) -> Floats:
    found = np.array(values, dtype=np.float32)
    return found / np.linalg.norm(found)


def test_false_negatives_are_kept_out() -> None:
    question = vector(1, 0, 0)
    right = Seen("refunds are paid within thirty days of the parcel", "a", vector(1, 0.8, 0))
    found = [
        Seen("better than the positive", "b", vector(1, 0.1, 0)),
        Seen("of a gold document", "g", vector(0.5, 0, 1)),
        Seen("refunds are paid within thirty days of the parcel!", "c", vector(0.5, 0, 1)),
        Seen("the same in other words", "d", vector(0.9, 0.8, 0.05)),
        Seen("wrong", "e", vector(0.6, 0, 1)),
        Seen("wrong too", "f", vector(0.5, -1, 1)),
        Seen("wrong as well", "f", vector(0.1, -1, 1)),
    ]
    assert hard_negatives(question, [right], found, gold_documents={"g"}, most=2) == ("wrong", "wrong too")
    assert hard_negatives(question, [], found) == ()
    assert best_positive(question, found).text == "better than the positive"


def turned(seed: int) -> QueryPairs:
    """Questions that are their passages, turned by one rotation, with some noise."""
    luck = np.random.default_rng(seed)
    pool = luck.normal(size=(300, 16)).astype(np.float32)
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    turn, _ = np.linalg.qr(np.eye(16) + 0.5 * luck.normal(size=(16, 16)))
    questions = (pool[:120] @ turn.T + 0.02 * luck.normal(size=(120, 16))).astype(np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    return QueryPairs(questions, pool, np.arange(120), ((),) * 120)


@pytest.mark.slow
def test_a_map_finds_the_turn_and_the_same_again() -> None:
    lessons = turned(1)
    fitted = fit(lessons, seed=1)

    def right(matrix: Floats) -> float:
        near = mapped(lessons.questions, matrix) @ lessons.pool.T
        return float((near.argmax(axis=1) == lessons.targets).mean())

    assert right(fitted.matrix) > right(np.eye(16, dtype=np.float32)) + 0.2
    assert fitted.strength is not None
    assert np.array_equal(fit(lessons, seed=1).matrix, fitted.matrix)


@pytest.mark.slow
def test_a_map_does_no_harm_where_there_is_nothing_to_learn() -> None:
    lessons = turned(0)
    same = replace(lessons, questions=lessons.pool[:120])  # each question is its passage already
    near = mapped(same.questions, fit(same, seed=0).matrix) @ same.pool.T
    assert (near.argmax(axis=1) == same.targets).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"form": "both"}, "'form' must be one of auto, map, encoder, found 'both'"),
        ({"epochs": 0}, "'epochs' must be .* found 0"),
        ({"dims": [384, 0]}, "'dims' must be a list of whole numbers of at least 1, found .384, 0."),
        ({"rank": 4}, "unknown training setting 'rank'"),
    ],
)
def test_settings_that_no_training_has_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        RetrieverRecipe.of(given)  # type: ignore[arg-type]
