"""A conversation that is longer than the model reads: cut from its oldest turns, and said so (`Answer.turns_left_out`).

Only who counts a model's tokens knows what fits, and that is the model: a prompt that it refuses as too long fails its step
before a token is spent (`Failure.excess`), and the strategy begins anew with fewer turns. Where `rung.yaml` or the server
says how much is read, earlier turns that surely take more than half of it are cut beforehand, so that passages have room;
so are those beyond what a rung with a budget of its own allows (`history_characters`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rung.records import Answer, Message, Question
from rung.records.steps import Conversation, StepFailed
from rung.strategies.fitting import CHARACTERS_PER_TOKEN
from rung.strategies.hop_budget import estimated_tokens
from rung.strategies.protocol import Strategy, streams

HISTORY_SHARE = 0.5  # of what the model reads, for earlier turns at most, where that is known beforehand


@dataclass(frozen=True, slots=True)
class WithinContext:
    """A strategy whose question loses its oldest turns where they do not fit. `context_tokens` 0: nobody said."""

    strategy: Strategy
    context_tokens: int = 0

    @property
    def streams(self) -> bool:
        """As the strategy's own: a prompt that is too long fails before there is any text."""
        return streams(self.strategy)

    def answer(self, question: Question) -> Conversation[Answer]:
        """The strategy's answer, with as many of the newest turns as fit. It begins anew for want of room only."""
        shown = self._fitting(question)
        while True:
            try:
                answer = yield from self.strategy.answer(shown)
                break
            except StepFailed as failed:
                if not failed.failure.excess or not shown.messages:
                    raise
                shown = shortened(shown, failed.failure.excess)
        left_out = len(question.messages) - len(shown.messages)
        return replace(answer, turns_left_out=answer.turns_left_out + left_out) if left_out else answer

    def _fitting(self, question: Question) -> Question:
        context = int(self.context_tokens * HISTORY_SHARE * CHARACTERS_PER_TOKEN)
        room = min(filter(None, (context, getattr(self.strategy, "history_characters", 0))), default=0)
        characters = sum(len(turn.content) for turn in question.messages)
        if not room or characters <= room:
            return question
        return replace(question, messages=_newest(question.messages, characters - room))


def shortened(question: Question, excess: int) -> Question:
    """The question without its oldest turns: of about so many tokens, or of half of its characters where `excess` is
    negative (nobody said by how much it is too long)."""
    characters = sum(len(turn.content) for turn in question.messages)
    if excess < 0:
        return replace(question, messages=_newest(question.messages, characters // 2))
    tokens = sum(estimated_tokens(turn.content) for turn in question.messages)
    surplus = characters if excess >= tokens else int(excess * characters / max(tokens, 1.0))
    return replace(question, messages=_newest(question.messages, surplus))


def _newest(messages: tuple[Message, ...], surplus: int) -> tuple[Message, ...]:
    """Without the oldest turns that together have so many characters, at least one; the first that stays is a user's, as
    chat templates want it."""
    start = 1
    while start < len(messages) and sum(len(turn.content) for turn in messages[:start]) < surplus:
        start += 1
    while start < len(messages) and messages[start].role != "user":
        start += 1
    return messages[start:]
