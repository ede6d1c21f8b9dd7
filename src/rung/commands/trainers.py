"""What `rung train` trains: a kind is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable

from rung.builders.building import ArtifactBuilder
from rung.commands.train import TrainReport, TrainRequest, train_classifiers, train_generators, train_routers
from rung.commands.train_retrieval import train_rerankers, train_retrievers
from rung.pipeline.prepare import Prepared

TRAINERS: dict[str, Callable[[ArtifactBuilder, Prepared, TrainRequest], list[TrainReport]]] = {
    "generator": train_generators,
    "retriever": train_retrievers,
    "reranker": train_rerankers,
    "classifier": train_classifiers,
    "router": train_routers,
}
