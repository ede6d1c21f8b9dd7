"""What the grammars say is valid, and what is valid, compact and in the schema's order they say.

The engine that reads them is tried in test_local; here a reader of their text stands for it.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.models.grammar import Constraint, Unsupported, constraint, held_of, of_schema
from rung.models.grammar.formats import FORMATS
from rung.models.grammar.nodes import literal
from rung.records import Message
from rung.records.steps import Generate
from rung.text.json_values import fits
from tests.models.making_schemas import HELD, SCHEMAS, UNHELD
from tests.models.reading_grammar import Grammar


def grammar_of(schema: object) -> Grammar:
    return Grammar(of_schema(json.dumps(schema)).text)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, st.integers(0, 1 << 30))
def test_whatever_a_grammar_says_is_valid_or_it_is_told_that_it_may_not_be(schema: dict[str, Any], seed: int) -> None:
    try:
        held = held_of(json.dumps(schema))
    except Unsupported:
        return
    grammar, dice = Grammar(held.grammar), random.Random(seed)
    for _ in range(5):
        said = grammar.say(dice)
        if said is not None:
            json.loads(said)
            said.encode()  # no lone surrogates
            assert held.unheld or held.is_differing or fits(said, json.dumps(schema)), said


@pytest.mark.parametrize("name", list(HELD))
def test_held(name: str) -> None:
    """Each keyword of the standard's vocabularies that is held: what is valid can be said, what is not cannot."""
    schema, valid, invalid = HELD[name]
    held = held_of(json.dumps(schema))
    assert held.unheld == held.unknown == ()
    grammar, dice = Grammar(held.grammar), random.Random(1)
    for value in valid:
        text = json.dumps(value, ensure_ascii=False)
        assert fits(text, json.dumps(schema)), value
        assert grammar.accepts(text), value
    for value in invalid:
        assert not grammar.accepts(json.dumps(value, ensure_ascii=False)), value
    for _ in range(40):
        said = grammar.say(dice)
        assert said is None or fits(said, json.dumps(schema)), said


@pytest.mark.parametrize("name", list(UNHELD))
def test_what_is_not_held_is_told_and_the_rest_is_held(name: str) -> None:
    schema, told = UNHELD[name]
    held = held_of(json.dumps(schema))
    assert held.unheld == told
    said = Grammar(held.grammar).say(random.Random(1), most=4000)
    assert said is not None
    json.loads(said)


@pytest.mark.parametrize("format", list(FORMATS))
def test_formats(format: str) -> None:
    good, bad = EXAMPLES[format]
    grammar = grammar_of({"type": "string", "format": format})
    assert all(grammar.accepts(json.dumps(text)) for text in good)
    assert not any(grammar.accepts(json.dumps(text)) for text in bad)


EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    "date": (["2024-02-29", "1789-07-14"], ["2023-02-29", "2024-13-01", "2024-04-31", "24-01-01", "0000-01-01"]),
    "time": (["09:30:00Z", "23:59:59.5+02:00"], ["9:30:00Z", "24:00:00Z", "09:30:00"]),
    "date-time": (["2024-02-29T09:30:00Z"], ["2024-02-29 09:30:00Z", "2023-02-29T09:30:00Z"]),
    "duration": (["P3D", "P1Y2M3DT4H5M6S", "PT36H", "P2W"], ["P", "PT", "3D", "P1D2H"]),
    "email": (["a.b@example.com", "x@y"], ["a@", "@b", "a..b@c", "a b@c"]),
    "hostname": (["www.example.com", "localhost"], ["-a.com", "a..b", "a b"]),
    "ipv4": (["127.0.0.1", "255.255.255.255"], ["256.1.1.1", "1.2.3", "01.1.1.1"]),
    "ipv6": (
        ["::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "::", "::ffff:1.2.3.4"],
        ["1::2::3", ":", "1:2:3", "g::"],
    ),
    "uuid": (["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380", "x"]),
    "uri": (["https://example.com/a?b=c#d", "mailto:a@b.c", "urn:isbn:0451450523"], ["a b", "/path", "http://a b"]),
    "iri": (["https://example.com/a?b=c#d", "urn:isbn:0451450523"], ["a b", "/path", "http://a b"]),
    "uri-reference": (["/path", "a/b?c#d", "https://example.com/a"], ["a b", "http://a b"]),
    "iri-reference": (["/path", "a/b?c#d", "https://example.com/a"], ["a b", "http://a b"]),
    "uri-template": (["/a/b", "https://example.com/a"], ["/a/{id", "a b"]),
    "idn-email": (["a.b@example.com", "x@y"], ["a@", "@b", "a b@c"]),
    "idn-hostname": (["www.example.com", "localhost"], ["a..b", "a b"]),
    "json-pointer": (["", "/a/0", "/a~0b/~1c"], ["a", "/a~2", "/~"]),
    "relative-json-pointer": (["0", "1/a/0", "2#"], ["/a", "-1", "01"]),
    "regex": (["a", "^ab$"], ["(", "[a", "*"]),
}


