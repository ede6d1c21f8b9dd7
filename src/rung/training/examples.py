"""Tokens that are learnt: chats as token rows, the assistant's last turn marked; tokenised exactly as the server does.

Reading files of examples is left to `materials`, batches to `training.batches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rung.errors import UserError
from rung.records import Example, Message


class Tokenizing(Protocol):
    """The served model's own tokenizer and chat template."""

    end: str

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, nothing added."""
        ...

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, the assistant's turn opened."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One chat as tokens: the first `prompt` are given, the others, the mark of the end among them, are learnt."""

    ids: tuple[int, ...]
    prompt: int


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that fit, and where those came from that were too long."""

    rows: tuple[Row, ...]
    too_long: tuple[str, ...] = ()


def tokenised(examples: Sequence[Example], tokens: Tokenizing) -> list[Row]:
    """Each example as tokens, in their order. Prompt and answer are tokenised apart, as they are when it is served."""
    prompts = tokens.encode([tokens.render(example.messages[:-1]) for example in examples])
    answers = tokens.encode([example.output + tokens.end for example in examples])
    return [Row((*prompt, *answer), len(prompt)) for prompt, answer in zip(prompts, answers, strict=True)]


def rows_of(examples: Sequence[Example], tokens: Tokenizing, *, max_tokens: int) -> Rows:
    """Token rows of the examples that fit, in their order.

    Raises:
        UserError: there are none, one does not end with the assistant's words, or all are longer than `max_tokens`.
    """
    if not examples:
        raise UserError("there is nothing to train on: add examples (behaviour.examples) or cases with split train")
    for example in examples:
        if len(example.messages) < 2 or example.messages[-1].role != "assistant" or not example.output.strip():
            where = example.place or f"example {example.id}"
            raise UserError(f"{where}: the last message has to be the assistant's, with text: add the wanted answer")
    rows = tokenised(examples, tokens)
    fitting = tuple(row for row in rows if len(row.ids) <= max_tokens)
    if not fitting:
        shortest = min(len(row.ids) for row in rows)
        raise UserError(f"all {len(rows)} examples are longer than max_tokens {max_tokens}: raise it to {shortest} or more")
    long = tuple(e.place or e.id for e, row in zip(examples, rows, strict=True) if len(row.ids) > max_tokens)
    return Rows(fitting, long)
