"""Examples as rows of ShareGPT, as LLaMA-Factory takes them whole, and what is particular about reading them.

It takes a chat only where turns of a person or an observation and turns of the model alternate, after one system turn at
most; every other row it leaves out. So text beside a call stands in the turn of the call, before `<tool_call>`, as its
templates read it, and the results of several calls are one observation, joined as it joins them itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from rung.dataset.chat_rows import Misfit, provenance
from rung.dataset.chat_tools import apart
from rung.records import Example, Json, Message
from rung.text.parsing import Malformed, json_of

BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"
_SPEAKERS = {"system": "system", "user": "human", "tool": "observation"}
_BESIDE = re.compile(r"\A(.*?)\n?<tool_call>\s*(.*?)\s*</tool_call>\s*\Z", re.DOTALL)


def share_row(example: Example) -> dict[str, Json]:
    """As a row of ShareGPT JSONL: from and value. Where it comes from stands beside it, `meta` as JSON text.

    Raises:
        Misfit: LLaMA-Factory would leave the row out; says why.
    """
    turns: list[Json] = []
    answers = True  # whether the model spoke last
    for speaker, value in _merged(example.messages):
        by_model = speaker in ("gpt", "function_call")
        if speaker == "system" and turns:
            raise Misfit("LLaMA-Factory takes a system turn at the beginning alone")
        if speaker != "system" and by_model is answers:
            raise Misfit(f"LLaMA-Factory takes no two turns of one side in a row, and {_named(turns, speaker)}")
        answers = by_model or speaker == "system"
        turns.append({"from": speaker, "value": value})
    beside = provenance(example)
    if "meta" in beside:  # of one kind in every row, as tables of rows want it
        beside["meta"] = json.dumps(beside["meta"], ensure_ascii=False)
    tools: dict[str, Json] = {"tools": json.dumps(json.loads(example.tools))} if example.tools else {}
    return {"id": example.id, "conversations": turns, **tools, **beside}


def said_and_called(content: str) -> tuple[str, str]:
    """(text, calls as JSON) of a turn of a call; the text is "" where the turn is the calls alone."""
    try:
        json_of(content)
    except Malformed:
        match = _BESIDE.match(content)
        return (match[1], match[2]) if match else ("", content)
    return "", content


def split_results(turns: Sequence[Json]) -> Iterator[Json]:
    """The turns of a row, an observation that joins the results of several calls as one of each."""
    for turn in turns:
        value = turn.get("value") if isinstance(turn, dict) and turn.get("from") == "observation" else None
        if isinstance(turn, dict) and isinstance(value, str) and BETWEEN_RESULTS in value:
            yield from ({**turn, "value": part} for part in value.split(BETWEEN_RESULTS))
        else:
            yield turn


def _merged(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """(speaker, value) of each turn; results of one round are one."""
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            if BETWEEN_RESULTS in message.content:
                raise Misfit("the result of a call holds what stands between two results")
            results.append(message.content)
            continue
        if results:
            yield "observation", BETWEEN_RESULTS.join(results)
            results = []
        if message.role != "assistant":
            yield _SPEAKERS[message.role], message.content
            continue
        text, called = apart(message.content)
        listed: list[Json] = [{"name": name, "arguments": arguments} for name, arguments in called]
        calls = json.dumps(listed if len(called) > 1 else listed[0], ensure_ascii=False) if called else ""
        if called and text:
            yield "function_call", f"{text}\n<tool_call>\n{calls}\n</tool_call>"
        else:
            yield ("function_call", calls) if called else ("gpt", text)
    if results:
        yield "observation", BETWEEN_RESULTS.join(results)


def _named(turns: Sequence[Json], speaker: str) -> str:
    spoken = turns[-1]["from"] if turns and isinstance(turns[-1], dict) else ""
    return f"{speaker} follows {spoken}" if spoken not in ("", "system") else f"the chat begins with {speaker}"
