"""Items that must differ: a repeated one is taken back, and what follows keeps to the schema."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from rung.models.grammar import Constraint, held_of, repeat_in, without_repeats
from rung.records import Json
from rung.text.json_values import fits
from tests.models.making_schemas import DIFFERING
from tests.models.reading_grammar import Grammar


@pytest.mark.parametrize(("schema", "valid"), DIFFERING)
def test_whatever_is_repeated_it_ends_valid(schema: dict[str, Any], valid: list[Json]) -> None:
    text = json.dumps(schema)
    held, dice = held_of(text), random.Random(2)
    assert held.is_differing
    assert held.unheld == ()
    grammar = Grammar(held.grammar)
    for value in valid:
        assert grammar.accepts(json.dumps(value, ensure_ascii=False)), value
    mended = 0
    for _ in range(60):
        said = grammar.say(dice)
        if said is None:
            continue
        mended += not fits(said, text)
        assert fits(without_repeats(said, held.rules, text), text), said
    if isinstance(last := valid[-1], list):
        repeated = json.dumps([last[0], *last], ensure_ascii=False)
        assert not fits(repeated, text)
        assert fits(without_repeats(repeated, held.rules, text), text)
    assert mended or schema.get("minItems", 0) < 3, "nothing was repeated, so nothing was tried"


def test_an_array_that_may_end_does_and_the_rest_is_said_as_ever() -> None:
    schema = {
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "n": {"type": "integer"},
        },
        "required": ["tags", "n"],
    }
    text = json.dumps(schema)
    held = held_of(text)
    begun = '{"tags": ["a", "b, \\"", "b, \\""'
    repeat = repeat_in(begun, held.rules, text)
    assert repeat is not None
    assert repeat.text == '{"tags": ["a", "b, \\""'
    rest = Grammar(Constraint.of_rules(repeat.rules).text)
    assert rest.accepts('], "n": 12}')
    assert not rest.accepts(', "c"], "n": 12}')
    assert repeat_in('{"tags": ["a", "b", "a', held.rules, text) is None, "it may become another"


def test_an_array_that_needs_more_gets_others() -> None:
    text = json.dumps({"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 3})
    held = held_of(text)
    repeat = repeat_in("[1, 2, 1,", held.rules, text)
    assert repeat is not None
    assert repeat.text == "[1, 2"
    rest = Grammar(Constraint.of_rules(repeat.rules).text)
    assert rest.accepts(", 3]")
    assert rest.accepts(", 12, -7]")
    assert not rest.accepts(", 1]")
    assert not rest.accepts("]")
