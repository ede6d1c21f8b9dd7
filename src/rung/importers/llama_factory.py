"""LLaMA-Factory's second form: turns whose content is a list of {type, value}, learnt by their `loss_weight`."""

from __future__ import annotations

from rung.importers.fields import objects_in, of_reasoning, words
from rung.importers.imported import ImportedRow, Row, by_rows, unread
from rung.importers.preferences import NOT_PREFERRED
from rung.importers.tuning import learnt_turns
from rung.records import Json
from rung.text.parsing import Malformed, json_of

_TURNS = ("messages", "chosen_messages")


def _is_row(row: Row) -> float:
    turns = [turn for key in _TURNS for turn in objects_in(row.get(key))]
    parts = [part for turn in turns for part in objects_in(turn.get("content"))]
    return 1.0 if parts and all("type" in part and "value" in part for part in parts) else 0.0


def _row(row: Row, line: int) -> ImportedRow:
    """An example of the chat, or of the one that was preferred."""
    key = "chosen_messages" if "chosen_messages" in row else "messages"
    turns = [_turn(turn) for turn in objects_in(row[key])]
    notes = [NOT_PREFERRED] if key == "chosen_messages" else []
    notes += of_reasoning(row[key])
    notes += unread(row, (*_TURNS, "rejected_messages", "tools"))
    example: Row = {"messages": [*turns]}
    tools = row.get("tools")
    try:
        listed = json_of(tools) if isinstance(tools, str) and tools.strip() else tools
    except Malformed as error:
        raise ValueError(f"'tools' is no JSON: {error}") from error
    if listed:
        example["tools"] = listed
    return learnt_turns(example, line, notes=tuple(notes))


def _turn(turn: Row) -> Row:
    """As a turn of OpenAI's.

    Raises:
        ValueError: a part is no text, reasoning or call.
    """
    texts, calls = list[str](), list[Json]()
    for part in objects_in(turn.get("content")):
        kind, value = part.get("type"), part.get("value")
        if kind == "text":
            texts.append(words(value))
        elif kind == "tool_call":
            calls.append(_call(value))
        elif kind != "reasoning":
            raise ValueError(f"holds content of kind '{words(kind)[:40]}': only text and calls are taken")
    taken: Row = {"role": turn.get("role"), "content": "".join(texts)}
    if calls:
        taken["tool_calls"] = calls
    return taken if turn.get("loss_weight", 1) != 0 or turn.get("role") != "assistant" else {**taken, "weight": 0}


def _call(value: Json) -> Json:
    try:
        call = json_of(value) if isinstance(value, str) else value
    except Malformed as error:
        raise ValueError(f"a call of a tool is no JSON: {error}") from error
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError("a call of a tool needs 'name' and 'arguments'")
    return {"function": {"name": call["name"], "arguments": call.get("arguments") or {}}}


LLAMA_FACTORY = by_rows("LLaMA-Factory chats: content of {type, value}, with loss weights", _is_row, _row)
