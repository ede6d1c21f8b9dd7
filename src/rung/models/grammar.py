"""What the engine is told so that an answer cannot leave its schema, regular expression or labels.

A JSON Schema becomes a grammar of compact JSON, written as Python's `json.dumps` writes it (", " and ": "): the engine's own
schema grammar allows idle white space, and small models fall into it. Objects are closed and keep the schema's order.
Schemas that use more than the subset below go to the engine's own grammar. Decoding is left to `pipeline`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from rung.models.number_grammar import integers, numbers
from rung.records import Json, digest
from rung.steps import Generate

GRAMMAR = 2  # part of a generator's identity: raise it when a grammar changes what can be said

_SILENT = {"title", "description", "default", "examples", "$schema", "$id", "$comment", "format", "deprecated", "readOnly"}
_SILENT |= {"writeOnly", "$defs", "definitions", "$anchor"}
_KNOWN: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": set(),
    "null": set(),
}
_LONGEST = 4096  # repetitions that the engine compiles in good time

# RFC 8259 without \uXXXX: every character but control characters can be written as itself, and that rule alone doubled the
# time of a token. It could also write half a surrogate pair, which is no text.
_TEXT = r"""
char ::= [^"\\\x00-\x1f\x7f] | "\\" ["\\/bfnrt]
"""


class Unsupported(Exception):
    """No grammar can be made of this constraint; the message says what to change."""


class _BeyondSubsetError(Exception):
    """The schema uses a keyword that only the engine's own grammar knows."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind` is the engine's name for the sort of constraint."""

    kind: Literal["grammar", "regex", "json_schema"]
    text: str


def constraint(step: Generate) -> Constraint | None:
    """The constraint of a step, None if it has none.

    Raises:
        Unsupported: the schema is no schema or allows nothing, the expression is none, or more than one was given.
    """
    given = sum(map(bool, (step.schema, step.regex, step.choices)))
    if given > 1:
        raise Unsupported("a step may have one of schema, regex and choices: give one")
    if step.schema:
        return of_schema(step.schema)
    if step.regex:
        return _of_regex(step.regex)
    if step.choices:
        return Constraint("grammar", "root ::= " + " | ".join(literal(choice) for choice in step.choices) + "\n")
    return None


@lru_cache(maxsize=64)
def of_schema(schema: str) -> Constraint:
    """The grammar of a JSON Schema given as text.

    Raises:
        Unsupported: it is no JSON Schema, or no value can satisfy it.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        value = json.loads(schema)
        Draft202012Validator.check_schema(value)
    except (ValueError, SchemaError) as error:
        raise Unsupported(f"the schema is no JSON Schema: {str(error).splitlines()[0]}") from error
    try:
        return Constraint("grammar", _Writer(value).grammar())
    except _BeyondSubsetError:
        return Constraint("json_schema", schema)


def _of_regex(regex: str) -> Constraint:
    try:
        re.compile(regex)
    except re.error as error:
        raise Unsupported(f"the regular expression {regex!r} is broken: {error}") from error
    whole = regex.removeprefix("^")
    if whole.endswith("$") and not whole.endswith("\\$"):
        whole = whole[:-1]
    return Constraint("regex", whole)


# The engine (openvino-genai 2026.4.1) writes a control character or a letter of U+0080 to U+00FF as \xNN and reads it again
# with the hexadecimal digits that follow: "ña" would be U+0F1A. From one terminal into the next it does not read on.
_READ_ON = re.compile(r"(?<=[\x00-\x1f\x7f-\xff])(?=[0-9a-fA-F])")


def literal(text: str) -> str:
    """A text as terminals of the grammar: one, or several where one would be misread."""
    return " ".join(f'"{"".join(map(_escaped, part))}"' for part in _READ_ON.split(text))


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if ord(character) < 32 or ord(character) == 127:
        return f"\\x{ord(character):02x}"
    return character


