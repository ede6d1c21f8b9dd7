"""A JSON Schema of any draft as one of 2020-12 whose references all point to `#/$defs/…`, and where each part of it stood.

What the keywords mean is left to `branches` and the writers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urldefrag, urljoin

from rung.records import Json
from rung.text.json_values import escaped

Node = dict[str, Json]

_ONE = frozenset(
    {"items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains", "propertyNames", "not", "if",
     "then", "else", "additionalItems"}
)  # fmt: skip
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
SHELVES = frozenset({"$defs", "definitions"})
_PLAIN = frozenset(
    {"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
     "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "required",
     "minProperties", "maxProperties", "dependentRequired"}
)  # fmt: skip
ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "example", "$schema", "$id", "id", "$comment", "deprecated", "readOnly",
     "writeOnly", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "contentEncoding", "contentMediaType",
     "contentSchema", "discriminator"}
)  # fmt: skip
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_OLD = ("draft-03", "draft-04", "draft-06", "draft-07")  # there, a reference hides what stands beside it


class Dangling(Exception):
    """A reference leads nowhere; the message names it."""


@dataclass
class Dialect:
    """Reads one schema. `root` is it in the one form, `pointers` say where each part stood (by identity: parts are kept)."""

    source: Json
    pointers: dict[int, str] = field(default_factory=dict)
    unknown: list[tuple[str, str]] = field(default_factory=list)  # (pointer, keyword) of what is no keyword
    root: Json = None
    targets: dict[str, Json] = field(default_factory=dict)  # name in $defs -> what references point to
    ambiguous: list[tuple[str, str]] = field(default_factory=list)  # references that depend on the way to them
    _bases: dict[str, tuple[Json, str, str]] = field(default_factory=dict)  # URI -> (schema, pointer, base around it)
    _dynamic: Counter[str] = field(default_factory=Counter)
    _names: dict[str, str] = field(default_factory=dict)  # pointer -> name in $defs
    _read: dict[str, Json] = field(default_factory=dict)  # pointer -> the schema in the one form

    def __post_init__(self) -> None:
        version = self.source.get("$schema") if isinstance(self.source, dict) else None
        self._old = any(draft in str(version) for draft in _OLD)
        self._find(self.source, "", "")
        self.root = self._schema(self.source, "", "")

    def document(self) -> Node:
        """The targets of all references, to be validated against together with any part."""
        return {"$defs": dict(self.targets)}

    def resolved(self, reference: str) -> Json:
        """What a reference in the one form points to."""
        return self.targets[reference.removeprefix("#/$defs/")]

    def pointer(self, node: Json) -> str:
        """Where a part stood, as a JSON pointer."""
        return self.pointers.get(id(node), "")

    def _find(self, node: Json, pointer: str, base: str) -> None:
        """Remember the names (`$id`, `$anchor`) under which parts can be referred to."""
        if isinstance(node, list):
            for index, item in enumerate(node):
                self._find(item, f"{pointer}/{index}", base)
        if not isinstance(node, dict):
            return
        outer, base = base, self._base_of(node, base)
        if not pointer or base != outer:
            self._bases.setdefault(base, (node, pointer, outer))
        for word in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(word), str):
                self._bases.setdefault(f"{base}#{node[word]}", (node, pointer, outer))
        if isinstance(node.get("$dynamicAnchor"), str):
            self._dynamic[str(node["$dynamicAnchor"])] += 1
        for key, value in node.items():
            if key not in ("enum", "const", "default", "examples"):
                self._find(value, f"{pointer}/{escaped(key)}", base)

    def _base_of(self, node: Json, base: str) -> str:
        if not isinstance(node, dict) or (self._old and "$ref" in node):
            return base
        named = node.get("$id") or (node.get("id") if self._old else None)
        return urldefrag(_joined(base, named)).url if isinstance(named, str) else base

    def _schema(self, node: Json, pointer: str, base: str) -> Json:
        if not isinstance(node, dict):
            return node
        if pointer in self._read:
            return self._read[pointer]
        written: Node = {}
        self._read[pointer] = written
        self.pointers[id(written)] = pointer
        base = self._base_of(node, base)
        modern = self._modern(node)
        for key, value in modern.items():
            below = f"{pointer}/{escaped(key)}"
            if key in _ONE:
                written[key] = self._schema(value, below, base)
            elif key in _SEVERAL and isinstance(value, list):
                written[key] = [self._schema(item, f"{below}/{index}", base) for index, item in enumerate(value)]
            elif key in _NAMED and isinstance(value, dict):
                written[key] = {name: self._schema(item, f"{below}/{escaped(name)}", base) for name, item in value.items()}
            elif key in _PLAIN:
                written[key] = value
            elif key in _REFERENCES:
                written["$ref"] = f"#/$defs/{self._target(str(value), base)}"
                if key == "$dynamicRef" and self._dynamic[str(value).partition("#")[2]] > 1:
                    self.ambiguous.append((pointer, key))
            elif key not in ANNOTATIONS | SHELVES and not key.startswith("x-"):
                self.unknown.append((pointer, key))
        return written

    def _modern(self, node: Mapping[str, Json]) -> Node:
        """A schema with the keywords of former drafts in today's words."""
        if self._old and "$ref" in node:
            return {"$ref": node["$ref"]}
        modern: Node = dict(node)
        if isinstance(modern.get("items"), list):
            modern["prefixItems"] = modern.pop("items")
            if "additionalItems" in modern:
                modern["items"] = modern.pop("additionalItems")
        modern.pop("additionalItems", None)
        for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(modern.get(word), bool):
                strict = modern.pop(word)
                if strict and bound in modern:
                    modern[word] = modern.pop(bound)
        for name, needed in dict(as_dict(modern.pop("dependencies", None))).items():
            word = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
            modern[word] = {**as_dict(modern.get(word)), name: needed}
        return modern

    def _target(self, reference: str, base: str) -> str:
        """The name in $defs of what a reference points to."""
        address, fragment = urldefrag(_joined(base, reference))
        fragment = unquote(fragment)
        target = self._bases.get(f"{address}#{fragment}") if fragment and fragment[0] != "/" else self._bases.get(address)
        if target is None:
            raise Dangling(reference)
        node, pointer, base = target
        for written in fragment.split("/")[1:] if fragment[:1] == "/" else ():
            part = written.replace("~1", "/").replace("~0", "~")
            base = self._base_of(node, base)
            if isinstance(node, dict) and part in node:
                node = node[part]
            elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            else:
                raise Dangling(reference)
            pointer += f"/{written}"
        if not isinstance(node, (dict, bool)):
            raise Dangling(reference)
        if pointer not in self._names:
            name = self._names[pointer] = f"t{len(self._names)}"
            self.targets[name] = True  # it may refer to itself
            self.targets[name] = self._schema(node, pointer, base)
        return self._names[pointer]


def _joined(base: str, reference: str) -> str:
    """A reference seen from a base, which may be a URN."""
    return urldefrag(base).url + reference if reference[:1] in ("", "#") else urljoin(base, reference)


def as_dict(value: Json) -> dict[str, Json]:
    """An object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """A list as it is, anything else as an empty one."""
    return value if isinstance(value, list) else []
