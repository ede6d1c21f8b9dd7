"""What `rung train` trains: a kind is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable

from rung.stages.intake import Intake
from rung.stages.retrieval_training import train_rerankers, train_retrievers
from rung.stages.training import Order, Told, train_classifiers, train_generators, train_routers
from rung.workshop import Workshop

TRAINERS: dict[str, Callable[[Workshop, Intake, Order], list[Told]]] = {
    "generator": train_generators,
    "retriever": train_retrievers,
    "reranker": train_rerankers,
    "classifier": train_classifiers,
    "router": train_routers,
}
