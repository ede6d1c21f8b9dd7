"""How is a model tuned? The trainer's settings, checked; the defaults were measured (benchmarks/tuned_quality.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from rung.errors import UserError
from rung.records import Json

# name -> (least, most); whole numbers are told from others by the field's default
_RANGES: dict[str, tuple[float, float]] = {
    "rank": (1, 256),
    "alpha": (0.01, 4096),
    "learning_rate": (1e-7, 0.1),
    "epochs": (1, 100),
    "batch_rows": (1, 1024),
    "max_tokens": (16, 8192),
    "warmup": (0, 0.9),
    "clip": (0.01, 1e6),
    "first_layer": (0, 1023),
    "validation": (0, 0.5),
    "patience": (0, 100),
    "checkpoint_seconds": (0, 86400),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """The trainer's settings.

    `first_layer`: adapters sit on this layer and those above it; the layers below only run forward. `validation` is the
    share of rows that are held out (at most 64 rows), `patience` the number of passes without a better validation loss
    after which training stops (0: never); the best pass is then what is kept. `warmup` is a share of all steps; from there
    the learning rate falls to 0 in a line. `max_tokens`: longer rows are left out, and counted. `checkpoint_seconds`: how
    much work a crash may cost.
    """

    rank: int = 16
    alpha: float = 32.0
    learning_rate: float = 2e-3
    epochs: int = 3
    batch_rows: int = 4
    max_tokens: int = 2048
    warmup: float = 0.05
    clip: float = 1.0
    first_layer: int = 0
    validation: float = 0.05
    patience: int = 0
    checkpoint_seconds: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (least, most) = getattr(self, field.name), _RANGES[field.name]
            whole = isinstance(field.default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise UserError(f"{field.name} is {value!r}: give a {'whole number' if whole else 'number'}")
            if not least <= value <= most:
                raise UserError(f"{field.name} is {value}: give a value from {least:g} to {most:g}")

    @classmethod
    def of(cls, given: Mapping[str, Json], *, rows: int, seed: int = 0) -> Recipe:
        """Defaults for that many rows, with what was given in their place. A given rank brings alpha = 2 · rank along.

        Raises:
            UserError: a key is unknown or a value is out of range.
        """
        known = {f.name for f in fields(cls)}
        for key in given:
            if key not in known:
                raise UserError(f"unknown training setting {key!r}: use {', '.join(sorted(known))}")
        settings: dict[str, Json] = {"epochs": passes_for(rows), "seed": seed, **given}
        rank = given.get("rank")
        if isinstance(rank, int) and "alpha" not in given:
            settings["alpha"] = 2.0 * rank
        return cls(**settings)  # type: ignore[arg-type]  # __post_init__ checks every value


def passes_for(rows: int) -> int:
    """How often each row is seen by default: few rows need more passes to be learnt, many need fewer."""
    return max(2, min(10, round(3000 / max(rows, 1))))
