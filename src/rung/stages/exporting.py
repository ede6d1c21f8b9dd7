"""`rung export`: finds the artifact that is meant, writes it in the form that is wanted, and checks it.

Writing is left to `training.export`, reading back to `training.parity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Message
from rung.stages.candidates import Candidate, build, propose
from rung.stages.intake import Intake
from rung.stages.publishing import latest
from rung.strategies.prompting import closed_book, short_instruction
from rung.workshop import Built, Workshop
from rung.workshop.artifacts import ARTIFACTS, is_finished
from rung.workshop.forgetting import forgot

if TYPE_CHECKING:
    from rung.training.export import Tuned
    from rung.training.parity import Parity

PROMPTS, ANSWER_TOKENS = 50, 48


@dataclass(frozen=True, slots=True)
class ExportOrder:
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
class Exported:
    """Where it was written, what it was, what it is marked for, and how it compares with what is served."""

    form: str
    folder: Path
    artifact: str
    bytes: int
    marked: tuple[str, ...] = ()
    parity: tuple[Parity, ...] = ()


def export_artifact(workshop: Workshop, intake: Intake, order: ExportOrder) -> Exported:
    """Write an artifact for other programs.

    Raises:
        UserError: no such artifact, one of another base, a folder that is there, no room, a form that it has not.
        MissingExtra: the libraries that write or read the form are not installed.
    """
    from rung.training import export as writing

    if order.form not in writing.FORMATS:
        raise UserError(f"no form is called '{order.form}'; there are: {', '.join(writing.FORMATS)}")
    built = _artifact(workshop, order.artifact) if order.artifact else _of_rung(workshop, intake, order.rung)
    tuned: Tuned | None = None
    with workshop.reporter.phase(f"write {order.form}"):
        if order.form == "st":
            writing.write_sentence_transformers(built.folder, order.out)
        else:
            tuned = _tuned(workshop, intake, built)
            _write(tuned, order)
    size = sum(file.stat().st_size for file in order.out.rglob("*") if file.is_file())
    parity = _checked(workshop, intake, built, tuned, order) if tuned and order.check else ()
    return Exported(order.form, order.out, built.digest, size, forgot(workshop, built), parity)


def _write(tuned: Tuned, order: ExportOrder) -> None:
    from rung.training import export as writing

    given = {"precision": order.precision} if order.precision else {}
    if order.form == "peft":
        if given:
            raise UserError("an adapter is exported as it is, in float32: leave --precision out")
        writing.write_peft(tuned, order.out)
    elif order.form == "merged":
        writing.write_merged(tuned, order.out, **given)
    else:
        writing.write_gguf_folder(tuned, order.out, **given)


def _tuned(workshop: Workshop, intake: Intake, built: Built) -> Tuned:
    from rung.models.hosts import gguf_file
    from rung.training.export import Tuned, check_base
    from rung.training.generator import Trainable
    from rung.training.lora import CONFIG

    if not (built.folder / CONFIG).exists():
        raise UserError(f"{built.folder} is no adapter: an encoder goes with --to st")
    model = workshop.generator
    if not isinstance(model, Trainable):
        raise UserError("the project's model has no weights on this machine, so nothing tuned can be exported for it")
    source = gguf_file(workshop.named(workshop.project.settings.model))
    tuned = Tuned(built.folder, model, source, short_instruction(intake.materials))
    check_base(tuned)
    return tuned


def _artifact(workshop: Workshop, said: str) -> Built:
    """The finished artifact whose digest begins so."""
    found = [f for f in sorted((workshop.project.state / ARTIFACTS).glob(f"*/{said}*")) if is_finished(f)]
    if len(found) != 1:
        what = "no finished artifact" if not found else f"{len(found)} artifacts"
        raise UserError(f"{workshop.project.root} has {what} whose digest begins with '{said}': give more of it, or --rung")
    return Built(found[0].name, found[0])


def _of_rung(workshop: Workshop, intake: Intake, rung: str) -> Built:
    """The adapter of a tuned rung: the one named, else the last verdict's winner, else the only one."""
    tuned = [c for c in propose(workshop, intake) if c.is_tuned]
    if not tuned:
        raise UserError(f"{workshop.project.file}: no rung of this project has weights of its own (tuned_model, hybrid)")
    names = ", ".join(c.label for c in tuned)
    wanted = [c for c in tuned if rung in (c.label, c.rung.name)] if rung else _winner(workshop, tuned) or tuned
    if not wanted:
        raise UserError(f"'{rung}' is no tuned rung of this project; there are: {names}")
    if len(wanted) > 1:
        raise UserError(f"several rungs are tuned ({names}): name one with --rung")
    done = build(workshop, wanted)[0]
    if done.failed:
        raise UserError(f"{done.label} cannot be built: {done.why}")
    return next(built for built in done.built if built.folder.parent.name == "adapter")


def _winner(workshop: Workshop, tuned: Sequence[Candidate]) -> list[Candidate]:
    try:
        label = latest(workshop.project).winner
    except UserError:  # no verdict yet
        return []
    return [c for c in tuned if c.label == label]


def _checked(workshop: Workshop, intake: Intake, built: Built, tuned: Tuned, order: ExportOrder) -> tuple[Parity, ...]:
    from rung.training.parity import check

    workshop.generator.use_adapters({built.digest: built.folder})
    with workshop.reporter.phase("compare with what is served"):
        found = check(
            order.form,
            order.out,
            tuned,
            prompts(intake, order.check),
            engine=workshop.generator,
            digest=built.digest,
            max_tokens=ANSWER_TOKENS,
        )
    return tuple(found)


def prompts(intake: Intake, count: int) -> list[tuple[Message, ...]]:
    """So many chats as the tuned rung puts them: the cases' questions, the examples' inputs, at last the shipped probe's."""
    from rung.training.probing import read_probe

    materials = intake.materials
    system = short_instruction(materials)
    asked = [closed_book(system, case.ask()) for case in intake.cases]
    inputs = [tuple(m for m in e.messages[:-1] if m.role != "system") for e in materials.examples]
    asked += [(Message("system", system), *turns) for turns in inputs]
    asked += [(Message("user", i.prompt),) for i in read_probe().instructions]
    return list(dict.fromkeys(asked))[:count]