@dataclass
class _Writer:
    """Writes one schema's grammar: a rule for each sub-schema that is used, named by its digest."""

    schema: Json
    rules: dict[str, str] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def grammar(self) -> str:
        root = self.rule(self.schema)
        lines = [f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self.rules.items())]
        return "\n".join(lines) + _TEXT

    def rule(self, schema: Json) -> str:
        """Name of the rule for a sub-schema, written when first asked for (so that a schema may contain itself)."""
        name = "r" + digest(schema)[:12]
        if name not in self.rules:
            self.rules[name] = ""
            try:
                self.rules[name] = self.body(schema)
            except (Unsupported, _BeyondSubsetError):
                del self.rules[name]
                raise
        return name

    def body(self, schema: Json) -> str:
        if schema is True or schema == {}:
            kinds: list[Json] = ["object", "array", "string", "number", "boolean", "null"]
            return self.body({"type": kinds})
        if not isinstance(schema, dict):
            raise Unsupported("the schema allows no value somewhere (false): remove that part")
        keys = set(schema) - _SILENT
        if keys & {"enum", "const"}:
            return self.values(schema)
        if "$ref" in keys:
            return self.rule(self.resolved(schema, keys))
        for branches in ("anyOf", "oneOf"):
            if branches in keys:
                return self.branches(schema, branches, keys)
        if "type" not in schema:
            return self.untyped(schema, keys)
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        unknown = keys - {"type"} - set().union(*(_KNOWN[str(kind)] for kind in kinds))
        if unknown:
            raise _BeyondSubsetError
        return " | ".join(self.kind(str(kind), schema) for kind in kinds)

    def kind(self, kind: str, schema: Mapping[str, Json]) -> str:
        writers: dict[str, Callable[[Mapping[str, Json]], str]] = {
            "object": self.object,
            "array": self.array,
            "string": self.string,
            "integer": lambda s: self.bounded(integers, s),
            "number": lambda s: self.bounded(numbers, s),
            "boolean": lambda _: '("true" | "false")',
            "null": lambda _: '"null"',
        }
        return writers[kind](schema)

    def untyped(self, schema: Mapping[str, Json], keys: set[str]) -> str:
        """A schema without a type that speaks of one kind only is read as that kind; the rest is the engine's."""
        kinds = [kind for kind, known in _KNOWN.items() if keys and keys <= known]
        if not kinds:
            raise _BeyondSubsetError
        return self.kind("number" if kinds[0] == "integer" else kinds[0], schema)

    def values(self, schema: Mapping[str, Json]) -> str:
        """enum and const: those values that the rest of the schema allows, each as Python writes it."""
        from jsonschema import Draft202012Validator

        whole = {**schema, "$defs": self.schema.get("$defs", {})} if isinstance(self.schema, dict) else schema
        listed = schema["enum"] if "enum" in schema else [schema["const"]]
        allowed = [v for v in listed if Draft202012Validator(whole).is_valid(v)] if isinstance(listed, list) else []
        if not allowed:
            raise Unsupported(f"no value of {json.dumps(listed)[:60]} satisfies the schema around it: mend the schema")
        written = [json.dumps(v, ensure_ascii=a) for v in allowed for a in (False, True)]
        return " | ".join(literal(text) for text in dict.fromkeys(written))

    def resolved(self, schema: Mapping[str, Json], keys: set[str]) -> Json:
        reference = str(schema["$ref"])
        if keys != {"$ref"} or not reference.startswith("#"):
            raise _BeyondSubsetError
        found: Json = self.schema
        for written in reference.removeprefix("#").split("/")[1:]:
            part = written.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or part not in found:
                raise Unsupported(f"the schema refers to {reference}, which is not there: mend the reference")
            found = found[part]
        return found

    def branches(self, schema: Mapping[str, Json], word: str, keys: set[str]) -> str:
        branches = schema[word]
        if keys != {word} or not isinstance(branches, list):
            raise _BeyondSubsetError
        if word == "oneOf" and not _are_apart(branches):
            raise _BeyondSubsetError
        return " | ".join(self.rule(branch) for branch in branches)

    def object(self, schema: Mapping[str, Json]) -> str:
        named = schema.get("properties", {})
        properties = dict(named) if isinstance(named, dict) else {}
        required = [str(name) for name in _listed(schema.get("required"))]
        others = schema.get("additionalProperties", True)
        if not properties and not required and others is not False:
            return self.mapping(schema, others)
        if {"propertyNames", "minProperties", "maxProperties"} & set(schema):
            raise _BeyondSubsetError
        for name in required:
            if name not in properties and others is False:
                raise Unsupported(f"the schema requires {name!r} and forbids it: name it in properties")
            properties.setdefault(name, others)
        pairs = [
            (f"{literal(json.dumps(n, ensure_ascii=False) + ': ')} {self.rule(s)}", n in required)
            for n, s in properties.items()
        ]
        return self.ordered(pairs)

    def ordered(self, pairs: list[tuple[str, bool]]) -> str:
        """Pairs in the schema's order, those not required may be left out; commas between those that are there."""
        following = ""
        started: list[str] = []  # what may follow once a pair was written, from each place on
        for pair, needed in reversed(pairs):
            started.append(following)
            following = f' ", " {pair}{following}' if needed else f' (", " {pair})?{following}'
        started.reverse()
        choices: list[str] = []
        for (pair, needed), rest in zip(pairs, started, strict=True):
            choices.append(f"{pair}{rest}")
            if needed:
                break
        else:
            choices.append('""')
        return f'"{{" ({" | ".join(choices)}) "}}"'

    def mapping(self, schema: Mapping[str, Json], others: Json) -> str:
        """An object with free keys, or keys from a list; at most as many pairs as there are keys."""
        names = schema.get("propertyNames", True)
        key, most = self.string({}), _bound(schema, "maxProperties")
        if isinstance(names, dict) and set(names) - _SILENT - {"type"} == {"enum"}:
            key = f"({self.values(names)})"
            most = len(_listed(names["enum"])) if most is None else most
        elif names is not True:
            key = self.rule({"type": "string", **names}) if isinstance(names, dict) else key
        pair = f'{key} ": " {self.rule(others)}'
        least = _bound(schema, "minProperties") or 0
        if least > 1:
            raise _BeyondSubsetError  # a key may come twice, so pairs cannot be counted
        return f'"{{" {_repeated(pair, least, most)} "}}"'

    def array(self, schema: Mapping[str, Json]) -> str:
        item = self.rule(schema.get("items", True))
        return f'"[" {_repeated(item, _bound(schema, "minItems") or 0, _bound(schema, "maxItems"))} "]"'

    def string(self, schema: Mapping[str, Json]) -> str:
        least, most = _bound(schema, "minLength") or 0, _bound(schema, "maxLength")
        times = "*" if not least and most is None else f"{{{least},{'' if most is None else most}}}"
        return rf'"\"" char{times} "\""'

    def bounded(
        self, write: Callable[[int | float | None, int | float | None], str | None], schema: Mapping[str, Json]
    ) -> str:
        """A number between the schema's bounds, as far as whole bounds go."""
        if {"exclusiveMinimum", "exclusiveMaximum"} & set(schema):
            raise _BeyondSubsetError
        low, high = schema.get("minimum"), schema.get("maximum")
        body = write(
            low if isinstance(low, (int, float)) else None,
            high if isinstance(high, (int, float)) else None,
        )
        if body is None:
            raise _BeyondSubsetError
        return f"({body})"


def _repeated(item: str, least: int, most: int | None) -> str:
    """`item` least to most times, with commas between."""
    if most is not None and most < least:
        raise Unsupported(f"the schema wants at least {least} and at most {most} of something: mend the schema")
    if most == 0:
        return '""'
    upper = "" if most is None else most - 1
    several = f'{item} (", " {item}){{{max(least - 1, 0)},{upper}}}'
    return several if least else f"({several})?"


def _bound(schema: Mapping[str, Json], word: str) -> int | None:
    value = schema.get(word)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or value > _LONGEST:
        raise _BeyondSubsetError
    return int(value)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _are_apart(branches: list[Json]) -> bool:
    """Whether no value can satisfy two branches: they are of different types, or have different constants."""
    kinds = [b.get("type") for b in branches if isinstance(b, dict)]
    if len(kinds) == len(branches) and all(isinstance(k, str) for k in kinds):
        return len(set(map(str, kinds))) == len(kinds) and not {"integer", "number"} <= set(map(str, kinds))
    return False
