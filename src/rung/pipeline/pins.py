"""The digests that a deployment answers by: read where it is promoted, held against what is there where it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from rung.artifacts.store import ARTIFACTS, MANIFEST, RETIRED
from rung.builders.building import ArtifactBuilder
from rung.config.project import Project
from rung.errors import MissingExtra, UserError
from rung.files.durable import SEAL, damaged
from rung.pipeline.pinned_strategy import PinnedStrategy, strategy_as_measured
from rung.records import Json, StrategySpec, digest
from rung.records.deployment import DeploymentRecord, differences
from rung.state.presence import has_database


def artifact_digests(state: Path, spec: StrategySpec) -> dict[str, str]:
    """Digest of each artifact that a strategy answers with -> digest of its files, the manifest left out. Documents that are
    cut in another way follow the documents, and are not among them; neither is one that was retired.

    Raises:
        Damaged: one does not say what its files are.
    """
    digests: dict[str, str] = {}
    for named in _named(spec):
        for folder in (state / ARTIFACTS).glob(f"*/{named}"):
            if (folder / RETIRED).exists() and not (folder / MANIFEST).exists():
                continue
            try:
                noted = json.loads((folder / SEAL).read_text(encoding="utf-8"))
                digests[named] = digest({name: entry[0] for name, entry in noted.items() if name != MANIFEST})
            except (OSError, ValueError, AttributeError, IndexError, TypeError) as error:
                raise damaged(folder / SEAL, str(error)) from error
    return digests


def model_identities(builder: ArtifactBuilder, spec: StrategySpec) -> dict[str, str]:
    """Name of each model that a strategy asks -> its identity. They are opened."""
    return {name: builder.engines.on(name).generator.identity for name in spec.models}


def index_kind(builder: ArtifactBuilder, spec: StrategySpec) -> dict[str, Json]:
    """By what a strategy's documents are searched, and the version of the index; empty where it has none."""
    knowledge = builder.engines.knowledge
    if not spec.has_documents or knowledge is None:
        return {}
    reranker = builder.engines.reranker
    chunking: dict[str, Json] = dict(asdict(knowledge.chunking))
    kind: dict[str, Json] = {"embedder": knowledge.embedder.identity, "chunking": digest(chunking)}
    return {**kind, "reranker": "" if reranker is None else reranker.identity, "version": knowledge.version}


def as_pinned(builder: ArtifactBuilder, record: DeploymentRecord) -> PinnedStrategy:
    """The strategy of a deployment, each of its digests held against what is here. Its models are opened.

    Raises:
        UserError: something is gone, or is not what was promoted; says what.
    """
    who, root = f"the deployment {record.id} ({record.label})", builder.project.root
    mend = f"'rung rollback {root}' goes back to the one before it, 'rung promote {root}' takes what was measured since"
    held: Mapping[str, Json] = record.pins
    spec = record.spec
    # the files first: what is built of them would only say that something went wrong
    artifacts = artifact_digests(builder.project.state, spec)
    _refuse(who, mend, {"artifacts": held["artifacts"]}, {"artifacts": {**artifacts}})
    pinned = strategy_as_measured(builder, record.label, spec, who=who, mend=mend)
    actual: dict[str, Json] = {"models": {**model_identities(builder, spec)}, "index": index_kind(builder, spec)}
    _refuse(who, mend, {name: held[name] for name in actual}, actual)
    return replace(pinned, deployment=record.id)


def promoted(project: Project) -> DeploymentRecord | None:
    """The deployment that is served; None where nothing is promoted, or nothing was ever served.

    Raises:
        UserError: the database cannot be used, or its libraries are not installed.
    """
    if not has_database(project):
        return None
    try:
        from rung.state.database import open_state
    except ImportError as error:
        raise MissingExtra("serve", "asking what is promoted (--rung asks a rung without it)") from error
    from rung.state.deployments import promoted_now

    with open_state(project) as state:
        return promoted_now(state)


def _refuse(who: str, mend: str, held: Mapping[str, Json], actual: Mapping[str, Json]) -> None:
    if wrong := differences(held, actual):
        raise UserError(f"{who} is not served, since it would not answer as it was promoted: {'; '.join(wrong)}; {mend}")


def _named(spec: StrategySpec) -> list[str]:
    inner = [named for _, member in spec.members for named in _named(member)]
    return list(dict.fromkeys((*spec.artifacts, *inner)))
