"""Builds an adapter: lessons become training chats, training chats become LoRA weights on the project's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Example, digest
from rung.strategies.protocol import Adapter, Lesson
from rung.training.registry import instruction_of, learnt
from rung.workshop.artifacts import Built, amend, is_finished, remember_rows
from rung.workshop.forgetting import gate
from rung.workshop.registry import Registry

if TYPE_CHECKING:
    from rung.workshop.holding import Workshop


def build_adapter(workshop: Workshop, need: Adapter, title: str) -> Built:
    """The adapter that these lessons teach; named by the chats, the recipe and the base model."""
    rows = _taught(workshop, need.lessons, title)
    from rung.training import Recipe, train_generator

    recipe = Recipe.of(need.recipe, rows=len(rows), seed=workshop.seed)
    named = digest("adapter", [row.messages for row in rows], recipe, workshop.generator.identity)
    folder = workshop.artifact_folder("adapter", named)
    if not is_finished(folder):
        with workshop.reporter.phase(title) as tick:
            remember_rows(folder, map(learnt, rows))
            train_generator(rows, workshop.generator, recipe=recipe, folder=folder, progress=tick)
            replaced = Registry(workshop.project.state).promoted("adapter")
            amend(folder, {"instruction": instruction_of(rows), **({"parent": replaced} if replaced else {})})
    built = Built(named, folder)
    gate(workshop, built, title=title)
    workshop.ready.adapters[named] = folder
    return built


def _taught(workshop: Workshop, lessons: Sequence[Lesson], title: str) -> list[Example]:
    """The training chats that lessons come to; one that failed stops the training rather than thin it out unseen."""
    carried = workshop.carry([(lesson.asker, lesson.talk) for lesson in lessons], title=f"{title}: lessons")
    for ended in carried:
        if ended.failure is not None:
            raise UserError(f"a lesson could not be made: {ended.failure.error}")
    return [ended.value for ended in carried if ended.value is not None]
