"""General chats, mixed in among what a model learns: from the recipe's files, or answered by the model itself."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

from rung.builders.building import ArtifactBuilder
from rung.dataset import read_examples
from rung.errors import UserError
from rung.progress import say
from rung.records import Asker, Example, Problem
from rung.training.recipe import Recipe
from rung.training.self_replay import (
    MOST_ROUNDS,
    answered_by_itself,
    chats_for,
    general_prompts,
    prompts_for,
    shipped,
)


def general_chats(builder: ArtifactBuilder, recipe: Recipe, rows: int, title: str) -> list[Example]:
    """Chats to be replayed among so many rows; [] where the recipe has none replayed.

    Broken rows of files are told of and left out. A model's own answers are remembered as any answer is; where fewer than
    are needed keep to what was asked, that is told, and those come again.

    Raises:
        UserError: an answer failed: fewer chats would make another adapter, unseen.
    """
    if not recipe.replay:
        return []
    if recipe.replays_itself:
        return _own(builder, chats_for(rows, recipe.replay), title)
    problems: list[Problem] = []
    chats = [example for name in recipe.replay_rows for example in read_examples(Path(name), problems)]
    if problems:
        say(f"! replay_rows: {len(problems)} rows left out, the first: {problems[0]}")
    return chats


def _own(builder: ArtifactBuilder, needed: int, title: str) -> list[Example]:
    settings = builder.project.settings
    file = shipped(settings.tuned_on())
    chats = list(islice(read_examples(file, []), needed)) if file is not None else _answered(builder, needed, title)
    if not chats and needed:
        say(f"! replay: no answer of the untuned model keeps to what was asked, of {needed}: nothing is replayed")
    elif len(chats) < needed:
        say(f"! replay: only {len(chats)} answers of the untuned model keep to what was asked, of {needed}: they come again")
    return chats


def _answered(builder: ArtifactBuilder, needed: int, title: str) -> list[Example]:
    chats: list[Example] = []
    prompts = general_prompts()[: MOST_ROUNDS * prompts_for(needed)]
    while len(chats) < needed and prompts:
        more = prompts_for(needed - len(chats))
        talks = [(Asker(), partial(answered_by_itself, prompt)) for prompt in prompts[:more]]
        ended = builder.runner.run(talks, title=f"{title}: what the model says by itself")
        if failed := next((one.failure for one in ended if one.failure is not None), None):
            raise UserError(f"what the model says by itself could not be asked, for replay: {failed.error}")
        chats += [one.value for one in ended if one.value is not None]
        prompts = prompts[more:]
    return chats[:needed]
