"""A strategy as a record: all that it takes to answer as it did, without cases or documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.records.nouns import Message, ToolSpec
from rung.records.values import Json, digest


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A rung with its settings, pinned by `digest`; `strategies.registry.make_strategy` makes the strategy.

    Args:
        rung: its name.
        settings: the rung's own, defaults included.
        task: the instruction.
        schema: of every answer, as canonical JSON text; "" where there is none.
        labels: one of which every answer is; empty where there are none.
        has_documents: whether the project has any, which the instruction says.
        tools: that the model may call.
        worked: turns that stand before every question: worked examples.
        answer_tokens: room for an answer where the settings name none.
        artifacts: digests of what was built for it, in the order of the rung's needs.
        members: of a rung made of others, what is handed on to: (label, spec).
        model: the project's name of the model.
        temperature: with which texts are drawn; 0 is greedy.
        seed: of what is drawn.
        context_tokens: that prompt and answer may have together, where the project says so; 0: nobody said.
    """

    rung: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    task: str = ""
    schema: str = ""
    labels: tuple[str, ...] = ()
    has_documents: bool = False
    tools: tuple[ToolSpec, ...] = ()
    worked: tuple[Message, ...] = ()
    answer_tokens: int = 128
    artifacts: tuple[str, ...] = ()
    members: tuple[tuple[str, StrategySpec], ...] = ()
    model: str = ""
    temperature: float = 0.0
    seed: int = 0
    context_tokens: int = 0

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it asks, its own first."""
        inner = (model for _, member in self.members for model in member.models)
        return tuple(dict.fromkeys((self.model, *inner)))

    @property
    def digest(self) -> str:
        """Equal digest, equal strategy."""
        return digest("strategy", self)

    @classmethod
    def of(cls, row: Mapping[str, Json]) -> StrategySpec:
        """The record whose `plain` form this is.

        Raises:
            ValueError: it is none.
        """
        try:
            given: dict[str, Any] = dict(row)
            for name, record in (("tools", ToolSpec), ("worked", Message)):
                given[name] = tuple(record(**one) for one in given[name])
            given |= {name: tuple(given[name]) for name in ("labels", "artifacts")}
            given["members"] = tuple((label, cls.of(spec)) for label, spec in given["members"])
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"is no strategy: {error}") from error
