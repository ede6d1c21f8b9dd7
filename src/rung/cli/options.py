"""The options that several verbs share, each described once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated

import typer

from rung.cli.project_folder import chosen


def _nothing() -> None:
    """Where a word is left out."""


FOLDER = "The project, as after -C."
Word = Annotated[str | None, typer.Argument(help=FOLDER, metavar="FOLDER", show_default=False)]  # before a verb's own words
Folder = Annotated[  # the verb gets the project's folder, however it is named
    Path, typer.Argument(help=FOLDER, metavar="FOLDER", default_factory=_nothing, show_default=False, callback=chosen)
]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON on stdout, and nothing else there.")]
Limit = Annotated[int | None, typer.Option(min=1, help="A trial run: only so many cases judge, the same ones each time.")]
SEVERAL = "May be given several times; a pattern in quotes stands for what it matches."
LARGEST = 1e12  # of any number that is said
MAX_SEED = 2**32 - 1  # as in rung.yaml
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=MAX_SEED, help="Seed of everything that is drawn; default: the one in rung.yaml, or 0."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Strict = Annotated[bool, typer.Option(help="Exit with 2 when there was a problem with any row or file.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.")]
As = Annotated[str | None, typer.Option("--as", help="The asker's groups, with commas; '' reads public documents only.")]


def finite(value: float | None) -> float | None:
    """A number of the command line, which may be no `inf` and no `nan`: neither is ever reached, or above anything.

    Raises:
        typer.BadParameter: it is one.
    """
    if value is not None and not abs(value) <= LARGEST:
        raise typer.BadParameter(f"{value} is no number from 0 to {LARGEST:g}")
    return value


def matched(files: list[Path] | None) -> list[Path]:
    """The files of an option that may be given several times; a pattern (in quotes, for the shell's sake) stands for what it
    matches. One that matches nothing stays, and is said to be absent by who reads it."""
    matches: list[Path] = []
    for file in files or []:
        there = file.exists() or not has_magic(str(file))
        matches += [file] if there else [Path(name) for name in sorted(glob(str(file), recursive=True))] or [file]  # noqa: PTH207
    return matches


def groups(names: str | None) -> frozenset[str] | None:
    """The asker's groups; None, where nobody was named, reads everything."""
    return None if names is None else frozenset(name.strip() for name in names.split(",") if name.strip())


def in_utf8(verb: Callable[..., int]) -> Callable[..., int]:
    """The verb, for which words that are no paths must be text: a shell may hand over any bytes."""

    @wraps(verb)
    def checked(**given: object) -> int:
        from rung.errors import UserError
        from rung.files.limited import name_of

        for value in given.values():
            for word in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(word, str) and name_of(word) != word:
                    raise UserError(f"'{name_of(word)}' on the command line is no text in UTF-8: write it anew")
        return verb(**given)

    return checked


def need_serving(what: str) -> None:
    """Refuse where what serving takes is not installed; `what` is what was wanted.

    Raises:
        MissingExtra: it is not.
    """
    from rung.errors import MissingExtra

    try:
        import alembic  # noqa: F401
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serve", what) from error


def signed_in() -> str:
    """Who runs the command."""
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"
