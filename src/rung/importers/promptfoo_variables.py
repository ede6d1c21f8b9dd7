"""The variables of a Promptfoo test: their paths, and the cases that lists of values stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress

from rung.importers.fields import plain_name
from rung.importers.promptfoo_asserts import filled
from rung.records import Json


def last_name(name: str) -> str:
    """The last part of a path ("item.question"), as importers compare names."""
    return plain_name(name.rpartition(".")[2])


def is_within(name: str, paths: frozenset[str]) -> bool:
    """Whether a variable ("item.question"), or what it is part of ("item"), is among these."""
    parts = name.split(".")
    return any(".".join(parts[:n]) in paths for n in range(1, len(parts) + 1))


def flattened(variables: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Variables whose values are objects by the paths of what is in them."""
    for name, value in variables.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def combinations(variables: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """A list of plain values stands for each of them, as in Promptfoo; a value may name other variables."""
    lists = {
        name: value
        if isinstance(value, list) and value and all(isinstance(one, (str, int, float)) for one in value)
        else [value]
        for name, value in variables.items()
    }
    for values in itertools.product(*lists.values()):
        each = dict(zip(lists, values, strict=True))
        for name, value in each.items():
            with suppress(ValueError):  # a template of another kind stays as it is
                each[name] = filled(value, each) if isinstance(value, str) and "{{" in value else value
        yield each
