"""Which keywords of a schema leave no value: those without which, one at a time, there would be one.

A schema is written anew without each keyword of the part in question: this is for schemas that are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from urllib.parse import unquote

from rung.models.grammar.dialects import ANNOTATIONS, SHELVES, as_dict
from rung.records import Json

_LAST = ("type", "properties")  # named behind the others: what stands there is seldom what is to be changed


def culprits(source: Json, pointer: str, nothing_at: Callable[[Json], str | None]) -> tuple[str, tuple[str, ...]]:
    """The part that allows nothing, and its keywords that say so; behind a reference, where that alone is the reason.

    Args:
        source: the whole schema.
        pointer: the part that allows no value.
        nothing_at: of a schema, the pointer of the part that allows no value; None where every part allows one.
    """
    words: tuple[str, ...] = ()
    seen: set[str] = set()
    while pointer not in seen:
        seen.add(pointer)
        reasons = _without_each(source, pointer, nothing_at)
        if not reasons:
            break
        blamed, words = pointer, reasons
        target = as_dict(_part_at(source, pointer)).get("$ref")
        if words == ("$ref",) and isinstance(target, str) and target[:1] == "#":
            pointer = unquote(target[1:])
    return (blamed, words) if words else (pointer, ())


def _without_each(source: Json, pointer: str, nothing_at: Callable[[Json], str | None]) -> tuple[str, ...]:
    part = _part_at(source, pointer)
    keywords = [word for word in as_dict(part) if word not in ANNOTATIONS | SHELVES]
    if as_dict(part).get("enum") == []:
        return ("enum",)
    reasons = [word for word in keywords if nothing_at(_without(source, pointer, word)) != pointer]
    return tuple(sorted(reasons, key=lambda word: word in _LAST))


def _without(source: Json, pointer: str, keyword: str) -> Json:
    whole = deepcopy(source)
    del as_dict(_part_at(whole, pointer))[keyword]
    return whole


def _part_at(source: Json, pointer: str) -> Json:
    """The part of a document at a JSON pointer; None where there is none."""
    for written in pointer.split("/")[1:]:
        step = written.replace("~1", "/").replace("~0", "~")
        if isinstance(source, list) and step.isdigit() and int(step) < len(source):
            source = source[int(step)]
        else:
            source = as_dict(source).get(step)
    return source
