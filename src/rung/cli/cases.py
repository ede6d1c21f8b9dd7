"""`rung cases`: drafts from documents, samples of logs, decayed gold, for a person to approve; a word on answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from rung.cli.main import FINE, MISSED
from rung.cli.options import DryRun, Folder, Json, Seed, matched, need_serving
from rung.cli.project_folder import chosen
from rung.cli.screen import Screen, out, out_line

if TYPE_CHECKING:
    from rung.commands.label_cases import LabelPlan, Shown
    from rung.commands.sample_cases import SampleReport


class Author(StrEnum):
    """Who drafts."""

    rules = "rules"
    model = "model"


cases = typer.Typer(no_args_is_help=True, help="Draft, sample and label cases; find decayed gold.")


@cases.command()
def suggest(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    each: Annotated[int, typer.Option(min=1, max=1000, help="How many of each kind.")] = 5,
    by: Annotated[Author, typer.Option(help="rules: facts found by rules; model: the project's model asks.")] = Author.rules,
    unanswerable: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.9, help="The share of questions without an answer, as your users ask them.", metavar="SHARE"
        ),
    ] = None,
    output: Annotated[str, typer.Option(help="The file to add to, in the project's folder.")] = "cases.drafts.jsonl",
    json: Json = False,
) -> int:
    """Draft cases from the documents.

    Answerable, unanswerable, stale and forbidden ones, some over two documents or in a conversation. Each judges nothing
    until a person approves it. --unanswerable 0.3: of ten questions three have no answer, forbidden ones aside.
    """
    from json import dumps

    from rung.commands.draft_cases import NOTHING
    from rung.commands.draft_cases import suggest as draft
    from rung.config.project import load_project

    project = load_project(folder)
    path = project.root / Path(output)
    drafts = draft(project, path, each=each, by=by.value, share=unanswerable, reporter=Screen(quiet=json))
    counts = drafts.counts()
    if not json and not drafts.drafts:
        out(f"{NOTHING}; {'--by model asks the project model' if by is Author.rules else 'the model asked nothing either'}")
        return FINE
    if json:
        report = {
            "file": str(path) if path.exists() else None,
            "drafts": counts,
            "short": dict(drafts.short),
            "searched": drafts.searched,
        }
        report |= {"unsearched": drafts.unsearched} if drafts.unsearched else {}
        out(dumps(report, ensure_ascii=False))
        return FINE
    for kind, count in counts.items():
        why = f": {drafts.short[kind]}" if kind in drafts.short else ""
        out(f"{count:>4} {kind}{why}")
    if counts["unanswerable"] and drafts.unsearched:
        out(f"those without an answer were not all searched for: {drafts.unsearched}")
    out(
        f"{path}: check each line, correct it, and write your name in approved_by; name the file under 'cases:' in rung.yaml"
    )
    return FINE


@cases.command()
def sample(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    logs: Annotated[
        list[Path] | None,
        typer.Argument(help="Logs, in a form that 'rung import' knows.", metavar="LOG", show_default=False),
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="The traces of the project's server, where serve.traces.content keeps texts.")
    ] = False,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many questions to draw.")] = 100,
    topics: Annotated[
        int | None, typer.Option(min=1, max=200, help="How many topics; default: by the number of different questions.")
    ] = None,
    form: Annotated[str, typer.Option("--as", help="The form of the logs; default: found by looking.", metavar="FORM")] = "",
    question: Annotated[str, typer.Option(help="The column that is the question.", metavar="NAME")] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new file, in the project's folder; default: traffic.jsonl, or its drafts."),
    ] = None,
    seed: Seed = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Draw questions from a log, so that their mean is the mean of the traffic.

    Near-repeats are joined, topics found by embedding, and each gets its share. Where a model judges (bar.metric: judge) the
    rows count at once: 'rung compare', then 'rung cases label'. Elsewhere a person writes the answers: 'rung review'.
    """
    from json import dumps

    from rung.commands.sample_cases import SampleRequest, sample_cases, sample_file
    from rung.config.project import load_project
    from rung.errors import UserError

    project = load_project(chosen(ctx))
    if not logs and not traces:
        raise UserError("name a log to draw from, or --traces for what the project's server was asked")
    if traces:
        need_serving("cases sample --traces")
    path = sample_file(project) if output is None else project.root / output
    request = SampleRequest(count, topics, form, question, traces, seed, dry_run)
    done = sample_cases(project, matched(logs), path, request, reporter=Screen(quiet=json))
    if json:
        out(dumps(done.as_json(), ensure_ascii=False))
        return FINE
    Screen().problems(done.left_out, all_by="--json")
    for line in _sample_lines(done, dry_run=dry_run):
        out_line(line)
    return FINE


def _sample_lines(done: SampleReport, *, dry_run: bool) -> Iterator[str]:
    drawn = done.sample
    part = f", of which {drawn.looked:,} were looked at" if drawn.looked < drawn.questions else ""
    yield f"{drawn.questions:,} questions{part}: {drawn.groups:,} different, {len(drawn.topics)} topics"
    yield f"{'share':>6} {'drawn':>6}  topic"
    for topic in drawn.topics:
        words = ", ".join(topic.words) or "-"
        yield f"{topic.share.mean or 0:>6.1%} {topic.drawn:>6}  {words}: {' '.join(topic.example.split())[:70]}"
    draws = sum(one.weight for one in drawn.drawn)
    verb = "would be written" if dry_run else "written"
    yield f"{len(done.rows):,} rows that stand for {draws:,} draws {verb}: {done.path}"
    if dry_run and done.path.exists():
        yield f"{done.path.name} is there already, and a sample is whole: name another file with --output to write one"
    if done.untexted:
        yield f"{done.untexted:,} traces tell no question: their texts were not kept (serve.traces.content)"
    if done.marked:
        yield f"{done.marked:,} hold personal data or secrets (meta.personal): mask them before others see them"
    if not done.is_named:
        yield f"name {done.path.name} under 'cases:' in rung.yaml"
    judged = "'rung compare' judges them by the model; 'rung cases label' then asks you about the answers that tell most"
    yield judged if done.is_judged else "they judge nothing until a person writes their answers: 'rung review'"


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

    from rung.commands.label_decay import Marked, label_decay, mark_for_review
    from rung.config.project import load_project

    project = load_project(folder)
    decayed = label_decay(project)
    marked = mark_for_review(project, decayed) if mark else Marked(0)
    if json:
        out(dumps({**decayed.as_json(), "marked": marked.rows, "not_marked": dict(marked.left)}, ensure_ascii=False))
    else:
        for line in decayed.as_lines():
            out_line(line)
        if mark:
            out_line(f"{marked.rows} rows were marked and judge nothing until 'rung review' approves them")
        for why, count in marked.left.items():
            out_line(f"{count} rows were not marked, as they {why}")
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
