"""How right a JSON answer is field by field: `correct` where `bar.metric` is `json_fields`, and each field's own share.

The fields are the members of the answer's object; one further down that has a weight of its own (`slots.time`) counts
apart from the member around it. A field counts where the answer or the accepted answer has it. It is right by `agreement`,
and the score is the mean by weight, 1 where none is given. Which of several accepted answers counts is the nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rung.errors import UserError
from rung.plugins import hint
from rung.records import Json
from rung.text.json_values import composed, key, members, parse

Path = tuple[str, ...]
MAX_DEPTH = 24  # of objects within objects of a schema


class FieldFault(UserError):
    """A weight that cannot be. `field`: whose, as it was given; "" where it is about all."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"bar.fields: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class FieldScore:
    """Of one answer: the mean by weight, and how right each field is that the accepted answer or it has."""

    mean: float
    by_field: Mapping[str, float]


class JsonFields:
    """Compares JSON answers field by field.

    Args:
        schema: of the answers.
        weights: name of a field, or its path with dots, -> its weight; 0 leaves the field out. Fields without one weigh 1.

    Raises:
        UserError: the schema names no fields.
        FieldFault: a weight for a field that it does not name, or one that is negative or no number; all weigh 0.
    """

    def __init__(self, schema: str, weights: Mapping[str, float]) -> None:
        value = composed(parse(schema))
        top = members(value, value)
        if not top:
            raise UserError("bar.metric says 'json_fields', but the schema names no fields: give its object 'properties'")
        self._weights: dict[Path, float] = {}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise FieldFault(f"the weight of '{name}' must be a number from 0 up, not {weight}", name)
            path = _path(name, value)
            if path in self._weights:
                raise FieldFault(f"'{name}' is given a weight twice", name)
            self._weights[path] = weight
        if not any(self._weights.get((name,), 1.0) for name in top) and not any(self._weights.values()):
            raise FieldFault("every field weighs 0, so nothing is judged: give one of them a weight above 0")
        self._deeper = sorted((path for path in self._weights if len(path) > 1), key=len, reverse=True)

    def of(self, text: str, answers: Sequence[str]) -> FieldScore | None:
        """Of a text beside the nearest of the accepted answers; None where none of these is JSON.

        A text that is no JSON has no field right.
        """
        value = parsed(text)
        pairs = [self._compared(value, one) for answer in answers for one in parsed(answer)]
        return max(pairs, key=lambda score: score.mean, default=None)

    def _compared(self, value: Sequence[Json], expected: Json) -> FieldScore:
        given = dict(self._split(value[0])) if value else {}
        target = dict(self._split(expected))
        by_path = {
            path: agreement(given[path], target[path]) if path in given and path in target else 0.0
            for path in dict.fromkeys((*target, *given))
        }
        weights = {path: self._weights.get(path, 1.0) for path in by_path}
        whole = sum(weights.values())
        mean = sum(weights[path] * share for path, share in by_path.items()) / whole if whole else float(bool(value))
        counted = {".".join(path): share for path, share in by_path.items() if path and weights[path]}
        return FieldScore(mean, counted)

    def _split(self, value: Json) -> Iterator[tuple[Path, Json]]:
        """Each field of a value with what it holds; the value itself, under (), where it is no object."""
        if not isinstance(value, dict):
            yield (), value
            return
        rest: Json = value
        for path in self._deeper:
            rest, taken = _without(rest, path)
            yield from ((path, one) for one in taken)
        cut = {path[0] for path in self._deeper}
        for name, inner in rest.items() if isinstance(rest, dict) else ():
            if inner != {} or name not in cut:
                yield (name,), inner


def agreement(value: Json, expected: Json) -> float:
    """How far two JSON values agree, in [0, 1].

    Of objects it is the mean over the members that either has; of lists F1 over their items, each whole and in any order;
    of all else equality.

    >>> agreement({"from": "Ulm", "to": "Rom"}, {"from": "Ulm", "to": "Bonn"})
    0.5
    """
    if isinstance(value, dict) and isinstance(expected, dict):
        names = dict.fromkeys((*expected, *value))
        both = (agreement(value[name], expected[name]) for name in names if name in value and name in expected)
        return sum(both) / len(names) if names else 1.0
    if isinstance(value, list) and isinstance(expected, list) and (value or expected):
        one, other = (Counter(key(item) for item in side) for side in (value, expected))
        return 2 * (one & other).total() / (one.total() + other.total())
    return float(key(value) == key(expected))


def parsed(text: str) -> list[Json]:
    """The value of a JSON text, its letters composed; none where it is no JSON."""
    try:
        return [composed(parse(text))]
    except ValueError:
        return []


def _without(value: Json, path: Path) -> tuple[Json, list[Json]]:
    """(a value without what stands at the path, that alone); [] where nothing stands there."""
    if not isinstance(value, dict) or path[0] not in value:
        return value, []
    if len(path) == 1:
        return {name: inner for name, inner in value.items() if name != path[0]}, [value[path[0]]]
    inner, taken = _without(value[path[0]], path[1:])
    return {**value, path[0]: inner}, taken


def _path(name: str, schema: Json) -> Path:
    """The path of a field by its name, or by names with dots between.

    Raises:
        FieldFault: the schema names no such field.
    """
    path: Path = ()
    parts: Sequence[Json] = [schema]
    steps = str(composed(name)).split(".")
    while steps:
        there = {one: inner for part in parts for one, inner in members(part, schema).items()}
        # a name may hold dots itself: the longest that is there counts
        cut = next((n for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in there), 0)
        if not cut or len(path) >= MAX_DEPTH:
            within = f"'{'.'.join(path)}' of the schema" if path else "the schema"
            instead = hint(".".join(steps), there) if there else "it names none"
            raise FieldFault(f"{within} has no field '{'.'.join(steps)}'; {instead}", name)
        step = ".".join(steps[:cut])
        path, parts, steps = (*path, step), there[step], steps[cut:]
    return path
