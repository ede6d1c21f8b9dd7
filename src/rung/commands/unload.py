"""Has the servers of a project forget an adapter that is retired."""

from __future__ import annotations

from contextlib import closing

from rung.config.project import Project
from rung.errors import ModelError, ServerError
from rung.models.catalog import generator
from rung.models.http import HttpGenerator
from rung.runtime.engines import model_of


def unloaded_at(project: Project, digest: str) -> dict[str, str]:
    """Ask each server that answers with weights tuned here. Returns what `rung.yaml` calls it -> "unloaded", "not there", or
    why it may be there still."""
    outcomes: dict[str, str] = {}
    for alias, entry in project.settings.models.items():
        if not entry.weights:
            continue
        try:
            with closing(generator(model_of(project, entry.use), server=project.on(entry.use).settings.server)) as model:
                if isinstance(model, HttpGenerator):
                    outcomes[alias] = model.unload(digest)
        except (ModelError, ServerError) as error:
            outcomes[alias] = str(error)
    return outcomes
