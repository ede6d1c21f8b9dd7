"""`rung search`: what a query finds, for whom."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import As, Folder, Json, groups
from rung.cli.screen import Screen, out

WIDTH = 78


def search(
    folder: Folder,
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many passages.")] = 5,
    asker: As = None,
    json: Json = False,
) -> int:
    """Show the passages that a query finds, best first. The index is brought up to date before."""
    from json import dumps

    from rung.errors import UserError
    from rung.intake import read_documents
    from rung.intake import sync as bring_up_to_date
    from rung.project import load_project
    from rung.records import Asker
    from rung.workshop import Workshop

    project = load_project(folder)
    with Workshop(project, Screen(quiet=json)) as workshop:
        documents, _ = read_documents(workshop)
        knowledge = workshop.knowledge
        if knowledge is None:
            raise UserError(f"{project.file}: the project names no documents; add 'knowledge: {{sources: [docs/**/*.md]}}'")
        bring_up_to_date(workshop, documents)
        passages = knowledge.search(query, asker=Asker(groups(asker)), top=top)
    if json:
        keys = ("document", "source", "start", "end", "score", "text")
        out(dumps({"passages": [{key: getattr(p, key) for key in keys} for p in passages]}, ensure_ascii=False))
        return FINE
    if not passages:
        out("nothing that this asker may read was found")
    for place, passage in enumerate(passages, 1):
        where = f"{passage.source or passage.document}:{passage.start}-{passage.end}"
        out(f"{place}. {where}  {passage.title}  ({passage.score:.4f})")
        text = " ".join(passage.text.split())
        out(f"   {text[: 3 * WIDTH]}{'…' if len(text) > 3 * WIDTH else ''}")
    return FINE
