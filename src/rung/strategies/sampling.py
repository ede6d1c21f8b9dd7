"""A rung whose model is not greedy: the same conversation, each text drawn by a temperature and a seed.

Rungs ask for text without saying how it is drawn; a project that draws has its strategies wrapped here, so that one
conversation can be had several times over.
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
