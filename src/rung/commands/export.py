"""`rung export`: finds the artifact that is meant, writes it in the form that is wanted, and checks it.

Writing is left to `training.export`, reading back to `training.parity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts import Built
from rung.artifacts.store import ARTIFACTS, is_finished
from rung.builders.building import ArtifactBuilder
from rung.builders.forgetting_gate import forgot
from rung.commands.train import build_all
from rung.config.project import Project
from rung.errors import UserError
from rung.models.catalog import is_local
from rung.pipeline.candidates import Candidate, propose
from rung.pipeline.prepare import Prepared
from rung.pipeline.publishing import latest
from rung.progress import phase
from rung.records import Message
from rung.runtime.engines import Engines
from rung.strategies.prompting import closed_book, short_instruction

if TYPE_CHECKING:
    from rung.training.export import Tuned
    from rung.training.folder_export import TunedFolder
    from rung.training.parity import Parity

PROMPTS, ANSWER_TOKENS = 50, 48


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is exported: in which form ("peft", "merged", "gguf", "st"), where to, of which rung or artifact.

    `precision` "": the form's own, which loses least. `check`: how many prompts are compared, 0 for none.
    """

    form: str
    out: Path
    rung: str = ""
    artifact: str = ""
    precision: str = ""
    check: int = 0


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Where it was written, what it was, what it is marked for, and how it compares with what is served."""

    form: str
    folder: Path
    artifact: str
    bytes: int
    marked: tuple[str, ...] = ()
    parity: tuple[Parity, ...] = ()


def export_artifact(builder: ArtifactBuilder, prepared: Prepared, request: ExportRequest) -> ExportReport:
    """Write an artifact for other programs.

    Raises:
        UserError: no such artifact, one of another base, a folder that is there, no room, a form that it has not.
        MissingExtra: the libraries that write or read the form are not installed.
    """
    from rung.training import export as writing

    if request.form not in writing.FORMATS:
        raise UserError(f"no form is called '{request.form}'; there are: {', '.join(writing.FORMATS)}")
    built = _artifact(builder.project, request.artifact) if request.artifact else _of_rung(builder, prepared, request.rung)
    engines = _trained_on(builder.engines, built)
    tuned: Tuned | TunedFolder | None = None
    with phase(f"write {request.form}"):
        if request.form == "st":
            writing.write_sentence_transformers(built.folder, request.out)
        else:
            tuned = _tuned(engines, prepared, built)
            _write(tuned, request)
    size = sum(file.stat().st_size for file in request.out.rglob("*") if file.is_file())
    parity = _checked(engines, prepared, built, tuned, request) if tuned and request.check else ()
    return ExportReport(request.form, request.out, built.digest, size, forgot(builder.project, built), parity)


def _write(tuned: Tuned | TunedFolder, request: ExportRequest) -> None:
    from rung.training import export as writing
    from rung.training.folder_export import TunedFolder, write_folder

    given = {"precision": request.precision} if request.precision else {}
    if request.form == "peft" and given:
        raise UserError("an adapter is exported as it is, in float32: leave --precision out")
    if isinstance(tuned, TunedFolder):
        write_folder(tuned, request.form, request.out, **given)
    elif request.form == "peft":
        writing.write_peft(tuned, request.out)
    elif request.form == "merged":
        writing.write_merged(tuned, request.out, **given)
    else:
        writing.write_gguf_folder(tuned, request.out, **given)


def _trained_on(engines: Engines, built: Built) -> Engines:
    """Those of the model of the project that an artifact was trained on; the default's where it is none of them."""
    base, settings = built.manifest.get("base"), engines.project.settings
    trained_on = str(base.get("identity")).partition("/")[0] if isinstance(base, dict) else ""
    names = [name for name in settings.model_names.values() if settings.models and is_local(settings.tuned_on(name))]
    return next((own for own in map(engines.on, names) if own.trainee.identity.partition("/")[0] == trained_on), engines)


