"""Writes a JSON Schema's grammar: a rule for each list of schemas that must hold together, made when first asked for.

The JSON is compact, as Python's `json.dumps` writes it (", " and ": "): idle white space is what small models fall into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from rung.models.grammar.arrays import array
from rung.models.grammar.branches import NOT_IN, RESOLVED, TYPES, Branch, Branches, bounds, name_of, types_of
from rung.models.grammar.decimals import Interval, decimal_numbers, multiples, step_of, whole_numbers
from rung.models.grammar.dialects import Dialect, as_list
from rung.models.grammar.nodes import Alt, Node, Ref, Rules, alt, pruned, refers, rendered
from rung.models.grammar.objects import object_
from rung.models.grammar.strings import PREAMBLE, is_endless, string, text_of
from rung.models.grammar.values import allowed, few, spelled
from rung.records import Json, digest

MAX_RULES = 20_000
_SPOKEN_OF: dict[str, frozenset[str]] = {
    "object": frozenset(
        {"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
         "maxProperties"}
    ),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}  # fmt: skip


def text_of_rules(rules: Rules) -> str:
    """Rules as the engine reads them."""
    return "".join(f"{name} ::= {rendered(node)}\n" for name, node in rules.items()) + PREAMBLE


class TooMany(Exception):
    """The grammar would have too many rules."""


class Nothing(Exception):
    """No value can satisfy the schema; the message is the pointer of the part that allows none."""


@dataclass
class Writer:
    """Writes the rules of one schema."""

    dialect: Dialect
    unheld: dict[tuple[str, str], None] = field(default_factory=dict)  # (pointer, keyword) of what is not held
    rules: Rules = field(default_factory=dict)
    without_end: dict[str, None] = field(default_factory=dict)  # pointers of what has no upper length
    is_differing: bool = False  # arrays have items that must differ, which is looked after while an answer is written
    branches: Branches = field(init=False)
    _pointers: dict[str, str] = field(default_factory=dict)  # rule of schemas -> where they stood
    _open: set[str] = field(default_factory=set)  # rules that are being written

    def __post_init__(self) -> None:
        self.branches = Branches(self.dialect)
        self.unheld |= dict.fromkeys(self.dialect.ambiguous)

    def grammar(self) -> Rules:
        """The rules of the whole grammar; "root" is where it begins.

        Raises:
            Nothing: no value can satisfy the schema.
            TooMany: it would have too many rules.
        """
        root = self.rule((self.dialect.root,))
        rules = pruned(self.rules)
        if root.name not in rules:
            raise Nothing(self._pointer_of_nothing(rules))
        return {"root": root, **rules}

    def _pointer_of_nothing(self, left: Rules) -> str:
        """Where it is that nothing will do: a rule that refers to no other one of which nothing is left."""
        gone = [name for name in self._pointers if name not in left]
        ends = [name for name in gone if not (refers(self.rules[name]) & (self.rules.keys() - left.keys() - {name}))]
        return self._pointers[(ends or gone)[-1]] if gone else ""

    def name(self, schemas: Sequence[Json]) -> str:
        """Names the rule for schemas that all hold."""
        return _named(schemas)

    def note(self, branch: Branch, keyword: str) -> None:
        """A keyword of this branch is not held."""
        for part in branch:
            if keyword in part:
                self.unheld[self.dialect.pointer(part), keyword] = None

    def rule(self, schemas: Sequence[Json]) -> Ref:
        """The rule for values of schemas that all hold; one that is being written may be referred to."""
        name = self.name(schemas)
        if name not in self.rules:
            if len(self.rules) > MAX_RULES:
                raise TooMany
            self._pointers[name] = self.dialect.pointer(schemas[0]) if schemas else ""
            self.rules[name] = Alt(())
            self._open.add(name)
            choices = [self._branch(branch) for branch in self.branches.of(schemas)]
            self._open.remove(name)
            self.rules[name] = alt(choices)
        elif name in self._open and name != _ANYTHING:
            self.without_end[self.dialect.pointer(schemas[0])] = None  # it contains itself
        return Ref(name)

    def _branch(self, branch: Branch) -> Node:
        values = few(branch, self.branches)
        if values is not None:
            return spelled(values)
        for word in RESOLVED - {"then", "else"}:
            self.note(branch, word)
        return alt(self._kind(kind, branch) for kind in self._kinds(branch))

    def _kinds(self, branch: Branch) -> list[str]:
        """The types to write: those allowed, and of a branch that names none only those of which it speaks."""
        kinds = types_of(branch)
        if not any("type" in part for part in branch):
            spoken = {kind for kind, words in _SPOKEN_OF.items() if any(words & set(part) for part in branch)}
            kinds = kinds & spoken or kinds
        return [kind for kind in (*TYPES, "integer") if kind in kinds]

    def _kind(self, kind: str, branch: Branch) -> Node:
        match kind:
            case "object":
                self._note_excluded(branch, dict)
                return object_(branch, self)
            case "array":
                self._note_excluded(branch, list)
                if bounds(branch, "minItems", "maxItems")[1] is None:
                    self.note_without_end(branch)
                return array(branch, self)
            case "string":
                text = text_of(branch, self.dialect)
                if is_endless(text):
                    self.note_without_end(branch)
                node, left = string(text, self.rules)
                self.unheld |= dict.fromkeys(left)
                return node
            case "boolean" | "null":
                return spelled(allowed([True, False] if kind == "boolean" else [None], branch, self.branches))
            case _:
                return self._number(branch, whole=kind == "integer")

    def _number(self, branch: Branch, *, whole: bool) -> Node:
        steps = [Fraction(str(part["multipleOf"])) for part in branch if "multipleOf" in part]
        step = step_of([*steps, *([Fraction(1)] if whole else [])]) if steps else None
        excluded = [Fraction(str(value)) for part in branch for value in as_list(part.get(NOT_IN)) if _is_number(value)]
        nodes: list[Node] = []
        for interval in _interval(branch).without(excluded):
            node = None if step is None else multiples(interval, step, self.rules)
            if step is not None and node is None:
                self.note(branch, "multipleOf")
            nodes.append(node or (whole_numbers(interval) if whole else decimal_numbers(interval)))
        return alt(nodes)

    def _note_excluded(self, branch: Branch, kind: type | tuple[type, ...]) -> None:
        """Values of these types cannot be left out one by one."""
        for part in branch:
            excluded = part.get(NOT_IN)
            if isinstance(excluded, list) and any(isinstance(v, kind) and not isinstance(v, bool) for v in excluded):
                self.unheld[self.dialect.pointer(part), "not"] = None

    def note_without_end(self, branch: Branch) -> None:
        """What this branch allows has no upper length."""
        self.without_end[self.dialect.pointer(branch[0]) if branch else ""] = None


def _named(schemas: Sequence[Json]) -> str:
    return f"r{digest(name_of(schemas))[:12]}"


_ANYTHING = _named(())


def _interval(branch: Branch) -> Interval:
    low: tuple[Fraction, bool] | None = None
    high: tuple[Fraction, bool] | None = None
    for part in branch:
        for word, strict in (("minimum", False), ("exclusiveMinimum", True)):
            if _is_number(part.get(word)):
                bound = (Fraction(str(part[word])), strict)
                low = bound if low is None else max(low, bound)
        for word, strict in (("maximum", False), ("exclusiveMaximum", True)):
            if _is_number(part.get(word)):
                upper = (-Fraction(str(part[word])), strict)
                high = upper if high is None else max(high, upper)
    return Interval(
        None if low is None else low[0], None if high is None else -high[0], bool(low and low[1]), bool(high and high[1])
    )


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
