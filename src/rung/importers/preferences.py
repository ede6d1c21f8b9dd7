"""Preferences as examples: the answer that was preferred is one, and what it was preferred to is said to be left out."""

from __future__ import annotations

from rung.importers.fields import chat_turns, of_reasoning, words
from rung.importers.imported import ImportedRow, Row, by_rows, unread
from rung.importers.tuning import NOT_WANTED, OF_CHATS, as_example, is_labelled, learnt_turns, wanted
from rung.records import Json

NOT_PREFERRED = "the answer that was not preferred is not taken: examples hold what is wanted"
_READ = ("chosen", "rejected", "preferred_output", "non_preferred_output", "label", "completion", "tools", *OF_CHATS)
_PROMPTS = ("prompt", "question", "input", "instruction")


def _is_preference(row: Row) -> float:
    if "preferred_output" in row and "non_preferred_output" in row:
        return 1.0
    return 0.95 if "chosen" in row and "rejected" in row else 0.9 if is_labelled(row) else 0.0


def _preference(row: Row, line: int) -> ImportedRow:
    """The answer that was preferred is an example; what it was preferred to is said to be left out."""
    chosen: Json = [row.get(key) for key in (*OF_CHATS, *_PROMPTS, "chosen", "preferred_output")]
    note = (NOT_PREFERRED, *of_reasoning(chosen), *unread(row, (*_READ, *_PROMPTS)))
    tools: Row = {"tools": row["tools"]} if row.get("tools") else {}
    if "label" in row and "chosen" not in row and "preferred_output" not in row:
        if not wanted(row["label"]):
            raise ValueError(NOT_WANTED)
        beside = note[1:]
        if "completion" not in row:
            return learnt_turns({key: value for key, value in row.items() if key != "label"}, line, notes=beside)
        return as_example({"prompt": row["prompt"], "completion": row["completion"], **tools}, line, notes=beside)
    if "preferred_output" in row:
        shown = row.get("input")
        before = shown.get("messages") if isinstance(shown, dict) else None
        turns = [*chat_turns(before, calls=True), *_answered(row, "preferred_output")]
        tools = {"tools": shown["tools"]} if isinstance(shown, dict) and shown.get("tools") else tools
        return as_example({"messages": [*turns], **tools}, line, notes=note)
    before = next((row[key] for key in (*_PROMPTS, *OF_CHATS) if row.get(key)), None)
    chosen = [row["chosen"]] if isinstance(row["chosen"], dict) else row["chosen"]
    row = {**row, "chosen": chosen}
    if isinstance(chosen, list):
        turns = _answered(row, "chosen")
        if before is not None and (len(turns) == 1 or turns[0]["role"] == "assistant"):
            turns = [*_as_turns(before), *turns]
    elif before is None:
        turns = _transcript(words(chosen))
    else:
        turns = [*_as_turns(before), {"role": "assistant", "content": words(chosen)}]
    return as_example({"messages": [*turns], **tools}, line, notes=note)


def _answered(row: Row, key: str) -> list[dict[str, Json]]:
    """The turns of the answer that was preferred.

    Raises:
        ValueError: there are none.
    """
    turns = chat_turns(row[key], calls=True)
    if not turns:
        raise ValueError(f"'{key}' is empty: there is no answer in it")
    return turns


def _as_turns(prompt: Json) -> list[dict[str, Json]]:
    return chat_turns(prompt, calls=True) if isinstance(prompt, list) else [{"role": "user", "content": words(prompt)}]


def _transcript(text: str) -> list[dict[str, Json]]:
    """The turns of a text as hh-rlhf has it: "Human: …", "Assistant: …" after blank lines.

    Raises:
        ValueError: it is no such text, and there is no prompt.
    """
    turns: list[dict[str, Json]] = []
    for block in f"\n\n{text.strip()}".split("\n\n"):
        speaker, colon, spoken = block.partition(":")
        role = {"Human": "user", "Assistant": "assistant"}.get(speaker) if colon else None
        if role:
            turns.append({"role": role, "content": spoken.strip()})
        elif turns and block.strip():
            turns[-1]["content"] = f"{turns[-1]['content']}\n\n{block}"
    if not turns:
        raise ValueError("has no prompt: it needs 'prompt' beside 'chosen', or a text of 'Human:' and 'Assistant:' turns")
    return turns


PREFERENCES = by_rows("preference pairs", _is_preference, _preference)
