"""`rung export`: a tuned model for other programs, and whether they say what Rung serves; cases, answers, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED, YOURS
from rung.cli.options import Folder, Force, Json, Strict, groups
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.commands.export import ExportReport, ExportRequest

SHOWN = 12  # problems


class Form(StrEnum):
    """The forms in which a tuned model, cases, answers and examples go out."""

    peft = "peft"
    merged = "merged"
    gguf = "gguf"
    st = "st"
    promptfoo = "promptfoo"
    cases_csv = "cases-csv"
    trec = "trec"
    ragas = "ragas"
    answers_csv = "answers-csv"
    junit = "junit"
    chat = "chat"
    openai = "openai"
    mistral = "mistral"
    gemini = "gemini"
    sharegpt = "sharegpt"


_MODELS = (Form.peft, Form.merged, Form.gguf, Form.st)
_TO = (
    "A tuned model: peft, merged, gguf, st. Cases: promptfoo, cases-csv, trec (with rankings). "
    "Answers of a verdict: ragas, answers-csv, junit. Examples: chat, openai, mistral, gemini, sharegpt."
)
_OUT = "The folder (a model, trec) or the file that is written; must not be there yet."
_RUNG = (
    "Whose adapter (default: the last verdict's winner, or the only tuned rung; trained first where it is not yet), "
    "or whose answers (default: all; promptfoo has answers only so)."
)
_PRECISION = "Of the weights: f32 or f16 for merged (default f32); f16 or q8_0 for gguf (default f16)."
_CHECK = "Read the export back and compare its greedy answers with what is served; exit 1 where one differs."
_AS = "Leave out answers that touch what an asker with these groups may not read; '': no group."
_VERDICT = "Whose answers: a number, digest or path; default: the last verdict."


def export(
    folder: Folder,
    *,
    to: Annotated[Form, typer.Option(help=_TO, show_default=False)],
    target: Annotated[Path, typer.Option("--out", "-o", help=_OUT)],
    rung: Annotated[str, typer.Option(help=_RUNG, show_default=False)] = "",
    artifact: Annotated[str, typer.Option(help="An artifact by its digest, or its beginning.", show_default=False)] = "",
    precision: Annotated[str, typer.Option(help=_PRECISION, show_default=False)] = "",
    check: Annotated[bool, typer.Option("--check", help=_CHECK)] = False,
    prompts: Annotated[int, typer.Option(min=1, help="How many prompts are compared.")] = 50,
    verdict: Annotated[str, typer.Option(help=_VERDICT, show_default=False)] = "",
    asker: Annotated[str | None, typer.Option("--as", help=_AS)] = None,
    force: Force = False,
    strict: Strict = False,
    json: Json = False,
) -> int:
    """Write models, cases, answers, examples for other tools.

    What rung import reads, it reads back from here. What a form has no place for is said.
    """
    from rung.commands.export import ExportRequest

    _check_options(
        to, {"--artifact": artifact, "--precision": precision, "--check": check}, {"--as": asker, "--verdict": verdict}
    )
    if to not in _MODELS:
        return _data(folder, to, target, _Of(rung, verdict, asker, force), strict=strict, json=json)
    return _model(folder, ExportRequest(to.value, target, rung, artifact, precision, prompts if check else 0), json=json)


@dataclass(frozen=True, slots=True)
class _Of:
    """Whose answers are written, and over what."""

    rung: str
    verdict: str
    asker: str | None
    force: bool


_WITH_ANSWERS = (Form.promptfoo, Form.trec, Form.ragas, Form.answers_csv, Form.junit)


def _check_options(to: Form, of_models: Mapping[str, object], of_answers: Mapping[str, object]) -> None:
    """Raises `UserError` where an option says nothing about what is exported."""
    from rung.errors import UserError

    given = [name for name, value in of_models.items() if value] if to not in _MODELS else []
    given += [name for name, value in of_answers.items() if value not in (None, "")] if to not in _WITH_ANSWERS else []
    if given:
        raise UserError(f"{' and '.join(given)} says nothing about --to {to.value}: leave it out")


def _model(folder: Path, request: ExportRequest, *, json: bool) -> int:
    from json import dumps

    from rung.config.project import load_project
    from rung.loop import export as write
    from rung.records import plain

    done = write(load_project(folder), request, reporter=Screen(quiet=json))
    if json:
        report = {"form": done.form, "folder": str(done.folder), "artifact": done.artifact, "bytes": done.bytes}
        out(dumps({**report, "marked": list(done.marked), "parity": plain(done.parity)}, ensure_ascii=False))
    else:
        for line in _lines(done):
            out(line)
    return FINE if all(parity.is_equal for parity in done.parity) else MISSED


def _data(folder: Path, to: Form, target: Path, of: _Of, *, strict: bool, json: bool) -> int:
    from json import dumps

    from rung.commands.export_data import DataRequest, export_data
    from rung.config.project import load_project

    request = DataRequest(to.value, target, of.rung, of.verdict, groups(of.asker), of.force)
    report = export_data(load_project(folder), request)
    if json:
        out(dumps(report.as_json(), ensure_ascii=False))
    else:
        for problem in report.left_out[:SHOWN]:
            Screen().say(f"! {problem}")
        if (more := len(report.left_out) - SHOWN) > 0:
            Screen().say(f"! and {more:,} more (--json lists them)")
        for path, rows in report.written.items():
            out(f"{path}: {rows:,} {'row' if rows == 1 else 'rows'}")
        for note in report.notes:
            out(f"! {note}")
    return YOURS if strict and report.left_out else FINE


def _lines(done: ExportReport) -> Iterator[str]:
    yield f"{done.form} of {done.artifact[:12]}: {done.folder} ({done.bytes / 1e6:,.0f} MB)"
    for why in done.marked:
        yield f"! it is marked for what it forgot: {why}"
    width = max((len(parity.program) for parity in done.parity), default=0)
    for parity in done.parity:
        yield f"{parity.program:<{width}}  {parity.equal} of {parity.prompts} answers equal what is served, token by token"
        for first in parity.parted[:1]:
            where = f"token {first.position + 1}" if first.position >= 0 else "its own tokens"
            margin = "" if first.margin is None else f"; by the weights {first.margin:.4f} nats apart"
            yield (
                f"{'':<{width}}  first difference: prompt {first.prompt + 1}, {where}: "
                f"{first.served!r} is served, {first.said!r} said{margin}"
            )
