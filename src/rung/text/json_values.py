"""Which JSON values are equal, and which fit a schema. Pure: a schema is never fetched from anywhere.

Reading schema files, with the line of a mistake, is left to `project`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.records import Json
from rung.text.parsing import json_of

if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.protocols import Validator


_MAX_BRANCHES = 24  # of a schema within branches


def parse(text: str) -> Json:
    """The value of a JSON text, strictly: NaN, Infinity and anything around the value are refused.

    Raises:
        ValueError: the text is no JSON, or beyond the limits of `parsing`.
    """
    return json_of(text)


def in_order_of(schema: Json, value: Json, *, root: Json = None) -> Json:
    """The same value with the keys of its objects in the schema's order, as decoding under the schema writes them.

    Keys that the schema does not name come after those that it does, in their own order. Of `anyOf` and `oneOf` the first
    that names all keys counts; references within the schema are followed, and what `allOf` names comes after the rest.
    """
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [in_order_of(schema.get("items"), item, root=root) for item in value]
    if not isinstance(value, dict):
        return value
    schema = _about(schema, value, root)
    named = schema.get("properties")
    properties = named if isinstance(named, dict) else {}
    others = schema.get("additionalProperties")
    keys = [*(name for name in properties if name in value), *(name for name in value if name not in properties)]
    return {name: in_order_of(properties.get(name, others), value[name], root=root) for name in keys}


def _about(schema: dict[str, Json], value: dict[str, Json], root: Json) -> dict[str, Json]:
    """The part of a schema that names an object's keys: behind a reference, or among alternatives."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Json = root
        for step in reference[2:].split("/"):
            target = target.get(step) if isinstance(target, dict) else None
        return _about(target, value, root) if isinstance(target, dict) and target is not schema else schema
    for word in ("anyOf", "oneOf"):
        several = schema.get(word)
        for one in several if isinstance(several, list) else []:
            inner = _about(one, value, root) if isinstance(one, dict) else {}
            named = inner.get("properties")
            if isinstance(named, dict) and set(value) <= set(named):
                return inner
    several = schema.get("allOf")
    parts = [_about(one, value, root) for one in several if isinstance(one, dict)] if isinstance(several, list) else []
    if not parts:
        return schema
    named = {name: inner for part in (schema, *parts) for name, inner in _properties(part).items()}
    return {**schema, "properties": named}


def _properties(schema: dict[str, Json]) -> dict[str, Json]:
    named = schema.get("properties")
    return named if isinstance(named, dict) else {}


def members(part: Json, root: Json, *, depth: int = 0) -> dict[str, list[Json]]:
    """The members that a part of a schema names for an object: name -> what the schema says of it, in each place.

    References within `root` are followed; of `allOf`, `anyOf`, `oneOf`, `then` and `else` every branch counts.

    >>> members({"properties": {"a": True}, "anyOf": [{"properties": {"b": {}}}]}, {})
    {'a': [True], 'b': [{}]}
    """
    if not isinstance(part, dict) or depth > _MAX_BRANCHES:
        return {}
    named = {name: [inner] for name, inner in _properties(part).items()}
    several = [one for word in ("allOf", "anyOf", "oneOf") for one in _items(part.get(word))]
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        several.append(_at(root, reference))
    for branch in (*several, part.get("then"), part.get("else")):
        for name, inner in members(branch, root, depth=depth + 1).items():
            named.setdefault(name, []).extend(inner)
    return named


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _at(root: Json, reference: str) -> Json:
    """What a reference of the form `#/$defs/name` points at; None where nothing is."""
    target = root
    for step in (one.replace("~1", "/").replace("~0", "~") for one in reference[1:].split("/")[1:]):
        target = target.get(step) if isinstance(target, dict) else None
    return target


