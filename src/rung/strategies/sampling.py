"""A rung whose model is not greedy, or is another than that of the rung that hands a question on: the same conversation.

Rungs ask for text without saying how it is drawn, and by which of several models; strategies of a project that draws, and
those that a router hands on to, are wrapped here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rung.records import Answer, Question
from rung.records.steps import Conversation, Generate, Step, relayed
from rung.strategies.protocol import Strategy, streams


@dataclass(frozen=True, slots=True)
class Sampled:
    """A strategy whose every `Generate` is drawn at this temperature with this seed; all else is as it was."""

    strategy: Strategy
    temperature: float
    seed: int

    @property
    def streams(self) -> bool:
        """As the strategy's own."""
        return streams(self.strategy)

    def answer(self, question: Question) -> Conversation[Answer]:
        """The strategy's answer."""
        return relayed(self.strategy.answer(question), self._drawn)

    def _drawn(self, step: Step) -> Step:
        return replace(step, temperature=self.temperature, seed=self.seed) if isinstance(step, Generate) else step


@dataclass(frozen=True, slots=True)
class OnModel:
    """A strategy whose every `Generate` names this model; all else is as it was."""

    strategy: Strategy
    model: str

    @property
    def streams(self) -> bool:
        """As the strategy's own."""
        return streams(self.strategy)

    def answer(self, question: Question) -> Conversation[Answer]:
        """The strategy's answer."""
        return relayed(self.strategy.answer(question), self._named)

    def _named(self, step: Step) -> Step:
        return replace(step, model=self.model) if isinstance(step, Generate) else step
