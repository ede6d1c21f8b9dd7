"""`rung forget`: where a person's text, a document or an answer stands, and its erasure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Json, Word
from rung.cli.project_folder import words_apart
from rung.cli.screen import Screen, out, out_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rung.commands.forget import ForgetReport
    from rung.config.project import Project


def forget(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    name: Annotated[
        str | None,
        typer.Argument(
            help="A text as it stands there, or the id of a document, an answer, a case, an example; - reads stdin.",
            metavar="TEXT|ID",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase it. Without, it is only shown where it stands.")] = False,
    by: Annotated[str, typer.Option(help="Who erases, for the record; default: your login.", show_default=False)] = "",
    reason: Annotated[str, typer.Option(help="Why, for the record, which does not hold the text.")] = "",
    json: Json = False,
) -> int:
    """Find a person's text everywhere, and erase it.

    Files of yours are named with their lines, and left to you; so is what was trained on it. With --yes it exits with
    1 while something is left to do.
    """
    from rung.cli.options import signed_in
    from rung.commands.forget import forget as erase
    from rung.commands.forget import look
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.progress import reporting

    root, (word,) = words_apart(ctx, (folder, name), "TEXT|ID")
    text = sys.stdin.read().strip() if word == "-" else word
    project, screen = load_project(root), Screen(quiet=json)
    try:
        with reporting(screen):
            report = erase(project, text, by=by.strip() or signed_in(), reason=reason) if yes else look(project, text)
    except UserError as error:
        if word != "-" or not text or text not in str(error):
            raise
        raise UserError(str(error).replace(f"'{text}'", "the text").replace(text, "the text")) from None
    if json:
        out(_json(report))
    else:
        for line in _lines(project, report, yes=yes):
            out_line(line)
    return FINE if not yes or report.is_whole else MISSED


def _lines(project: Project, report: ForgetReport, *, yes: bool) -> Iterator[str]:
    from rung.commands.forget import caveats, unlooked

    kinds = {"text": "a text", "document": "a document", "answer": "an answer", "row": "a case or an example"}
    if report.again is not None:
        how = "begun and not ended" if report.again.what == "begun" else "ended"
        yield f"an erasure of the same was {how} at {report.again.at}, by {report.again.by}"
    yield f"{kinds[report.target.kind]}, in what Rung keeps:" if report.findings else "Rung keeps nothing of it"
    for one in report.findings:
        yield f"  {one.store:<14} {one.count:>7,} {one.what}: {one.action if yes else _would(one.action)}"
    if report.left:
        yield "left to you:"
        yield from (f"  {one}" for one in report.left)
    if report.trained:
        yield "trained on it, which cannot be taken out of weights:"
        for artifact in report.trained:
            rows = f"{artifact.rows:,} rows" if artifact.rows else "rows unknown"
            yield f"  {artifact.kind} {artifact.digest} ({artifact.state}, {rows}): {artifact.advice}"
    if report.blinded:
        yield "what is served and can be watched no more:" if yes else "what is served and could be watched no more:"
        yield from (f"  {one}" for one in report.blinded)
    if report.servers:
        count = "a server runs" if report.servers == 1 else f"{report.servers} servers run"
        yield f"{count}: what was remembered of answers for their ratings was let go; answers under way were not"
    for one in report.remaining:
        yield f"! still in {one.store}: {one.count:,} {one.what}: somebody wrote meanwhile; run the same command again"
    if words := unlooked(report):
        yield words
    if not yes:
        yield "nothing was erased: --yes erases it; earlier versions of the index and indexes cut in other ways go with it"
        return
    yield f"not reached by Rung: {'; '.join(caveats(project))}"
    yield f"recorded in {project.state / 'erasures.jsonl'}, without the text"


def _would(action: str) -> str:
    return {"erased": "would be erased", "its words are erased": "its words would be erased"}.get(action, action)


def _json(report: ForgetReport) -> str:
    from json import dumps

    from rung.records import plain

    entry = {
        "kind": report.target.kind,
        "found": plain(report.findings),
        "left": plain(report.left),
        "trained": plain(report.trained),
        "earlier": plain(report.again),
        "erased": report.erased,
        "servers": report.servers,
        "remaining": plain(report.remaining),
        "unread": list(report.unread),
        "blinded": list(report.blinded),
    }
    return dumps(entry, ensure_ascii=False)
