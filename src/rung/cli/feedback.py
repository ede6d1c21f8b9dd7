"""`rung feedback`: what people said of served answers, and the cases that it gives reason for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json, need_serving
from rung.cli.screen import out, out_line

feedback = typer.Typer(no_args_is_help=True, help="What people said of served answers, and cases from it.")


@feedback.command("list")
def list_feedback(folder: Folder, json: Json = False) -> int:
    """Show what was said, the newest last. With --json a line of JSON each."""
    need_serving("feedback")
    from rung.commands.feedback_drafts import comments, remark_json
    from rung.config.project import load_project
    from rung.state.database import open_state

    with open_state(load_project(folder)) as state:
        for comment in comments(state):
            if json:
                out(remark_json(comment))
                continue
            out_line(
                f"{comment.number:>5} {'good' if comment.is_good else 'bad ':4} {comment.caller}: {comment.question or '?'}"
            )
            if comment.correction:
                out_line(f"      should say: {comment.correction}")
    return FINE


@feedback.command()
def draft(
    folder: Folder,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The file to add to, in the project's folder; default: feedback.drafts.jsonl by the cases."
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Draft cases from feedback: corrections, questions that nobody answered, disagreements.

    Remarks on nearly the same question are one. Each judges nothing until a person approves it: 'rung review'.
    """
    need_serving("feedback")
    from json import dumps

    from rung.commands.draft_cases import drafts_file
    from rung.commands.feedback_drafts import FILE, draft_from_feedback
    from rung.config.project import load_project

    project = load_project(folder)
    path = drafts_file(project, FILE) if output is None else project.root / Path(output)
    done = draft_from_feedback(project, path)
    kinds = [proposal.kind for proposal in done.proposals.proposals]
    counts = {kind: kinds.count(kind) for kind in ("corrected", "disputed", "unanswered", "wrong")}
    if json:
        left = [{"question": question, "why": why} for question, why in done.proposals.left_out]
        sizes = {"comments": done.comments, "silent": done.silent, "there": done.there, "added": done.added}
        out(dumps({"file": str(path), "proposals": counts, **sizes, "left_out": left}, ensure_ascii=False))
        return FINE
    out_line(f"remarks with a question: {done.comments}; {', '.join(f'{count} {kind}' for kind, count in counts.items())}")
    if done.silent:
        out_line(f"remarks without: {done.silent}; their server had forgotten the question when they came")
    for question, why in done.proposals.left_out:
        out_line(f"not proposed: {question} ({why})")
    there = f", {done.there} stood there already" if done.there else ""
    out_line(f"{done.added} added to {path}{there}; 'rung review' shows them to a person")
    return FINE