@pytest.mark.parametrize(
    ("schema", "valid"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["b"]},
            [{"a": 1, "b": "x"}, {"b": ""}],
        ),
        (
            {"type": "object", "properties": {"a": {}, "b": {}}},
            [{}, {"a": None}, {"b": [1, {"c": "d"}]}, {"a": True, "b": -1.5e3}],
        ),
        ({"type": ["string", "null"]}, ['é"\\\n\t/ 😀 世', None]),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [["a"], ["a", "b", "c"]]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"x": 1}, {"x": 1, "y": -20}]),
        (
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "string"}},
            [{}, {"b": "1", "a": "2"}],
        ),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 7]),
        ({"enum": ["é", [1, {"a": None}]]}, ["é", [1, {"a": None}]]),
        (
            {
                "$ref": "#/$defs/n",
                "$defs": {
                    "n": {
                        "type": "object",
                        "properties": {"n": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/n"}]}},
                        "required": ["n"],
                    }
                },
            },
            [{"n": None}, {"n": {"n": None}}],
        ),
        ({}, [None, [], {}, {"a": [1]}, "x", 0, -0.5]),
    ],
)
def test_valid_values_as_python_writes_them_are_allowed(schema: dict[str, Any], valid: list[object]) -> None:
    grammar = grammar_of(schema)
    for value in valid:
        text = json.dumps(value, ensure_ascii=False)
        assert fits(text, json.dumps(schema))
        assert grammar.accepts(text), value


def test_of_many_listed_keys_none_may_be_allowed() -> None:
    keys = [f"k{n}" for n in range(12)]  # too many to be told apart, each at most once
    grammar = grammar_of({"type": "object", "propertyNames": {"enum": keys}, "maxProperties": 0})
    assert grammar.accepts("{}")
    assert not grammar.accepts('{"k0": 1}')


def test_listed_values_may_be_written_in_ascii_too() -> None:
    assert grammar_of({"enum": ["é"]}).accepts(json.dumps("é"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1, "b": "x"}',
        '{ "a": 1, "b": "x"}',
        '{"b": "x", "a": 1}',
        '{"a": 01, "b": "x"}',
        '{"a": 1}',
        '{"a": 1, "b": "\n"}',
        '{"a": 1, "b": "\\ud800"}',
        '{"a": 1, "b": "x"} ',
        '{"a": 1, "b": "x", "c": 1}',
    ],
)
def test_idle_space_other_orders_and_broken_json_are_not_allowed(text: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["b"]}
    assert not grammar_of(schema).accepts(text)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.integers(-3000, 3000), st.integers(0, 3000), st.data())
def test_integers_between_bounds_are_exactly_those(low: int, span: int, data: st.DataObject) -> None:
    grammar = grammar_of({"type": "integer", "minimum": low, "maximum": low + span})
    number = data.draw(st.integers(low - 50, low + span + 50))
    assert grammar.accepts(str(number)) == (low <= number <= low + span)


