"""The options that several verbs share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="The project: a folder with rung.yaml.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON on stdout, and nothing else there.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only so many cases, the same ones each time.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything that is drawn; default: the one in rung.yaml, or 0.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Strict = Annotated[bool, typer.Option(help="Exit with 2 when there was a problem with any row or file.")]
As = Annotated[str | None, typer.Option("--as", help="The asker's groups, with commas; '' reads public documents only.")]


def groups(said: str | None) -> frozenset[str] | None:
    """The asker's groups; None, where nobody was named, reads everything."""
    return None if said is None else frozenset(name.strip() for name in said.split(",") if name.strip())
