"""Reads a rung's settings record from what `rung.yaml` says; the ranges are checked by the record itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from rung.errors import UserError
from rung.records import Json
from rung.records.validation import Number, Share, WrongSetting, checked, settings

S = TypeVar("S")


def read(record: type[S], raw: Mapping[str, Json], *, rung: str) -> S:
    """The settings record of a rung.

    Raises:
        WrongSetting: an unknown setting, a wrong type, or a value that the record refuses.
    """
    try:
        return checked(record, raw)
    except WrongSetting as error:
        raise WrongSetting(f"{rung}: {error}", error.name) from None


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
    """Refuse a value outside [low, high], for ranges that hang on another setting.

    Raises:
        ValueError: it is outside.
    """
    if not low <= value <= high:
        raise ValueError(f"setting '{name}' must be between {low:g} and {high:g}, found {value:g}")


def _share_or_default(value: float) -> float:
    if value != -1 and not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1, or -1 to leave it open")
    return value


ShareOrDefault = Annotated[Number, AfterValidator(_share_or_default)]
MaxTokens = Annotated[int, Field(ge=0, le=8192)]
Shots = Annotated[int, Field(ge=0, le=100)]
Rewrite = Literal["none", "query", "hyde"]  # in whose words is searched: the question's, and also the model's
History = Literal["none", "join", "condense"]  # what earlier turns do for the search
# of a trainer; 0 leaves a value to its default
Rank = Annotated[int, Field(ge=0, le=256)]
Epochs = Annotated[int, Field(ge=0, le=100)]
LearningRate = Annotated[Number, Field(ge=0, le=0.1)]


@settings
class Wording:
    """Settings of the rungs that only change the prompt. `max_tokens` 0: as long as the examples' answers suggest."""

    max_tokens: MaxTokens = 0


@settings
class Retrieval:
    """Settings of an untuned rung that shows passages: how many are found and shown, with what words they are searched
    (`rewrite`), what earlier turns do for the search (`history`), how much the dense ranking weighs (-1: as in the project),
    how far they must differ, whether the project's reranker puts them in order, and how many worked examples (train cases
    with their passages) stand before the question."""

    candidates: Annotated[int, Field(ge=1, le=1000)] = 20
    passages: Annotated[int, Field(ge=1)] = 3
    rewrite: Rewrite = "none"
    history: History = "join"
    dense_weight: ShareOrDefault = -1
    diversity: Share = 0.0
    rerank: bool = False
    shots: Shots = 0
    max_tokens: MaxTokens = 0

    def __post_init__(self) -> None:
        within("passages", self.passages, 1, self.candidates)


def retrieval_of(chosen: object) -> Retrieval:
    """The settings of retrieval among a rung's own, which has some of them; the others are `rag`'s defaults."""
    return Retrieval(**{one.name: getattr(chosen, one.name) for one in fields(Retrieval) if hasattr(chosen, one.name)})


@settings
class Tuning:
    """Settings of a rung with an adapter; 0 leaves a value to the trainer's default for that many rows."""

    rank: Rank = 0
    epochs: Epochs = 0
    learning_rate: LearningRate = 0.0
    max_tokens: MaxTokens = 0


def recipe(rank: int, epochs: int, learning_rate: float) -> dict[str, Json]:
    """The trainer's settings that were given."""
    given: dict[str, Json] = {"rank": rank, "epochs": epochs, "learning_rate": learning_rate}
    return {name: value for name, value in given.items() if value}
