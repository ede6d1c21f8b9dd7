"""`rung init`: a project that runs at once and shows where everything goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import DryRun, Json
from rung.cli.project_folder import named
from rung.cli.screen import out

RUNG_YAML = """\
name: {name}
task: Answer the customer's question with as few words as possible.
knowledge:
  sources: [docs/**/*.md]        # Markdown, text, or JSONL rows {{"id", "text", "title", "groups"}}
# behaviour:
#   examples: [examples/*.jsonl]   # OpenAI chat rows {{"messages": [...]}}: they teach
#   schema: answer.schema.json     # or labels: [refund, shipping, other]
cases: [cases/*.jsonl]           # {{"question", "answers"}} rows: they judge; no rung ever sees them
model: smollm2-135m-grounded     # or openai:<name>, http://host/v1#<name>
rungs: [prompt, few_shot, long_context, rag]   # add tuned_model and hybrid when you have examples
bar: {{correct: 0.60}}             # and hard limits: leaks: 0, p95_seconds: 2.0, usd_per_1k: 1.00
"""
RETURNS = """\
# Returns

You may return an item within 30 days of delivery. The customer pays for the return parcel.
Refunds are paid to the card that was used, within five working days.
"""
SHIPPING = """\
# Shipping

We ship to Norway, Sweden and Denmark. Standard shipping takes four days and is free above 50 EUR.
Express costs 9 EUR and takes one day.
"""
CASES = """\
{"question": "How long may I return an item?", "answers": ["30 days", "within 30 days"], "gold_documents": ["docs/returns.md"], "split": "test"}
{"question": "Who pays for the return parcel?", "answers": ["the customer", "customer"], "gold_documents": ["docs/returns.md"], "split": "test"}
{"question": "How much is express shipping?", "answers": ["9 EUR"], "evidence": [{"document": "docs/shipping.md", "quote": "Express costs 9 EUR"}], "split": "test"}
{"question": "How many days does standard shipping take?", "answers": ["four days", "four"], "gold_documents": ["docs/shipping.md"], "split": "test"}
{"question": "Who is the chief executive?", "answers": [], "answerable": false, "split": "test"}
{"question": "When are refunds paid?", "answers": ["within five working days"], "gold_documents": ["docs/returns.md"], "split": "train"}
{"question": "Do you ship to Sweden?", "answers": ["yes"], "gold_documents": ["docs/shipping.md"], "split": "train"}
{"question": "What is the phone number?", "answers": [], "answerable": false, "split": "train"}
"""  # noqa: E501 - rows of a file, one a line


def init(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where the project is to be, as after -C; with --beir, if left out: its name, here.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    beir: Annotated[
        Path | None, typer.Option(help="Make it of this BEIR folder: corpus.jsonl, queries.jsonl, qrels/<split>.tsv.")
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option("--docs", help="Make it over the documents of this folder, which is FOLDER too if that is left out."),
    ] = None,
    drafts: Annotated[
        bool, typer.Option("--drafts/--no-drafts", help="Over documents: draft cases from them, for a person to approve.")
    ] = True,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="A copy of this project of the gallery; FOLDER left out: under its name, here.", metavar="NAME"
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say what is in the gallery, and do nothing.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Make a project: small, over documents, or of the gallery.

    Over documents (--docs, or a FOLDER that has some) documents, cases and examples are found by looking, a commented
    rung.yaml names them, and cases are drafted. Nothing that is there is touched, and files of other tools are named.
    Elsewhere a small project is written that runs at once. Each gets an AGENTS.md, where there is none.
    With --beir the project holds that folder's corpus, and a case with its gold documents for each judged query.
    With --from it is a copy of one of the gallery, into a folder that is new or empty; --list, or --from alone, names them.
    """
    from rung.errors import UserError
    from rung.files.limited import check_name

    if listed:
        return _list(json=json)
    folder = named(ctx, folder)
    sources = {"--beir": beir, "--docs": documents, "--from": from_}
    given = [option for option, value in sources.items() if value is not None]
    if folder is None and not given:
        raise UserError(
            "where is the project to be? rung init FOLDER, rung init --docs FOLDER over your documents, "
            "or rung init --from NAME (rung init --list says what there is)"
        )
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} are {'two' if len(given) == 2 else 'three'} corpora: name one of them")
    project = folder or documents or Path(from_ or (beir or Path()).resolve().name)
    check_name(project)
    created = _Created(dry_run=dry_run, quiet=json)
    if beir is not None:
        _of_beir(beir, project, created)
    elif documents is not None:
        _over_documents(project, documents, created, drafts=drafts)
    elif from_ is not None:
        _of_gallery(from_, project, created)
    else:
        _small(project, created, drafts=drafts)
    if json:
        from json import dumps

        out(dumps({"project": str(project), "written": created.written, "notes": created.notes}, ensure_ascii=False))
    return FINE


def _list(*, json: bool) -> int:
    from rung.commands.gallery import gallery

    projects = gallery()
    if json:
        from json import dumps

        out(dumps({"gallery": [{"name": project.name, "about": project.about} for project in projects]}, ensure_ascii=False))
        return FINE
    room = max((len(project.name) for project in projects), default=0)
    for project in projects:
        out(f"{project.name:{room}}  {project.about}")
    out("next: rung init --from NAME")
    return FINE


class _Created:
    """What was written and what is said of it, printed as it comes unless it is to be one line of JSON."""

    def __init__(self, *, dry_run: bool, quiet: bool) -> None:
        self.dry_run, self.quiet = dry_run, quiet
        self.written: list[str] = []
        self.notes: list[str] = []

    def file(self, path: Path) -> None:
        self.written.append(str(path))
        if not self.quiet:
            out(f"{'would write' if self.dry_run else 'wrote'} {path}")

    def say(self, line: str) -> None:
        self.notes.append(line)
        if not self.quiet:
            out(line)

    def note(self, line: str) -> None:
        from rung.cli.screen import Screen

        self.notes.append(line)
        if not self.quiet:
            Screen().say(f"! {line}")


def _small(folder: Path, created: _Created, *, drafts: bool) -> None:
    from rung.commands.agents_page import NAME, agents_page
    from rung.commands.first_look import files_below, first_look
    from rung.errors import UserError
    from rung.files.outputs import check_free, write_output

    if not (folder / "rung.yaml").exists():
        if first_look(folder).total:
            _over_documents(folder, folder, created, drafts=drafts)
            return
        if other := next(files_below(folder, rows=True), None):
            raise UserError(
                f"{folder} is not empty and holds no documents ({other} for one): name a new folder, "
                "or the folder with your documents by --docs"
            )
    files = {
        "rung.yaml": RUNG_YAML.format(name=folder.resolve().name),
        "docs/returns.md": RETURNS,
        "docs/shipping.md": SHIPPING,
        "cases/cases.jsonl": CASES,
    }
    for name in files:
        check_free(folder / name, instead="name another folder")
    files |= {} if (folder / NAME).exists() else {NAME: agents_page(folder.resolve().name)}
    for name, text in files.items():
        if not created.dry_run:
            write_output(folder / name, text)
        created.file(folder / name)
    created.say(f"next: rung compare {folder}")


def _over_documents(folder: Path, documents: Path, created: _Created, *, drafts: bool) -> None:
    """A project of the documents that are there: nothing of theirs is touched."""
    from rung.commands.draft_cases import NOTHING
    from rung.commands.start import DRAFTS, start

    started = start(folder, documents, drafts=drafts, dry_run=created.dry_run)
    for path in started.written:
        created.file(path)
    for note in started.notes:
        created.note(note)
    if started.drafts is not None:
        counts = ", ".join(f"{count} {kind}" for kind, count in started.drafts.counts().items() if count)
        created.say(f"drafted {counts}" if counts else NOTHING)
    if started.drafts is not None and not started.drafts.drafts and not started.rows.cases:
        by_hand = f"write cases as {folder / 'AGENTS.md'} shows"
        next_ = f"rung cases suggest {folder} --by model, or {by_hand}; then: rung compare {folder}"
    elif folder / DRAFTS in started.written and (created.dry_run or (started.drafts and started.drafts.drafts)):
        next_ = f"check each line of {folder / DRAFTS}, write your name in its approved_by, then: rung compare {folder}"
    else:
        next_ = f"rung search {folder} 'your words'; rung check {folder}; rung compare {folder}"
    created.say(f"next: {next_}")


def _of_gallery(name: str, folder: Path, created: _Created) -> None:
    from rung.commands.gallery import copy_project, gallery_project

    for path in copy_project(gallery_project(name), folder, dry_run=created.dry_run):
        created.file(path)
    created.say(f"next: rung compare {folder}; what it teaches stands in {folder / 'README.md'}")


def _of_beir(beir: Path, folder: Path, created: _Created) -> None:
    from rung.cli.screen import Screen
    from rung.commands.agents_page import NAME, agents_page
    from rung.commands.beir import make_project
    from rung.files.outputs import write_output

    if created.dry_run:
        for name in ("rung.yaml", "documents.jsonl", "queries.jsonl", "cases", NAME):
            created.file(folder / name)
        return
    written = make_project(beir, folder)
    if not (folder / NAME).exists():
        write_output(folder / NAME, agents_page(folder.resolve().name))
    created.written.append(str(folder))
    if not created.quiet:
        Screen().problems(written.problems)
    cases = ", ".join(f"{count:,} {split}" for split, count in written.cases.items())
    created.say(f"wrote {folder}: {written.documents:,} documents, cases: {cases}; left out: {len(written.problems):,}")
    if written.carved:
        created.say("there is no dev split: a fifth of the train queries became dev cases, the same ones each time")
    if written.identical:
        whose = "query has a document's id" if written.identical == 1 else "queries have a document's id"
        created.say(f"{written.identical:,} {whose}: that document is no result of theirs (knowledge.ignore_identical_ids)")
    created.say(f"next: rung search {folder} --queries {folder / 'queries.jsonl'} --trec run.txt")
