"""A text that was cut anywhere comes to an end that its schema allows, with a model's help or without."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.models.grammar import Constraint, Unsupported, constraint, end_of, held_of, rest_of
from rung.records import Message
from rung.records.steps import Generate
from rung.text.json_values import fits
from tests.models.making_schemas import HELD, SCHEMAS
from tests.models.reading_grammar import Grammar


def ends_well(schema: dict[str, Any], text: str, cut: int, dice: random.Random) -> None:
    """The text, cut there, ends well by itself, and by whatever the narrowed grammar says."""
    held = held_of(json.dumps(schema))
    begun = text[:cut]
    whole = begun + end_of(begun, held.rules)
    assert Grammar(held.grammar).accepts(whole), whole
    assert held.unheld or held.is_differing or fits(whole, json.dumps(schema)), whole  # repeats are taken back elsewhere
    rest = rest_of(begun, held.rules)
    if rest is None:
        assert fits(begun, json.dumps(schema)) or held.unheld or held.is_differing
        return
    said = Grammar(Constraint.of_rules(rest).text).say(dice, most=2000)
    assert said is not None
    assert Grammar(held.grammar).accepts(begun + said), begun + said
    cut_again = dice.randint(0, len(said))
    assert Grammar(held.grammar).accepts(begun + said[:cut_again] + end_of(begun + said[:cut_again], held.rules))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, st.integers(0, 1 << 30))
def test_cut_anywhere_it_ends_within_its_grammar(schema: dict[str, Any], seed: int) -> None:
    try:
        held = held_of(json.dumps(schema))
    except Unsupported:
        return
    dice = random.Random(seed)
    text = Grammar(held.grammar).say(dice)
    if text is not None:
        for cut in {0, len(text), *(dice.randint(0, len(text)) for _ in range(4))}:
            ends_well(schema, text, cut, dice)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(HELD))
def test_every_keyword(name: str) -> None:
    schema, valid, _ = HELD[name]
    dice = random.Random(name)
    for value in valid:
        text = json.dumps(value, ensure_ascii=False)
        for cut in range(0, len(text) + 1, max(1, len(text) // 12)):
            ends_well(schema, text, cut, dice)


MAIL = {
    "type": "object",
    "properties": {
        "summary": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "category": {"enum": ["billing", "shipping", "other"]},
        "note": {"type": "string"},
        "total": {"type": "number"},
    },
    "required": ["summary", "category", "total"],
}


def test_what_is_open_is_closed_and_what_is_not_needed_stays_out() -> None:
    rules = held_of(json.dumps(MAIL)).rules
    begun = '{"summary": "The parcel is la'
    assert json.loads(begun + end_of(begun, rules)) == {"summary": "The parcel is la", "category": "other", "total": 0}
    rest = rest_of(begun, rules)
    assert rest is not None
    narrowed = Grammar(Constraint.of_rules(rest).text)
    assert narrowed.accepts('", "category": "shipping", "total": 12.5}')
    assert not narrowed.accepts('", "tags": [], "category": "shipping", "total": 12.5}')
    assert not narrowed.accepts('te", "category": "shipping", "total": 12.5}')


def test_a_label_and_an_expression_end_too() -> None:
    labels = constraint(Generate((Message("user", "x"),), choices=("refund", "return request")))
    assert labels is not None
    assert "ret" + end_of("ret", labels.rules) == "return request"
    dated = constraint(Generate((Message("user", "x"),), regex=r"\d{4}-\d{2}"))
    assert dated is not None
    assert "202" + end_of("202", dated.rules) == "2020-00"


def test_a_text_that_the_grammar_does_not_say_is_left_as_it_is() -> None:
    rules = held_of(json.dumps(MAIL)).rules
    assert end_of("I think that", rules) == ""
    assert rest_of("I think that", rules) is None


@pytest.mark.slow
def test_long_texts_are_read_in_good_time() -> None:
    """Many characters, deep nesting and many labels: read once from the left, not tried again and again."""
    deep = {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    begun = '{"next": ' * 400
    assert json.loads(begun + end_of(begun, held_of(json.dumps(deep)).rules))
    many = {"type": "object", "properties": {"label": {"enum": [f"label {n}" for n in range(2000)]}}, "required": ["label"]}
    begun = '{"label": "label 19'
    whole = begun + end_of(begun, held_of(json.dumps(many)).rules)
    assert json.loads(whole) == {"label": "label 19"}
    begun = '{"summary": "' + "so it goes " * 2000
    assert fits(begun + end_of(begun, held_of(json.dumps(MAIL)).rules), json.dumps(MAIL))
