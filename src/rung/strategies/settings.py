"""Reads a rung's settings record from what `rung.yaml` says; the ranges are checked by the record itself."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeVar, get_type_hints

from rung.errors import UserError
from rung.records import Json

S = TypeVar("S")
REWRITES = ("none", "query", "hyde")  # in whose words is searched: the question's, and also the model's


def read(record: type[S], raw: Mapping[str, Json], *, rung: str) -> S:
    """The settings record of a rung.

    Raises:
        UserError: an unknown setting, a wrong type, or a value that the record refuses.
    """
    kinds = get_type_hints(record)
    names = [f.name for f in fields(record)]  # type: ignore[arg-type]
    for name, value in raw.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
            raise UserError(f"{rung}: unknown setting '{name}'; {hint}")
        wanted = kinds[name]
        fits = isinstance(value, (int, float)) if wanted is float else isinstance(value, wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise UserError(f"{rung}: setting '{name}' must be {wanted.__name__}, found {value!r}")
    try:
        return record(**raw)
    except ValueError as error:
        raise UserError(f"{rung}: {error}") from error


def expand(raw: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Every combination of the lists in the settings: scalars fix, lists sweep.

    Raises:
        UserError: a list is empty.
    """
    for name, value in raw.items():
        if value == []:
            raise UserError(f"setting '{name}' is an empty list; give a value, or several to try")
    axes = [value if isinstance(value, list) else [value] for value in raw.values()]
    for combination in itertools.product(*axes):
        yield dict(zip(raw, combination, strict=True))


def shown(record: object) -> dict[str, Json]:
    """All settings of a record, defaults included, as a verdict shows them."""
    return asdict(record)  # type: ignore[call-overload, no-any-return]


def within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside [low, high].

    Raises:
        ValueError: it is outside.
    """
    if not low <= value <= high:
        raise ValueError(f"setting '{name}' must be between {low:g} and {high:g}, found {value:g}")


@dataclass(frozen=True, slots=True)
class Wording:
    """Settings of the rungs that only change the prompt. `max_tokens` 0: as long as the examples' answers suggest."""

    max_tokens: int = 0

    def __post_init__(self) -> None:
        within("max_tokens", self.max_tokens, 0, 8192)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Settings of an untuned rung that shows passages: how many are found and shown, with what words they are searched
    (`rewrite`), how much the dense ranking weighs (-1: as in the project), how far they must differ, whether the project's
    reranker puts them in order, and how many worked examples (train cases with their passages) stand before the question."""

    candidates: int = 20
    passages: int = 3
    rewrite: str = "none"
    dense_weight: float = -1
    diversity: float = 0.0
    rerank: bool = False
    shots: int = 0
    max_tokens: int = 0

    def __post_init__(self) -> None:
        within("candidates", self.candidates, 1, 1000)
        within("passages", self.passages, 1, self.candidates)
        if self.dense_weight != -1:
            within("dense_weight", self.dense_weight, 0, 1)
        within("diversity", self.diversity, 0, 1)
        if self.rewrite not in REWRITES:
            raise ValueError(f"setting 'rewrite' must be one of {', '.join(REWRITES)}, found '{self.rewrite}'")
        within("shots", self.shots, 0, 100)
        within("max_tokens", self.max_tokens, 0, 8192)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings of a rung with an adapter; 0 leaves a value to the trainer's default for that many rows."""

    rank: int = 0
    epochs: int = 0
    learning_rate: float = 0.0
    max_tokens: int = 0

    def __post_init__(self) -> None:
        within("max_tokens", self.max_tokens, 0, 8192)
        check_tuning(self.rank, self.epochs, self.learning_rate)


def check_tuning(rank: int, epochs: int, learning_rate: float) -> None:
    """Refuse values that no training run survives.

    Raises:
        ValueError: one is outside its range.
    """
    within("rank", rank, 0, 256)
    within("epochs", epochs, 0, 100)
    within("learning_rate", learning_rate, 0, 0.1)


def recipe(rank: int, epochs: int, learning_rate: float) -> dict[str, Json]:
    """The trainer's settings that were given."""
    given: dict[str, Json] = {"rank": rank, "epochs": epochs, "learning_rate": learning_rate}
    return {name: value for name, value in given.items() if value}
