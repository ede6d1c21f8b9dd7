"""Retires an artifact, where no deployment that answers is held to it, and has the project's servers forget an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field

from rung.artifacts.registry import Registry
from rung.commands.unload import unloaded_at
from rung.config.project import Project
from rung.errors import UserError
from rung.records.deployment import DeploymentRecord, state_of
from rung.state.presence import has_database
from rung.training.registry import Artifact

_WORDS = {"served": "served", "canary": "tried as a canary", "shadow": "tried in the shadow", "earlier": "gone back to next"}


@dataclass(frozen=True, slots=True)
class Retirement:
    """What came of it. `freed`: bytes; `servers`: see `unloaded_at`; `warnings`: which deployments do without it."""

    freed: int
    servers: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def retire(project: Project, registry: Registry, artifact: Artifact, *, by: str, force: bool = False) -> Retirement:
    """Free an artifact's place, and unload it where it is an adapter.

    Raises:
        UserError: a deployment that is served or tried is held to it, or nobody can tell, and `force` is not given; or as
            `Registry.retire`.
    """
    warnings: list[str] = []
    held: list[tuple[DeploymentRecord, str]] = []
    try:
        held = _held_to(project, artifact.digest)
    except UserError as error:
        if not force:
            raise
        warnings.append(f"which deployments were held to it is not known: {error}")
    for record, state in held:
        answers = f"the deployment {record.id} ({record.label}), which is {_WORDS[state]},"
        if state == "earlier":
            warnings.append(f"{answers} cannot be gone back to any more")
        elif force:
            warnings.append(f"{answers} was held to it: servers that start now refuse it")
        else:
            raise UserError(
                f"{answers} is held to {artifact.name}: promote another or 'rung rollback' first, or say --force"
            )
    freed = registry.retire(artifact, by=by, force=force)
    servers = unloaded_at(project, artifact.digest) if artifact.kind == "adapter" else {}
    return Retirement(freed, servers, tuple(warnings))


def _held_to(project: Project, digest: str) -> list[tuple[DeploymentRecord, str]]:
    """The deployments that answer with an artifact, of those served, tried or gone back to next, and what they are."""
    if not has_database(project):
        return []
    from rung.state.database import open_state
    from rung.state.deployments import deployment, standing_now

    with open_state(project) as state:
        now = standing_now(state)
        records = [deployment(state, id) for id in dict.fromkeys((now.current, now.candidate, now.green)) if id]
    return [(one, state_of(one.id, now)) for one in records if digest in one.artifacts]
