"""Builds what a need asks for, if it is not there. A kind of artifact is one file beside this one and its lines below."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.artifacts import Built, Training
from rung.config.project import Project
from rung.runtime.cache import StepStore
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import Adapter, Cutting, ExampleIndex, Labelling, Need, Reranker, Retriever, Routing


@dataclass(frozen=True)
class ArtifactBuilder:
    """Builds artifacts, with the engines of a project and who runs steps on them.

    `recipe_file`: for adapters, in the place of the project's `recipe.yaml`. `searching`: adapters' learning rate and rank
    are searched first. `while_training` is entered around each training, and may raise `BudgetEnded`.
    """

    runner: StepRunner
    recipe_file: Path | None = None
    searching: bool = False
    while_training: Callable[[Training], AbstractContextManager[object]] = nullcontext

    @property
    def engines(self) -> Engines:
        """Those of the project."""
        return self.runner.engines

    @property
    def cache(self) -> StepStore:
        """Where results are remembered."""
        return self.engines.cache

    @property
    def project(self) -> Project:
        """What the artifacts are of."""
        return self.runner.project

    def build(self, need: Need, *, title: str) -> Built:
        """The artifact that a need asks for, built if it is not there.

        Raises:
            UserError: what it needs is missing (an extra, disk space), or it cannot be built from these materials.
        """
        return _builders()[type(need)](self, need, title)

    def check(self, need: Need) -> None:
        """Look at what can be known to be wrong with a need before it is built; raises as `build`."""
        checks = _checks()
        if type(need) in checks:
            checks[type(need)](self, need)


def _builders() -> dict[type, Callable[[ArtifactBuilder, Any, str], Built]]:
    from rung.builders.adapter import build_adapter
    from rung.builders.chunked_index import build_cutting
    from rung.builders.classifier import build_classifier
    from rung.builders.example_index import build_example_index
    from rung.builders.reranker import build_reranker
    from rung.builders.retriever import build_retriever
    from rung.builders.router import build_router

    return {
        ExampleIndex: lambda builder, need, title: build_example_index(builder.engines, need, title),
        Cutting: lambda builder, need, title: build_cutting(builder.engines, need, title),
        Adapter: build_adapter,
        Retriever: build_retriever,
        Reranker: lambda builder, need, title: build_reranker(builder.engines, need, title),
        Labelling: build_classifier,
        Routing: build_router,
    }


def _checks() -> dict[type, Callable[[ArtifactBuilder, Any], None]]:
    """Mistakes that show before anything is done: that a rung cannot be built is told at once, not after hours of others."""
    from rung.builders.adapter import check_adapter
    from rung.builders.classifier import check_classifier
    from rung.builders.retriever import check_retriever

    return {
        Adapter: check_adapter,
        Retriever: lambda builder, need: check_retriever(builder.project, need),
        Labelling: lambda builder, need: check_classifier(builder.project, need),
    }
