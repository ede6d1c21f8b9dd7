"""Which scorers there are, and what they measure. Built-ins come through the same door as those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from rung.errors import UserError
from rung.plugins import Door
from rung.records import Metric
from rung.scoring.protocol import ScorerFactory


def _factory(part: object) -> ScorerFactory:
    declared = getattr(part, "metrics", None)
    if not callable(part):
        raise TypeError("it is no callable that makes a scorer")
    if not isinstance(declared, tuple) or not declared or not all(isinstance(one, Metric) for one in declared):
        raise TypeError("it declares no metrics: a scorer has metrics = (Metric(name, layer, about), …)")
    return cast("ScorerFactory", part)


DOOR = Door(
    group="rung.scorers",
    noun="scorer",
    built_in={
        "correctness": "rung.scoring.correctness:Correctness",
        "retrieval": "rung.scoring.retrieval:Retrieval",
        "format": "rung.scoring.format:Format",
        "citation": "rung.scoring.citation:CitationScorer",
        "abstention": "rung.scoring.abstention:Abstention",
        "tool_calls": "rung.scoring.tool_calls:ToolCalls",
        "access": "rung.scoring.access:Access",
        "cost": "rung.scoring.cost:Cost",
    },
    part_of=_factory,
)


@cache
def scorers() -> Mapping[str, ScorerFactory]:
    """Every scorer by name, built-ins first.

    Raises:
        UserError: a plugin's scorer cannot be loaded, declares no metrics, or takes the name of another.
    """
    return DOOR.load()


@cache
def metrics() -> Mapping[str, Metric]:
    """Every metric of every scorer by name; raises as `scorers` and `declared` do."""
    return declared(scorers())


def declared(some: Mapping[str, ScorerFactory]) -> dict[str, Metric]:
    """What these scorers measure, by name.

    Raises:
        UserError: two of them measure the same, or one declares nothing.
    """
    by_name: dict[str, Metric] = {}
    by: dict[str, str] = {}
    for name, factory in some.items():
        try:
            its = _factory(factory).metrics
        except TypeError as error:
            raise UserError(f"the scorer '{name}': {error}") from error
        for metric in its:
            if metric.name in by_name:
                raise UserError(
                    f"the scorers '{by[metric.name]}' and '{name}' both measure '{metric.name}': rename the metric of one, "
                    "or uninstall it"
                )
            by_name[metric.name], by[metric.name] = metric, name
    return by_name
