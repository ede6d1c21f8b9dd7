"""Which project a command is about: the FOLDER that is named, by itself or after -C, or else the nearest with a rung.yaml.

A folder that is named is taken as it is. Where none is, the current folder and those above it are looked through: first as
the shell shows them, where links that were followed are part of the path, then as the disk has them. The root of the disk
is looked at only by who stands in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import typer

from rung.errors import UserError


@dataclass
class Scope:
    """What the command line says of the project. `named`: by the user; `root`: the one that the command is about."""

    named: Path | None = None
    root: Path | None = None

    def name(self, folder: Path) -> None:
        """Take a folder that the command line names.

        Raises:
            UserError: it names another one, too.
        """
        if self.named is not None and _resolved(self.named) != _resolved(folder):
            raise UserError(f"{self.named} and {folder} are two projects: name one of them")
        self.named = self.named or folder


def after_option(ctx: typer.Context, folders: list[Path] | None) -> None:
    """What stands after -C, before or after the verb."""
    for folder in folders or ():
        ctx.ensure_object(Scope).name(folder)


def chosen(ctx: typer.Context, folder: Path | None = None) -> Path:
    """The project that a command is about. `folder`: what stands among its words, if anything does.

    Raises:
        UserError: two are named, or none is and there is none here.
    """
    if root := chosen_or_none(ctx, folder):
        return root
    from rung.config.project import FILE

    here = f"there is no {FILE} in {Path.cwd()} or a folder above it"
    message = f"{here}: make a project with 'rung init FOLDER', or name yours with -C FOLDER"
    raise UserError(message, code="no_project")


def chosen_or_none(ctx: typer.Context, folder: Path | None = None) -> Path | None:
    """As `chosen`, for commands that can do without a project."""
    scope = ctx.ensure_object(Scope)
    if folder is not None:
        scope.name(folder)
    scope.root = scope.named or nearest()
    return scope.root


def named(ctx: typer.Context, folder: Path | None = None) -> Path | None:
    """The folder that the command line names, whatever is in it; None where it names none."""
    scope = ctx.ensure_object(Scope)
    if folder is not None:
        scope.name(folder)
    return scope.named


def nearest() -> Path | None:
    """The current folder, or the nearest above it, that holds a rung.yaml; None where none does."""
    from rung.config.project import FILE

    if os.path.lexists(FILE):
        return Path()
    above = (folder for start in (_shown(), Path.cwd()) for folder in start.parents[:-1])
    return next((folder for folder in above if os.path.lexists(folder / FILE)), None)


def words_apart(ctx: typer.Context, words: Sequence[str | None], *own: str) -> tuple[Path, list[str]]:
    """The project, and a verb's own words where a FOLDER may stand among them: it is the word that is one too many.

    Args:
        ctx: of the command.
        words: what was typed, None where nothing was.
        own: what the verb's own words are called.

    Raises:
        UserError: a word is missing or too many; what `chosen` raises.
    """
    from rung.config.project import FILE

    given, folder = [word for word in words if word is not None], None
    index = next((n for n, word in enumerate(given) if os.path.lexists(Path(word) / FILE)), None)
    if len(given) == len(own) + 1:
        folder = Path(given.pop(index or 0))
    elif len(given) != len(own) or (index is not None and ctx.ensure_object(Scope).named is None):
        raise UserError(f"say it so: {ctx.command_path} [FOLDER] {' '.join(own)}".rstrip())
    return chosen(ctx, folder), given


def _shown() -> Path:
    """The current folder as the shell shows it."""
    shown = Path(os.environ.get("PWD", ""))
    with suppress(OSError):
        if shown.is_absolute() and ".." not in shown.parts and shown.samefile(Path()):
            return shown
    return Path.cwd()


def _resolved(folder: Path) -> str:
    file = os.path.isfile(folder)  # noqa: PTH113 - of any word; a rung.yaml may be named, too
    return os.path.realpath(folder.parent if file else folder)
