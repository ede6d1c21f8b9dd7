"""`rung rescore`: a verdict anew from the answers of an earlier one, without asking a rung anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rung.cli.compare import show_comparison
from rung.cli.main import FINE, MISSED
from rung.cli.options import Json, Word
from rung.cli.project_folder import chosen
from rung.cli.screen import Screen


def rescore(
    ctx: typer.Context,
    folder: Word = None,
    verdict: Annotated[
        str | None,
        typer.Argument(
            help="Whose answers: number, digest or path; default: the last verdict.", metavar="VERDICT", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> int:
    """A verdict anew from stored answers, by today's cases and bar.

    No rung's model is asked anything. Accepted answers, scorers, bar, prices and settings are today's; answers that a
    comparison would not get again (other questions, rungs or documents) are left out and counted. A judge may be asked.

    Exits with 0 when the bar is cleared (or none is set), 1 when it is missed, 2 for what is yours to fix.
    """
    from rung.config.project import FILE, load_project
    from rung.loop import rescore as score_again
    from rung.pipeline.publishing import LATEST

    words = [word for word in (folder, verdict) if word is not None]
    is_project = len(words) == 2 or (words and os.path.lexists(Path(words[0]) / FILE))
    root = chosen(ctx, Path(words.pop(0)) if is_project else None)
    screen = Screen(quiet=json)
    done = score_again(load_project(root), words[0] if words else LATEST, reporter=screen)
    show_comparison(screen, done, root, json=json)
    return FINE if done.published.clears_bar else MISSED
