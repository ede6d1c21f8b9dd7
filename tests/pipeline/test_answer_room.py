"""Room for an answer: from the longest that is shown, else from the schema; the shortest answer always fits."""

from __future__ import annotations

import json

import pytest

from rung.pipeline.answer_room import MAX_ROOM, least_room, room_after


def schema(**properties: object) -> str:
    return json.dumps({"type": "object", "properties": properties, "required": list(properties)})


def test_what_is_shown_decides() -> None:
    assert room_after(100) == 138
    assert room_after(2) == 24
    assert room_after(5000) == MAX_ROOM
    assert room_after(100, schema(answer={"type": "string"})) == 138


def test_where_nothing_is_shown_the_schema_decides() -> None:
    assert room_after(None) == 128
    few, many = schema(a={"enum": ["yes", "no"]}), schema(**{f"key {n}": {"type": "string"} for n in range(12)})
    listed = schema(**{f"key {n}": {"type": "array", "items": {"type": "string"}} for n in range(12)})
    assert room_after(None, few) < 48
    assert 200 < room_after(None, many) < room_after(None, listed) <= MAX_ROOM


def test_the_shortest_answer_has_room_whatever_is_shown() -> None:
    assert room_after(10, schema(code={"type": "string", "minLength": 600})) > 200


def test_a_schema_within_itself_has_an_end() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {"left": {"$ref": "#/$defs/t"}}}}}
    assert 24 <= room_after(None, json.dumps(tree)) < 200
    assert room_after(None, "{no schema") == 128


@pytest.mark.parametrize(
    ("model", "context", "room"),
    [
        ("http://127.0.0.1:8000/v1#m", 8192, 512),
        ("openai:gpt-4.1-mini", 8192, 512),
        ("http://127.0.0.1:8000/v1#m", 1024, 256),
        ("hf:/models/mine", 8192, 128),
        ("gguf:/models/mine.gguf", 8192, 128),
        ("smollm2-135m-instruct", 8192, 24),
        ("smollm2-135m-grounded", 8192, 24),
        ("scripted", 8192, 24),
    ],
)
def test_a_right_answer_in_whole_sentences_has_room_on_a_model_that_does_not_come_with_rung(
    model: str, context: int, room: int
) -> None:
    least = least_room(model, context)
    assert room_after(3, at_least=least) == room
    assert room_after(3, schema(answer={"type": "string"}), at_least=least) >= room
    assert room_after(700, at_least=least) == 918
