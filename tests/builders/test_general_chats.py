"""What is replayed among the rows of a training: who answers, how often it is asked, and what is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rung.builders.adapter import build_adapter
from rung.builders.general_chats import general_chats
from rung.config.project import load_project
from rung.errors import NotWorthwhile, UserError
from rung.models.scripted import ScriptedGenerator
from rung.records import Failure
from rung.records.steps import Request
from rung.strategies.protocol import Adapter
from rung.training.recipe import Recipe
from rung.training.self_replay import MOST_ROUNDS, SHIPPED, prompts_for
from tests.pipeline.test_climbing import Listening, project
from tests.working import working


class Broken(ScriptedGenerator):
    """A model that answers nothing."""

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Failure]]:
        yield from ((index, Failure("the server is down", step="generate")) for index, _ in enumerate(requests))


def chats(folder: Path, model: ScriptedGenerator | None, rows: int, recipe: Recipe) -> tuple[list[str], list[str], int]:
    """The answers that are replayed, what was told, and how many steps were carried out."""
    heard = Listening()
    with working(load_project(folder), reporter=heard) as at:
        if model is not None:
            at.engines.generator = model
        replayed = general_chats(at.builder, recipe, rows, "train")
        return [chat.output for chat in replayed], [text for text in heard.heard if text[0] == "!"], at.runner.tally.executed


def test_a_model_answers_for_itself_and_is_not_asked_twice(tmp_path: Path) -> None:
    folder, model = project(tmp_path, "[prompt]"), ScriptedGenerator([("", "1. one\n2. two\n3. three\n4. four\n5. five")])
    first, told, executed = chats(folder, model, 18, Recipe())
    assert len(first) == 2
    assert not told
    assert 0 < executed <= MOST_ROUNDS * prompts_for(2)
    assert chats(folder, model, 18, Recipe()) == (first, [], 0)
    assert chats(folder, model, 18, Recipe(replay=0.0)) == ([], [], 0)


def test_a_model_that_keeps_no_form_is_asked_for_a_while_and_that_is_told(tmp_path: Path) -> None:
    found, told, executed = chats(project(tmp_path, "[prompt]"), ScriptedGenerator([("", "{ word" * 40)]), 90, Recipe())
    assert found == []
    assert executed == MOST_ROUNDS * prompts_for(10)
    assert "no answer of the untuned model keeps to what was asked, of 10: nothing is replayed" in told[0]


def test_an_answer_that_fails_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="for replay: the server is down"):
        chats(project(tmp_path, "[prompt]"), Broken([("", "")]), 18, Recipe())


def test_the_shipped_models_answers_are_read_and_that_they_come_again_is_told(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt]")
    settings = folder / "rung.yaml"
    settings.write_text(settings.read_text().replace("model: scripted", "model: smollm2-135m-instruct"))
    there = len(SHIPPED.read_text(encoding="utf-8").splitlines())
    some, told, executed = chats(folder, None, 90, Recipe())
    assert (len(some), told, executed) == (10, [], 0)
    everything, told, executed = chats(folder, None, 10_000, Recipe())
    assert (len(everything), executed) == (there, 0)
    assert f"only {there} answers" in told[0]


def test_the_model_is_asked_for_nothing_while_rows_wait_for_people(tmp_path: Path) -> None:
    folder, model = project(tmp_path, "[prompt]", more="review: required\n"), ScriptedGenerator([("", "1. one\n2. two")])
    with working(load_project(folder)) as at:
        at.engines.generator = model
        with pytest.raises(NotWorthwhile, match="60 of the rows that would teach are not approved"):
            build_adapter(at.builder, Adapter((), {"replay": 0.5}), "train")
        assert at.runner.tally.executed == 0
