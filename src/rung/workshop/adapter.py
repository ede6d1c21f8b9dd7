"""Builds an adapter: lessons become training chats, training chats become LoRA weights on the project's model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Example, digest
from rung.strategies.protocol import Adapter, Lesson
from rung.training.checkpoint import CHECKPOINT
from rung.training.registry import instruction_of, learnt
from rung.workshop.artifacts import Built, Training, amend, building, remember_rows
from rung.workshop.forgetting import gate
from rung.workshop.recipes import check_free, check_torch, general_chats, recipe_of
from rung.workshop.registry import Registry

if TYPE_CHECKING:
    from rung.training import Recipe
    from rung.workshop.holding import Workshop


def build_adapter(workshop: Workshop, need: Adapter, title: str) -> Built:
    """The adapter that these lessons teach; named by the chats, the recipe and the base model.

    The recipe is the trainer's defaults, in their place what the recipe file gives, in its place what the rung says.
    """
    rows = _taught(workshop, need.lessons, title)
    from rung.training import Recipe, Taught, search_generator, train_generator

    recipe = Recipe.of({**recipe_of(workshop), **need.recipe}, rows=len(rows), seed=workshop.seed)
    general, found = general_chats(workshop, recipe), None
    if workshop.searching:
        check_free(need)
        with workshop.reporter.phase(f"{title}: search") as tick:
            found = search_generator(Taught(rows, general), workshop.generator, recipe=recipe, progress=tick)
        recipe = found.recipe
    named = adapter_digest(workshop, rows, general, recipe)
    folder = workshop.artifact_folder("adapter", named)
    built = Built(named, folder)
    with building(workshop, folder, title) as missing:
        if missing:
            training = Training("adapter", len(rows), recipe.epochs, begun=(folder / CHECKPOINT).exists())
            with workshop.while_training(training), workshop.reporter.phase(title) as tick:
                remember_rows(folder, map(learnt, rows))
                taught = Taught(rows, general)
                train_generator(taught, workshop.generator, recipe=recipe, folder=folder, found=found, progress=tick)
                replaced = Registry(workshop.project.state).promoted("adapter")
                amend(folder, {"instruction": instruction_of(rows), **({"parent": replaced} if replaced else {})})
        gate(workshop, built, title=title)
    workshop.ready.adapters[named] = folder
    return built


def check_adapter(workshop: Workshop, need: Adapter) -> None:
    """What can be known to be wrong before a lesson is made.

    Raises:
        UserError: torch is not installed, or the recipe is none.
    """
    from rung.training import Recipe

    check_torch()
    Recipe.of({**recipe_of(workshop), **need.recipe}, rows=len(need.lessons), seed=workshop.seed)


def adapter_digest(workshop: Workshop, rows: Sequence[Example], general: Sequence[Example], recipe: Recipe) -> str:
    """Names an adapter by everything that its weights depend on; where files lie is not among it."""
    told = {**asdict(recipe), "replay_rows": [row.messages for row in general]}
    if recipe.precision == "auto":
        del told["precision"]  # adapters made before there was a choice keep their names
    return digest("adapter", [row.messages for row in rows], told, workshop.generator.identity)


def _taught(workshop: Workshop, lessons: Sequence[Lesson], title: str) -> list[Example]:
    """The training chats that lessons come to; one that failed stops the training rather than thin it out unseen."""
    carried = workshop.carry([(lesson.asker, lesson.talk) for lesson in lessons], title=f"{title}: lessons")
    for ended in carried:
        if ended.failure is not None:
            raise UserError(f"a lesson could not be made: {ended.failure.error}")
    return [ended.value for ended in carried if ended.value is not None]
