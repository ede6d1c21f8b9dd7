"""What one answer may use on its way: searches, and tokens of all prompts and replies together.

A prompt is estimated before it is sent, from above (`estimated_tokens`), so that the budget binds before anything is spent;
what a model counted itself takes the estimate's place afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.records import Message, Passage
from rung.records.steps import Conversation, Generate, GenerateResult, SearchResult, generate, search
from rung.strategies.fitting import CHARACTERS_PER_TOKEN

ASCII_PER_TOKEN = 3.0  # at least so many ASCII characters make a token, of prose
TOKENS_PER_OTHER = 1.5  # at most so many tokens make another character
OF_A_TURN = 12  # tokens of a template around a message, at most
SHOWN_SHARE = 0.5  # of the tokens, for the answer: hops may use the rest


def estimated_tokens(text: str) -> float:
    """Tokens of a text, rather too many than too few."""
    others = sum(not character.isascii() for character in text)
    return (len(text) - others) / ASCII_PER_TOKEN + others * TOKENS_PER_OTHER


def prompt_tokens(messages: Sequence[Message]) -> float:
    """Tokens of a prompt, rather too many than too few."""
    return sum(OF_A_TURN + estimated_tokens(message.content) for message in messages)


@dataclass(slots=True)
class Budget:
    """What is left of one answer's searches and tokens."""

    searches: int
    tokens: float
    reserved: float = 0.0  # for the answer

    @classmethod
    def of(cls, searches: int, tokens: int) -> Budget:
        """A budget of which a part is reserved for the answer."""
        return cls(searches, tokens, tokens * SHOWN_SHARE)

    def search(self, query: str, *, top: int, dense_weight: float | None) -> Conversation[SearchResult | None]:
        """A search; None where no search is left."""
        if self.searches <= 0:
            return None
        self.searches -= 1
        return (yield from search(query, top=top, dense_weight=dense_weight))

    def generate(self, step: Generate) -> Conversation[GenerateResult | None]:
        """A generation on the way; None where its tokens may go over what is not reserved for the answer."""
        asked = prompt_tokens(step.messages)
        if asked + step.max_tokens > self.tokens - self.reserved:
            return None
        response = yield from generate(step)
        self.tokens -= (response.prompt_tokens or asked) + (response.completion_tokens or step.max_tokens)
        return response

    def context_for(self, passages: Sequence[Passage], answer: int) -> int:
        """`StrategySpec.context_tokens` with which a prompt of these passages, and the answer, stay within what is left."""
        text = "".join(f"{passage.title}\n{passage.text}" for passage in passages)
        characters_per_token = len(text) / estimated_tokens(text) if text else ASCII_PER_TOKEN
        left = max(1.0, self.tokens - answer - 4 * OF_A_TURN)
        return answer + max(1, int(left * characters_per_token / CHARACTERS_PER_TOKEN))