def key(value: Json) -> object:
    """A hashable stand-in: equal keys mean equal JSON values. 1 equals 1.0, true is not 1, object keys have no order."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (int, float)):
        return ("number", value)
    if isinstance(value, list):
        return ("array", tuple(key(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key(item)) for name, item in value.items()))
    return (type(value).__name__, value)


def composed(value: Json) -> Json:
    """The same value with the letters of all its texts and keys composed (Unicode NFC)."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [composed(item) for item in value]
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", name): composed(item) for name, item in value.items()}
    return value


def leaves(value: Json, path: str = "") -> list[tuple[str, Json]]:
    """Every (path, value) at the end of a branch; the items of a list share one path; an empty container is a leaf.

    >>> leaves({"a": [1, 2], "b": {}})
    [('.a[]', 1), ('.a[]', 2), ('.b', {})]
    """
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in leaves(item, f"{path}.{name}")]
    if isinstance(value, list) and value:
        return [leaf for item in value for leaf in leaves(item, f"{path}[]")]
    return [(path, value)]


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def pointer_lines(text: str) -> dict[str, int]:
    """The line of each value of a JSON text by its JSON pointer (RFC 6901); of a member that of its key.

    >>> pointer_lines('{"a":\\n [1,\\n  2]}')
    {'': 1, '/a': 1, '/a/0': 2, '/a/1': 3}
    """
    lines: dict[str, int] = {}
    above: list[tuple[str, int]] = []  # the containers around: pointer, and place of the next item (-1: an object)
    key: str | None = None
    line, at = 1, 0
    for token in _TOKEN.finditer(text):
        line, at = line + text.count("\n", at, token.start()), token.start()
        mark = token[0]
        if mark in "}]" and above:
            above.pop()
        elif mark == "," and above and above[-1][1] >= 0:
            above[-1] = (above[-1][0], above[-1][1] + 1)
        elif mark[0] == '"' and above and above[-1][1] < 0 and key is None:
            key = escaped(str(json.loads(mark)))
            lines[f"{above[-1][0]}/{key}"] = line
        elif mark not in ",:":
            pointer = f"{above[-1][0]}/{key if key is not None else above[-1][1]}" if above else ""
            lines.setdefault(pointer, line)
            key = None
            if mark in "{[":
                above.append((pointer, -1 if mark == "{" else 0))
    return lines


def escaped(name: str) -> str:
    """A name as a step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def line_of(lines: dict[str, int], pointer: str) -> int:
    """The line of a JSON pointer, or of the nearest value around it that has one; 1 where none has.

    >>> line_of({"": 1, "/a": 2}, "/a/b/c")
    2
    """
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 1)


class SchemaFault(UserError):
    """What is given as a JSON Schema is none. `pointer`: where in it, as a JSON pointer."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


def _schema_fault(error: SchemaError) -> str:
    """What is wrong with a schema. JSON Schema has JavaScript's patterns, of which Python reads most."""
    if error.validator != "format" or error.validator_value != "regex":
        return f"is no JSON Schema: {error.message}"
    try:
        re.compile(str(error.instance))
        why = "is no regular expression"
    except re.error as fault:
        why = fault.msg
    return f"has a pattern that cannot be read here, {str(error.instance)!r} ({why}); write it as Python's re reads it"


@lru_cache(maxsize=64)
def validator(schema: str) -> Validator:
    """The compiled validator of a JSON Schema (any draft, by its `$schema`; 2020-12 without one), kept per text.

    Raises:
        SchemaFault: the text is no JSON, or no JSON Schema, or one of its references leads nowhere.
    """
    import jsonschema
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    try:
        value = parse(schema)
        if not isinstance(value, dict):
            raise SchemaFault(f"the schema is no JSON Schema: it must be an object, not {json.dumps(value)[:40]}")
        kind = validator_for(value, default=jsonschema.Draft202012Validator)
        kind.check_schema(value)
    except ValueError as error:
        raise SchemaFault(f"the schema is no JSON: {error}") from error
    except jsonschema.SchemaError as error:
        pointer = "".join(f"/{escaped(str(step))}" for step in error.absolute_path)
        raise SchemaFault(f"the schema {_schema_fault(error)} at {error.json_path}", pointer) from error
    _follow(value)
    # a registry of its own: a remote $ref is an error, not a request
    return exact_kind(kind)(value, registry=EMPTY_REGISTRY)


