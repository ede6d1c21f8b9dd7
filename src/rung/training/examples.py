"""Tokens that are learnt: chats as token rows, the assistant's last turn marked; tokenised exactly as the server does.

Reading files of examples is left to `materials`, batches to `training.batches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rung.errors import ModelError, UserError
from rung.records import Example, Message


class Rendering(Protocol):
    """The served model's own tokenizer and chat template."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, nothing added."""
        ...

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, the assistant's turn opened."""
        ...


class Tokenizing(Rendering, Protocol):
    """One whose every answer ends with the same mark."""

    @property
    def end(self) -> str:
        """The mark."""
        ...

    def token(self, number: int) -> str:
        """A token by its id."""
        ...


@runtime_checkable
class Templated(Rendering, Protocol):
    """One whose template says how an answer begins and ends."""

    def with_answer(self, messages: Sequence[Message]) -> tuple[list[int], int]:
        """Ids of a chat to the end of its last turn, the assistant's; and how many of them are the prompt's."""
        ...


Tokens = Tokenizing | Templated


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


def tokenised(examples: Sequence[Example], tokens: Tokens) -> list[Row]:
    """Each example as tokens, in their order. Prompt and answer are tokenised apart, as they are when it is served, or as
    the model's own template has them.

    Raises:
        UserError: the template takes no such conversation; names the example.
    """
    if isinstance(tokens, Templated):
        return [_templated(example, tokens) for example in examples]
    prompts = tokens.encode([tokens.render(example.messages[:-1]) for example in examples])
    answers = tokens.encode([example.output + tokens.end for example in examples])
    return [Row((*prompt, *answer), len(prompt)) for prompt, answer in zip(prompts, answers, strict=True)]


def _templated(example: Example, tokens: Templated) -> Row:
    try:
        ids, prompt = tokens.with_answer(example.messages)
    except ModelError as error:
        raise UserError(f"{example.place or f'example {example.id}'}: {error}") from error
    return Row(tuple(ids), prompt)


def rows_of(examples: Sequence[Example], tokens: Tokens, *, max_tokens: int, context: int | None = None) -> Rows:
    """Token rows of the examples that fit, in their order.

    Args:
        examples: chats that end with the wanted answer.
        tokens: of the model.
        max_tokens: the recipe's.
        context: tokens that the model takes; None: as many as the recipe allows.

    Raises:
        UserError: there are none, one does not end with the assistant's words, or all are too long.
    """
    if not examples:
        raise UserError("there is nothing to train on: add examples (behaviour.examples) or cases with split train")
    for example in examples:
        if len(example.messages) < 2 or example.messages[-1].role != "assistant" or not example.output.strip():
            where = example.place or f"example {example.id}"
            raise UserError(f"{where}: the last message has to be the assistant's, with text: add the wanted answer")
    rows = tokenised(examples, tokens)
    most = min(max_tokens, context or max_tokens)
    fitting = tuple(row for row in rows if len(row.ids) <= most)
    if not fitting:
        shortest = min(len(row.ids) for row in rows)
        if context is not None and shortest > context:
            raise UserError(
                f"all {len(rows)} examples are longer than the {context:,} tokens that the model takes (the shortest has "
                f"{shortest:,}): shorten them, or name a model with a longer context"
            )
        raise UserError(f"all {len(rows)} examples are longer than max_tokens {max_tokens}: raise it to {shortest} or more")
    long = tuple(e.place or e.id for e, row in zip(examples, rows, strict=True) if len(row.ids) > most)
    return Rows(fitting, long)
