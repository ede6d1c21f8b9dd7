"""How is a model tuned? The trainer's settings, checked; the defaults were measured (benchmarks/tuned_quality.py)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from rung.errors import InputError, UserError
from rung.files.limited import yaml_file
from rung.records import Json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE = "recipe.yaml"  # beside rung.yaml: the project's recipe

HIGHEST = 0.1  # learning rate
# name -> (least, most); whole numbers are told from others by the field's default
_RANGES: dict[str, tuple[float, float]] = {
    "rank": (1, 256),
    "alpha": (0.01, 4096),
    "learning_rate": (1e-7, HIGHEST),
    "epochs": (1, 100),
    "batch_rows": (1, 1024),
    "batch_tokens": (0, 1_000_000),
    "max_tokens": (16, 8192),
    "warmup": (0, 0.9),
    "clip": (0.01, 1e6),
    "first_layer": (0, 1023),
    "validation": (0, 0.5),
    "validate_every": (0, 1_000_000),
    "patience": (0, 100),
    "replay": (0, 0.9),
    "checkpoint_seconds": (0, 86400),
    "seed": (0, 2**63 - 1),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "float32", "bfloat16"),
    "quantize": ("none", "4bit"),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """The trainer's settings.

    `first_layer`: adapters sit on this layer and those above it; the layers below only run forward. A step takes
    `batch_rows` rows, or as many as come to `batch_tokens` tokens where that is more. `validation` is the share of rows that
    are held out (at most 64 rows); they are looked at after each pass, and within a long one every `validate_every` steps
    (0: every 200). `patience` is the number of such looks without a better loss after which training stops, and the best
    state is what is kept (0: all steps, and the last). `warmup` is a share of all steps; from there the learning rate falls
    to 0 in a line. `max_tokens`: longer rows are left out, and counted. `replay` is the share of all learnt rows that comes
    from `replay_rows`, files of general chats, so that the model forgets less. `checkpoint_seconds`: how much work a crash
    may cost. `device` and `quantize` (4bit: QLoRA) say where and on what the adapters are learnt, `precision` which numbers
    are multiplied (auto: bfloat16 where the device has such products).
    """

    rank: int = 16
    alpha: float = 32.0
    learning_rate: float = 2e-3
    epochs: int = 3
    batch_rows: int = 4
    batch_tokens: int = 0
    max_tokens: int = 2048
    warmup: float = 0.05
    clip: float = 1.0
    first_layer: int = 0
    validation: float = 0.05
    validate_every: int = 0
    patience: int = 0
    replay: float = 0.0
    replay_rows: tuple[str, ...] = ()
    checkpoint_seconds: float = 30.0
    device: str = "auto"
    precision: str = "auto"
    quantize: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "replay_rows":
                if not isinstance(value, tuple) or not all(isinstance(name, str) and name for name in value):
                    raise UserError(f"replay_rows is {value!r}: give a list of files")
            elif field.name in _CHOICES:
                if value not in _CHOICES[field.name]:
                    raise UserError(f"{field.name} is {value!r}: give {' or '.join(_CHOICES[field.name])}")
            else:
                _check_number(field.name, value, whole=isinstance(field.default, int))
        if self.replay and not self.replay_rows:
            raise UserError("replay is given without replay_rows: name files of general chats to draw from")

    @classmethod
    def of(cls, given: Mapping[str, Json], *, rows: int, seed: int = 0) -> Recipe:
        """Defaults for that many rows, with what was given in their place. A given rank brings alpha = 2 · rank along.

        Raises:
            UserError: a key is unknown or a value is out of range.
        """
        refuse_unknown(cls, given)
        settings: dict[str, object] = {"epochs": passes_for(rows), "seed": seed, **given}
        named = given.get("replay_rows", ())
        settings["replay_rows"] = tuple(named) if isinstance(named, (list, tuple)) else (named,)
        rank = given.get("rank")
        if isinstance(rank, int) and "alpha" not in given:
            settings["alpha"] = 2.0 * rank
        return cls(**settings)  # type: ignore[arg-type]  # __post_init__ checks every value


def refuse_unknown(recipe: type[DataclassInstance], given: Iterable[str]) -> None:
    """Refuse settings that a recipe does not have.

    Raises:
        UserError: names the first of them, and the nearest that there is.
    """
    known = sorted(f.name for f in fields(recipe))
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            raise UserError(
                f"unknown training setting {key!r}: "
                + (f"did you mean {close[0]!r}?" if close else f"use {', '.join(known)}")
            )


def check_ranges(recipe: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a setting that is no number, or lies outside (least, most).

    Raises:
        UserError: names it.
    """
    for name, (least, most) in ranges.items():
        value = getattr(recipe, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise UserError(f"{name} is {value!r}: give a number from {least:g} to {most:g}")


def _check_number(name: str, value: object, *, whole: bool) -> None:
    least, most = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise UserError(f"{name} is {value!r}: give a {'whole number' if whole else 'number'}")
    if not least <= value <= most:
        raise UserError(f"{name} is {value}: give a value from {least:g} to {most:g}")


def passes_for(rows: int) -> int:
    """How often each row is seen by default: few rows need more passes to be learnt, many need fewer."""
    return max(2, min(10, round(3000 / max(rows, 1))))


def read_recipe(path: Path) -> dict[str, Json]:
    """What a recipe file gives, checked; names of `replay_rows` are relative to it.

    Raises:
        InputError: it is not there, no YAML, or a key or value is wrong; names the line.
    """
    if not path.exists():
        raise InputError("there is no such recipe: mend the path, or leave --recipe out", path=path)
    raw, node = yaml_file(path)
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not isinstance(node, yaml.MappingNode):
        raise InputError("must hold keys such as 'rank:' and 'learning_rate:'", path=path, line=1)
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    for key, value in raw.items():
        try:
            Recipe.of({str(key): _number(value), **({"replay_rows": ["-"]} if key == "replay" else {})}, rows=1)
        except UserError as error:
            raise InputError(str(error), path=path, line=lines.get(str(key), 1)) from error
    given: dict[str, Json] = {str(key): _number(value) for key, value in raw.items()}
    named = given.get("replay_rows", [])
    if named:
        files = named if isinstance(named, list) else [named]
        given["replay_rows"] = [str(path.parent / str(name)) for name in files]
    return given


def _number(value: Json) -> Json:
    """YAML reads 2e-3, without a point, as a text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
