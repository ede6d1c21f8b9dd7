"""A classifier learns labels, says how sure it is, and takes the tuned encoder only where that is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import BudgetEnded, UserError
from rung.models.classifying import ENCODER, Classifiers, Head
from rung.models.embedding import MiniLM
from rung.models.encoder_folder import read_encoder
from rung.models.protocol import Embedder
from rung.models.scripted import ScriptedEmbedder
from rung.records import Json
from rung.records.steps import Classify, ClassifyResult, Request
from rung.training.checkpoint import CHECKPOINT
from rung.training.classifier import calibration_error, divided, reject_table, train_classifier
from rung.training.labels import LabelRecipe
from tests.training.tiny_encoder import tiny_encoder

THINGS = {"money": "refund", "music": "violin", "bread": "oven", "parcels": "shipping"}
FRAMES = (
    "how long does {} take",
    "is the {} late",
    "when are {} hours",
    "tune {} many",
    "my {} has heat",
    "{} in thirty days",
)
MORE = ("i pay {}", "can {} ship back", "do i get {}", "{} knead the flour", "four {} strings", "{} it {}", "within {} hour")
ROWS = [(frame.format(word, word), label) for frame in (*FRAMES, *MORE) for label, word in THINGS.items()]


def trained(folder: Path, rows: Sequence[tuple[str, str]] = ROWS, embedder: Embedder | None = None, **given: Any) -> Any:
    recipe = LabelRecipe.of(given)
    embedder = embedder or ScriptedEmbedder()
    return train_classifier(rows, embedder, recipe=recipe, folder=folder, progress=lambda _done, _all, _note: None)


def said(folder: Path, embedder: Embedder, texts: Sequence[str], labels: tuple[str, ...]) -> list[ClassifyResult]:
    engine = Classifiers({"d": folder}, lambda: embedder)
    results = dict(engine.run([Request(Classify(text, labels, "d")) for text in texts]))
    found = [results[place] for place in range(len(texts))]
    return [one for one in found if isinstance(one, ClassifyResult)]


@pytest.mark.slow
def test_frozen_learns_what_the_words_tell(tmp_path: Path) -> None:
    made = trained(tmp_path, method="frozen")
    assert made["metrics"]["accuracy"] >= 0.9
    assert made["metrics"]["rows"] == len(ROWS)  # few rows: each is held out once
    assert made["method"] == "frozen"
    (one,) = said(tmp_path, ScriptedEmbedder(), ["where is the violin"], tuple(THINGS))
    assert one.label == "music"
    assert one.probability > 0.5


@pytest.mark.slow
def test_the_same_rows_make_the_same_classifier(tmp_path: Path) -> None:
    trained(tmp_path / "a", method="frozen")
    trained(tmp_path / "b", method="frozen")
    assert (tmp_path / "a" / "head.safetensors").read_bytes() == (tmp_path / "b" / "head.safetensors").read_bytes()


def test_every_label_is_held_out_in_turn_and_a_single_row_is_always_learnt() -> None:
    split = divided([*ROWS, ("the bow", "rare")], seed=0)
    assert {int(n) for n in split.folds} == {0, 1, 2, 3, 4}
    held = [split.labels[n] for n in split.targets[split.held_out]]
    assert set(held) == set(THINGS)
    assert (divided(ROWS, seed=0).folds == divided(ROWS, seed=0).folds).all()
    assert (divided(ROWS, seed=0).folds != divided(ROWS, seed=1).folds).any()
    many = [(f"{text} {n}", label) for n in range(50) for text, label in ROWS]
    assert 0.09 < divided(many, seed=0).held_out.mean() < 0.11


def test_one_label_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 rows with 1 label"):
        trained(tmp_path, [("a", "x"), ("b", "x"), ("c", "x")])


class Broken(ScriptedEmbedder):
    """An embedder one of whose vectors is no number."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        vectors = super().embed(texts, kind=kind)
        vectors[0] = np.nan
        return vectors


def test_a_vector_that_is_no_number_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 of 52 texts"):
        trained(tmp_path, embedder=Broken())
    assert not (tmp_path / "head.json").exists()


def test_a_setting_that_is_none_is_refused() -> None:
    for wrong in ({"method": "svm"}, {"epoch": 3}, {"learning_rate": 5}):
        with pytest.raises(UserError, match=str(next(iter(wrong)))):
            LabelRecipe.of(wrong)


