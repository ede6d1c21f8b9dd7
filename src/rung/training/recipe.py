"""How a model is tuned: the trainer's settings; the defaults were measured (benchmarks/tuned_quality.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field

from rung.errors import InputError, UserError
from rung.files.limited import yaml_file
from rung.records import Json
from rung.records.validation import Number, WrongSetting, checked, number, settings

FILE = "recipe.yaml"  # beside rung.yaml: the project's recipe
NOUN = "training setting"  # in messages
SELF = "self"  # among `replay_rows`: what the model answers by itself
TRAINER = "transformers and peft"  # what trains an adapter here, in words
ALL_LINEAR = "all-linear"  # among `target_modules`: every linear layer but the output
SHARE = 0.1  # of replayed rows, where a recipe says `replay: self`, or nothing
HIGHEST = 0.1  # learning rate

# What trainers share. `Held`: the share of rows held out; `Warmup`: the share of all steps.
Epochs = Annotated[int, Field(ge=1, le=100)]
Warmup = Annotated[Number, Field(ge=0, le=0.9)]
Clip = Annotated[Number, Field(ge=0.01, le=1e6)]
Held = Annotated[Number, Field(ge=0, le=0.5)]
CheckpointSeconds = Annotated[Number, Field(ge=0, le=86400)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Often = Annotated[int, Field(ge=0, le=1_000_000)]
Patience = Annotated[int, Field(ge=0, le=100)]


def _listed(given: object) -> object:
    return (given,) if isinstance(given, str) else given


Files = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed), Field(strict=False)]


def _alone(names: tuple[str, ...]) -> tuple[str, ...]:
    if ALL_LINEAR in names and len(names) > 1:
        raise ValueError(f"names of layers, or {ALL_LINEAR} alone")
    return names


Layers = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_listed),
    AfterValidator(_alone),
    Field(strict=False, min_length=1),
]


@settings
class Recipe:
    """The trainer's settings.

    `first_layer`: adapters sit on this layer and those above it; the layers below only run forward. A step takes
    `batch_rows` rows, or as many as come to `batch_tokens` tokens where that is more. `validation` is the share of rows that
    are held out (at most 64 rows); they are looked at after each pass, and within a long one every `validate_every` steps
    (0: every 200). `patience` is the number of such looks without a better loss after which training stops, and the best
    state is what is kept (0: all steps, and the last). `warmup` is a share of all steps; from there the learning rate falls
    to 0 in a line. `max_tokens`: longer rows are left out, and counted. `replay` is the share of all learnt rows that comes
    from `replay_rows`, files of general chats or `self`, the model's own answers to general prompts, so that it forgets
    less. `checkpoint_seconds`: how much work a crash may cost. `device` and `quantize` (4bit: QLoRA) say where and on what
    the adapters are learnt, `precision` which numbers are multiplied (auto: bfloat16 where the device has such products).
    `target_modules` are the layers that adapters sit on, by the ends of their names (all-linear: every linear one but the
    output), `variant` how an adapter is scaled (rslora: by alpha / √rank) or taken apart (dora: lengths learnt too).
    """

    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[Number, Field(ge=0.01, le=4096)] = 32.0
    learning_rate: Annotated[Number, Field(ge=1e-7, le=HIGHEST)] = 2e-3
    epochs: Epochs = 3
    batch_rows: Annotated[int, Field(ge=1, le=1024)] = 4
    batch_tokens: Often = 0
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 2048
    warmup: Warmup = 0.05
    clip: Clip = 1.0
    first_layer: Annotated[int, Field(ge=0, le=1023)] = 0
    validation: Held = 0.05
    validate_every: Often = 0
    patience: Patience = 0
    replay: Warmup = SHARE
    replay_rows: Files = (SELF,)
    checkpoint_seconds: CheckpointSeconds = 30.0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    quantize: Literal["none", "4bit"] = "none"
    target_modules: Layers = (ALL_LINEAR,)
    variant: Literal["lora", "rslora", "dora"] = "lora"
    seed: Seed = 0

    def __post_init__(self) -> None:
        if self.replay and not self.replay_rows:
            raise ValueError("replay is given without replay_rows: name files of general chats to draw from, or self")
        if SELF in self.replay_rows and len(self.replay_rows) > 1:
            raise ValueError("replay_rows are files or self, not both: leave one of them out")

    def check_layers(self, count: int) -> None:
        """Refuse a `first_layer` that a model of so many layers has not.

        Raises:
            UserError: it has not.
        """
        if self.first_layer >= count:
            raise UserError(f"first_layer is {self.first_layer}: the model has layers 0 to {count - 1}")

    @property
    def named(self) -> dict[str, Json]:
        """The settings that name an adapter. Those that came later are among them only where they are no default, so that
        adapters made before there was a choice keep their names."""
        settings, usual = asdict(self), asdict(Recipe())
        later = ("precision", "target_modules", "variant")
        return {key: value for key, value in settings.items() if key not in later or value != usual[key]}

    @property
    def may_not_fit(self) -> bool:
        """Whether it asks for what not every model and machine has."""
        asked, usual = asdict(self), asdict(Recipe())
        return any(asked[key] != usual[key] for key in ("first_layer", "target_modules", "variant", "quantize", "device"))

    @property
    def replays_itself(self) -> bool:
        """Whether the model's own answers are mixed in."""
        return self.replay > 0 and SELF in self.replay_rows

    @classmethod
    def of(cls, given: Mapping[str, Json], *, rows: int, seed: int = 0) -> Recipe:
        """Defaults for that many rows, with what was given in their place. A given rank brings alpha = 2 · rank along.

        Raises:
            WrongSetting: a key is unknown or a value is out of range.
        """
        rank = given.get("rank")
        alpha = {"alpha": 2.0 * rank} if isinstance(rank, int) and 1 <= rank <= 256 else {}
        given = {**given, **({"replay": 0.0} if not given.get("replay_rows", SELF) and "replay" not in given else {})}
        by_itself = {"replay": SHARE, "replay_rows": [SELF]} if given.get("replay") == SELF else {}
        if by_itself and given.get("replay_rows", SELF) not in (SELF, [SELF], (SELF,)):
            raise WrongSetting("replay: self is given with replay_rows: say a share, or leave the files out", "replay")
        return checked(cls, {"epochs": passes_for(rows), "seed": seed, **alpha, **given, **by_itself}, noun=NOUN)


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
    given: dict[str, Json] = {str(key): number(value) for key, value in raw.items()}
    try:
        Recipe.of(given, rows=1)
    except WrongSetting as error:
        raise InputError(str(error), path=path, line=lines.get(error.name, 1)) from error
    named = given.get("replay_rows", [])
    if named:
        files = named if isinstance(named, list) else [named]
        given["replay_rows"] = [str(name) if name == SELF else str(path.parent / str(name)) for name in files]
    return given
