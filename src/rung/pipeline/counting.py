"""Tokens of a text before a model is opened or a server asked: exact where the tokenizer is at hand, else by a rule that
errs upwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rung.models.endpoint import is_on_server
from rung.records import Message

CHARACTERS_PER_TOKEN = 4  # of English prose: a likely number, no bound
TURN_TOKENS = 8  # what a chat's marks add to a turn, at most
CHAT_TOKENS = 64  # what they add to a prompt, at most
_MIN_CHARACTERS = 5  # characters of a token, where text has few
_WORD = re.compile(r"[A-Za-z]+")
_SPACES = re.compile(r" +")


@lru_cache(maxsize=4096)
def most_tokens(text: str) -> int:
    """So many tokens a text has at most: two letters of a word are one, everything else counts by bytes, a space before a
    word nothing. About twice what byte-pair and word-piece tokenizers make of prose and code; only random letters have more.

    >>> most_tokens("Return it within 30 days."), most_tokens("Größe")
    (12, 6)
    """
    ascii_ = text.encode("ascii", "ignore").decode()
    words = [len(word) for word in _WORD.findall(ascii_)]
    gaps = len(_SPACES.findall(ascii_))
    beyond = len(text.encode("utf-8", "replace")) - len(ascii_)
    return sum((n + 1) // 2 for n in words) + len(ascii_) - sum(words) - gaps + beyond


@dataclass(frozen=True, slots=True)
class Sizes:
    """How a model's tokens are counted: `count` and `prompt` at most, as the model itself does where `is_exact`; `fitting`
    as a comparison counts to decide what fits, and rather less where that is not known."""

    count: Callable[[str], int]
    prompt: Callable[[Sequence[Message]], int]
    fitting: Callable[[str], int]
    is_exact: bool = False


def sizes_of(model: str) -> Sizes:
    """Those of a generator by its name in `rung.yaml`; nothing is fetched or opened."""
    if is_on_server(model):
        return Sizes(most_tokens, _most_of_a_chat, lambda text: -(-len(text.encode("utf-8", "replace")) // 4))
    if model != "scripted":
        return Sizes(most_tokens, _most_of_a_chat, lambda text: len(text) // _MIN_CHARACTERS)
    from rung.models.scripted import ScriptedGenerator

    scripted = ScriptedGenerator()

    @lru_cache(maxsize=4096)
    def count(text: str) -> int:
        return scripted.count_tokens([text])[0]

    return Sizes(count, lambda messages: count(scripted.render(messages)), count, is_exact=True)


def likely_tokens(text: str) -> int:
    """About so many: four characters of English prose are a token."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def _most_of_a_chat(messages: Sequence[Message]) -> int:
    return CHAT_TOKENS + sum(most_tokens(message.content) + TURN_TOKENS for message in messages)
