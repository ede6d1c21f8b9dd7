"""The engine of `Classify` steps: labels by artifact, and failures that say what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import InternalError, UserError
from rung.models.classifying import HEAD, Classifiers, Head, Rule, sureness
from rung.models.scripted import ScriptedEmbedder
from rung.records import Failure
from rung.records.steps import Classify, ClassifyResult, Generate, Request, Result

LABELS = ("music", "weather")


def head(rule: Rule = "best", **given: object) -> Head:
    """Music where the text says violin, weather where it says rain."""
    weight = ScriptedEmbedder().embed(["violin", "rain"], kind="query") * 8
    return Head(LABELS, weight, np.zeros(2, dtype=np.float32), rule, **given)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    head().save(tmp_path / "made")
    return tmp_path / "made"


def answers(folder: Path, *steps: Classify, embedder: ScriptedEmbedder | None = None) -> list[Result | Failure]:
    engine = Classifiers({"made": folder}, lambda: embedder or ScriptedEmbedder())
    found = dict(engine.run([Request(step) for step in steps]))
    assert set(found) == set(range(len(steps)))
    return [found[place] for place in range(len(steps))]


def test_a_text_gets_its_label_and_how_sure_that_is(folder: Path) -> None:
    violin, rain = answers(folder, Classify("the violin", LABELS, "made"), Classify("rain", LABELS, "made"))
    assert isinstance(violin, ClassifyResult)
    assert violin.label == "music"
    assert 0.9 < violin.probability < 1
    assert isinstance(rain, ClassifyResult)
    assert rain.label == "weather"


def test_many_at_once_are_labelled_as_one_by_one(folder: Path) -> None:
    steps = [Classify(text, LABELS, "made") for text in ("violin", "rain", "neither", "", "violin rain")]
    assert answers(folder, *steps) == [answers(folder, step)[0] for step in steps]


def test_only_labels_that_were_asked_for_are_given(folder: Path) -> None:
    (only,) = answers(folder, Classify("violin", ("weather", "traffic"), "made"))
    assert isinstance(only, ClassifyResult)
    assert only.label == "weather"
    assert only.probability < 0.1
    (none,) = answers(folder, Classify("violin", ("traffic",), "made"))
    assert isinstance(none, Failure)
    assert "1 labels" in none.error


def test_a_classifier_that_was_not_built_fails_its_own_steps_only(folder: Path) -> None:
    lost, found = answers(folder, Classify("violin", LABELS, "another"), Classify("violin", LABELS, "made"))
    assert isinstance(lost, Failure)
    assert "'another' was not built" in lost.error
    assert isinstance(found, ClassifyResult)


class Broken(ScriptedEmbedder):
    """No numbers for one text."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = super().embed(texts, kind=kind)
        vectors[[text == "broken" for text in texts]] = np.nan
        return vectors


def test_a_vector_that_is_no_number_fails_its_own_step_only(folder: Path) -> None:
    steps = [Classify(text, LABELS, "made") for text in ("broken", "violin")]
    broken, found = answers(folder, *steps, embedder=Broken())
    assert isinstance(broken, Failure)
    assert "no finite number" in broken.error
    assert isinstance(found, ClassifyResult)


def test_a_damaged_artifact_says_what_to_do(folder: Path) -> None:
    (folder / HEAD).write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="remove it"):
        answers(folder, Classify("violin", LABELS, "made"))


def test_another_step_is_our_mistake(folder: Path) -> None:
    engine = Classifiers({"made": folder}, ScriptedEmbedder)
    with pytest.raises(InternalError, match="Generate"):
        list(engine.run([Request(Generate(()))]))


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    first = head("first", threshold=0.6, otherwise="weather")
    first.save(tmp_path)
    again = Head.load(tmp_path)
    assert (again.labels, again.rule, again.threshold, again.otherwise) == (LABELS, "first", 0.6, "weather")
    assert (again.weight == first.weight).all()


def test_the_first_rule_takes_the_first_that_is_likely_enough() -> None:
    made = head("first", threshold=0.6, otherwise="weather")
    assert made.pick([0.7, 0.9], LABELS) == ClassifyResult("music", 0.7)
    assert made.pick([0.5, 0.9], LABELS) == ClassifyResult("weather", 0.9)
    assert made.pick([0.5, 0.4], LABELS) == ClassifyResult("weather", 0.4)
    assert head("first", threshold=0.6).pick([0.5, 0.4], LABELS) == ClassifyResult("", 0.5)


def test_a_head_sees_how_sure_another_classifier_is(folder: Path, tmp_path: Path) -> None:
    weight = np.zeros((1, ScriptedEmbedder().dimensions + 2), dtype=np.float32)
    weight[0, -2] = 8.0  # the other one's log odds, and nothing else
    bias = np.zeros(1, dtype=np.float32)
    Head(("sure",), weight, bias, "first", threshold=0.9, beside=("made",)).save(tmp_path / "router")
    engine = Classifiers({"made": folder, "router": tmp_path / "router"}, ScriptedEmbedder)
    found = dict(engine.run([Request(Classify(text, ("sure",), "router")) for text in ("violin", "neither")]))
    alone = dict(engine.run([Request(Classify("violin", LABELS, "made"))]))[0]
    assert isinstance(alone, ClassifyResult)
    sure, unsure = found[0], found[1]
    assert isinstance(sure, ClassifyResult)
    assert sure.label == "sure"
    assert sure.probability == pytest.approx(alone.probability, abs=1e-6)
    assert isinstance(unsure, ClassifyResult)
    assert unsure.label == ""


def test_sureness_is_bounded() -> None:
    found = sureness(np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]]))
    assert found[0].tolist() == [1.0, 1.0]
    assert found[1].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx([np.log(4) / 8, np.log(4) / 8])
