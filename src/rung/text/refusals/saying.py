"""How an answer says that it does not know, and which answers say so.

Strategies say it and scorers recognise it, by this one vocabulary. It is English: a rung is told to use `REFUSAL`'s words
whatever the language of the documents. Whether refusing was right is left to `scoring`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from rung.records import Json
from rung.text.json_values import accepts, leaves, parse, validator

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

REFUSAL = "I don't know."


def is_refusal(text: str, schema: str = "") -> bool:
    """Whether an answer says that it does not know.

    With a schema, and of a JSON object without, a value all of whose leaves are null, empty or a refusal in words is one;
    words outside of JSON are judged as without. Empty text is no refusal: silence does not tell the asker anything. Only the
    beginning of the text is judged, and one that goes on to answer ("I don't know, but …") is no refusal.

    >>> is_refusal("I don't know."), is_refusal("I don't know much about it, but it is Paris")
    (True, False)
    >>> is_refusal('{"answer": null, "quote": null}', '{"type": "object"}')
    True
    """
    if schema:
        try:
            return all(_says_nothing(value) for _, value in leaves(parse(text)))
        except ValueError:
            pass  # not JSON: the words decide
    elif text.lstrip()[:1] == "{":
        with suppress(ValueError):
            return all(_says_nothing(value) for _, value in leaves(parse(text)))
    return _says_unknown(text)


def _says_unknown(text: str) -> bool:
    if text.strip() == REFUSAL:  # as most refusals are: no pattern is asked
        return True
    from rung.text.refusals.clauses import says_unknown  # its patterns take a quarter of a second to compile

    return says_unknown(text)


def _says_nothing(value: Json) -> bool:
    if isinstance(value, str):
        return not value.strip() or _says_unknown(value)
    return value is None or value in ({}, [])


def refusal_json(schema: str) -> str | None:
    """The JSON text by which an answer refuses under a schema, or None if the schema leaves no room for it.

    Every required property, and every optional one that may be null, gets the emptiest value that it allows: null, else an
    empty string, list or object; properties in the schema's own order, as constrained decoding writes them.

    Raises:
        UserError: the schema is none.
    """
    whole = validator(schema)
    value = _emptiest(whole.schema, whole, depth=0)
    if value is _NO_ROOM or not accepts(whole, value):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if is_refusal(text, schema) else None


_NO_ROOM: Json = {"": "no room"}  # told apart by identity


def _emptiest(schema: object, whole: Validator, *, depth: int) -> Json:
    here = whole.evolve(schema=schema)
    if accepts(here, None):
        return None
    if isinstance(schema, dict) and depth < 16:
        for branch in _branches(schema, whole):
            value = _emptiest(branch, whole, depth=depth + 1)
            if value is not _NO_ROOM and accepts(here, value):
                return value
        if schema.get("properties"):
            value = _empty_object(schema, whole, depth=depth)
            if value is not _NO_ROOM and accepts(here, value):
                return value
    candidates: tuple[Json, ...] = ("", [], {})
    return next((value for value in candidates if accepts(here, value)), _NO_ROOM)


def _empty_object(schema: dict[str, object], whole: Validator, *, depth: int) -> Json:
    properties, required = schema["properties"], schema.get("required", [])
    value: dict[str, Json] = {}
    if not isinstance(properties, dict) or not isinstance(required, list):
        return _NO_ROOM
    for name, inner in properties.items():
        empty = _emptiest(inner, whole, depth=depth + 1)
        if name in required and empty is _NO_ROOM:
            return _NO_ROOM
        if name in required or empty is None:
            value[name] = empty
    return value


def _branches(schema: dict[str, object], whole: Validator) -> list[object]:
    """What a schema may stand for: the alternatives, and the target of a reference into the same schema."""
    branches: list[object] = []
    for word in ("anyOf", "oneOf"):
        alternatives = schema.get(word)
        branches += alternatives if isinstance(alternatives, list) else []
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        target: object = whole.schema
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        branches.append(target)
    return [branch for branch in branches if isinstance(branch, dict)]
