"""The recipe by which the project's adapters are trained: the file that was named, else the project's own `recipe.yaml`.

What a recipe may say is left to `training.recipe`; what a rung says in `rung.yaml` comes before it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import yaml

from rung.artifacts.store import Built
from rung.builders.building import ArtifactBuilder
from rung.errors import MissingExtra, UserError
from rung.files.durable import write_whole
from rung.records import Json
from rung.strategies.protocol import Adapter
from rung.training.recipe import FILE, SELF, read_recipe

FOUND = "# Learning rate and rank were found by a search; it stands in the artifact's manifest.\n"


def recipe_of(builder: ArtifactBuilder) -> dict[str, Json]:
    """What the recipe file gives: the one that was named, else the project's own `recipe.yaml`, if there is one.

    Raises:
        InputError: it cannot be read; names the line.
    """
    path = recipe_file(builder)
    return read_recipe(path) if path is not None else {}


def recipe_file(builder: ArtifactBuilder) -> Path | None:
    """The recipe file, None where there is none."""
    own = builder.project.root / FILE
    return builder.recipe_file or (own if own.exists() else None)


def check_libraries(*names: str) -> None:
    """Raises `MissingExtra` where one of these is not installed; none is loaded for that."""
    if any(find_spec(name) is None for name in names):
        raise MissingExtra("train", "training")


def check_free(need: Adapter) -> None:
    """Refuse to search what the rung fixes.

    Raises:
        UserError: it does.
    """
    if fixed := [key for key in ("rank", "learning_rate") if key in need.recipe]:
        raise UserError(f"rung.yaml fixes {' and '.join(fixed)} of this rung: take that out to have it searched")


def keep_found(builder: ArtifactBuilder, built: Built) -> Path:
    """Write the recipe that a search chose into the project's `recipe.yaml`, beside what the recipe gave before.

    Raises:
        UserError: it cannot be written.
    """
    chosen = built.manifest["recipe"]
    assert isinstance(chosen, dict)
    given = {key: value for key, value in recipe_of(builder).items() if key != "alpha"}  # alpha follows the rank
    path = builder.project.root / FILE
    if files := given.get("replay_rows"):
        assert isinstance(files, list)
        given["replay_rows"] = [name if name == SELF else str(Path(str(name)).absolute()) for name in files]
    settings = {**given, "learning_rate": chosen["learning_rate"], "rank": chosen["rank"]}
    write_whole(path, (FOUND + yaml.safe_dump(settings, sort_keys=False)).encode())
    return path
