"""Calls of tools written so that a model can learn them and the chat can be had back.

As Hermes and Qwen models write it, and as servers read it back out of a model's text (vLLM's parser `hermes`): each call
on lines of its own, `<tool_call>`, a JSON object with `name` and `arguments`, `</tool_call>`, after what the assistant says.
The functions that may be called stand in the system turn (`strategies.prompting.with_tools`). Names of calls (`call_…`) are
not kept: results stand in the order of their calls, and calls are named by their place when they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from rung.errors import UserError
from rung.records import Json, Message
from rung.text.json_values import faults, validator
from rung.text.parsing import Malformed, json_of

_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_MARK = re.compile(r"\n?<tool_call>")


def tools_text(value: Json) -> str:
    """The `tools` of a row as `Example` keeps them: JSON text of a list in OpenAI's form, "" for none.

    Raises:
        ValueError: they are no list of functions with names.
    """
    if isinstance(value, str):
        if not value.strip():
            return ""
        try:
            value = json_of(value)
        except Malformed as error:
            raise ValueError(f"'tools' is no JSON: {error}") from error
    if not value:
        return ""
    if not isinstance(value, list):
        raise ValueError("'tools' must be a list of functions")
    listed: list[Json] = []
    for tool in value:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError(f"each of 'tools' needs a function with a name, found {json.dumps(tool)[:80]}")
        listed.append({"type": "function", "function": function})
    return json.dumps(listed, ensure_ascii=False)


def said_with(content: str, calls: Sequence[tuple[str, Json]]) -> str:
    """An assistant's text and its calls, (name, arguments) each, as one text."""
    blocks = [
        f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"
        for name, arguments in calls
    ]
    return "\n".join([content, *blocks] if content else blocks)


def apart(text: str) -> tuple[str, list[tuple[str, Json]]]:
    """`said_with`, undone: (what is said, its calls). Text whose blocks are no calls is all said."""
    start = _MARK.search(text)
    if start is None:
        return text, []
    calls: list[tuple[str, Json]] = []
    for match in _CALL.finditer(text, start.start()):
        try:
            call = json_of(match[1])
        except Malformed:
            return text, []
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return text, []
        calls.append((str(call["name"]), call.get("arguments", {})))
    left = _CALL.sub("", text[start.start() :]).strip()
    return (text, []) if left or not calls else (text[: start.start()], calls)


def call_of(value: Json) -> tuple[str, Json]:
    """(name, arguments) of a call as OpenAI or ShareGPT write one.

    Raises:
        ValueError: it has no name, or arguments that are no JSON object.
    """
    inner = value.get("function", value) if isinstance(value, Mapping) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(name, str) or not name:
        raise ValueError(f"a tool call needs a function with a name, found {json.dumps(value)[:80]}")
    arguments = inner.get("arguments", inner.get("parameters"))
    if isinstance(arguments, str):
        try:
            arguments = json_of(arguments) if arguments.strip() else {}
        except Malformed as error:
            raise ValueError(f"the arguments of the call of '{name}' are no JSON: {error}") from error
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of the call of '{name}' must be an object, found {json.dumps(arguments)[:60]}")
    return name, arguments


def padded(tools: str, turns: Sequence[Message]) -> str:
    """What of a chat's tools and calls is null without being allowed to be, as files have it whose rows were made alike.

    A table of rows has each key in every row: what a call did not say becomes null, and a model learns to say it. "" where
    nothing is; a null that the function's parameters allow is meant.

    Args:
        tools: the functions that may be called, as `tools_text` gives them.
        turns: of the chat.
    """
    functions = _functions(tools)
    for name, schema in functions.items():
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if isinstance(properties, dict) and (empty := [key for key, value in properties.items() if value is None]):
            return f"the parameters of its tool '{name}' are null: {_listed(empty)}"
    for name, arguments in _calls(turns):
        if empty := _nulls(arguments, functions.get(name)):
            return f"its call of '{name}' has arguments that are null: {_listed(empty)}"
    return ""


