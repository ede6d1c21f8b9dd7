"""`rung cases`: drafts of cases from the documents, for a person to approve; a person's word on answers; decayed gold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import Folder, Json
from rung.cli.screen import Screen, out, out_line

if TYPE_CHECKING:
    from rung.commands.label_cases import LabelPlan, Shown


class Author(StrEnum):
    """Who drafts."""

    rules = "rules"
    model = "model"


cases = typer.Typer(no_args_is_help=True, help="Draft cases for a person to approve; label answers; find gold that decayed.")


@cases.command()
def suggest(
    folder: Folder,
    each: Annotated[int, typer.Option(min=1, max=1000, help="How many of each kind.")] = 5,
    by: Annotated[Author, typer.Option(help="rules: facts found by rules; model: the project's model asks.")] = Author.rules,
    output: Annotated[str, typer.Option(help="The file to add to, in the project's folder.")] = "cases.drafts.jsonl",
    json: Json = False,
) -> int:
    """Draft cases from the documents.

    Answerable, unanswerable, stale and forbidden ones. Each judges nothing until a person approves it.
    """
    from json import dumps

    from rung.commands.draft_cases import suggest as draft
    from rung.config.project import load_project

    project = load_project(folder)
    path = project.root / Path(output)
    drafts = draft(project, path, each=each, by=by.value, reporter=Screen(quiet=json))
    counts = drafts.counts()
    if json:
        out(dumps({"file": str(path), "drafts": counts, "short": dict(drafts.short)}, ensure_ascii=False))
        return FINE
    for kind, count in counts.items():
        why = f": {drafts.short[kind]}" if kind in drafts.short else ""
        out(f"{count:>4} {kind}{why}")
    out(
        f"{path}: check each line, correct it, and write your name in approved_by; name the file under 'cases:' in rung.yaml"
    )
    return FINE


@cases.command()
def label(
    folder: Folder,
    by: Annotated[str, typer.Option(help="Your name, kept with each label; default: your login.", show_default=False)] = "",
    json: Json = False,
) -> int:
    """Say of answers whether they are good, so that the judge's scores can be corrected.

    Shows answers of the last verdict, those that tell most first, without saying which rung gave them. Each label is kept at
    once in human.labels.jsonl in the project; q ends, and the same command goes on. With --json it asks nothing, and says
    what is to be asked.
    """
    from getpass import getuser
    from json import dumps

    from rung.commands.label_cases import Said, ask, label_plan
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.pipeline.judge_labels import labels_file

    project = load_project(folder)
    plan = label_plan(project)
    if json:
        out(dumps(plan.as_json(), ensure_ascii=False))
        return FINE
    for line in _plan_lines(plan):
        out_line(line)
    if not plan.answers:
        return FINE
    if not sys.stdin.isatty():
        raise UserError(
            "a person answers here, and stdin is no terminal: run it in one, or --json to see what is to be asked"
        )

    def person(shown: Shown) -> Said:
        for text in _answer_lines(shown):
            out(text)
        while True:
            try:
                word = input("good? [y]es [n]o [s]kip [q]uit: ").strip().lower()
            except EOFError:
                return "quit"
            if word and (reply := next((s for s in get_args(Said) if s.startswith(word)), None)):
                return cast(Said, reply)

    given = ask(project, plan, person, by=by or getuser())
    out_line(f"{given} labelled, in {labels_file(project)}; 'rung rescore' corrects the judge by them")
    return FINE


@cases.command()
def decay(
    folder: Folder,
    mark: Annotated[
        bool, typer.Option("--mark", help="Make drafts of the rows whose gold moved or is gone; see 'rung review'.")
    ] = False,
    json: Json = False,
) -> int:
    """Which gold is still true since documents changed, which moved, which is gone.

    Looks for what each case names as its evidence in the documents as they are now; runs no model. Exit code 1 where gold
    moved or is gone. A row that was marked judges nothing until a person approves it.
    """
    from json import dumps

    from rung.commands.label_decay import label_decay, mark_for_review
    from rung.config.project import load_project

    project = load_project(folder)
    decayed = label_decay(project)
    marked = mark_for_review(project, decayed) if mark else 0
    if json:
        out(dumps({**decayed.as_json(), "marked": marked}, ensure_ascii=False))
    else:
        for line in decayed.as_lines():
            out_line(line)
        if marked:
            out_line(f"{marked} rows were marked and judge nothing until 'rung review' approves them")
    return MISSED if decayed.is_due else FINE


def _plan_lines(plan: LabelPlan) -> Iterator[str]:
    from rung.stats.prediction_powered import MIN_LABELS
    from rung.verdict.reasons import cases as counted

    yield f"{plan.labelled} of {plan.cases} cases labelled, on answers of {len(plan.rungs)} rungs."
    if not plan.answers:
        yield "Every answer is labelled."
    elif plan.settled:
        yield "What these labels can settle is settled: further ones make the intervals narrower."
    elif plan.more is None:
        yield "Labels alone would hardly settle it, that takes more cases; they correct the judge all the same."
    else:
        presumed = "" if plan.labelled >= MIN_LABELS else ", if people agree with the judge on about 85 %"
        yield f"{counted(plan.more, what='more case')} would likely settle it, about {plan.minutes} min{presumed}."


def _answer_lines(shown: Shown) -> Iterator[str]:
    yield ""
    yield f"Question: {shown.question}"
    for reference in shown.references:
        yield f"Accepted: {reference}"
    if not shown.references:
        yield "Accepted: no answer is given; where none is known, saying so may be right"
    yield f"Answer:   {shown.response}"
