"""A schema that nothing can satisfy names the keywords that say so."""

from __future__ import annotations

import json

import pytest

from rung.models.grammar import Unsupported, held_of
from rung.records import Json

IN_N = "/properties/n"


def of_n(**schema: Json) -> dict[str, Json]:
    return {"type": "object", "properties": {"a": {"type": "integer"}, "n": schema}, "required": ["a", "n"]}


@pytest.mark.parametrize(
    ("schema", "pointer", "named"),
    [
        (of_n(type="integer", minimum=5, maximum=3), f"{IN_N}/minimum", "'minimum' and 'maximum' contradict"),
        (of_n(type="integer", enum=["one"]), f"{IN_N}/enum", "'enum' and 'type' contradict"),
        (of_n(enum=[]), f"{IN_N}/enum", "'enum' leaves none"),
        (of_n(type="string", pattern="^[a-z]{5}$", maxLength=3), f"{IN_N}/pattern", "'pattern' and 'maxLength'"),
        (of_n(type="string", pattern="^a", allOf=[{"not": {"pattern": "^a"}}]), f"{IN_N}/pattern", "'pattern' and 'allOf'"),
        (
            of_n(type="integer", multipleOf=10, minimum=11, maximum=19),
            f"{IN_N}/multipleOf",
            "'multipleOf', 'minimum' and 'maximum'",
        ),
        (
            {"type": "object", "properties": {"a": False}, "required": ["a"]},
            "/required",
            "at all: 'required' and 'properties' contradict",
        ),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["b"], "additionalProperties": False},
            "/required",
            "'required' and 'additionalProperties'",
        ),
        (
            {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}},
            "/$defs/n/required",
            "at '/$defs/n'",
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "/$defs/a/$ref", "refers to itself"),
        (of_n(type="int"), f"{IN_N}/type", "no JSON Schema"),
        (of_n(anyOf=[{"$ref": "#/$defs/gone"}]), f"{IN_N}/anyOf/0/$ref", "which is not there"),
        (of_n(type="string", pattern="("), f"{IN_N}/pattern", "cannot be read"),
    ],
)
def test_the_keyword_is_named(schema: Json, pointer: str, named: str) -> None:
    with pytest.raises(Unsupported, match=named.replace("$", ".").replace("(", ".")) as raised:
        held_of(json.dumps(schema))
    assert raised.value.is_wrong
    assert raised.value.pointer == pointer


def test_what_is_only_too_large_is_not_called_wrong() -> None:
    chain = {f"t{n}": {"type": "array", "items": {"$ref": f"#/$defs/t{n + 1}"}} for n in range(400)}
    with pytest.raises(Unsupported, match="too large") as raised:
        held_of(json.dumps({"$ref": "#/$defs/t0", "$defs": {**chain, "t400": {"type": "string"}}}))
    assert not raised.value.is_wrong
