"""Builds an adapter: lessons become training chats, training chats become LoRA weights on the project's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.artifacts.registry import Registry
from rung.artifacts.store import Built, Training, amend, artifact_folder, building, remember_rows
from rung.builders.building import ArtifactBuilder
from rung.builders.forgetting_gate import gate
from rung.builders.general_chats import general_chats
from rung.builders.hosted_adapter import build_hosted, host_of
from rung.builders.recipes import check_free, check_libraries, recipe_of
from rung.errors import UserError
from rung.models.catalog import engine
from rung.progress import phase
from rung.records import Example, digest
from rung.runtime.engines import Engines, model_of
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import Adapter, Lesson
from rung.training.registry import instruction_of, learnt

if TYPE_CHECKING:
    from rung.training import Recipe

KIND = "adapter"


def build_adapter(builder: ArtifactBuilder, need: Adapter, title: str) -> Built:
    """The adapter that these lessons teach; named by the chats, the recipe and the base model.

    The recipe is the trainer's defaults, in their place what the recipe file gives, in its place what the rung says.

    Raises:
        NotWorthwhile: rows wait for an approval (`review: required`).
    """
    if not any(one.kind == KIND for one in Registry(builder.project.state).artifacts()):
        builder.check_approved()  # what names an adapter takes the model's time: here none can be there already
    rows = _taught(builder.runner, need.lessons, title)
    if builder.project.settings.tuning_of() is not None:
        return build_hosted(builder, need.recipe, rows, title)
    from rung.training import Recipe, Taught, search_generator, train_generator
    from rung.training.bases import base_of
    from rung.training.generator import has_begun

    recipe = Recipe.of({**recipe_of(builder), **need.recipe}, rows=len(rows), seed=builder.project.settings.seed)
    if recipe.may_not_fit:  # before the model is asked for what is replayed
        base_of(builder.engines.trainee).check(recipe)
    general, sweep = general_chats(builder, recipe, len(rows), title), None
    if builder.searching:
        check_free(need)
        with phase(f"{title}: search") as tick:
            sweep = search_generator(Taught(rows, general), builder.engines.trainee, recipe=recipe, progress=tick)
        recipe = sweep.recipe
    named = adapter_digest(builder.engines, rows, general, recipe)
    folder = artifact_folder(builder.project.state, KIND, named)
    built = Built(named, folder)
    with building(folder, title) as missing:
        if missing:
            training = Training(KIND, len(rows), recipe.epochs, begun=has_begun(folder))
            with builder.training(training), phase(title) as tick:
                remember_rows(folder, map(learnt, rows))
                taught = Taught(rows, general)
                train_generator(taught, builder.engines.trainee, recipe=recipe, folder=folder, sweep=sweep, progress=tick)
                replaced = Registry(builder.project.state).promoted(KIND)
                amend(folder, {"instruction": instruction_of(rows), **({"parent": replaced} if replaced else {})})
        gate(builder.engines, built, title=title)
    return built


def check_adapter(builder: ArtifactBuilder, need: Adapter) -> None:
    """What can be known to be wrong before a lesson is made.

    Raises:
        UserError: a library is not installed, the recipe is none, or asks for what would not be served.
    """
    from rung.training import Recipe
    from rung.training.sources import check_served

    if host_of(builder.project) is not None:
        return
    check_libraries("torch", "transformers", "peft")
    settings = builder.project.settings
    recipe = Recipe.of({**recipe_of(builder), **need.recipe}, rows=len(need.lessons), seed=settings.seed)
    if engine(model_of(builder.project, settings.tuned_on())) == "openvino":
        check_served(recipe)


def adapter_digest(engines: Engines, rows: Sequence[Example], general: Sequence[Example], recipe: Recipe) -> str:
    """Names an adapter by everything that its weights depend on; where files lie is not among it."""
    settings = {**recipe.named, "replay_rows": [row.messages for row in general]}
    return digest("adapter", [row.messages for row in rows], settings, engines.trainee.identity)


def _taught(runner: StepRunner, rows: Sequence[Lesson], title: str) -> list[Example]:
    """The training chats that lessons come to; one that failed stops the training rather than thin it out unseen."""
    results = runner.run([(lesson.asker, lesson.talk) for lesson in rows], title=f"{title}: lessons")
    for ended in results:
        if ended.failure is not None:
            raise UserError(f"a lesson could not be made: {ended.failure.error}")
    return [ended.value for ended in results if ended.value is not None]
