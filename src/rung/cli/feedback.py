"""`rung feedback`: what people said of served answers, what they say is right, and the drafts that follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Folder, Json, Strict, finite, need_serving
from rung.cli.screen import Screen, out, out_line

if TYPE_CHECKING:
    from rung.commands.feedback_drafts import FeedbackDrafts
    from rung.dataset.proposals import Comment

feedback = typer.Typer(no_args_is_help=True, help="What people said of served answers.")


@feedback.command("list")
def list_feedback(folder: Folder, json: Json = False) -> int:
    """Show what was said of answers and what is said to be right, the newest last. With --json a line of JSON each."""
    need_serving("feedback")
    from rung.commands.feedback_drafts import comment_json, comments
    from rung.config.project import load_project
    from rung.state.database import open_state

    with open_state(load_project(folder)) as state:
        for comment in comments(state):
            if json:
                out(comment_json(comment))
            else:
                _show(comment)
    return FINE


def _show(comment: Comment) -> None:
    from datetime import UTC, datetime

    opinion = "    " if comment.is_good is None else "good" if comment.is_good else "bad "
    at = datetime.fromtimestamp(comment.at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    of = f" ({comment.deployment[:12]})" if comment.deployment else ""
    out_line(f"{comment.number or '':>5} {at} {opinion} {comment.caller}{of}: {comment.question or '?'}")
    if comment.expected is not None:
        out_line(f"      right is: {' | '.join(comment.expected) or 'that there is no answer'}")


@feedback.command("import")
def import_feedback(  # noqa: PLR0917 - typer reads the options from the parameters
    file: Annotated[Path, typer.Argument(help="Ratings and expert answers: CSV or JSONL.", metavar="FILE")],
    folder: Folder,
    by: Annotated[str, typer.Option(help="Who said it, where a row names nobody.", show_default=False)] = "",
    dry_run: DryRun = False,
    strict: Strict = False,
    json: Json = False,
) -> int:
    """Bring ratings and expert answers from a file.

    A row says of an answer (its id) or of a question whether it was good ('rating': up or down), or what is right
    ('expected'), and by whom. Every row is taken or listed with the reason; one that was taken before is not counted twice.
    """
    need_serving("feedback")
    from dataclasses import asdict
    from json import dumps

    from rung.commands.feedback_import import import_feedback as bring
    from rung.config.project import load_project
    from rung.records import plain

    done = bring(load_project(folder), file, by=by, dry_run=dry_run)
    code = YOURS if strict and done.left_out else FINE
    if json:
        out(dumps({**asdict(done), "left_out": plain(list(done.left_out)), "notes": plain(list(done.notes))}))
        return code
    screen = Screen()
    would = "would take" if dry_run else "taken"
    out_line(f"{file.name}, {done.rows:,} rows: {would} {done.ratings:,} ratings, {done.expectations:,} expected answers")
    screen.problems(done.left_out, all_by="--json")
    for note in done.notes:
        out_line(str(note))
    return code


@feedback.command()
def draft(
    folder: Folder,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The file for cases, in the project's folder; default: feedback.drafts.jsonl by the cases.",
        ),
    ] = None,
    judging: Annotated[
        float, typer.Option(help="Share of corrected questions that judge; the others teach.", callback=finite)
    ] = 0.2,
    json: Json = False,
) -> int:
    """Draft cases and examples from feedback: corrections, questions that nobody answered, disagreements.

    Words on nearly the same question are one. Each judges and teaches nothing until a person approves it: 'rung review'.
    """
    need_serving("feedback")
    from rung.commands.feedback_drafts import DraftRequest, draft_from_feedback
    from rung.config.project import load_project
    from rung.errors import UserError

    if not 0 <= judging <= 1:
        raise UserError(f"--judging is a share from 0 (all teach) to 1 (all judge), not {judging:g}")
    project = load_project(folder)
    request = DraftRequest(None if output is None else project.root / Path(output), judging)
    _print_drafts(draft_from_feedback(project, request), json=json)
    return FINE


def _print_drafts(done: FeedbackDrafts, *, json: bool) -> None:
    from json import dumps

    kinds = [proposal.kind for proposal in done.proposals.proposals]
    counts = {kind: kinds.count(kind) for kind in ("corrected", "disputed", "unanswered", "wrong")}
    uses = [proposal.use for proposal in done.proposals.proposals]
    teach = sum(use != "case" for use in uses)
    if json:
        left = [{"question": question, "why": why} for question, why in done.proposals.left_out]
        sizes = {"comments": done.comments, "silent": done.silent, "there": done.there, "added": sum(done.added.values())}
        files = {str(path): count for path, count in done.added.items()}
        out(dumps({"files": files, "proposals": counts, "teach": teach, **sizes, "left_out": left}, ensure_ascii=False))
        return
    out_line(f"words with a question: {done.comments}; {', '.join(f'{count} {kind}' for kind, count in counts.items())}")
    if teach:
        out_line(f"of these {teach} would teach, the others judge")
    if done.silent:
        out_line(f"words without: {done.silent}; their server had forgotten the question when they came")
    for question, why in done.proposals.left_out:
        out_line(f"not proposed: {question} ({why})")
    there = f"{done.there} stood there already or were decided on" if done.there else ""
    for path, count in done.added.items():
        out_line(f"{count} added to {path}; 'rung review' shows them to a person")
    if there or not done.added:
        out_line(there or "nothing to add")
