"""Examples written to a file, as OpenAI chat or ShareGPT JSONL, with where they come from; reading gives them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rung.dataset.chat_tools import apart
from rung.files.outputs import new_file
from rung.records import Example, Json

_PROVENANCE = ("source", "licence", "author", "generated_by", "approved_by", "approved_at")


def chat_row(example: Example) -> dict[str, Json]:
    """As a row of OpenAI chat JSONL. Calls are named call_1, call_2, …, their results after them."""
    turns: list[Json] = []
    calls, waiting = 0, list[str]()
    for message in example.messages:
        if message.role == "tool":
            turns.append(
                {"role": "tool", "tool_call_id": waiting.pop(0) if waiting else "call_0", "content": message.content}
            )
            continue
        text, called = apart(message.content) if message.role == "assistant" else (message.content, [])
        turn: dict[str, Json] = {"role": message.role, "content": text if text or not called else None}
        waiting = [f"call_{calls + n}" for n in range(1, len(called) + 1)]
        calls += len(called)
        if called:
            turn["tool_calls"] = [
                {
                    "id": id,
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
                }
                for id, (name, arguments) in zip(waiting, called, strict=True)
            ]
        turns.append(turn)
    tools: dict[str, Json] = {"tools": json.loads(example.tools)} if example.tools else {}
    return {"id": example.id, "messages": turns, **tools, **_provenance(example)}


def share_row(example: Example) -> dict[str, Json]:
    """As a row of ShareGPT JSONL: from and value; calls and results are turns of their own."""
    turns: list[Json] = []
    for message in example.messages:
        if message.role != "assistant":
            role = {"user": "human", "tool": "observation"}.get(message.role, message.role)
            turns.append({"from": role, "value": message.content})
            continue
        text, called = apart(message.content)
        if text or not called:
            turns.append({"from": "gpt", "value": text})
        if called:
            listed: list[Json] = [{"name": name, "arguments": arguments} for name, arguments in called]
            turns.append({"from": "function_call", "value": json.dumps(listed if len(called) > 1 else listed[0])})
    tools: dict[str, Json] = {"tools": json.dumps(json.loads(example.tools))} if example.tools else {}
    return {"id": example.id, "conversations": turns, **tools, **_provenance(example)}


FORMATS: Mapping[str, Callable[[Example], dict[str, Json]]] = {"chat": chat_row, "sharegpt": share_row}


def write_examples(path: Path, examples: Iterable[Example], *, to: str = "chat", force: bool = False) -> int:
    """Write a file of examples, whole or not at all; how many is returned. `force`: in the place of one that is there.

    Raises:
        UserError: the file is there already, or cannot be written.
    """
    return write_rows(path, (FORMATS[to](example) for example in examples), force=force)


def write_rows(path: Path, rows: Iterable[Mapping[str, Json]], *, force: bool = False) -> int:
    """Write a JSONL file, whole or not at all; how many rows is returned. Raises as `write_examples` does."""
    count = 0
    with new_file(path, force=force) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _provenance(example: Example) -> dict[str, Json]:
    """Where it comes from, as far as it is known; the digest is what an approval holds for."""
    fields: dict[str, Json] = {key: value for key in _PROVENANCE if (value := getattr(example, key))}
    meta: dict[str, Json] = {"meta": dict(example.meta)} if example.meta else {}
    return {**fields, "digest": example.digest, **meta}
