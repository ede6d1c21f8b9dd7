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

    from rung.loop import search as find
    from rung.project import load_project
    from rung.records import Asker

    passages = find(load_project(folder), query, top=top, asker=Asker(groups(asker)), reporter=Screen(quiet=json))
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
