"""`rung train`: builds the artifacts of one kind, and tells what each came to.

Which kind is trained by what is in `trainers`. Building is left to `builders`, learning to `training`; whether an
artifact makes answers better is judged by the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.artifacts import Built
from rung.builders.building import ArtifactBuilder, HostedRequest
from rung.builders.forgetting_gate import notes_on
from rung.builders.recipes import keep_found, recipe_of
from rung.commands.hosted_jobs import hosted_model
from rung.config.project import Project
from rung.errors import NotAllowed, UserError
from rung.pipeline.candidates import Candidate, build, propose, with_members
from rung.pipeline.prepare import Prepared
from rung.records import Json, Reason
from rung.training.generator import kept_loss
from rung.training.registry import last_loss


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What was asked for: of this rung only ("": of all), with these settings in the place of `rung.yaml`'s.

    `on`: what `rung.yaml` calls the model that its host is to tune; `hosted`: what may be begun there.
    """

    rung: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    on: str = ""
    hosted: HostedRequest | None = None


@dataclass(frozen=True, slots=True)
class TrainReport:
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


def train_generators(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest) -> list[TrainReport]:
    """The adapters of the project's tuned rungs.

    Raises:
        UserError: there is nothing to train, or a rung could not be built.
    """
    recipe = request.settings.get("recipe")
    recipe_file, searching = Path(str(recipe)) if recipe else None, bool(request.settings.get("search"))
    builder = replace(builder, recipe_file=recipe_file, searching=searching, hosted=request.hosted)
    candidates, settings = propose(builder, prepared), builder.project.settings
    tuned = [c for c in candidates if c.is_tuned and request.rung in ("", c.label, c.rung.name)]
    on = hosted_model(builder.project, request.on) if request.on else ""
    selected = [c for c in tuned if (c.model or settings.model) == on or (not on and settings.tuning_of(c.model) is None)]
    if not selected:
        why = Reason("not_applicable", "its host tunes it: 'rung train generator --on NAME'")
        at_hosts = [replace(c, why=why) for c in tuned if not on]
        raise nothing_to_train(builder.project, [*at_hosts, *candidates], request)
    recipe_of(builder)  # a mistake in it is found before any work is done
    if searching and len(selected) > 1:
        raise UserError(f"a search is for one rung: name it with --rung ({', '.join(c.label for c in selected)})")
    done = _each_allowed(builder, selected) if on else build_all(builder, selected)
    if searching:
        keep_found(builder, next(built for built in done[0].built if "adapter" in built.folder.parts))
    return [
        _report(builder.project, candidate, built)
        for candidate in done
        for built in candidate.built
        if "adapter" in built.folder.parts
    ]


def build_all(builder: ArtifactBuilder, candidates: Sequence[Candidate], kind: str = "") -> list[Candidate]:
    """`build`, where all of a kind ("": all) have to be built; of others that cannot be it is said, and they are left out.

    Raises:
        UserError: some cannot; says which, and why.
    """
    needed = {candidate.label for candidate in candidates if kind in ("", candidate.rung.name)}
    failures = list[str]()

    def on_failure(label: str, why: str) -> None:
        if label in needed:
            failures.append(f"{label} {why}")
        else:
            builder.on_failure(label, why)

    done = build(replace(builder, on_failure=on_failure), candidates)
    if failures:
        raise UserError("; ".join(failures))
    return done


def _each_allowed(builder: ArtifactBuilder, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Built one by one, as far as that is allowed.

    Raises:
        NotAllowed: some are not; says what each of them may cost.
        UserError: all are, and some cannot be built.
    """
    done, failed, refused = list[Candidate](), list[str](), list[str]()
    builder = replace(builder, on_failure=lambda label, why: failed.append(f"{label} {why}"))
    for candidate in candidates:
        try:
            done += build(builder, [candidate])
        except NotAllowed as error:
            refused.append(str(error))
    if refused:
        raise NotAllowed("\n".join(dict.fromkeys([*failed, *refused])))
    if failed:
        raise UserError("; ".join(failed))
    return done


def train_classifiers(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest) -> list[TrainReport]:
    """The classifiers of the project's `classifier` rungs; raises as `train_generators` does."""
    return _heads(builder, prepared, request, "classifier")


def train_routers(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest) -> list[TrainReport]:
    """The routers of the project's `router` rungs, over the rungs that they name; raises as `train_generators` does."""
    return _heads(builder, prepared, request, "router")


def _heads(builder: ArtifactBuilder, prepared: Prepared, request: TrainRequest, kind: str) -> list[TrainReport]:
    candidates = propose(builder, prepared)
    selected = [c for c in candidates if c.rung.name == kind and request.rung in ("", c.label, c.rung.name)]
    if not selected:
        raise UserError(f"{builder.project.file}: 'rungs' names no {request.rung or kind}; add one, and it can be trained")
    built = build_all(builder, with_members(candidates, [c for c in selected if not c.why]), kind)
    done = [c for c in built if c.rung.name == kind]
    if not any(c.built for c in done):
        raise nothing_to_train(builder.project, [*[c for c in selected if c.why], *done], request)
    return [_report_of_head(candidate, built) for candidate in done for built in candidate.built]


def _report_of_head(candidate: Candidate, built: Built) -> TrainReport:
    metrics, notes = built.manifest.get("metrics"), _notes(built)
    return report_of(candidate.rung.name, candidate.label, built, metrics if isinstance(metrics, dict) else {}, notes)


def report_of(
    kind: str, rung: str, built: Built, metrics: Mapping[str, Json] | None = None, notes: Iterable[str] = ()
) -> TrainReport:
    """What every kind of training tells, from the artifact's manifest."""
    manifest = built.manifest
    return TrainReport(
        kind=kind,
        rung=rung,
        artifact=built.digest,
        folder=built.folder,
        rows=int(number(manifest, "rows") or 0),
        seconds=built.seconds,
        train_loss=last_loss(manifest.get("train_loss")),
        validation_loss=last_loss(manifest.get("validation_loss")),
        metrics=metrics or {},
        notes=tuple(notes),
    )


def _notes(built: Built) -> list[str]:
    """What the training noted."""
    notes = built.manifest.get("notes")
    return list(map(str, notes)) if isinstance(notes, list) else []


def _trainer(built: Built) -> list[str]:
    """What trained it, for artifacts that say so."""
    trainer = built.manifest.get("trainer")
    return [f"trained by {trainer}"] if trainer else []


def nothing_to_train(project: Project, candidates: Sequence[Candidate], request: TrainRequest) -> UserError:
    """The error that says why no rung of this project is trained."""
    whys = "".join(f"\n  {c.label}: {c.why}" for c in candidates if c.why)
    return UserError(f"{project.file}: there is nothing to train for {request.rung or 'any rung'}{whys}")


def _report(project: Project, candidate: Candidate, built: Built) -> TrainReport:
    manifest = built.manifest
    peak, forgetting = manifest.get("peak_memory_bytes"), manifest.get("forgetting")
    return replace(
        report_of("generator", candidate.label, built, notes=(*_trainer(built), *_notes(built), *notes_on(project, built))),
        tokens=int(number(manifest, "tokens") or 0),
        tokens_per_second=number(manifest, "tokens_per_second"),
        peak_mb=peak / 1e6 if isinstance(peak, int) else None,
        validation_loss=kept_loss(manifest),
        forgetting=forgetting if isinstance(forgetting, dict) else None,
    )


def number(manifest: Mapping[str, Json], key: str) -> float | None:
    """A number of a manifest; None where there is none."""
    value = manifest.get(key)
    return float(value) if isinstance(value, (int, float)) else None
