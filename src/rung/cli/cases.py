"""`rung cases`: drafts of cases, from the documents, for a person to approve."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Json
from rung.cli.screen import Screen, out


class Author(StrEnum):
    """Who drafts."""

    rules = "rules"
    model = "model"


cases = typer.Typer(no_args_is_help=True, help="Draft cases from the documents, for a person to approve.")


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
    made = draft(project, path, each=each, by=by.value, reporter=Screen(quiet=json))
    counts = made.counts()
    if json:
        out(dumps({"file": str(path), "drafts": counts, "short": dict(made.short)}, ensure_ascii=False))
        return FINE
    for kind, count in counts.items():
        why = f": {made.short[kind]}" if kind in made.short else ""
        out(f"{count:>4} {kind}{why}")
    out(
        f"{path}: check each line, correct it, and write your name in approved_by; name the file under 'cases:' in rung.yaml"
    )
    return FINE