DECIMALS = st.decimals(min_value=-200, max_value=200, places=3)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    DECIMALS,
    DECIMALS,
    st.sampled_from(["minimum", "exclusiveMinimum"]),
    st.sampled_from(["maximum", "exclusiveMaximum"]),
    DECIMALS,
)
def test_numbers_between_bounds_are_exactly_those(one: Any, other: Any, low: str, high: str, number: Any) -> None:
    schema = json.dumps({"type": "number", low: float(min(one, other)), high: float(max(one, other))})
    try:
        grammar = Grammar(of_schema(schema).text)
    except Unsupported:
        assert one == other, "only a strict bound leaves nothing"
        return
    for value in (number, one, other):
        text = json.dumps(float(value))
        assert grammar.accepts(text) == fits(text, schema), text


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(-10_000, 10_000), st.integers(0, 100_000), st.data())
def test_multiples_are_exactly_those(every: int, low: int, span: int, data: st.DataObject) -> None:
    grammar = grammar_of({"type": "integer", "multipleOf": every, "minimum": low, "maximum": low + span + every})
    number = data.draw(st.integers(low // every - 3, (low + span) // every + 3)) * every
    assert grammar.accepts(str(number)) == (low <= number <= low + span + every)
    assert every == 1 or not grammar.accepts(str(number + 1))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"type": "objekt"}', "no JSON Schema"),
        ("{", "no JSON"),
        ('{"enum": []}', "no value at all"),
        ('{"type": "string", "enum": [1]}', "no value at all"),
        ('{"type": "object", "required": ["z"], "additionalProperties": false}', "no value at all"),
        ('{"properties": {"a": {"type": "array", "minItems": 3, "maxItems": 1}}, "required": ["a"]}', "at '/properties/a'"),
        ('{"type": "object", "properties": {"a": false}, "required": ["a"]}', "no value"),
        ('{"type": "integer", "minimum": 1, "maximum": 0}', "no value"),
        ('{"type": "string", "not": {"type": "string"}}', "no value"),
        ('{"$ref": "#/$defs/nowhere"}', "#/.defs/nowhere, which is not there"),
        ('{"$ref": "https://example.com/other.json"}', "which is not there"),
        ('{"allOf": [{"$ref": "#"}]}', "refers to itself"),
        (
            '{"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"t": {"$ref": "#/$defs/t"}}, "required": ["t"]}}}',
            "no value",
        ),
        (
            '{"type": "object", "properties": {"a": {}}, "additionalProperties": false, "minProperties": 2}',
            "no value at all",
        ),
    ],
)
def test_schemas_that_allow_nothing_say_so(schema: str, said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        of_schema(schema)


@given(st.text(max_size=12))
def test_a_literal_says_its_text_and_no_terminal_can_be_read_on(text: str) -> None:
    assert Grammar(f"root ::= {literal(text)}").accepts(text)  # the reader fails where the engine would read on


def _step(**wanted: Any) -> Generate:
    return Generate((Message("user", "x"),), **wanted)


def test_constraints_of_a_step() -> None:
    assert constraint(_step()) is None
    digits = constraint(_step(regex=r"^\d+\$$"))
    assert digits == Constraint("grammar", "root ::= [0-9]+ [$]\n")
    assert constraint(_step(regex=r"(?=a)a")) == Constraint("regex", r"(?=a)a"), "the engine may know more"
    choices = constraint(_step(choices=('say "no"', "back\\slash", "two\nlines", "é")))
    assert choices is not None
    grammar = Grammar(choices.text)
    assert all(grammar.accepts(choice) for choice in ('say "no"', "back\\slash", "two\nlines", "é"))
    with pytest.raises(Unsupported, match="one of"):
        constraint(_step(regex="a", choices=("a",)))


@pytest.mark.parametrize(
    ("schema", "said", "not_said"),
    [
        ({"minimum": 10**15, "maximum": 10**15 + 5}, 10**15 + 3, 10**15 + 6),
        ({"minimum": 10**18}, 1_732_912_345_678_901_234, 10**17),
        ({"maximum": -(10**18)}, -(10**18) - 7, -(10**17)),
    ],
)
def test_integers_of_more_digits_than_a_double_holds(schema: dict[str, Any], said: int, not_said: int) -> None:
    """Nanoseconds of a clock, ids: where a bound asks for them."""
    grammar = grammar_of({"type": "integer", **schema})
    assert grammar.accepts(str(said))
    assert not grammar.accepts(str(not_said))