def _tuned(engines: Engines, prepared: Prepared, built: Built) -> Tuned | TunedFolder:
    from rung.models.adapters import CONFIG
    from rung.models.hosts import gguf_file
    from rung.training.export import Tuned, check_base
    from rung.training.folder_export import TunedFolder
    from rung.training.sources import InFolder, Trainable

    if isinstance(hosted := built.manifest.get("hosted"), dict):
        raise UserError(
            f"{hosted.get('host')} tuned it as {hosted.get('model')}, and keeps the weights: nothing is here to export"
        )
    if not (built.folder / CONFIG).exists():
        raise UserError(f"{built.folder} is no adapter: an encoder goes with --to st")
    settings, model = engines.project.settings, engines.trainee
    if isinstance(model, InFolder):
        folder = TunedFolder(built.folder, model)
        check_base(folder)
        return folder
    if not isinstance(model, Trainable):
        raise UserError("the project's model has no weights on this machine, so nothing tuned can be exported for it")
    source = gguf_file(engines.named(settings.tuned_on()))
    tuned = Tuned(built.folder, model, source, short_instruction(prepared.materials))
    check_base(tuned)
    return tuned


def _artifact(project: Project, prefix: str) -> Built:
    """The finished artifact whose digest begins so."""
    matches = [f for f in sorted((project.state / ARTIFACTS).glob(f"*/{prefix}*")) if is_finished(f)]
    if len(matches) != 1:
        what = "no finished artifact" if not matches else f"{len(matches)} artifacts"
        raise UserError(f"{project.root} has {what} whose digest begins with '{prefix}': give more of it, or --rung")
    return Built(matches[0].name, matches[0])


def _of_rung(builder: ArtifactBuilder, prepared: Prepared, rung: str) -> Built:
    """The adapter of a tuned rung: the one named, else the last verdict's winner, else the only one."""
    tuned = [c for c in propose(builder, prepared) if c.is_tuned]
    if not tuned:
        raise UserError(f"{builder.project.file}: no rung of this project has weights of its own (tuned_model, hybrid)")
    names = ", ".join(c.label for c in tuned)
    matches = [c for c in tuned if rung in (c.label, c.rung.name)] if rung else _winner(builder.project, tuned) or tuned
    if not matches:
        raise UserError(f"'{rung}' is no tuned rung of this project; there are: {names}")
    if len(matches) > 1:
        raise UserError(f"several rungs are tuned ({names}): name one with --rung")
    done = build_all(builder, matches)[0]
    if done.why:
        raise UserError(f"{done.label} cannot be built: {done.why}")
    return next(built for built in done.built if built.folder.parent.name == "adapter")


def _winner(project: Project, tuned: Sequence[Candidate]) -> list[Candidate]:
    try:
        label = latest(project).winner
    except UserError:  # no verdict yet
        return []
    return [c for c in tuned if c.label == label]


def _checked(
    engines: Engines, prepared: Prepared, built: Built, tuned: Tuned | TunedFolder, request: ExportRequest
) -> tuple[Parity, ...]:
    from rung.training.folder_export import TunedFolder, check_folder_export
    from rung.training.parity import check

    engine, chats = engines.trainee, prompts(prepared, request.check)
    engine.use_adapters({built.digest: built.folder})
    with phase("compare with what is served"):
        if isinstance(tuned, TunedFolder):
            compare = partial(check_folder_export, request.form, request.out, tuned)
        else:
            compare = partial(check, request.form, request.out, tuned)
        return tuple(compare(chats, engine=engine, digest=built.digest, max_tokens=ANSWER_TOKENS))


def prompts(prepared: Prepared, count: int) -> list[tuple[Message, ...]]:
    """So many chats as the tuned rung puts them: the cases' questions, the examples' inputs, at last the shipped probe's."""
    from rung.training.probing import read_probe

    materials = prepared.materials
    system = short_instruction(materials)
    asked = [closed_book(system, case.ask()) for case in prepared.cases]
    inputs = [tuple(m for m in e.messages[:-1] if m.role != "system") for e in materials.examples]
    asked += [(Message("system", system), *turns) for turns in inputs]
    asked += [(Message("user", i.prompt),) for i in read_probe().instructions]
    return list(dict.fromkeys(asked))[:count]
