"""Arrays whose items must differ, where no grammar can say so beforehand: a repeated item is taken back and said otherwise.

Where the array may end, it ends before that item, which is how a model that goes in circles comes out of it; where it needs
more items, the next one may be none of those that are there. When to look, and to ask again, is left to `pipeline`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rung.models.grammar import automata
from rung.models.grammar.closing import FILLED, Lengths, is_character, opened, shortest
from rung.models.grammar.nodes import Alt, Lit, Node, Raw, Ref, Rep, Rules, Seq, seq
from rung.records import Json, digest
from rung.text.json_values import faults, key, validator

_MOST = 64  # repeated items that are taken out of one text


@dataclass(frozen=True, slots=True)
class Repeat:
    """`text`: what stays; `rules`: the grammar of what may follow it."""

    text: str
    rules: Rules


def repeat_in(text: str, rules: Rules, schema: str) -> Repeat | None:
    """The first repeated item of a text that was begun, where something else can be said; None where there is none."""
    lengths = Lengths(rules)
    left = opened(text, rules, lengths)
    if left is None:
        return None
    whole = text + "".join(shortest(node, rules, lengths) for node in left)
    for fault in faults(validator(schema), json.loads(whole)):
        if fault.validator != "uniqueItems":
            continue
        items = [item for item in _items(whole, tuple(fault.absolute_path)) if item.end <= len(text)]
        repeated = _first_repeated(items, whole)
        if repeated:
            return _otherwise(whole, items[:repeated], items[repeated], rules, lengths)
    return None


def without_repeats(text: str, rules: Rules, schema: str) -> str:
    """A whole text whose arrays have no repeated item, as far as that can be had: its rest said anew, in few words."""
    for _ in range(_MOST):
        repeat = repeat_in(text, rules, schema)
        if repeat is None:
            break
        text = repeat.text + shortest(repeat.rules["root"], repeat.rules, Lengths(repeat.rules))
    return text


@dataclass(frozen=True, slots=True)
class _Item:
    """Where an item stands in a text."""

    start: int
    end: int


def _first_repeated(items: list[_Item], text: str) -> int:
    """The index of the first item that equals an earlier one; 0 where none does."""
    met: set[object] = set()
    for index, item in enumerate(items):
        value = key(json.loads(text[item.start : item.end]))
        if value in met:
            return index
        met.add(value)
    return 0


def _otherwise(text: str, before: list[_Item], repeated: _Item, rules: Rules, lengths: Lengths) -> Repeat | None:
    stays = text[: before[-1].end]
    left = opened(stays, rules, lengths)
    match left:
        case (Lit("]"), *_):
            return Repeat(stays, {**rules, "root": seq(*left)})
        case (Lit(", "), Ref() as item, *rest):
            texts = [text[one.start : one.end] for one in (*before, repeated)]
            other = differing(item, texts, rules)
            if other is not None:
                node, added = other
                return Repeat(stays, {**rules, **added, "root": seq(", ", node, *rest)})
    return None


def differing(item: Node, texts: list[str], rules: Mapping[str, Node]) -> tuple[Node, Rules] | None:
    """Items that are none of these texts, and the rules that say them; None where there are too many states, or no item."""
    try:
        every = automata.automaton(_short(item), lambda name: _short(rules[name]))
        other = automata.intersection([every, automata.avoiding(texts)])
    except automata.TooLarge:
        return None
    if automata.is_empty(other):
        return None
    return automata.spelled(other, f"d{digest(repr(other))[:12]}")


def _short(node: Node) -> Node:
    """A node whose strings have at most `FILLED` characters, where they may."""
    match node:
        case Raw(_, meaning):
            return _short(meaning)
        case Seq(parts):
            return Seq(tuple(map(_short, parts)))
        case Alt(parts):
            return Alt(tuple(map(_short, parts)))
        case Rep(inner, least, most):
            if is_character(inner) and most is not None and most > FILLED >= least:
                most = FILLED
            return Rep(_short(inner), least, most)
        case _:
            return node


def _items(text: str, path: tuple[Json, ...]) -> Iterator[_Item]:
    """The items of the array at a path of a JSON text, as `json.dumps` writes it."""
    at = 0
    for step in path:
        for name, start, _ in _members(text, at):
            if name == step:
                at = start
                break
    yield from (_Item(start, end) for _, start, end in _members(text, at))


def _members(text: str, at: int) -> Iterator[tuple[Json, int, int]]:
    """Names or numbers of the values in the container that begins here, with where they begin and end."""
    decoder = json.JSONDecoder()
    is_object, at, index = text[at] == "{", at + 1, 0
    while text[at] not in "]}":
        name: Json = index
        if is_object:
            name, at = decoder.raw_decode(text, at)
            at += 2  # ": "
        _, end = decoder.raw_decode(text, at)
        yield name, at, end
        at, index = end, index + 1
        if text[at] == ",":
            at += 2
