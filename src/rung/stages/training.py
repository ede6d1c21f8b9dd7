"""What does `rung train` do? Builds the artifacts of one kind, and tells what each came to.

A kind is one function and one line in `TRAINERS`. Building is left to `workshop`, learning to `training`; whether an
artifact makes answers better is judged by the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.errors import UserError
from rung.records import Json
from rung.stages.candidates import Candidate, build, propose, with_members
from rung.stages.intake import Intake
from rung.workshop import Built, Workshop


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: of this rung only ("": of all), with these settings in the place of `rung.yaml`'s."""

    rung: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One artifact, as `rung train --json` tells it. None: not measured for this kind.

    Losses are means per answer token in nats (generator), else the trainer's own, named in its manifest. `peak_mb` is of the
    whole process. `metrics` are those that this kind is judged by, before and after.
    """

    kind: str
    rung: str
    artifact: str
    folder: Path
    rows: int
    tokens: int = 0
    tokens_per_second: float | None = None
    seconds: float = 0.0
    peak_mb: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    forgetting: Mapping[str, Json] | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train_generators(workshop: Workshop, intake: Intake, order: Order) -> list[Told]:
    """The adapters of the project's tuned rungs.

    Raises:
        UserError: there is nothing to train, or a rung could not be built.
    """
    candidates = propose(workshop, intake)
    wanted = [c for c in candidates if c.is_tuned and order.rung in ("", c.label, c.rung.name)]
    if not wanted:
        raise nothing_to_train(workshop, candidates, order)
    done = build(workshop, wanted)
    if failed := [c for c in done if c.failed]:
        raise UserError("; ".join(f"{c.label} cannot be built: {c.why}" for c in failed))
    return [_told(candidate, built) for candidate in done for built in candidate.built if "adapter" in built.folder.parts]


def train_classifiers(workshop: Workshop, intake: Intake, order: Order) -> list[Told]:
    """The classifiers of the project's `classifier` rungs; raises as `train_generators` does."""
    return _heads(workshop, intake, order, "classifier")


def train_routers(workshop: Workshop, intake: Intake, order: Order) -> list[Told]:
    """The routers of the project's `router` rungs, over the rungs that they name; raises as `train_generators` does."""
    return _heads(workshop, intake, order, "router")


def _heads(workshop: Workshop, intake: Intake, order: Order, kind: str) -> list[Told]:
    candidates = propose(workshop, intake)
    wanted = [c for c in candidates if c.rung.name == kind and order.rung in ("", c.label, c.rung.name)]
    if not wanted:
        raise UserError(f"{workshop.project.file}: 'rungs' names no {order.rung or kind}; add one, and it can be trained")
    built = build(workshop, with_members(candidates, [c for c in wanted if not c.why]))
    done = [c for c in built if c.rung.name == kind]
    if failed := [c for c in done if c.failed]:
        raise UserError("; ".join(f"{c.label} cannot be built: {c.why}" for c in failed))
    if not any(c.built for c in done):
        raise nothing_to_train(workshop, [*[c for c in wanted if c.why], *done], order)
    return [_told_of_head(candidate, built) for candidate in done for built in candidate.built]


def _told_of_head(candidate: Candidate, built: Built) -> Told:
    made = built.manifest
    metrics, notes = made.get("metrics"), made.get("notes")
    return Told(
        kind=candidate.rung.name,
        rung=candidate.label,
        artifact=built.digest,
        folder=built.folder,
        rows=int(number(made, "rows") or 0),
        seconds=built.seconds,
        train_loss=_last(made.get("train_loss")),
        validation_loss=_last(made.get("validation_loss")),
        metrics=metrics if isinstance(metrics, dict) else {},
        notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
    )


def nothing_to_train(workshop: Workshop, candidates: Sequence[Candidate], order: Order) -> UserError:
    """The error that says why no rung of this project is trained."""
    whys = "".join(f"\n  {c.label}: {c.why}" for c in candidates if c.why)
    return UserError(f"{workshop.project.file}: there is nothing to train for {order.rung or 'any rung'}{whys}")


def _told(candidate: Candidate, built: Built) -> Told:
    made = built.manifest
    peak = made.get("peak_memory_bytes")
    return Told(
        kind="generator",
        rung=candidate.label,
        artifact=built.digest,
        folder=built.folder,
        rows=int(number(made, "rows") or 0),
        tokens=int(number(made, "tokens") or 0),
        tokens_per_second=number(made, "tokens_per_second"),
        seconds=built.seconds,
        peak_mb=peak / 1e6 if isinstance(peak, int) else None,
        train_loss=_last(made.get("train_loss")),
        validation_loss=_last(made.get("validation_loss")),
    )


def number(made: Mapping[str, Json], key: str) -> float | None:
    """A number of a manifest; None where there is none."""
    value = made.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def _last(curve: Json) -> float | None:
    """The loss at the end of a curve of [step, loss]."""
    point = curve[-1] if isinstance(curve, list) and curve else None
    value = point[1] if isinstance(point, list) else None
    return float(value) if isinstance(value, (int, float)) else None


TRAINERS: dict[str, Callable[[Workshop, Intake, Order], list[Told]]] = {
    "generator": train_generators,
    "classifier": train_classifiers,
    "router": train_routers,
}
