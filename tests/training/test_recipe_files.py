"""What a recipe file may say, what replay mixes in, and what a search chooses."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from rung.errors import InputError, UserError
from rung.training import Recipe, Taught, search_generator, train_generator
from rung.training.batches import rows_of_a_batch
from rung.training.recipe import read_recipe
from rung.training.replaying import mixed
from tests.training.test_generator import BrokenModel
from tests.training.tiny import RECIPE, TinyModel, chats, token_rows

pytest.importorskip("torch")


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("rank: 8\nlearning_rate: 2e-3\ndevice: cpu\nreplay: 0.1\nreplay_rows: general.jsonl\n")
    given = read_recipe(path)
    assert given == {
        "rank": 8,
        "learning_rate": 0.002,
        "device": "cpu",
        "replay": 0.1,
        "replay_rows": [str(tmp_path / "general.jsonl")],
    }
    assert Recipe.of(given, rows=10).alpha == 16
    path.write_text("# nothing yet\n")
    assert read_recipe(path) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "rank: 8\nlearning_rat: 1\n",
            r"recipe.yaml:2: unknown training setting 'learning_rat'; did you mean 'learning_rate'",
        ),
        ("\nrank: 0\n", r"recipe.yaml:2: training setting 'rank' must be a whole number from 1 to"),
        (
            "rank: 8\nepochs: 1.5\n",
            r"recipe.yaml:2: training setting 'epochs' must be a whole number from 1 to 100, found 1.5",
        ),
        ("device: tpu\n", r"recipe.yaml:1: training setting 'device' must be one of auto, cpu, cuda, mps, found 'tpu'"),
        ("rank: [1\n", r"recipe.yaml:\d: is no YAML"),
        ("- rank\n", r"recipe.yaml:1: must hold keys"),
    ],
)
def test_mistakes_are_named_by_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_recipe_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such recipe"):
        read_recipe(tmp_path / "recipe.yaml")


def test_replay_is_that_share_of_what_is_learnt_and_nothing_twice() -> None:
    own, general = token_rows(30), token_rows(20, system="General.")
    rows = mixed(own, general, share=0.25, seed=1)
    assert rows[:30] == own
    assert len(rows) == 40
    drawn = rows[30:]
    assert len({id(row) for row in drawn}) == 10
    assert drawn == mixed(own, general, share=0.25, seed=1)[30:] != mixed(own, general, share=0.25, seed=2)[30:]
    with pytest.raises(UserError, match=r"replay 0.5 of 30 rows takes 30 general rows, replay_rows hold 20 that fit"):
        mixed(own, general, share=0.5, seed=1)
    again = mixed(own, general, share=0.5, seed=1, again=True)[30:]
    assert len(again) == 30
    assert {id(row) for row in again[:20]} == set(map(id, general))  # all once before any comes again
    assert mixed(own, [], share=0.5, seed=1, again=True) == own
    with pytest.raises(UserError, match="replay is given without replay_rows"):
        Recipe.of({"replay": 0.1, "replay_rows": []}, rows=30)
    assert Recipe.of({"replay_rows": []}, rows=30).replay == 0


def test_what_the_model_says_by_itself_is_replayed_unless_a_recipe_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    for text, share, rows in (
        ("rank: 8\n", 0.1, ("self",)),
        ("replay: self\n", 0.1, ("self",)),
        ("replay: 0.3\nreplay_rows: self\n", 0.3, ("self",)),
        ("replay: 0\n", 0.0, ("self",)),
        ("replay_rows: [chats.jsonl]\n", 0.1, (str(tmp_path / "chats.jsonl"),)),
    ):
        path.write_text(text)
        recipe = Recipe.of(read_recipe(path), rows=30)
        assert (recipe.replay, recipe.replay_rows) == (share, rows), text
    for text in ("replay: self\nreplay_rows: [chats.jsonl]\n", "rank: 8\nreplay_rows: [self, chats.jsonl]\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"recipe.yaml:.*self"):
            read_recipe(path)


@pytest.mark.slow
def test_replayed_rows_are_learnt_and_never_judge(tmp_path: Path) -> None:
    recipe = replace(RECIPE, replay=0.2, replay_rows=("general.jsonl",))
    taught = Taught(chats(40), chats(30, system="General."))
    train_generator(taught, TinyModel(), recipe=recipe, folder=tmp_path / "mixed")
    train_generator(chats(40), TinyModel(), recipe=RECIPE, folder=tmp_path / "plain")
    mixed_in, plain = (json.loads((tmp_path / n / "manifest.json").read_text()) for n in ("mixed", "plain"))
    assert (mixed_in["rows"], mixed_in["rows_replayed"], mixed_in["rows_held_out"]) == (40, 9, 4)
    assert plain["rows_replayed"] == 0
    assert mixed_in["steps"] == 4 * math.ceil(45 / 4)
    assert mixed_in["rows_digest"] == plain["rows_digest"]


@pytest.mark.slow
def test_a_search_tries_many_on_few_rows_and_keeps_the_better_half() -> None:
    seen: list[str] = []
    base = replace(RECIPE, validation=0.2, learning_rate=0.01)
    found = search_generator(chats(60), TinyModel(), recipe=base, progress=lambda _n, _of, note: seen.append(note))
    first, second, third = found.trials[:8], found.trials[8:12], found.trials[12:]
    assert len(third) == 2
    assert {t.steps for t in first} < {t.steps for t in found.trials}
    best = sorted(first, key=lambda t: t.validation_loss)[:4]
    assert {(t.learning_rate, t.rank) for t in second} == {(t.learning_rate, t.rank) for t in best}
    winner = min(third, key=lambda t: t.validation_loss)
    assert (found.recipe.learning_rate, found.recipe.rank) == (winner.learning_rate, winner.rank)
    assert found.recipe == replace(base, learning_rate=winner.learning_rate, rank=winner.rank, alpha=2.0 * winner.rank)
    assert len(seen) == 14
    again = search_generator(chats(60), TinyModel(), recipe=base)
    assert again == found


@pytest.mark.slow
def test_rates_stay_within_what_a_recipe_may_say() -> None:
    found = search_generator(chats(40), TinyModel(), recipe=replace(RECIPE, validation=0.2, learning_rate=0.1))
    assert max(t.learning_rate for t in found.trials) == 0.1
    assert len(found.trials) == 6 + 3


@pytest.mark.slow
def test_a_search_without_judges_and_one_where_all_break_are_refused() -> None:
    with pytest.raises(UserError, match="a search needs rows held out"):
        search_generator(chats(40), TinyModel(), recipe=replace(RECIPE, validation=0.0))
    with pytest.raises(UserError, match=r"no learning rate from 0.005 on keeps the loss a number"):
        search_generator(chats(40), BrokenModel(), recipe=replace(RECIPE, validation=0.2))


def test_short_rows_are_taken_together_where_tokens_are_asked_for() -> None:
    rows = token_rows(40)
    mean = sum(len(r.ids) for r in rows) / 40
    assert rows_of_a_batch(rows, RECIPE) == 4
    assert rows_of_a_batch(rows, replace(RECIPE, batch_tokens=round(mean * 8))) in (8, 9)
    assert rows_of_a_batch(rows, replace(RECIPE, batch_tokens=10)) == 4
    assert rows_of_a_batch(rows, replace(RECIPE, batch_tokens=10**6)) == 40


@pytest.mark.slow
def test_a_long_pass_is_looked_at_on_its_way_and_the_best_state_is_kept(tmp_path: Path) -> None:
    hasty = replace(RECIPE, learning_rate=0.1, alpha=64, epochs=30, validation=0.2, validate_every=3, patience=4)
    trained = train_generator(chats(60), TinyModel(), recipe=hasty, folder=tmp_path)
    told = json.loads((tmp_path / "manifest.json").read_text())
    curve = told["validation_loss"]
    assert [step for step, _ in curve][:4] == [3, 6, 9, 12]  # a pass has twelve steps
    losses = [loss for _, loss in curve]
    assert trained.steps < 360
    assert losses.index(min(losses)) == len(losses) - 5
    assert trained.validation_loss == told["best_validation_loss"] == min(losses)


def test_every_key_of_a_recipe_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    table = page.partition("## The recipe")[2].partition("**`--search`**")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", table, flags=re.MULTILINE))
    defaults = {f.name: f.default[0] if isinstance(f.default, tuple) else str(f.default) for f in fields(Recipe)}
    assert told == defaults
