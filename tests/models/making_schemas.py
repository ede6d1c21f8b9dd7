"""Schemas for the tests of grammars: one for each keyword that is held or not, and random ones of many keywords at once."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rung.records import Json

Schema = dict[str, Any]

_KIND = {
    "properties": {"kind": {"enum": ["card", "cash"]}, "number": {"type": "string", "maxLength": 5}},
    "required": ["kind"],
}
_AB = {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": False}

# keyword -> (schema, values that it allows, values that it does not)
HELD: dict[str, tuple[Schema, list[Json], list[Json]]] = {
    "type": ({"type": ["string", "null"], "maxLength": 3}, ["abc", None], [1, "abcd"]),
    "enum": ({"enum": ["yes", True, 1, None, 1.5]}, ["yes", True, 1, None, 1.5], ["no", False, 2]),
    "const": ({"const": {"a": ["é", 1]}}, [{"a": ["é", 1]}], [{"a": ["e", 1]}]),
    "multipleOf": ({"type": "integer", "multipleOf": 7}, [0, 7, -14, 700000], [1, 8, -1]),
    "multipleOf, decimal": ({"type": "number", "multipleOf": 0.01, "minimum": 0}, [19.99, 0.5, 3], [0.001, 19.999, -1]),
    "minimum": ({"type": "number", "minimum": 0.5, "maximum": 0.75}, [0.5, 0.6125, 0.75], [0.49, 0.751, 1, 0]),
    "maximum": ({"type": "number", "maximum": -2.5}, [-2.5, -3, -100.25], [-2.4, 0, 2.5]),
    "exclusiveMinimum": ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, [4], [3, 5]),
    "exclusiveMaximum": ({"type": "number", "exclusiveMaximum": 1, "minimum": 0}, [0, 0.999], [1, 1.0, -0.1]),
    "minLength": ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", 'é"\n'], ["a", "abcd"]),
    "maxLength": ({"type": "string", "maxLength": 1}, ["", "世"], ["ab"]),
    "pattern": ({"type": "string", "pattern": r"^\d{4}-\d{2}$"}, ["2024-05"], ["24-05", "2024-055", "x2024-05"]),
    "pattern, anywhere": ({"type": "string", "pattern": "ab", "maxLength": 4}, ["ab", "xaby"], ["a", "xxaby"]),
    "pattern beside lengths": (
        {"type": "string", "pattern": "^[ab]+c?$", "minLength": 2, "maxLength": 3},
        ["ac", "abb"],
        ["a", "abab"],
    ),
    "several patterns": (
        {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}], "maxLength": 4},
        ["ab", "axxb"],
        ["a", "bb", "axxxb"],
    ),
    "pattern, looking ahead": (
        {"type": "string", "pattern": r"^(?=.*\d)(?!.*--)(?!^x)[a-z0-9-]{2,6}$"},
        ["a1", "1-a-b"],
        ["ab", "1--a", "x1", "1"],
    ),
    "pattern, pydantic's decimal": (
        {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"},
        ["1", "-2.50", "+.5", "007"],
        ["", "-", ".", "+.", "1.2.3", "a"],
    ),
    "pattern, not": (
        {"type": "string", "maxLength": 4, "allOf": [{"not": {"pattern": "^x"}}, {"not": {"pattern": "ab"}}]},
        ["", "ca", "bx", "c"],
        ["x", "xy", "abz", "zab", "abc"],
    ),
    "pattern, not with an end": (
        {"type": "string", "maxLength": 4, "not": {"pattern": "^[ab]+$"}},
        ["", "abc", "xa", "a\nb"],
        ["ab", "ab\n"],  # Python's end may have a line's end behind it
    ),
    "pattern, not of classes": (
        {"type": "string", "maxLength": 3, "allOf": [{"not": {"pattern": r"\d"}}, {"not": {"pattern": "[^\\s\\w-]"}}]},
        ["ab-", "", " a"],
        ["1", "a٣", "a!", "(x"],
    ),
    "pattern, not of several ways": (
        {"type": "string", "maxLength": 4, "not": {"pattern": "^a|b$|x[|]"}},
        ["ba", "xay", "|x"],
        ["ax", "xb", "b\n", "cx|"],
    ),
    "pattern beside a format": (
        {"type": "string", "format": "email", "pattern": r"@example\.(org|com)$", "not": {"const": "a@example.org"}},
        ["b@example.org", "a.b@example.com"],
        ["a@example.org", "b@example.net", "..@example.org"],
    ),
    "format beside maxLength": (
        {"type": "string", "format": "email", "maxLength": 40},
        ["a@b.org", "someone@example.com"],
        ["a", "a" * 20 + "@" + "b" * 20],
    ),
    "pattern, letters": ({"type": "string", "pattern": "^[ñéa-f]{2}$"}, ["ñf", "éa"], ["ñz", "n1"]),
    "format": ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "soon"]),
    "items": ({"type": "array", "items": {"type": "integer"}, "maxItems": 3}, [[], [1, 2]], [["a"], [1, 2, 3, 4]]),
    "prefixItems": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        [[], ["a"], ["a", 1]],
        [[1], ["a", 1, 2]],
    ),
    "minItems": (
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
        [[True, False]],
        [[True], [True] * 3],
    ),
    "maxItems": ({"type": "array", "items": {"type": "boolean"}, "maxItems": 1}, [[], [True]], [[True, True]]),
    "uniqueItems": (
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 1},
        [["a"], ["c", "a"], ["b", "a", "c"]],
        [[], ["a", "a"], ["a", "b", "a"]],
    ),
    "contains": (
        {
            "type": "array",
            "items": {"type": "integer", "maximum": 99, "minimum": 0},
            "contains": {"minimum": 50},
            "maxItems": 4,
        },
        [[50], [1, 99, 2]],
        [[], [1, 2]],
    ),
    "minContains": (
        {"type": "array", "items": {"enum": ["a", "b"]}, "contains": {"const": "b"}, "minContains": 2, "maxItems": 4},
        [["b", "b"], ["a", "b", "a", "b"]],
        [["b"], ["a", "a", "b"]],
    ),
    "maxContains": (
        {"type": "array", "items": {"enum": ["a", "b"]}, "contains": {"const": "b"}, "maxContains": 1, "maxItems": 4},
        [["b"], ["a", "b", "a"]],
        [["b", "b"], ["a"]],
    ),
    "unevaluatedItems": (
        {"type": "array", "allOf": [{"prefixItems": [{"const": 1}]}], "unevaluatedItems": False},
        [[], [1]],
        [[1, 2]],
    ),
    "properties": ({**_AB}, [{}, {"a": 1}, {"a": 1, "b": 2}], [{"c": 1}, {"a": "x"}]),
    "required": ({**_AB, "required": ["b"]}, [{"b": 1}, {"a": 1, "b": 2}], [{"a": 1}]),
    "additionalProperties": (
        {"type": "object", "additionalProperties": {"type": "boolean"}},
        [{}, {"x": True}],
        [{"x": 1}],
    ),
    "patternProperties": (
        {
            "type": "object",
            "patternProperties": {"^n_": {"type": "integer"}, "^s_": {"type": "string"}},
            "additionalProperties": False,
        },
        [{}, {"n_a": 1, "s_b": "x"}],
        [{"n_a": "x"}, {"q": 1}],
    ),
    "patternProperties, named": (
        {"type": "object", "properties": {"n_a": {}}, "patternProperties": {"^n_": {"type": "integer"}}},
        [{"n_a": 1}],
        [{"n_a": "x"}],
    ),
    "propertyNames": (
        {"type": "object", "propertyNames": {"enum": ["é", "b"]}, "additionalProperties": {"type": "integer"}},
        [{}, {"b": 1, "é": 2}],
        [{"c": 1}, {"b": "x"}],
    ),
    "propertyNames, pattern": (
        {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]{1,3}$"},
            "additionalProperties": {"type": "integer"},
            "maxProperties": 2,
        },
        [{"abc": 1}],
        [{"abcd": 1}],
    ),
    "minProperties": ({**_AB, "minProperties": 1}, [{"a": 1}, {"b": 1}], [{}]),
    "maxProperties": ({**_AB, "maxProperties": 1}, [{}, {"a": 1}, {"b": 1}], [{"a": 1, "b": 1}]),
    "unevaluatedProperties": (
        {"type": "object", "allOf": [{"properties": {"a": {"type": "integer"}}}], "unevaluatedProperties": False},
        [{}, {"a": 1}],
        [{"b": 1}],
    ),
    "dependentRequired": ({**_AB, "dependentRequired": {"a": ["b"]}}, [{}, {"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
    "dependentSchemas": (
        {**_AB, "dependentSchemas": {"a": {"properties": {"b": {"minimum": 5}}}}},
        [{"b": 1}, {"a": 1, "b": 5}, {"a": 1}],
        [{"a": 1, "b": 4}],
    ),
    "allOf": (
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
            ]
        },
        [{"a": 1, "b": True}],
        [{"a": 1}, {"b": True}],
    ),
    "anyOf": ({"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer", "minimum": 5}]}, ["a", 5], ["ab", 4]),
    "anyOf beside properties": ({**_AB, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": 1}, {"b": 1}], [{}]),
    "oneOf": ({"oneOf": [{"type": "integer", "maximum": 10}, {"type": "integer", "minimum": 5}]}, [4, 11], [5, 10]),
    "oneOf, patterns": (
        {"maxLength": 3, "oneOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^.b"}]},
        ["a", "aa", "bb", "cb"],
        ["ab", "c", "", "abb"],
    ),
    "oneOf, required": (
        {**_AB, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        [{"a": 1}, {"b": 1}],
        [{}, {"a": 1, "b": 1}],
    ),
    "oneOf, by a constant": (
        {
            "oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}],
            "discriminator": {"propertyName": "kind"},
            "$defs": {
                "cat": {"properties": {"kind": {"const": "cat"}, "n": {"type": "integer"}}, "required": ["kind", "n"]},
                "dog": {"properties": {"kind": {"const": "dog"}, "n": {"type": "boolean"}}, "required": ["kind"]},
            },
        },
        [{"kind": "cat", "n": 1}, {"kind": "dog"}],
        [{"kind": "cat"}, {"kind": "dog", "n": 1}],
    ),
    "not": ({"type": "string", "maxLength": 2, "not": {"enum": ["no", "x"]}}, ["yo", "", "n", "y"], ["no", "x"]),
    "not, numbers": (
        {"type": "number", "minimum": -2, "maximum": 2, "not": {"enum": [0, 1.5, 2, "x"]}},
        [-2, 0.1, -0.1, 1, 1.25, 1.75],
        [0, 0.0, 1.5, 1.50, 2],
    ),
    "not, an integer": ({"type": "integer", "not": {"const": 0}}, [1, -1, 10, -20], [0]),
    "not, multiples": (
        {"type": "integer", "multipleOf": 3, "minimum": 0, "maximum": 9, "not": {"enum": [3, 9]}},
        [0, 6],
        [3, 9, 1],
    ),
    "not, required": ({**_AB, "not": {"required": ["b"]}}, [{}, {"a": 1}], [{"b": 1}]),
    "if": (
        {**_KIND, "if": {"properties": {"kind": {"const": "card"}}}, "then": {"required": ["number"]}},
        [{"kind": "cash"}, {"kind": "card", "number": "1"}],
        [{"kind": "card"}],
    ),
    "if of a pattern": (
        {"type": "string", "if": {"pattern": "^a"}, "then": {"maxLength": 2}, "maxLength": 4},
        ["ab", "a", "babc", ""],
        ["abc"],
    ),
    "then": (
        {"type": "integer", "if": {"minimum": 10}, "then": {"multipleOf": 5}, "maximum": 40, "minimum": 0},
        [9, 10, 35],
        [11, 36],
    ),
    "else": (
        {"type": "integer", "if": {"minimum": 10}, "else": {"const": 3}, "maximum": 12, "minimum": 0},
        [3, 10, 11],
        [4, 0],
    ),
    "$ref": (
        {
            "$ref": "#/$defs/t",
            "$defs": {
                "t": {
                    "properties": {"v": {"const": 1}, "kids": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
                    "required": ["v"],
                }
            },
        },
        [{"v": 1}, {"v": 1, "kids": [{"v": 1, "kids": []}]}],
        [{"v": 2}],
    ),
    "$ref beside others": (
        {
            "properties": {"a": {"$ref": "#/$defs/n", "maximum": 5}},
            "required": ["a"],
            "$defs": {"n": {"type": "integer", "minimum": 0}},
        },
        [{"a": 5}],
        [{"a": 6}, {"a": -1}],
    ),
    "$dynamicRef": (
        {
            "$id": "https://example.com/t",
            "$dynamicAnchor": "node",
            "properties": {"next": {"$dynamicRef": "#node"}},
            "type": "object",
        },
        [{}, {"next": {"next": {}}}],
        [{"next": 1}],
    ),
    "$anchor": (
        {
            "properties": {"n": {"$ref": "#item"}},
            "required": ["n"],
            "$defs": {"item": {"$anchor": "item", "type": "integer", "minimum": 1, "maximum": 9}},
        },
        [{"n": 9}],
        [{"n": 10}, {}],
    ),
    "$id": (
        {
            "$id": "https://example.com/root.json",
            "properties": {"n": {"$ref": "item.json#/$defs/small"}},
            "required": ["n"],
            "$defs": {"x": {"$id": "item.json", "$defs": {"small": {"const": 1}}}},
        },
        [{"n": 1}],
        [{"n": 2}],
    ),
    "definitions": (
        {
            "properties": {"s": {"title": "Size", "allOf": [{"$ref": "#/definitions/Size"}]}},
            "required": ["s"],
            "definitions": {"Size": {"enum": ["small"]}},
        },
        [{"s": "small"}],
        [{"s": "large"}],
    ),
    "draft 4": (
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "integer",
            "minimum": 3,
            "exclusiveMinimum": True,
            "maximum": 5,
        },
        [4, 5],
        [3],
    ),
    "draft 7": (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "array",
            "items": [{"const": 1}],
            "additionalItems": {"const": 2},
            "maxItems": 3,
        },
        [[1], [1, 2, 2]],
        [[2], [1, 1]],
    ),
    "dependencies": (
        {"$schema": "http://json-schema.org/draft-07/schema#", **_AB, "dependencies": {"a": ["b"]}},
        [{"b": 1}],
        [{"a": 1}],
    ),
}

# what is not held -> (schema, what is told of it)
UNHELD: dict[str, tuple[Schema, tuple[tuple[str, str], ...]]] = {
    "multipleOf of an endless decimal": ({"type": "number", "multipleOf": 0.0000000000000001}, (("", "multipleOf"),)),
    "multipleOf of a large number": (
        {"properties": {"a": {"type": "integer", "multipleOf": 1237}}},
        (("/properties/a", "multipleOf"),),
    ),
    "uniqueItems beside contains": (
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "contains": {"const": 1}},
        (("", "uniqueItems"),),
    ),
    "uniqueItems of lists that may be of anything": (
        {"type": "array", "items": {}, "uniqueItems": True, "minItems": 2},
        (("", "uniqueItems"),),
    ),
    "several contains": (
        {"type": "array", "allOf": [{"contains": {"const": 1}}, {"contains": {"const": 2}}]},
        (("/allOf/1", "contains"),),
    ),
    "pattern that looks ahead in the middle": ({"type": "string", "pattern": "^a(?!b)c"}, (("", "pattern"),)),
    "pattern that looks behind": ({"type": "string", "pattern": "(?<!a)b"}, (("", "pattern"),)),
    "pattern that refers back": ({"type": "string", "pattern": r"^(a|b)\1$"}, (("", "pattern"),)),
    "pattern that counts without a least number": ({"type": "string", "pattern": "^a{,5}$"}, (("", "pattern"),)),
    "pattern beside great lengths": (
        {"type": "string", "pattern": "^a.*b$", "minLength": 400},
        (("", "pattern"),),
    ),
    "a format that is not known": ({"type": "string", "format": "colour"}, (("", "format"),)),
    "minProperties of free keys": (
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
        (("", "minProperties"),),
    ),
    "minProperties above the names": ({"properties": {"a": {}}, "minProperties": 2}, (("", "minProperties"),)),
    "not of a pattern that refers back": (
        {"type": "string", "not": {"pattern": r"(a)\1"}},
        (("/not", "pattern"),),
    ),
    "if of items": (
        {"type": "array", "if": {"items": {"type": "integer"}}, "then": {"maxItems": 3}, "maxItems": 9},
        (("", "if"),),
    ),
    "oneOf of what may be both": (
        {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
        (("", "oneOf"),),
    ),
}

_NAMES = st.sampled_from(["a", "b", "é1", "c d"])
_VALUES: st.SearchStrategy[Json] = st.one_of(
    st.text(max_size=3), st.integers(-20, 20), st.none(), st.booleans(), st.just(0.5)
)
_LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-200, 200),
        st.integers(0, 300),
    ),
    st.builds(
        lambda low, every: {"type": "integer", "exclusiveMinimum": low, "multipleOf": every},
        st.integers(-20, 20),
        st.integers(1, 12),
    ),
    st.builds(
        lambda low, span: {"type": "number", "minimum": low / 8, "maximum": (low + span) / 8},
        st.integers(-99, 99),
        st.integers(0, 30),
    ),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span}, st.integers(0, 3), st.integers(0, 5)
    ),
    st.sampled_from(
        [
            {"type": "string", "pattern": p, "maxLength": 6}
            for p in ("^[ab]+$", "b", r"^\w{2}\d?$", "^(x|yz)*$", "[^a-z]", r"^\s|.\W$", r"[^\D1]")
        ]
    ),
    st.sampled_from([{"type": "string", "format": f} for f in ("date", "time", "ipv4", "uuid")]),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["boolean", "null", "string", "number"])),
    st.builds(lambda values: {"enum": values}, st.lists(_VALUES, min_size=1, max_size=4)),
    st.builds(lambda value: {"not": {"const": value}, "type": ["string", "boolean", "null"]}, _VALUES),
)


def _object(properties: Schema, needed: list[str], extra: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": needed, **extra}


_EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "additionalProperties": st.just(False),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(1, 3),
        "dependentRequired": st.dictionaries(_NAMES, st.lists(_NAMES, max_size=2, unique=True), max_size=1),
        "patternProperties": st.sampled_from([{"^a": {"type": "integer"}}, {"1$": {"type": ["string", "null"]}}]),
    },
)
SCHEMAS: st.SearchStrategy[Schema] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(_object, st.dictionaries(_NAMES, inner, max_size=3), st.lists(_NAMES, max_size=2, unique=True), _EXTRAS),
        st.builds(
            lambda item, low, span, more: {"type": "array", "items": item, "minItems": low, "maxItems": low + span, **more},
            inner,
            st.integers(0, 2),
            st.integers(0, 2),
            st.one_of(st.just({}), st.just({"uniqueItems": True}), st.builds(lambda c: {"contains": c}, inner)),
        ),
        st.builds(
            lambda first, rest: {"type": "array", "prefixItems": first, "items": rest, "maxItems": 4},
            st.lists(inner, min_size=1, max_size=2),
            inner,
        ),
        st.builds(
            lambda word, ones: {word: ones},
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda one, other: {**one, "not": other}, inner, inner),
        st.builds(lambda one, a, b, c: {**one, "if": a, "then": b, "else": c}, inner, inner, inner, inner),
        st.builds(
            lambda value, names, low: {
                "type": "object",
                "propertyNames": {"enum": names},
                "additionalProperties": value,
                "minProperties": low,
            },
            inner,
            st.lists(_NAMES, min_size=1, max_size=3, unique=True),
            st.integers(0, 2),
        ),
    ),
    max_leaves=5,
)


# arrays whose items must differ, where `repeats` sees to it: (schema, values that it allows)
DIFFERING: list[tuple[Schema, list[Json]]] = [
    ({"type": "array", "items": {"type": "string", "maxLength": 20}, "uniqueItems": True}, [[], ["a"], ["a", "b", "ab"]]),
    (
        {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 9}, "uniqueItems": True, "minItems": 4},
        [[1, 2, 3, 4]],
    ),
    (
        {"type": "array", "items": {"enum": [f"v{n}" for n in range(12)]}, "uniqueItems": True, "minItems": 3},
        [["v1", "v10", "v2"]],
    ),
    (  # several expressions are an automaton with many ways on, whose paths are too many to be written out
        {
            "type": "array",
            "items": {"type": "string", "pattern": r"^\s|.\W$", "not": {"pattern": "^[ab]+$"}, "maxLength": 6},
            "uniqueItems": True,
            "minItems": 2,
        },
        [[" ", "x-"]],
    ),
    (
        {
            "properties": {
                "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 2},
                "n": {},
            },
            "required": ["tags", "n"],
        },
        [{"tags": ['é, \\"', "]"], "n": 1}],
    ),
    (
        {
            "type": "array",
            "items": {"properties": {"a": {"type": "boolean"}, "b": {"enum": [1, 2]}}, "required": ["a", "b"]},
            "uniqueItems": True,
            "minItems": 3,
            "maxItems": 4,
        },
        [[{"a": True, "b": 1}, {"a": False, "b": 1}, {"a": True, "b": 2}]],
    ),
]
