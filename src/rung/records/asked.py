"""A question for a function of Python, in the form of a chat, so that asking it is a step like others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rung.records.nouns import Message, Passage, Question
from rung.records.values import plain

QUESTION, PASSAGES = "question", "passages"  # roles that no chat has


@dataclass(frozen=True, slots=True)
class Asked:
    """The words asked, the turns before them, and the passages that a search found, best first."""

    question: str
    messages: tuple[Message, ...] = ()
    passages: tuple[Passage, ...] = ()


def as_messages(question: Question, passages: Sequence[Passage]) -> tuple[Message, ...]:
    """What `asked_of` reads."""
    shown = json.dumps(plain(passages), ensure_ascii=False)
    return (*question.messages, Message(PASSAGES, shown), Message(QUESTION, question.text))


def asked_of(messages: Sequence[Message]) -> Asked | None:
    """The question that stands in these; None where they are a chat."""
    if len(messages) < 2 or (messages[-2].role, messages[-1].role) != (PASSAGES, QUESTION):
        return None
    *before, shown, question = messages
    return Asked(question.content, tuple(before), tuple(map(Passage.of, json.loads(shown.content))))
