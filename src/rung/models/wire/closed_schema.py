"""A JSON Schema as Anthropic's structured output takes it: every object closed, few keywords.

What the API does not hold is put into descriptions, as the vendor's own client does: the model may follow it, and answers
are checked against the whole schema afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rung.models.wire.shapes import mapping
from rung.records import Json

_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
_AS_IT_IS = ("$ref", "title", "required")
_PARTS = ("$defs", "definitions", "properties")
_WAYS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_SAYS_NOTHING = ("$schema", "$id", "$comment", "examples", "default", "additionalProperties", "minItems", "format")


class FreeKeys(ValueError):
    """The schema has an object whose keys are free: closed it would have none."""


def closed(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema with its objects closed and what is not held told in words.

    Raises:
        FreeKeys: an object names no properties, or allows others.

    >>> closed({"type": "object", "properties": {"a": {"type": ["integer", "null"], "minimum": 1}}})["additionalProperties"]
    False
    >>> closed({"type": "integer", "minimum": 1})
    {'type': 'integer', 'description': '{minimum: 1}'}
    """
    kind = schema.get("type")
    if isinstance(kind, list):
        return {"anyOf": [closed({**schema, "type": one}) if one != "null" else {"type": "null"} for one in kind]}
    taken: dict[str, Json] = {key: schema[key] for key in _AS_IT_IS if key in schema}
    for key in _PARTS:
        if key in schema:
            taken[key] = {part: _part(inner) for part, inner in mapping(schema[key]).items()}
    for key, name in _WAYS.items():
        ways = schema.get(key)
        if isinstance(ways, list):
            taken[name] = [_part(way) for way in ways]
    values = [key for key in ("enum", "const") if key in schema]
    taken |= {key: schema[key] for key in values}
    if isinstance(kind, str) and not values:
        taken["type"] = kind
    if kind == "object" or "properties" in schema:
        others = schema.get("additionalProperties")
        if not mapping(schema.get("properties")) or "patternProperties" in schema or others:
            raise FreeKeys("an object in it has free keys")
        taken["additionalProperties"] = False
    if isinstance(schema.get("items"), dict):
        taken["items"] = closed(mapping(schema["items"]))
    if schema.get("minItems") in (0, 1):
        taken["minItems"] = schema["minItems"]
    if schema.get("format") in _FORMATS:
        taken["format"] = schema["format"]
    return _described(taken, schema)


def _part(schema: Json) -> Json:
    return closed(schema) if isinstance(schema, dict) else schema


def _described(taken: dict[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """With a description, and behind it what else the schema says."""
    passed = {*taken, *_PARTS, *_WAYS, "type", "description", "items"} | set(_SAYS_NOTHING)
    rest = {key: value for key, value in schema.items() if key not in passed}
    rest |= {key: schema[key] for key in ("minItems", "format") if key in schema and key not in taken}
    words = ", ".join(f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in rest.items())
    description = "\n\n".join(filter(None, (str(schema.get("description") or ""), f"{{{words}}}" if words else "")))
    return {**taken, "description": description} if description else taken
