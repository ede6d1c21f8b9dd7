"""Which kind of need is built by what, and what is looked at before. A kind is one file here and its lines below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rung.strategies.protocol import Adapter, Cutting, ExampleIndex, Labelling, Reranker, Retriever, Routing
from rung.workshop.adapter import build_adapter, check_adapter
from rung.workshop.artifacts import Built
from rung.workshop.classifier import build_classifier, check_classifier
from rung.workshop.cutting import build_cutting
from rung.workshop.example_index import build_example_index
from rung.workshop.reranker import build_reranker
from rung.workshop.retriever import build_retriever, check_retriever
from rung.workshop.router import build_router

if TYPE_CHECKING:
    from rung.workshop.holding import Workshop

BUILDERS: dict[type, Callable[[Workshop, Any, str], Built]] = {
    ExampleIndex: build_example_index,
    Cutting: build_cutting,
    Adapter: build_adapter,
    Retriever: build_retriever,
    Reranker: build_reranker,
    Labelling: build_classifier,
    Routing: build_router,
}
# Mistakes that show before anything is done: a rung that cannot be built is told of at once, not after hours of others.
CHECKS: dict[type, Callable[[Workshop, Any], None]] = {
    Adapter: check_adapter,
    Retriever: check_retriever,
    Labelling: check_classifier,
}
