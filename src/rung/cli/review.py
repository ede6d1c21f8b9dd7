"""`rung review`: drafts of cases, approved, mended or rejected by a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json
from rung.cli.screen import out, out_line

if TYPE_CHECKING:
    from rung.commands.review import Waiting
    from rung.config.project import Project

Ids = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Decide on this draft unasked. May be given several times.")
]


class _Quit(Exception):
    """The person has had enough."""


def review(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    by: Annotated[
        str, typer.Option(help="Your name, kept with each decision; default: your login.", show_default=False)
    ] = "",
    approve: Ids = None,
    reject: Ids = None,
    reason: Annotated[str, typer.Option(help="With --reject: why.")] = "",
    json: Json = False,
) -> int:
    """Look over drafts of cases: approve, edit or reject each.

    Drafts of 'rung cases suggest' and 'rung feedback draft'. Each decision is kept at once, with your name, and stands in
    reviews.jsonl too; q ends. With --json it asks nothing, and lists what waits.
    """
    from getpass import getuser
    from json import dumps

    from rung.commands.review import waiting
    from rung.config.project import load_project
    from rung.errors import UserError

    project = load_project(folder)
    drafts = waiting(project)
    if approve or reject:
        _decide_on(project, drafts, approve or [], reject or [], by=by or getuser(), reason=reason)
        counts = {"approved": len(approve or []), "rejected": len(reject or [])}
        if json:
            out(dumps(counts))
        else:
            out_line(f"{counts['approved']} approved, {counts['rejected']} rejected")
            _say_unnamed([one for one in drafts if one.id in (approve or [])])
        return FINE
    if json:
        out(dumps([{"file": str(one.path), "line": one.line, **one.row} for one in drafts], ensure_ascii=False))
        return FINE
    out_line(f"{len(drafts)} drafts wait")
    if not drafts:
        return FINE
    if not sys.stdin.isatty():
        raise UserError(
            "a person decides here, and stdin is no terminal: run it in one, or --json, --approve ID, --reject ID"
        )
    decided = 0
    try:
        for number, draft in enumerate(drafts, 1):
            decided += _asked(project, draft, f"{number} of {len(drafts)}", by or getuser())
    except (_Quit, EOFError):
        pass
    out_line(f"{decided} decided")
    _say_unnamed(drafts)
    return FINE


def _say_unnamed(drafts: Sequence[Waiting]) -> None:
    if unnamed := sorted({one.path.name for one in drafts if not one.is_named}):
        out_line(
            f"'cases:' in rung.yaml does not name {', '.join(unnamed)}: until it does, what is approved there judges nothing"
        )


def _decide_on(
    project: Project, drafts: Sequence[Waiting], approve: Sequence[str], reject: Sequence[str], *, by: str, reason: str
) -> None:
    from rung.commands.review import decide
    from rung.errors import UserError
    from rung.plugins import hint

    by_id = {one.id: one for one in drafts}
    for id in (*approve, *reject):
        if id not in by_id:
            raise UserError(f"no draft '{id}' waits; {hint(id, by_id) if by_id else 'none does'}")
    for id in approve:
        decide(project, by_id[id], "approve", by=by, reason=reason)
    for id in reject:
        decide(project, by_id[id], "reject", by=by, reason=reason)


def _asked(project: Project, draft: Waiting, count: str, by: str) -> bool:
    """Ask about a draft; whether it was decided.

    Raises:
        _Quit: nothing more is to be asked.
    """
    from rung.commands.review import decide
    from rung.errors import UserError

    while True:
        for line in _lines(draft, count):
            out_line(line)
        word = _read("[a]pprove [e]dit [r]eject [s]kip [q]uit: ").lower()[:1]
        try:
            match word:
                case "q":
                    raise _Quit
                case "s":
                    return False
                case "e":
                    draft = _edited(draft)
                case "a":
                    decide(project, draft, "approve", by=by)
                    return True
                case "r":
                    decide(project, draft, "reject", by=by, reason=_read("why? "))
                    return True
        except UserError as error:
            out_line(str(error))


def _lines(draft: Waiting, count: str) -> Iterator[str]:
    yield ""
    kind = f", {draft.meta('kind')}" if draft.meta("kind") else ""
    yield f"{count}: {draft.id}, by {draft.row.get('drafted_by')}{kind} ({draft.path.name}:{draft.line})"
    yield f"Question: {draft.question}"
    for answer in draft.answers:
        yield f"Accepted: {answer}"
    if not draft.answers:
        yield "Accepted: none" + ("" if draft.row.get("answerable", True) else " (not answerable)")
    given = draft.meta("answers_given")
    yield from (f"Was said: {text}" for text in (given if isinstance(given, list) else []))
    for key in ("note", "personal"):
        if value := draft.meta(key):
            yield f"{key.capitalize()}: {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _edited(draft: Waiting) -> Waiting:
    question = _read(f"question [{draft.question}]: ") or draft.question
    out_line("accepted answers, one a line; an empty line ends (nothing at all keeps them, '-' says that there is none)")
    answers: list[str] = []
    while line := _read("answer: "):
        answers.append(line)
    if answers == ["-"]:
        return draft.mended(question=question, answers=(), answerable=False)
    if not answers:
        return draft.mended(question=question, answers=draft.answers, answerable=draft.row.get("answerable") is not False)
    return draft.mended(question=question, answers=answers, answerable=True)


def _read(prompt: str) -> str:
    return input(prompt).strip()
