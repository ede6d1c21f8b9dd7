"""`rung export`: a tuned model for other programs, and whether they say with it what Rung serves."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Json
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.commands.export import ExportReport


class Form(StrEnum):
    """The forms in which an artifact goes out."""

    peft = "peft"
    merged = "merged"
    gguf = "gguf"
    st = "st"


_TO = "peft: the adapter; merged: whole weights for transformers; gguf: with a Modelfile; st: a tuned encoder."
_RUNG = "Whose adapter; default: the last verdict's winner, or the only tuned rung. Trained first where it is not yet."
_PRECISION = "Of the weights: f32 or f16 for merged (default f32); f16 or q8_0 for gguf (default f16)."
_CHECK = "Read the export back and compare its greedy answers with what is served; exit 1 where one differs."


def export(
    folder: Folder,
    *,
    to: Annotated[Form, typer.Option(help=_TO, show_default=False)],
    target: Annotated[Path, typer.Option("--out", "-o", help="The folder that is written; must not be there yet.")],
    rung: Annotated[str, typer.Option(help=_RUNG, show_default=False)] = "",
    artifact: Annotated[str, typer.Option(help="An artifact by its digest, or its beginning.", show_default=False)] = "",
    precision: Annotated[str, typer.Option(help=_PRECISION, show_default=False)] = "",
    check: Annotated[bool, typer.Option("--check", help=_CHECK)] = False,
    prompts: Annotated[int, typer.Option(min=1, help="How many prompts are compared.")] = 50,
    json: Json = False,
) -> int:
    """Write a tuned model for other programs: PEFT, merged, GGUF."""
    from json import dumps

    from rung.commands.export import ExportRequest
    from rung.config.project import load_project
    from rung.loop import export as write
    from rung.records import plain

    request = ExportRequest(to.value, target, rung, artifact, precision, prompts if check else 0)
    done = write(load_project(folder), request, reporter=Screen(quiet=json))
    if json:
        report = {"form": done.form, "folder": str(done.folder), "artifact": done.artifact, "bytes": done.bytes}
        out(dumps({**report, "marked": list(done.marked), "parity": plain(done.parity)}, ensure_ascii=False))
    else:
        for line in _lines(done):
            out(line)
    return FINE if all(parity.is_equal for parity in done.parity) else MISSED


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
