"""Objects of a JSON Schema. They are closed, and their properties come in the schema's order: so small models keep to them.

An object without named properties has free keys, or keys from a list or of a pattern.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rung.models.grammar import patterns
from rung.models.grammar.arrays import Subset
from rung.models.grammar.automata import TooLarge, automaton, intersection
from rung.models.grammar.branches import Branch, about, bounds, required_of
from rung.models.grammar.dialects import as_dict
from rung.models.grammar.nodes import LONGEST, Alt, Lit, Node, Ref, alt, seq, several
from rung.models.grammar.values import allowed, elements
from rung.records import Json, digest

if TYPE_CHECKING:
    from rung.models.grammar.writer import Writer

_MAX_LISTED = 10  # keys from a list, each at most once
_MAX_COUNTED = 64


def object_(branch: Branch, writer: Writer) -> Node:
    """An object; what cannot be held is noted."""
    least, most = bounds(branch, "minProperties", "maxProperties")
    if most is not None and most < least:
        return Alt(())
    required = required_of(branch)
    names = list(dict.fromkeys([*(str(n) for part in branch for n in as_dict(part.get("properties"))), *required]))
    others = [part["additionalProperties"] for part in branch if "additionalProperties" in part]
    keyed = [(pattern, schema) for part in branch for pattern, schema in as_dict(part.get("patternProperties")).items()]
    if not names and False not in others:
        return _mapping(branch, others, keyed, writer)
    if not names and keyed:
        return _mapping(branch, others, keyed, writer)
    return _closed(branch, names, required, writer)


def _closed(branch: Branch, names: list[str], required: tuple[str, ...], writer: Writer) -> Node:
    """Named properties in order, those not required may be left out; states count them where their number matters."""
    least, most = bounds(branch, "minProperties", "maxProperties")
    if least > len(names) and not any(part.get("additionalProperties") is False for part in branch):
        writer.note(branch, "minProperties")  # others would have to come in
        least = len(names)
    named = [part["propertyNames"] for part in branch if "propertyNames" in part]
    pairs: list[tuple[Node, bool]] = []
    for name in names:
        fits = not named or allowed([name], tuple(s for s in named if isinstance(s, dict)), writer.branches) == [name]
        fits = fits and False not in named
        schemas = about(branch, name)
        value = writer.rule(schemas) if fits else Alt(())
        pairs.append((seq(json.dumps(name, ensure_ascii=False) + ": ", value), name in required))
    counted = least > len(required) or (most is not None and most < len(names))
    limit = 0 if not counted else max(least, most or 0)
    if limit > _MAX_COUNTED:
        writer.note(branch, "minProperties" if least else "maxProperties")
        counted, limit, least, most = False, 0, 0, None
    key = f"o{digest([names, [writer.name(about(branch, n)) for n in names], required, named, least, most, counted])[:12]}"
    for at in range(len(pairs), -1, -1):
        for having in range(limit + 1 if counted else 1):
            for begun in (False, True):
                name = f"{key}x{at}x{having}x{int(begun)}"
                if at == len(pairs):
                    writer.rules[name] = Lit("}") if not counted or having >= least else Alt(())
                    continue
                pair, needed = pairs[at]
                after = min(having + 1, limit) if counted else 0
                full = counted and most is not None and having >= most
                ways = [] if full else [seq(", " if begun else "", pair, Ref(f"{key}x{at + 1}x{after}x1"))]
                ways += [] if needed else [Ref(f"{key}x{at + 1}x{having}x{int(begun)}")]
                writer.rules[name] = alt(ways)
    return seq("{", Ref(f"{key}x0x0x0"))


def _mapping(branch: Branch, others: list[Json], keyed: list[tuple[str, Json]], writer: Writer) -> Node:
    """An object with free keys, keys of patterns, or keys from a list."""
    least, most = bounds(branch, "minProperties", "maxProperties")
    named = [part["propertyNames"] for part in branch if "propertyNames" in part]
    if named:
        keys = elements(named, writer.branches)
        if keys is not None and not keyed:
            return _from_list(branch, [k for k in keys if isinstance(k, str)], others, writer)
    if keyed and False not in named:
        pairs = [_patterned(pattern, keyed, named, writer) for pattern, _ in keyed]
        pair = alt(one for one in pairs if one is not None)
        if pair == Alt(()):
            writer.note(branch, "patternProperties")
    else:
        key = writer.rule(({"type": "string"}, *named)) if named else writer.rule(({"type": "string"},))
        pair = seq(key, ": ", writer.rule(tuple(others)))
    if least > 1:
        writer.note(branch, "minProperties")  # a key may come twice
    if most is None:
        writer.note_without_end(branch)
    if most == 0:
        return Lit("{}")
    low, high = min(least, LONGEST), None if most is None or most > LONGEST else most
    return seq("{", several(pair, low, high), "}")


def _from_list(branch: Branch, keys: list[str], others: list[Json], writer: Writer) -> Node:
    """Keys from a list; up to so many each comes once, of longer lists one may come again."""
    least, most = bounds(branch, "minProperties", "maxProperties")
    most = len(keys) if most is None else min(most, len(keys))
    if least > most:
        return Alt(())
    value = writer.rule(tuple(others))
    say = [alt(Lit(json.dumps(key, ensure_ascii=a) + ": ") for a in (False, True)) for key in keys]
    if len(keys) <= _MAX_LISTED:
        name = f"k{digest([keys, least, most, writer.name(tuple(others))])[:12]}"
        return seq("{", Subset(name, len(keys), least, most, "}", lambda n: seq(say[n], value)).write(writer))
    if least > 1:
        writer.note(branch, "minProperties")
    pair = seq(alt(say), value)
    return seq("{", several(pair, least, most), "}")


def _patterned(pattern: str, keyed: list[tuple[str, Json]], named: list[Json], writer: Writer) -> Node | None:
    """A pair whose key is of a pattern; its value meets the schema of every pattern that may match too."""
    try:
        read = patterns.read(pattern)
    except patterns.Unread:
        return None
    schemas = [schema for other, schema in keyed if other == pattern or _may_meet(read, other)]
    key = writer.rule(({"type": "string", "pattern": pattern}, *named))
    return seq(key, ": ", writer.rule(tuple(schemas)))


def _may_meet(read: Node, other: str) -> bool:
    """Whether some text may be of both patterns."""
    try:
        return bool(intersection([automaton(read), automaton(patterns.read(other))]).accepting)
    except (TooLarge, patterns.Unread):
        return True
