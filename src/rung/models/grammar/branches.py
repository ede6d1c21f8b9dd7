"""A schema as alternatives, each a list of simple schemas that all hold: references, allOf, anyOf, oneOf, not, if resolved.

What cannot be put so is left as it is, in a part of its own: the writer notes it, and the grammar then allows too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rung.models.grammar.dialects import Dialect, as_dict, as_list
from rung.models.grammar.patterns import denied
from rung.records import Json, canonical
from rung.text.json_values import key

Part = dict[str, Json]
Branch = tuple[Part, ...]

MAX_BRANCHES = 64
_DEEPEST = 8  # references followed to deny what they point to
NOT_IN = "\0notIn"  # a keyword of our own: values that are excluded
UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
RESOLVED = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"}
)
TYPES = ("object", "array", "string", "number", "boolean", "null")
_UPPER = {
    "minLength": ("string", "maxLength"),
    "minItems": ("array", "maxItems"),
    "minProperties": ("object", "maxProperties"),
}
_LOWER = {
    "maxLength": ("string", "minLength"),
    "maxItems": ("array", "minItems"),
    "maxProperties": ("object", "minProperties"),
}
_BOUNDS = {
    "minimum": "exclusiveMaximum",
    "maximum": "exclusiveMinimum",
    "exclusiveMinimum": "maximum",
    "exclusiveMaximum": "minimum",
}


class Circular(Exception):
    """A schema refers to itself without anything between; the message names the place."""


@dataclass
class Branches:
    """Resolves the schemas of one document."""

    dialect: Dialect
    _held: list[Part] = field(default_factory=list)  # kept, so that their identity stays theirs
    _simple: dict[int, Part] = field(default_factory=dict)
    is_partial: bool = False
    _denying: set[int] = field(default_factory=set)  # parts that say what is not: they evaluate nothing

    def of(self, schemas: Iterable[Json]) -> list[Branch]:
        """The alternatives of schemas that all hold; none where nothing can satisfy them."""
        branches: list[Branch] = [()]
        for schema in schemas:
            branches = self._both(branches, self._expanded(schema, ()), schema, "allOf")
        return branches

    def part(self, source: Json, content: Part) -> Part:
        """A schema of our own, that stands where another one stood."""
        self._held.append(content)
        self.dialect.pointers[id(content)] = self.dialect.pointer(source)
        return content

    def _expanded(self, schema: Json, above: tuple[int, ...]) -> list[Branch]:
        if isinstance(schema, bool):
            return [()] if schema else []
        if not isinstance(schema, dict):
            return [()]
        if id(schema) in above:
            raise Circular(self.dialect.pointer(schema))
        above = (*above, id(schema))
        own = self._own(schema)
        ways: list[Branch] = [(own,)] if own else [()]
        if "$ref" in schema:
            ways = self._both(ways, self._expanded(self.dialect.resolved(str(schema["$ref"])), above), schema, "$ref")
        for inner in as_list(schema.get("allOf")):
            ways = self._both(ways, self._expanded(inner, above), schema, "allOf")
        if "anyOf" in schema:
            ways = self._both(ways, self._any(as_list(schema["anyOf"]), above), schema, "anyOf")
        if "oneOf" in schema:
            ways = self._both(ways, self._one(schema, above), schema, "oneOf")
        if "not" in schema:
            ways = self._deny(ways, schema["not"], schema, "not", above)
        if "if" in schema and ("then" in schema or "else" in schema):
            ways = self._if(ways, schema, above)
        for name, needed in as_dict(schema.get("dependentRequired")).items():
            needs = [self._without(schema, name), self.part(schema, {"required": needed})]
            ways = self._both(ways, self._any(needs, above), schema, "dependentRequired")
        for name, needed in as_dict(schema.get("dependentSchemas")).items():
            present = self._both(
                [(self.part(schema, {"required": [name]}),)], self._expanded(needed, above), schema, "dependentSchemas"
            )
            absent = self._expanded(self._without(schema, name), above)
            ways = self._both(ways, [*absent, *present], schema, "dependentSchemas")
        return [self._evaluated(branch, schema) for branch in ways] if any(w in schema for w in UNEVALUATED) else ways

    def _evaluated(self, branch: Branch, schema: Part) -> Branch:
        """A branch with `unevaluated…` as what it means there: for what no part of the branch speaks of."""
        content: Part = {}
        speaking = [part for part in branch if id(part) not in self._denying]
        if "unevaluatedProperties" in schema and not any("additionalProperties" in part for part in speaking):
            content["properties"] = {name: True for part in speaking for name in as_dict(part.get("properties"))}
            content["patternProperties"] = {p: True for part in speaking for p in as_dict(part.get("patternProperties"))}
            content["additionalProperties"] = schema["unevaluatedProperties"]
        if "unevaluatedItems" in schema and not any("items" in part for part in speaking):
            content["prefixItems"] = [True] * max((len(as_list(part.get("prefixItems"))) for part in speaking), default=0)
            containing = [part["contains"] for part in speaking if "contains" in part]
            rest = schema["unevaluatedItems"]
            content["items"] = {"anyOf": [*containing, rest]} if containing else rest
        return (*branch, self.part(schema, content)) if content else branch

    def _own(self, schema: Part) -> Part:
        """What a schema says itself; made once, so that it counts once."""
        if id(schema) not in self._simple:
            own = {word: value for word, value in schema.items() if word not in RESOLVED and word not in UNEVALUATED}
            self._simple[id(schema)] = self.part(schema, own)
            self._held.append(schema)
        return self._simple[id(schema)]

    def _without(self, source: Json, name: str) -> Part:
        part = self.part(source, {"properties": {name: False}})
        self._denying.add(id(self._own(part)))
        return part

    def _both(self, one: list[Branch], other: list[Branch], source: Json, keyword: str) -> list[Branch]:
        """All pairs that hold together; where the two make too many of them, `keyword` is left as it is."""
        joined = [branch for a in one for b in other if is_possible(branch := _joined(a, b))]
        once = list({tuple(map(id, branch)): branch for branch in joined}.values())
        return once if len(once) <= max(MAX_BRANCHES, len(one), len(other)) else self._left(one, source, keyword)

    def _left(self, branches: list[Branch], source: Json, *words: str) -> list[Branch]:
        """Branches with keywords that are not resolved: listed values are checked by them, else they are not held."""
        keywords = source if isinstance(source, dict) else {}
        part = self.part(source, {word: keywords[word] for word in words if word in keywords})
        return [(*branch, part) for branch in branches]

    def _any(self, schemas: Sequence[Json], above: tuple[int, ...]) -> list[Branch]:
        return [branch for schema in schemas for branch in self._expanded(schema, above)]

    def _denied(self, schemas: Sequence[Json], above: tuple[int, ...]) -> list[Branch]:
        branches = self._any(schemas, above)
        self._denying |= {id(part) for branch in branches for part in branch}
        return branches

    def _one(self, schema: Part, above: tuple[int, ...]) -> list[Branch]:
        """Alternatives of which exactly one may hold: each without the others, where they are not apart anyway."""
        inner = as_list(schema["oneOf"])
        sides = [self._expanded(one, above) for one in inner]
        branches: list[Branch] = []
        for index, side in enumerate(sides):
            alone = side
            for other, others in enumerate(sides):
                if index == other or all(are_apart(a, b) for a in side for b in others):
                    continue
                alone = self._deny(alone, inner[other], schema, "oneOf", above)
            branches += alone
        return branches

    def _deny(self, ways: list[Branch], denied: Json, source: Part, keyword: str, above: tuple[int, ...]) -> list[Branch]:
        """Branches in which a schema does not hold, as far as that can be put."""
        self.is_partial = False
        excluded = self.negated(denied)
        if excluded is None:
            return self._left(ways, source, keyword)
        is_partial = self.is_partial
        allowed = self._both(ways, self._denied(excluded, above), source, keyword)
        return allowed if allowed or not is_partial else self._left(ways, source, keyword)

    def _if(self, branches: list[Branch], schema: Part, above: tuple[int, ...]) -> list[Branch]:
        self.is_partial = False
        excluded, words = self.negated(schema["if"]), ("if", "then", "else")
        if excluded is None:
            return self._left(branches, schema, *words)
        is_partial = self.is_partial
        holds = self._both(branches, self._expanded(schema["if"], above), schema, "if")
        holds = self._both(holds, self._expanded(schema.get("then", True), above), schema, "then")
        fails = self._both(branches, self._denied(excluded, above), schema, "if")
        fails = self._both(fails, self._expanded(schema.get("else", True), above), schema, "else")
        return [*holds, *fails] if holds or fails or not is_partial else self._left(branches, schema, *words)

    def negated(self, schema: Json, depth: int = 0) -> list[Json] | None:
        """Schemas of which any says that this one does not hold; None where none is known.

        `is_partial` is set where there are more that say so.
        """
        if isinstance(schema, bool):
            return [not schema]
        if not isinstance(schema, dict) or depth > _DEEPEST:
            self.is_partial = True
            return None
        denials: list[Json] = []
        for word, value in schema.items():
            denials += self._negated_keyword(schema, word, value, depth)
        return denials or ([False] if not schema else None)

    def _negated_keyword(self, schema: Part, word: str, value: Json, depth: int) -> list[Json]:
        def part(content: Part) -> Json:
            return self.part(schema, content)

        match word:
            case "$ref":
                return self.negated(self.dialect.resolved(str(value)), depth + 1) or []
            case "not":
                return [value]
            case "allOf":
                return [one for inner in as_list(value) for one in self.negated(inner, depth + 1) or []]
            case "anyOf":
                sides = [self.negated(inner, depth + 1) for inner in as_list(value)]
                opposites = [part({"anyOf": side}) for side in sides if side is not None]
                return [part({"allOf": opposites})] if len(opposites) == len(sides) else []
            case "type":
                named = value if isinstance(value, list) else [value]
                self.is_partial = self.is_partial or ("integer" in named and "number" not in named)
                others: list[Json] = [t for t in TYPES if t not in named and not (t == "number" and "integer" in named)]
                return [part({"type": others})]
            case "const" | "enum":
                return [part({NOT_IN: [value] if word == "const" else value})]
            case "required":
                return [part({"type": "object", "properties": {str(name): False}}) for name in as_list(value)]
            case "properties":
                return [
                    part({"type": "object", "required": [name], "properties": {name: part({"anyOf": side})}})
                    for name, inner in as_dict(value).items()
                    if (side := self.negated(inner, depth + 1))
                ]
            case "pattern":
                return [part({"type": "string", "pattern": denied(str(value))})]
            case _ if word in _BOUNDS:
                return [part({"type": "number", _BOUNDS[word]: value})]
            case _ if word in _UPPER and isinstance(value, (int, float)) and value >= 1:
                kind, other = _UPPER[word]
                return [part({"type": kind, other: int(value) - 1})]
            case _ if word in _LOWER and isinstance(value, (int, float)):
                kind, other = _LOWER[word]
                return [part({"type": kind, other: int(value) + 1})]
            case _:
                self.is_partial = True
                return []


def types_of(branch: Branch) -> frozenset[str]:
    """The types that all parts allow; "number" stands for integers too."""
    types = frozenset({*TYPES, "integer"})
    for part in branch:
        if "type" in part:
            named = part["type"] if isinstance(part["type"], list) else [part["type"]]
            types &= frozenset(map(str, named)) | (frozenset({"integer"}) if "number" in named else frozenset())
    return types - {"integer"} if "number" in types else types


def bounds(branch: Branch, least: str, most: str) -> tuple[int, int | None]:
    """The largest of the lower bounds, 0 without one, and the smallest of the upper ones, None without one."""

    def limits(word: str) -> list[int]:
        return [int(n) for part in branch if isinstance(n := part.get(word), (int, float))]

    return max(limits(least), default=0), min(limits(most), default=None)


def required_of(branch: Branch) -> tuple[str, ...]:
    """The names that an object must have, in order."""
    return tuple(dict.fromkeys(str(name) for part in branch for name in as_list(part.get("required"))))


def about(branch: Branch, name: str) -> tuple[Json, ...]:
    """The schemas that the value of this property must meet, all of them."""
    schemas: list[Json] = []
    for part in branch:
        named = as_dict(part.get("properties"))
        mine = [named[name]] if name in named else []
        mine += [inner for pattern, inner in as_dict(part.get("patternProperties")).items() if _matches(pattern, name)]
        if not mine and "additionalProperties" in part:
            mine = [part["additionalProperties"]]
        schemas += mine
    return tuple(schemas)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def is_possible(branch: Branch) -> bool:
    """Whether nothing contradicts at first sight."""
    kinds = types_of(branch)
    if not kinds:
        return False
    if kinds == {"object"} and any(schema is False for name in required_of(branch) for schema in about(branch, name)):
        return False
    return listed(branch) != []


def listed(branch: Branch) -> list[Json] | None:
    """The values that are listed (enum, const) and excluded by no other list; None where none are listed."""
    values: list[Json] | None = None
    for part in branch:
        for word in ("enum", "const"):
            if word in part:
                options = as_list(part[word]) if word == "enum" else [part[word]]
                allowed = {key(value) for value in options}
                values = list(options) if values is None else [v for v in values if key(v) in allowed]
    if values is None:
        return None
    excluded = {key(value) for part in branch for value in as_list(part.get(NOT_IN))}
    return [value for value in values if key(value) not in excluded]


def are_apart(one: Branch, other: Branch) -> bool:
    """Whether it is plain that no value meets both."""
    both = _joined(one, other)
    if not is_possible(both):
        return True
    if types_of(both) != {"object"}:
        return False
    for name in (*required_of(one), *required_of(other)):
        schemas = about(both, name)
        parts = tuple(schema for schema in schemas if isinstance(schema, dict) and not RESOLVED & set(schema))
        if False in [schema for schema in schemas if isinstance(schema, bool)] or (parts and not is_possible(parts)):
            return True
    return False


def _joined(one: Branch, other: Branch) -> Branch:
    seen = set(map(id, one))
    return (*one, *(part for part in other if id(part) not in seen))


def name_of(schemas: Sequence[Json]) -> str:
    """Equal for equal lists of schemas, whatever their order."""
    return canonical(sorted({canonical(schema) for schema in schemas if schema is not True and schema != {}}))