def misfit(tools: str, turns: Sequence[Message]) -> str:
    """What of a chat's calls its own tools refuse: a function that is none of them, or arguments that break its parameters.

    "" where nothing is, and of a chat that lists no tools. Arguments as `padded` has them.
    """
    functions = _functions(tools)
    for name, arguments in _calls(turns) if functions else ():
        if name not in functions:
            return f"its call of '{name}' names no function of its tools ({_listed([*functions])})"
        schema = functions[name]
        if not isinstance(schema, dict) or not schema:
            continue
        try:
            violations = faults(validator(json.dumps(schema)), arguments)
        except UserError as error:
            return f"the parameters of its tool '{name}': {error}"
        for fault in violations:
            if fault.instance is not None or not _may_be_null(cast(Json, fault.schema)):
                path = "".join(f".{part}" for part in fault.path).strip(".")
                return f"its call of '{name}' breaks its parameters: {path and path + ': '}{fault.message[:160]}"
    return ""


def without_padding(tools: Json, arguments: Json, name: str) -> Json:
    """The arguments of a call of `name` without those that are null and, by its parameters, may not be.

    Args:
        tools: the row's, in any form that `tools_text` takes; what it cannot take allows no null.
    """
    try:
        schema = _functions(tools_text(tools)).get(name)
    except ValueError:
        schema = None
    return _stripped(arguments, schema)


def _stripped(arguments: Json, schema: Json) -> Json:
    if not isinstance(arguments, dict):
        return arguments
    declared = schema.get("properties") if isinstance(schema, dict) else None
    properties = declared if isinstance(declared, dict) else {}
    return {
        key: _stripped(value, properties.get(key))
        for key, value in arguments.items()
        if value is not None or _may_be_null(properties.get(key))
    }


def _functions(tools: str) -> dict[str, Json]:
    """The parameters of each function, by its name."""
    return {tool["function"]["name"]: tool["function"].get("parameters") for tool in json.loads(tools or "[]")}


def _calls(turns: Sequence[Message]) -> Iterator[tuple[str, Json]]:
    return (call for turn in turns if turn.role == "assistant" for call in apart(turn.content)[1])


def _nulls(arguments: Json, schema: Json, path: str = "") -> list[str]:
    """The arguments that are null and may not be, by path."""
    declared = schema.get("properties") if isinstance(schema, dict) else None
    properties = declared if isinstance(declared, dict) else {}
    nulls: list[str] = []
    for key, value in arguments.items() if isinstance(arguments, dict) else ():
        if value is None and not _may_be_null(properties.get(key)):
            nulls.append(f"{path}{key}")
        nulls += _nulls(value, properties.get(key), f"{path}{key}.")
    return nulls


def _may_be_null(schema: Json) -> bool:
    if not isinstance(schema, dict):
        return False
    kind, values = schema.get("type"), schema.get("enum")
    ways = [way for word in ("anyOf", "oneOf") if isinstance(some := schema.get(word), list) for way in some]
    if (isinstance(kind, list) and "null" in kind) or kind == "null" or (isinstance(values, list) and None in values):
        return True
    return bool(schema.get("nullable")) or any(map(_may_be_null, ways))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def in_order(results: Sequence[tuple[str, Message]], called: Sequence[str]) -> list[Message]:
    """Results of calls, (name of the call, turn) each, in the order of the calls. Results without a name stay as they are.

    Raises:
        ValueError: a result names a call that the assistant did not make.
    """
    unknown = [id for id, _ in results if id and called and id not in called]
    if unknown:
        raise ValueError(f"the tool turn for '{unknown[0]}' answers no call: the assistant called {', '.join(called)}")
    index_of = {id: index for index, id in enumerate(called) if id}
    by_call = sorted(range(len(results)), key=lambda n: index_of.get(results[n][0], n))
    return [results[n][1] for n in by_call]