def _follow(schema: dict[str, Json]) -> None:
    """Raises where a reference leads nowhere: it would be met in the middle of the work, by the first value it is for."""
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root: Resource[Any] = Resource.from_contents(schema, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry()
    waiting = [(root, registry.resolver_with_root(root))]
    while waiting:
        part, resolver = waiting.pop()
        for word in ("$ref", "$dynamicRef") if isinstance(part.contents, dict) else ():
            if isinstance(reference := part.contents.get(word), str):
                try:
                    resolver.lookup(reference)
                except Unresolvable as error:
                    message = (
                        f"the schema refers to {reference[:200]}, which is not there: put what it means into the schema"
                    )
                    raise SchemaFault(message, f"{_pointer_to(part.contents, schema)}/{word}") from error
        waiting.extend((inner, resolver.in_subresource(inner)) for inner in part.subresources())


def _pointer_to(part: object, whole: Json, pointer: str = "") -> str:
    """The JSON pointer of a part, by its identity."""
    if part is whole:
        return pointer
    items = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    inner = (_pointer_to(part, value, f"{pointer}/{escaped(str(step))}") for step, value in items)
    return next(filter(None, inner), "")


def accepts(check: Validator, value: Json) -> bool:
    """Whether a validator takes a value.

    Raises:
        UserError: its schema refers to itself with nothing between.
    """
    with _led_on():
        return bool(check.is_valid(value))


def faults(check: Validator, value: Json) -> list[ValidationError]:
    """All that a validator finds wrong with a value.

    Raises:
        UserError: as `accepts`.
    """
    with _led_on():
        return list(check.iter_errors(value))


def exact_validator(schema: dict[str, Json]) -> Validator:
    """The validator of a schema of 2020-12 that is known to be one."""
    import jsonschema
    from referencing.jsonschema import EMPTY_REGISTRY

    return exact_kind(jsonschema.Draft202012Validator)(schema, registry=EMPTY_REGISTRY)


@lru_cache(maxsize=8)
def exact_kind(kind: type[Validator]) -> type[Validator]:
    """A kind of validator that divides decimal numbers as they are written: 19.99 is a multiple of 0.01."""
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def multiple_of(check: Validator, step: float, value: Any, _schema: object) -> Iterator[ValidationError]:
        if check.is_type(value, "number") and (abs(value) == inf or Fraction(str(value)) % Fraction(str(step))):
            yield ValidationError(f"{value!r} is not a multiple of {step}")

    exact: type[Validator] = extend(kind, {"multipleOf": multiple_of})  # type: ignore[no-untyped-call]
    return exact


def breach(text: str, schema: str) -> str:
    """Where and how a text is not what a schema wants, in words; "" where it fits.

    Raises:
        UserError: as `fits`.
    """
    from jsonschema.exceptions import best_match

    try:
        value = parse(text)
    except ValueError as error:
        return f"it is no JSON ({error})"
    mistake = best_match(faults(validator(schema), value))
    if mistake is None:
        return ""
    path = ".".join(str(part) for part in mistake.absolute_path)
    return f"{f'{path}: ' if path else ''}{mistake.message[:100]}"


def fits(text: str, schema: str) -> bool:
    """Whether a text is JSON that the schema accepts.

    Raises:
        UserError: the schema is none, or points to another that is not there.
    """
    try:
        value = parse(text)
    except ValueError:
        return False
    return accepts(validator(schema), value)


@contextmanager
def _led_on() -> Iterator[None]:
    """References of a schema that lead nowhere, or round and round, as what is to be mended."""
    from referencing.exceptions import Unresolvable

    try:
        yield
    except Unresolvable as error:
        raise UserError(
            f"the schema points to {error.ref}, which is not in it: put the definition into the schema"
        ) from error
    except RecursionError as error:
        raise UserError("the schema refers to itself with nothing between: mend the reference") from error
