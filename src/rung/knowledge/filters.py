"""The documents that a condition on metadata names: its meaning, and its form in the store's query.

A condition is JSON: `{"lang": "en", "year": {"gte": 2020}, "tags": {"in": ["a", "b"]}}`; all parts must hold. Strings,
numbers, truth values and dates (ISO, `2024-05-01` or with a time; without a zone they are UTC) compare only with their
own kind. Of a list, one element has to be equal. A document without the key meets no condition on it, not even "ne".
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rung.errors import UserError
from rung.records import Document, Json

Kind = str  # "n" number, "t" time, "s" string, "b" truth value
Scalar = str | float | bool

RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS = ("ne", "in", *RANGES)
HIDDEN = frozenset({"pages", "body_start"})  # positions that readers leave for the chunker
MAX_ELEMENTS = 256  # of a longer list the first ones are searched
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a condition: a key, an operator ("eq" or one of `OPERATORS`) and its values (one, or those of "in")."""

    key: str
    operator: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A metadata value as it is compared: its kind and a number, a string, or microseconds."""

    kind: Kind
    value: str | float | int

    @property
    def token(self) -> str:
        """The value as text; equal values, and no others, have equal tokens."""
        return f"{self.kind}:{self.value}"


def parsed(where: str) -> tuple[Term, ...]:
    """The parts of a condition; none for "".

    Raises:
        UserError: it is no JSON object, or uses an operator or a value that does not exist; says which.
    """
    if not where:
        return ()
    try:
        conditions = json.loads(where)
    except ValueError as error:
        raise UserError(f"the filter {where[:80]!r} is no JSON: {error}") from error
    if not isinstance(conditions, dict):
        raise UserError(f'a filter is a JSON object such as {{"year": {{"gte": 2020}}}}: got {where[:80]!r}')
    return tuple(term for key in sorted(conditions) for term in _terms(key, conditions[key]))


def matches(document: Document, terms: tuple[Term, ...]) -> bool:
    """Whether a document meets a condition: the definition that the store's query is tested against."""
    held: dict[str, list[Value]] = {}
    for key, value in described(document):
        held.setdefault(key, []).append(value)
    scalars = {key for key, value in flattened(document) if not isinstance(value, list)}
    return all(_holds(term, held.get(term.key, []), term.key in scalars) for term in terms)


def described(document: Document) -> Iterator[tuple[str, Value]]:
    """Every (key, value) of a document that a filter can ask for; a list's elements one by one."""
    for key, value in flattened(document):
        for element in value[:MAX_ELEMENTS] if isinstance(value, list) else [value]:
            if isinstance(element, (str, int, float, bool)):
                yield key, value_of(element)


def flattened(document: Document) -> Iterator[tuple[str, Json]]:
    """Metadata with its nested keys joined by dots; then what is said of the document itself, which wins."""
    own: dict[str, Json] = {"document": document.id, "source": document.source, "title": document.title}
    yield from own.items()
    for key, value in _flat("", {k: v for k, v in document.meta.items() if k not in HIDDEN}):
        if key not in own:
            yield key, value


def value_of(scalar: Scalar) -> Value:
    """A value as it is compared."""
    if isinstance(scalar, bool):
        return Value("b", int(scalar))
    if isinstance(scalar, (int, float)):
        return Value("n", float(scalar))
    moment = _moment(scalar)
    return Value("s", scalar) if moment is None else Value("t", moment)


def facet(key: str, token: str = "") -> int:
    """A number that stands for "this key has this value" (or "has this key"): 63 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(json.dumps([key, token]).encode()).digest()[:8], "big") >> 1


def column(key: str, kind: Kind) -> str:
    """The store's column that holds a key's values of one kind, for ranges. No user's word is in its name."""
    return f"{kind}_{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def sql(terms: tuple[Term, ...], columns: frozenset[str]) -> str:
    """The condition in the store's words: facets for equality, typed columns for ranges; of no document's column: false."""
    return " AND ".join(_sql(term, columns) for term in terms)


def _terms(key: str, condition: Json) -> Iterator[Term]:
    if not isinstance(condition, dict):
        yield Term(key, "eq", (_scalar(key, condition),))
        return
    if not condition:
        raise UserError(f"the filter on '{key}' says nothing; write a value, or one of {', '.join(OPERATORS)}")
    for operator in sorted(condition):
        value = condition[operator]
        if operator not in OPERATORS:
            raise UserError(f"the filter on '{key}' uses '{operator}'; there are {', '.join(OPERATORS)}")
        if operator == "in":
            if not isinstance(value, list):
                raise UserError(f"the filter on '{key}': 'in' takes a list of values")
            yield Term(key, "in", tuple(_scalar(key, element) for element in value))
        else:
            scalar = _scalar(key, value)
            if operator in RANGES and isinstance(scalar, bool):
                raise UserError(f"the filter on '{key}': true and false have no order")
            yield Term(key, operator, (scalar,))


def _scalar(key: str, value: Json) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"the filter on '{key}' compares with {value}, which is no number")
    if isinstance(value, (str, bool, int, float)):
        return value
    raise UserError(f"the filter on '{key}' compares with {json.dumps(value)[:60]}; strings, numbers, true and false can be")


def _holds(term: Term, held: list[Value], scalar: bool) -> bool:
    expected = [value_of(value) for value in term.values]
    if term.operator == "ne":
        return bool(held) and expected[0] not in held
    if term.operator in ("eq", "in"):
        return any(value in held for value in expected)
    return scalar and any(h.kind == expected[0].kind and _ordered(h.value, term.operator, expected[0].value) for h in held)


def _ordered(left: str | float, operator: str, right: str | float) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        before, equal = str(left).encode() < str(right).encode(), left == right
    else:
        before, equal = left < right, left == right
    return {"gt": not before and not equal, "gte": not before, "lt": before, "lte": before or equal}[operator]


def _sql(term: Term, columns: frozenset[str]) -> str:
    values = [value_of(value) for value in term.values]
    has = [f"array_has(facets, {facet(term.key, value.token)})" for value in values]
    if term.operator == "eq":
        return has[0]
    if term.operator == "in":
        return f"({' OR '.join(has)})" if has else "false"
    if term.operator == "ne":
        return f"(array_has(facets, {facet(term.key)}) AND NOT {has[0]})"
    name = column(term.key, values[0].kind)
    return f"({name} {RANGES[term.operator]} {_literal(values[0])})" if name in columns else "false"


def _literal(value: Value) -> str:
    if isinstance(value.value, str):
        return "'" + value.value.replace("'", "''") + "'"
    return f"CAST({value.value!r} AS DOUBLE)" if value.kind == "n" else str(value.value)


def _flat(prefix: str, meta: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in meta.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _moment(text: str) -> int | None:
    """Microseconds since 1970 of an ISO date or time; None if it is none."""
    if len(text) > 40 or not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the 31st of February
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
