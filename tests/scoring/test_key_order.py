"""Keys in the schema's order: what is taught is spelt as constrained decoding writes it."""

from __future__ import annotations

import json

import pytest

from rung.records import Json
from rung.text.json_values import in_order_of, key

NAMED: dict[str, Json] = {"properties": {"quote": {"type": "string"}, "answer": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "text", "spelt"),
    [
        (NAMED, '{"answer": "a", "quote": "q"}', '{"quote": "q", "answer": "a"}'),
        (NAMED, '{"x": 1, "answer": "a", "quote": "q"}', '{"quote": "q", "answer": "a", "x": 1}'),
        (NAMED, '{"answer": "a"}', '{"answer": "a"}'),
        ({"items": NAMED}, '[{"answer": 1, "quote": 2}, 3]', '[{"quote": 2, "answer": 1}, 3]'),
        ({"additionalProperties": NAMED}, '{"b": {"answer": 1, "quote": 2}}', '{"b": {"quote": 2, "answer": 1}}'),
        ({"$ref": "#/$defs/a", "$defs": {"a": NAMED}}, '{"answer": 1, "quote": 2}', '{"quote": 2, "answer": 1}'),
        ({"anyOf": [{"type": "null"}, NAMED]}, '{"answer": 1, "quote": 2}', '{"quote": 2, "answer": 1}'),
        (
            {"properties": {"b": {"items": NAMED}}},
            '{"b": [{"answer": 1, "quote": 2}]}',
            '{"b": [{"quote": 2, "answer": 1}]}',
        ),
        ({"$ref": "#/nowhere"}, '{"b": 1, "a": 2}', '{"b": 1, "a": 2}'),
        (True, '{"b": 1, "a": 2}', '{"b": 1, "a": 2}'),
        (NAMED, "null", "null"),
    ],
)
def test_the_value_stays_and_the_keys_are_in_order(schema: Json, text: str, spelt: str) -> None:
    made = in_order_of(schema, json.loads(text))
    assert json.dumps(made) == spelt
    assert key(made) == key(json.loads(text))
