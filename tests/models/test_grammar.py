"""The grammars as regular expressions: what they allow is valid, and what is valid and compact they allow.

The engine that reads them is tried in test_local; here every rule is inlined into one Python expression.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rung.models.grammar import Constraint, Unsupported, constraint, literal, of_schema
from rung.models.number_grammar import integers, numbers
from rung.records import Message
from rung.steps import Generate

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|[()|*?+]|[A-Za-z_]\w*|\s+')
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")


def as_regex(grammar: str, depth: int = 3) -> str:
    """The grammar as a Python expression; a rule inside itself is inlined `depth` times and then allows nothing."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.split("\n") if " ::= " in line)

    def inlined(body: str, open_rules: tuple[str, ...]) -> str:
        out = []
        for token in _TOKEN.findall(body):
            if token[0] == '"':
                out.append(
                    re.escape(
                        _ESCAPE.sub(
                            lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) > 1 else m[1], token[1:-1]
                        )
                    )
                )
                out[-1] = f"(?:{out[-1]})"
            elif token in rules:
                inner = "(?!)" if open_rules.count(token) >= depth else inlined(rules[token], (*open_rules, token))
                out.append(f"(?:{inner})")
            elif token == "(":
                out.append("(?:")
            elif not token.isspace():
                out.append(token)
        return "".join(out)

    assert "".join(_TOKEN.findall(rules["root"])) == rules["root"], "the reader of this test must know every token"
    return inlined(rules["root"], ("root",))


def allowed(schema: object) -> re.Pattern[str]:
    made = of_schema(json.dumps(schema))
    assert made.kind == "grammar", "this schema must be within the subset"
    return re.compile(as_regex(made.text))


LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda: {"type": "boolean"}),
    st.builds(lambda: {"type": "null"}),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-2000, 2000),
        st.integers(0, 3000),
    ),
    st.builds(
        lambda low, span: {"type": "number", "minimum": low, "maximum": low + span}, st.integers(-20, 20), st.integers(0, 30)
    ),
    st.builds(lambda low: {"type": "number", "minimum": low}, st.integers(-20, 20)),
    st.builds(lambda: {"type": "number"}),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span}, st.integers(0, 3), st.integers(0, 5)
    ),
    st.builds(lambda: {"type": ["string", "null"], "maxLength": 3}),
    st.builds(
        lambda values: {"enum": values},
        st.lists(st.one_of(st.text(max_size=4), st.integers(), st.none(), st.booleans()), min_size=1, max_size=3),
    ),
)


def _object(properties: dict[str, Any], needed: list[bool], closed: bool) -> dict[str, Any]:
    required = [name for name, need in zip(properties, needed, strict=False) if need]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        **({"additionalProperties": False} if closed else {}),
    }


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            _object,
            st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
            st.lists(st.booleans(), min_size=3, max_size=3),
            st.booleans(),
        ),
        st.builds(
            lambda item, low, span: {"type": "array", "items": item, "minItems": low, "maxItems": low + span},
            inner,
            st.integers(0, 2),
            st.integers(0, 2),
        ),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(
            lambda value, names: {"type": "object", "propertyNames": {"enum": names}, "additionalProperties": value},
            inner,
            st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=2, unique=True),
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, st.data())
def test_whatever_a_grammar_allows_is_valid_and_compact(schema: dict[str, Any], data: st.DataObject) -> None:
    text = data.draw(st.from_regex(allowed(schema), fullmatch=True))
    value = json.loads(text)
    Draft202012Validator(schema).validate(value)
    text.encode()  # no lone surrogates


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
    pattern = allowed(schema)
    for value in valid:
        Draft202012Validator(schema).validate(value)
        assert pattern.fullmatch(json.dumps(value, ensure_ascii=False)), value


def test_listed_values_may_be_written_in_ascii_too() -> None:
    assert allowed({"enum": ["é"]}).fullmatch(json.dumps("é"))


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
    assert not allowed(schema).fullmatch(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(-3000, 3000), st.integers(0, 3000), st.data())
def test_integers_between_bounds_are_exactly_those(low: int, span: int, data: st.DataObject) -> None:
    pattern = re.compile(as_regex(f"root ::= {integers(low, low + span)}"))
    number = data.draw(st.integers(low - 50, low + span + 50))
    assert bool(pattern.fullmatch(str(number))) == (low <= number <= low + span)


def test_integers_and_numbers_without_whole_bounds() -> None:
    assert integers(0.2, 0.8) is None, "no integer lies between"
    assert numbers(0.5, None) is None, "left to the engine"
    assert re.fullmatch(as_regex(f"root ::= {integers(None, None)}"), "-120")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"type": "objekt"}', "no JSON Schema"),
        ("{", "no JSON Schema"),
        ('{"enum": []}', "satisfies"),
        ('{"type": "string", "enum": [1]}', "satisfies"),
        ('{"type": "object", "required": ["z"], "additionalProperties": false}', "forbids"),
        ('{"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 1}', "at least 3"),
        ('{"type": "object", "properties": {"a": false}, "required": ["a"]}', "false"),
        ('{"$ref": "#/$defs/nowhere"}', "not there"),
    ],
)
def test_schemas_that_allow_nothing_say_so(schema: str, said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        of_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {"type": "integer", "multipleOf": 7},
        {"not": {"type": "string"}},
        {"type": "number", "minimum": 0.5},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}},
    ],
)
def test_what_is_beyond_the_subset_goes_to_the_engine(schema: dict[str, Any]) -> None:
    assert of_schema(json.dumps(schema)) == Constraint("json_schema", json.dumps(schema))


@given(st.text(max_size=12))
def test_a_literal_says_its_text_and_no_terminal_can_be_read_on(text: str) -> None:
    written = literal(text)
    assert re.fullmatch(as_regex(f"root ::= {written}"), text)
    for terminal in re.findall(r'"((?:\\.|[^"\\])*)"', written):
        assert not re.search(r"(?:\\x[0-9a-f]{2}|[\x80-\xff])[0-9a-fA-F]", terminal)


def _step(**wanted: Any) -> Generate:
    return Generate((Message("user", "x"),), **wanted)


def test_constraints_of_a_step() -> None:
    assert constraint(_step()) is None
    assert constraint(_step(regex=r"^\d+$")) == Constraint("regex", r"\d+")
    assert constraint(_step(regex=r"^\d+\$")) == Constraint("regex", r"\d+\$")
    choices = constraint(_step(choices=('say "no"', "back\\slash", "two\nlines", "é")))
    assert choices is not None
    pattern = re.compile(as_regex(choices.text))
    assert all(pattern.fullmatch(choice) for choice in ('say "no"', "back\\slash", "two\nlines", "é"))
    with pytest.raises(Unsupported, match="one of"):
        constraint(_step(regex="a", choices=("a",)))