@pytest.mark.slow
def test_where_the_encoder_is_out_of_reach_auto_says_so_and_tuned_stops(tmp_path: Path) -> None:
    many = [(f"{text} {n}", label) for n in range(20) for text, label in ROWS]
    made = trained(tmp_path / "auto", many)
    assert made["method"] == "frozen"
    assert "out of reach" in made["notes"][0]
    with pytest.raises(UserError, match="out of reach"):
        trained(tmp_path / "tuned", many, method="tuned")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    pytest.importorskip("torch")
    return MiniLM(read_encoder(tiny_encoder(tmp_path_factory.mktemp("encoder"))), digest="tiny")


@pytest.mark.slow
def test_tuning_betters_a_random_encoder_and_is_served_without_torch(tiny: MiniLM, tmp_path: Path) -> None:
    rows = [*ROWS, *((f"{text} a", label) for text, label in ROWS)]
    made = trained(tmp_path, rows, tiny, method="tuned", epochs=12, learning_rate=3e-3, batch_rows=8, patience=0)
    assert made["method"] == "tuned"
    losses = [loss for _, loss in made["train_loss"]]
    assert losses[-1] < losses[0]
    assert len(made["validation_loss"]) == 12
    assert (tmp_path / ENCODER / "model.safetensors").is_file()
    labels = tuple(THINGS)
    found = said(tmp_path, tiny, [text for text, _ in rows], labels)
    right = [one.label == label for one, (_, label) in zip(found, rows, strict=True)]
    held = divided(rows, seed=0).held_out
    # What is served is what was measured: the same share of the rows held out is right.
    assert np.mean(np.array(right)[held]) == pytest.approx(made["metrics"]["accuracy"], abs=1e-4)
    from rung.training.encoder import Encoder

    vectors = Encoder.of(tmp_path / ENCODER).embed([text for text, _ in rows[:4]])
    head = Head.load(tmp_path)
    assert head.probabilities(vectors).max(axis=1) == pytest.approx([one.probability for one in found[:4]], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 9, 20])
def test_tuning_that_is_stopped_goes_on_after_its_last_whole_pass_to_the_same_bytes(
    at: int, tiny: MiniLM, tmp_path: Path
) -> None:
    rows = [*ROWS, *((f"{text} a", label) for text, label in ROWS)]
    recipe = LabelRecipe.of({"method": "tuned", "epochs": 4, "learning_rate": 3e-3, "batch_rows": 8, "patience": 2}, seed=0)
    seen: list[int] = []

    def learnt(folder: Path, stop: int = 0) -> dict[str, Json]:
        def progress(done: int, total: int, note: str) -> None:
            if note.startswith("loss"):
                seen.append(done)
                if done == stop:
                    raise BudgetEnded("over", done=done, total=total)

        return train_classifier(rows, tiny, recipe=recipe, folder=folder, progress=progress)

    whole = learnt(tmp_path / "whole")
    a_pass = len(seen) // len(list(whole["train_loss"]))  # type: ignore[arg-type]
    with pytest.raises(BudgetEnded):
        learnt(tmp_path / "stopped", stop=at)
    assert (tmp_path / "stopped" / CHECKPOINT).exists() == (at > a_pass)
    seen.clear()
    assert learnt(tmp_path / "stopped") == whole
    assert seen[0] == (at - 1) // a_pass * a_pass + 1
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("whole", "stopped")]
    assert [p.name for p in files[0]] == [p.name for p in files[1]]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


def test_a_loss_that_is_no_number_says_which_setting_to_lower(tiny: MiniLM, tmp_path: Path) -> None:
    from rung.training.encoder import Encoder
    from rung.training.labelling import tune
    from rung.training.logistic import Linear

    rows = divided(ROWS, seed=0)
    start = Linear(np.full((4, 32), np.nan), np.zeros(4))
    with pytest.raises(UserError, match="learning_rate"):
        tune(Encoder.of(tiny), rows, start, recipe=LabelRecipe(), progress=lambda _done, _all, _note: None)


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    sure = np.array([0.9] * 10 + [0.5] * 10)
    assert calibration_error(sure, np.array([True] * 9 + [False] + [True] * 5 + [False] * 5)) == pytest.approx(0)
    assert calibration_error(sure, np.array([False] * 20)) == pytest.approx(0.7)


def test_the_threshold_for_what_is_out_of_scope_is_the_one_that_is_right_most_often() -> None:
    sure = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.4, 0.35, 0.25], [0.35, 0.45, 0.2]])
    told = reject_table(sure, np.array([0, 1, 2, 2]), ("a", "b", "oos"), "oos")
    assert told["0.5"] == [0.5, 1.0]
    assert told["0.2"] == [1.0, 0.5]
    assert 0.45 < float(str(told["best"])) <= 0.8
    assert "best" not in reject_table(sure, np.array([0, 1, 2, 2]), ("a", "b", "oos"), "")
