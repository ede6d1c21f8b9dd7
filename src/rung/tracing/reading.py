"""What spans hold, read back: messages as the conventions write them, the passages that steps found, their texts."""

from __future__ import annotations

from collections.abc import Mapping

from rung.records import Json, Message
from rung.records.traces import Span, Trace
from rung.tracing import conventions as names


def listed(value: Json) -> list[Json]:
    """An attribute that is a list; [] where it is none, or is not there."""
    return value if isinstance(value, list) else []


def messages_in(value: Json) -> list[Message]:
    """The turns of a list of messages, each with the text of its parts."""
    return [_message(one) for one in listed(value) if isinstance(one, dict)]


def last_text(messages: Json) -> str:
    """The text of the last message of a list; "" where there is none."""
    turns = messages_in(messages)
    return turns[-1].content if turns else ""


def retrieved(span: Span) -> list[Mapping[str, Json]]:
    """A row for each passage that a step found: id, document, characters, score."""
    return [row for row in listed(span.attributes.get(names.RETRIEVAL_DOCUMENTS)) if isinstance(row, dict)]


def passage_texts(trace: Trace) -> dict[str, str]:
    """Id of a passage -> its text, of those whose texts were captured."""
    texts: dict[str, str] = {}
    for step in trace.steps:
        own = (step.content or {}).get(names.TEXTS)
        texts |= {id: text for id, text in own.items() if isinstance(text, str)} if isinstance(own, dict) else {}
    return texts


def _message(value: Mapping[str, Json]) -> Message:
    parts = [part for part in listed(value.get("parts")) if isinstance(part, dict)]
    return Message(str(value.get("role", "")), "".join(str(part.get("content", "")) for part in parts))
