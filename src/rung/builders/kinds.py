"""Builds what a need asks for, if it is not there. A kind of artifact is one file beside this one and its lines below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.artifacts import Built
from rung.builders.adapter import build_adapter, check_adapter
from rung.builders.answer_index import build_answer_index
from rung.builders.building import ArtifactBuilder
from rung.builders.chunked_index import build_chunked_index
from rung.builders.classifier import build_classifier, check_classifier
from rung.builders.example_index import build_example_index
from rung.builders.instruction import build_instruction, check_instruction
from rung.builders.refusal import build_refusal
from rung.builders.reranker import build_reranker
from rung.builders.retriever import build_retriever, check_retriever
from rung.builders.router import build_router
from rung.strategies.protocol import (
    Adapter,
    AnswerIndex,
    ChunkedIndex,
    ExampleIndex,
    InstructionSearch,
    Labelling,
    Need,
    RefusalThreshold,
    Reranker,
    Retriever,
    Routing,
)

BUILDERS: dict[type, Callable[[ArtifactBuilder, Any, str], Built]] = {
    ExampleIndex: lambda builder, need, title: build_example_index(builder.engines, need, title),
    ChunkedIndex: lambda builder, need, title: build_chunked_index(builder.engines, need, title),
    Adapter: build_adapter,
    Retriever: build_retriever,
    Reranker: build_reranker,
    Labelling: build_classifier,
    Routing: build_router,
    RefusalThreshold: build_refusal,
    InstructionSearch: build_instruction,
    AnswerIndex: build_answer_index,
}
# Mistakes that show before anything is done: that a rung cannot be built is told at once, not after hours of others.
CHECKS: dict[type, Callable[[ArtifactBuilder, Any], None]] = {
    Adapter: check_adapter,
    Retriever: lambda builder, need: check_retriever(builder.project, need),
    Labelling: lambda builder, need: check_classifier(builder.project, need),
    InstructionSearch: lambda _builder, need: check_instruction(need),
}


def build_artifact(builder: ArtifactBuilder, need: Need, *, title: str) -> Built:
    """The artifact that a need asks for, built if it is not there.

    Raises:
        UserError: what it needs is missing (an extra, disk space), or it cannot be built from these materials.
    """
    return BUILDERS[type(need)](builder, need, title)


def check_need(builder: ArtifactBuilder, need: Need) -> None:
    """Look at what can be known to be wrong with a need before it is built; raises as `build_artifact`."""
    if type(need) in CHECKS:
        CHECKS[type(need)](builder, need)
