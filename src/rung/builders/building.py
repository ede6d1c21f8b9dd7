"""Which kind of need is built by what, and what is looked at before. A kind is one file here and its lines below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rung.artifacts.store import Built
from rung.builders.adapter import build_adapter, check_adapter
from rung.builders.chunked_index import build_cutting
from rung.builders.classifier import build_classifier, check_classifier
from rung.builders.example_index import build_example_index
from rung.builders.reranker import build_reranker
from rung.builders.retriever import build_retriever, check_retriever
from rung.builders.router import build_router
from rung.strategies.protocol import Adapter, Cutting, ExampleIndex, Labelling, Reranker, Retriever, Routing

if TYPE_CHECKING:
    from rung.runtime.engines import Workshop

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
