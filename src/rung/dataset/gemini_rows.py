"""Examples as rows of Gemini's tuning data: contents of parts, calls and their results among them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rung.dataset.chat_rows import Misfit
from rung.dataset.chat_tools import apart
from rung.records import Example, Json, Message
from rung.text.parsing import Malformed, json_of

# What the parameters of a function may say; others stand as JSON Schema beside the name (`parametersJsonSchema`).
_OPENAPI = frozenset(
    (
        *("type", "description", "properties", "required", "items", "enum", "format", "nullable", "title", "default"),
        *("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern", "anyOf"),
        *("minProperties", "maxProperties"),
    )
)
_NAMING = ("name", "description")  # of a function


def lost_of_functions(example: Example) -> set[str]:
    """What its functions say and Gemini has no place for: `strict`, say, or `required` beside the parameters."""
    tools = json.loads(example.tools) if example.tools else []
    return {key for tool in tools for key in tool["function"] if key not in (*_NAMING, "parameters")}


def gemini_row(example: Example) -> dict[str, Json]:
    """As a row of Gemini's tuning JSONL: `systemInstruction`, `contents`, `tools`. Where it comes from is not part of it.

    Raises:
        Misfit: a system turn that is not the first, a chat that does not begin with the user, or a result without a call.
    """
    system = example.messages[:1] if example.messages[:1] and example.messages[0].role == "system" else ()
    contents: list[Json] = []
    waiting: list[str] = []
    results: list[Json] = []
    for message in example.messages[len(system) :]:
        if message.role == "tool":
            if not waiting:
                raise Misfit("Gemini takes no result of a call that was not made")
            result: dict[str, Json] = {"name": waiting.pop(0), "response": _response(message.content)}
            results.append({"functionResponse": result})
            continue
        contents += [{"role": "user", "parts": results}] if results else []
        results = []
        if message.role == "system":
            raise Misfit("Gemini takes a system turn at the beginning alone")
        if not contents and message.role != "user":
            raise Misfit("Gemini takes a chat that begins with the user")
        content, waiting = _content(message)
        contents.append(content)
    row: dict[str, Json] = {}
    if system:
        row["systemInstruction"] = {"role": "system", "parts": [{"text": system[0].content}]}
    row["contents"] = contents
    if example.tools:
        row["tools"] = [{"functionDeclarations": [_declared(tool["function"]) for tool in json.loads(example.tools)]}]
    return row


def _content(message: Message) -> tuple[dict[str, Json], list[str]]:
    """(a turn, the functions that it calls)."""
    if message.role == "user":
        return {"role": "user", "parts": [{"text": message.content}]}, []
    text, called = apart(message.content)
    parts: list[Json] = [{"text": text}] if text or not called else []
    parts += [{"functionCall": {"name": name, "args": arguments}} for name, arguments in called]
    return {"role": "model", "parts": parts}, [name for name, _ in called]


def _response(content: str) -> dict[str, Json]:
    """A result as an object: what is none stands under `result`."""
    try:
        value = json_of(content)
    except Malformed:
        return {"result": content}
    alike = isinstance(value, dict) and json.dumps(value, ensure_ascii=False) == content and set(value) != {"result"}
    return value if isinstance(value, dict) and alike else {"result": content}


def _declared(function: Mapping[str, Json]) -> dict[str, Json]:
    parameters = function.get("parameters")
    declared = {key: value for key, value in function.items() if key in _NAMING}
    if parameters is None:
        return declared
    if _is_openapi(parameters):
        return {**declared, "parameters": _capital_types(parameters)}
    return {**declared, "parametersJsonSchema": parameters}


def _is_openapi(schema: Json) -> bool:
    """Whether a schema says nothing but what the parameters of a function may say there."""
    if not isinstance(schema, dict) or not set(schema) <= _OPENAPI or not isinstance(schema.get("type", ""), str):
        return False
    properties, several = schema.get("properties", {}), schema.get("anyOf", [])
    inner: Sequence[Json] = [
        *(properties.values() if isinstance(properties, dict) else [None]),
        *(several if isinstance(several, list) else [None]),
        *([schema["items"]] if "items" in schema else []),
    ]
    return all(map(_is_openapi, inner))


def _capital_types(schema: Json) -> Json:
    if not isinstance(schema, dict):
        return schema
    written: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "type":
            written[key] = str(value).upper()
        elif key == "properties" and isinstance(value, dict):
            written[key] = {name: _capital_types(inner) for name, inner in value.items()}
        elif key == "anyOf" and isinstance(value, list):
            written[key] = [_capital_types(inner) for inner in value]
        else:
            written[key] = _capital_types(value) if key == "items" else value
    return written
