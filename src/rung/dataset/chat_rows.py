"""Examples as rows of OpenAI's chat form: with where they come from, or as OpenAI and Mistral take them for tuning."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from rung.dataset.chat_tools import apart
from rung.records import Example, Json, Message

_PROVENANCE = ("source", "licence", "author", "generated_by", "approved_by", "approved_at")


class Misfit(ValueError):
    """An example that a form cannot hold whole; says why."""


def chat_row(example: Example) -> dict[str, Json]:
    """As a row of OpenAI chat JSONL. Calls are named call_1, call_2, …, their results after them."""
    turns: list[Json] = [*_turns(example.messages, "call_{}".format)]
    return {"id": example.id, "messages": turns, **_tools(example), **provenance(example)}


def openai_row(example: Example) -> dict[str, Json]:
    """As OpenAI's tuning takes it: messages and tools, and no other key."""
    return {"messages": [*_turns(example.messages, "call_{}".format)], **_tools(example)}


def mistral_row(example: Example) -> dict[str, Json]:
    """As Mistral's tuning takes it: ids of calls are nine letters and digits, and results name the function.

    Raises:
        Misfit: turns in an order that it does not take, or an empty system turn.
    """
    previous = ""
    for message in example.messages:
        if message.role not in _MISTRAL_AFTER.get(previous, ()):
            raise Misfit(f"Mistral takes no {message.role} turn {f'after one of {previous}' if previous else 'first'}")
        if message.role == "system" and not message.content.strip():
            raise Misfit("Mistral takes no empty system turn")
        previous = message.role
    turns = _turns(example.messages, "call{:05d}".format)
    functions: dict[str, Json] = {}
    for turn in turns:
        for id, name in _called(turn):
            functions[id] = name
        if turn["role"] == "tool":
            if turn["tool_call_id"] not in functions:
                raise Misfit("Mistral takes no result of a call that was not made")
            turn["name"] = functions[str(turn["tool_call_id"])]
    return {"messages": [*turns], **_tools(example)}


_MISTRAL_AFTER = {
    "": ("system", "user"),
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool", "user"),
}


def provenance(example: Example) -> dict[str, Json]:
    """Where it comes from, as far as it is known; the digest is what an approval holds for."""
    fields: dict[str, Json] = {key: value for key in _PROVENANCE if (value := getattr(example, key))}
    meta: dict[str, Json] = {"meta": dict(example.meta)} if example.meta else {}
    return {**fields, "digest": example.digest, **meta}


def _tools(example: Example) -> dict[str, Json]:
    return {"tools": json.loads(example.tools)} if example.tools else {}


def _turns(messages: Sequence[Message], name: Callable[[int], str]) -> list[dict[str, Json]]:
    """The turns; `name` gives each call its id by its number, from 1."""
    turns: list[dict[str, Json]] = []
    calls, waiting = 0, list[str]()
    for message in messages:
        if message.role == "tool":
            id = waiting.pop(0) if waiting else name(0)
            turns.append({"role": "tool", "tool_call_id": id, "content": message.content})
            continue
        text, called = apart(message.content) if message.role == "assistant" else (message.content, [])
        turn: dict[str, Json] = {"role": message.role, "content": text if text or not called else None}
        waiting = [name(calls + n) for n in range(1, len(called) + 1)]
        calls += len(called)
        if called:
            turn["tool_calls"] = [
                {
                    "id": id,
                    "type": "function",
                    "function": {"name": function, "arguments": json.dumps(arguments, ensure_ascii=False)},
                }
                for id, (function, arguments) in zip(waiting, called, strict=True)
            ]
        turns.append(turn)
    return turns


def _called(turn: dict[str, Json]) -> list[tuple[str, Json]]:
    """(id, function) of each call of a turn."""
    calls = turn.get("tool_calls")
    return [
        (str(call["id"]), call["function"]["name"])
        for call in (calls if isinstance(calls, list) else [])
        if isinstance(call, dict) and isinstance(call["function"], dict)
    ]
