"""`rung review`: what waits for a person: drafts, and where `review` is required what would teach and be deployed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json, signed_in
from rung.cli.screen import out, out_line

if TYPE_CHECKING:
    from rung.commands.review import Waiting
    from rung.config.project import Project

_SEVERAL = "May be given several times."
Ids = Annotated[list[str] | None, typer.Option(metavar="ID[:DIGEST]", help=f"Approve this unasked. {_SEVERAL}")]


class Use(StrEnum):
    """What a draft may be approved as."""

    case = "case"
    train = "train"
    example = "example"


def review(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    by: Annotated[
        str, typer.Option(help="Your name, kept with each decision; default: your login.", show_default=False)
    ] = "",
    approve: Ids = None,
    reject: Annotated[list[str] | None, typer.Option(metavar="ID[:DIGEST]", help=f"Reject this unasked. {_SEVERAL}")] = None,
    reason: Annotated[str, typer.Option(help="With --reject: why. Kept with other decisions too.")] = "",
    used_as: Annotated[
        Use | None, typer.Option("--as", help="With --approve: a case that judges, a train case, or an example.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="ID", help="Divide this draft: one for each --question.", show_default=False)
    ] = None,
    question: Annotated[list[str] | None, typer.Option(metavar="TEXT", help=f"With --split. {_SEVERAL}")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back your last decision; the log keeps both.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Show what was decided, the newest last.")] = False,
    json: Json = False,
) -> int:
    """Approve, edit or reject what waits for a person.

    Drafts of 'rung cases suggest' and 'rung feedback draft'; where rung.yaml says 'review: required', also 'training' (rows
    that would teach) and deployments, by their digest. Each decision is kept at once, with your name, in reviews.jsonl. With
    --json it asks nothing, and lists what waits; as ID:DIGEST ('shown' there) only the row that was shown is decided on.
    """
    from rung.commands.review import split as divide
    from rung.commands.review import waiting
    from rung.config.project import load_project
    from rung.errors import UserError

    project, name = load_project(folder), by or signed_in()
    if log:
        return _log(project, json=json)
    if undo:
        from rung.commands.undo import subject_of, take_back

        event = take_back(project, by=name)
        out_line(f"taken back: {event.get('action')} {event.get('what', 'draft')} {subject_of(event)}")
        return FINE
    if split is not None:
        ids = divide(project, _named(waiting(project), split), question or [], by=name, reason=reason)
        out_line(f"divided into {', '.join(ids)}")
        return FINE
    if approve or reject:
        return _decide_on(project, (approve or [], reject or []), (name, reason, used_as), json=json)
    drafts = waiting(project)
    if json:
        _list_json(project, drafts)
        return FINE
    stakes = _stakes(project)
    for line in stakes:
        out_line(line)
    out_line(f"{len(drafts)} drafts wait")
    if not drafts:
        return FINE
    if not sys.stdin.isatty():
        for one in drafts:
            out_line(f"  {one.subject}  {one.use}: {one.question[:100]} ({one.path.name}:{one.line})")
        raise UserError(
            "a person decides here, and stdin is no terminal: run it in one, or --json, --approve ID:DIGEST, --reject ID"
        )
    from rung.cli.reviewing import ask_all

    out_line(f"{ask_all(project, drafts, name)} decided")
    _say_after(project, drafts)
    return FINE


def _log(project: Project, *, json: bool) -> int:
    from json import dumps

    from rung.commands.undo import subject_of
    from rung.dataset.review_log import reviews

    for event in reviews(project):
        if json:
            out(dumps(event, ensure_ascii=False))
            continue
        subject = f"{event['undoes']} of {subject_of(event)}" if "undoes" in event else subject_of(event)
        why = f": {event['reason']}" if event.get("reason") else ""
        out_line(f"{event.get('at')}  {event.get('by')}: {event.get('action')} {event.get('what', 'draft')} {subject}{why}")
    return FINE


def _list_json(project: Project, drafts: Sequence[Waiting]) -> None:
    """What waits: drafts as before; with `review: required` an item for each of the others."""
    from json import dumps

    from rung.commands.stakes_review import waiting_deployments, waiting_rows

    items: list[dict[str, object]] = [
        {"file": str(one.path), "line": one.line, "use": one.use, "approved": list(one.by), **one.row, "shown": one.subject}
        for one in drafts
    ]
    rows = waiting_rows(project)
    if rows:
        items.append({"id": "training", "rows": [{"id": r.id, "place": r.place, "approved": list(r.by)} for r in rows]})
    for one in waiting_deployments(project):
        items.append({"id": one.digest, "deployment": one.label, "asked_by": one.asked_by, "approved": list(one.by)})
    out(dumps(items, ensure_ascii=False))


def _stakes(project: Project) -> list[str]:
    """What waits beside drafts, in lines."""
    from rung.commands.stakes_review import waiting_deployments, waiting_rows

    lines, rows = [], waiting_rows(project)
    if rows:
        lines.append(f"training: {len(rows):,} rows that would teach wait ('--approve training')")
        lines += [f"  {row.place}: {row.shown[:100]}" for row in rows[:5]]
        lines += [f"  and {len(rows) - 5:,} more (--json)"] if len(rows) > 5 else []
    for one in waiting_deployments(project):
        so_far = f"; approved by {', '.join(one.by)}" if one.by else ""
        lines.append(f"deployment {one.digest[:12]} of {one.label}, asked for by {one.asked_by}{so_far}")
        lines += [f"  {'ok ' if holds else 'NOT'} {name}: {says}" for holds, name, says in one.checks]
    return lines


def _decide_on(
    project: Project, ids: tuple[Sequence[str], Sequence[str]], how: tuple[str, str, Use | None], *, json: bool
) -> int:
    from json import dumps

    from rung.commands.review import Action, decide, waiting
    from rung.commands.stakes_review import decide_deployment, decide_rows, waiting_deployments
    from rung.errors import UserError

    by, reason, use = how
    drafts, needed = waiting(project), project.settings.review.reviewers
    digests = [one.digest for one in waiting_deployments(project)]
    approve, reject = ids
    waits, done = [], []
    for id in (*approve, *reject):  # all are there before any is decided on
        if id != "training" and not any(len(id) >= 4 and one.startswith(id) for one in digests):
            _named(drafts, id)
    if use is not None and reject:
        raise UserError("--as says as what a draft is approved: it has no meaning with --reject")
    for id in (*approve, *reject):
        action: Action = "approve" if id in approve else "reject"
        if id == "training":
            out_line(f"training: {decide_rows(project, action, by=by, reason=reason):,} rows") if not json else None
            continue
        if any(len(id) >= 4 and one.startswith(id) for one in digests):
            names = decide_deployment(project, id, action, by=by, reason=reason)
        else:
            draft = _named(drafts, id)
            draft = draft if use is None else draft.used_as(use.value)
            names = decide(project, draft, action, by=by, reason=reason)
            done += [draft] if action == "approve" else []
        if action == "approve" and len(names) < needed:
            waits.append(f"{id} waits on: approved by {', '.join(names)}, and {needed} different people have to")
    counts = {"approved": len(approve), "rejected": len(reject), "waiting": len(waits)}
    if json:
        out(dumps(counts))
        return FINE
    out_line(f"{counts['approved']} approved, {counts['rejected']} rejected")
    for line in waits:
        out_line(line)
    _say_after(project, done)
    return FINE


def _named(drafts: Sequence[Waiting], given: str) -> Waiting:
    """The draft that is called so: by its id, or by `ID:DIGEST` as it was shown.

    Raises:
        UserError: none is, several are, or it was changed since.
    """
    from rung.errors import UserError
    from rung.plugins import hint

    matches = [one for one in drafts if given in (one.id, one.subject)]
    if len(matches) > 1:
        listed = ", ".join(f"{one.path}:{one.line} ({one.subject})" for one in matches)
        raise UserError(f"{len(matches)} drafts are called '{given}': give each an id of its own; they stand at {listed}")
    if matches:
        return matches[0]
    id, _, shown = given.rpartition(":")
    if changed := next((one for one in drafts if id and one.id == id), None):
        raise UserError(
            f"{changed.path}:{changed.line}: '{id}' is not the row that was shown as {shown} (any more): look at it again; "
            f"now it is {changed.subject}"
        )
    by_id = {one.id: one for one in drafts}
    raise UserError(f"no draft '{given}' waits; {hint(given, by_id) if by_id else 'none does'}")


def _say_after(project: Project, drafts: Sequence[Waiting]) -> None:
    """What `rung.yaml` does not name, and what is due to be trained again by now."""
    from rung.commands.due import whats_due
    from rung.commands.review import unnamed

    for name, use in unnamed(project, drafts):
        key = "behaviour.examples" if use == "example" else "cases"
        does = "judges" if use == "case" else "teaches"
        out_line(f"'{key}:' in rung.yaml does not name {name}: until it does, what is approved {does} nothing")
    if drafts:
        for due in whats_due(project):
            if due.due:
                out_line(f"retrain: {due}")
