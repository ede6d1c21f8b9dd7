"""Which scorers there are. Built-ins and strangers' come through the same door: entry points of the group `rung.scorers`.

An entry point names a callable that makes a scorer from a `Yardstick`, usually the scorer's class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from rung.errors import UserError
from rung.scoring.protocol import ScorerFactory

GROUP = "rung.scorers"

BUILT_IN = {
    "correctness": "rung.scoring.correctness:Correctness",
    "retrieval": "rung.scoring.retrieval:Retrieval",
    "format": "rung.scoring.format:Format",
    "citation": "rung.scoring.citation:CitationScorer",
    "abstention": "rung.scoring.abstention:Abstention",
    "access": "rung.scoring.access:Access",
    "cost": "rung.scoring.cost:Cost",
}
METRICS = (  # what the built-ins measure
    *("correct", "em", "f1", "contains", "label_accuracy", "json_field_f1"),
    *("recall@1", "recall@3", "recall@5", "recall@10", "mrr", "ndcg@10"),
    *("span_recall@1", "span_recall@3", "span_recall@5", "span_recall@10"),
    *("format", "citation_precision", "citation_recall", "support_precision", "support_recall", "leaks"),
    *("abstention_precision", "abstention_recall", "false_refusal"),
    *("prompt_tokens", "completion_tokens", "usd"),
)


@cache
def scorers() -> Mapping[str, ScorerFactory]:
    """Every scorer by name, built-ins first.

    Raises:
        UserError: two have the same name, or one cannot be loaded.
    """
    return load(entry_points(group=GROUP))


def metrics() -> tuple[str, ...] | None:
    """The names of all metrics; None where scorers of other packages are installed, whose metrics show when they score."""
    return None if entry_points(group=GROUP) else METRICS


def load(strangers: Iterable[EntryPoint]) -> Mapping[str, ScorerFactory]:
    """The built-ins and these entry points, by name; raises as `scorers` does."""
    built_in = (EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items())
    found: dict[str, ScorerFactory] = {}
    for entry in (*built_in, *strangers):
        if entry.name in found:
            raise UserError(f"two scorers are called {entry.name!r}: rename or remove the one in {_package(entry)}")
        found[entry.name] = _load(entry)
    return found


def _load(entry: EntryPoint) -> ScorerFactory:
    try:
        factory: object = entry.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"the scorer {entry.name!r} of {_package(entry)} cannot be loaded: {error}") from error
    if not callable(factory):
        raise UserError(f"the scorer {entry.name!r} of {_package(entry)} is no callable that makes a scorer: {entry.value}")
    return factory


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
