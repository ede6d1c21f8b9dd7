"""The verbs of `rung`: in which order and groups, and what all of them take."""

from __future__ import annotations

import os
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from rung.cli.options import in_utf8
from rung.cli.project_folder import after_option
from rung.cli.screen import out

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = {
    "Start": ("init", "advise", "check", "doctor"),
    "Measure and ask": ("compare", "status", "batches", "board", "rescore", "decide", "report", "ask"),
    "Documents": ("sync", "search", "knowledge"),
    "Cases and examples": ("import", "cases", "review", "examples", "distill"),
    "Train and export": ("train", "artifacts", "export"),
    "Serve": ("promote", "deployments", "rollback", "serve", "mcp", "keys", "trace", "replay", "feedback", "watch"),
    "Account for it": ("audit", "forget"),
}
VERBS = tuple(verb for verbs in GROUPS.values() for verb in verbs)
_PROJECT = "The project; left out: the current folder, or the nearest above it with a rung.yaml."


class Verbs(TyperGroup):
    """`rung`, whose help shows the verbs in groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See `typer.core.TyperGroup`."""
        del ctx
        room = formatter.width - 6 - max(map(len, self.commands))
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, self.commands[verb].get_short_help_str(room)) for verb in verbs])


class ListByDefault(TyperGroup):
    """A verb whose sub-verb `list` may be left out before its folder or its options."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """See `typer.core.TyperGroup`. What is no sub-verb, and no slip of one, is the first word of `list`."""
        word = args[0]
        slip = get_close_matches(word, self.commands) and not os.path.isdir(word)  # noqa: PTH112 - of any word
        return super().resolve_command(ctx, args if word in self.commands or slip else ["list", *args])


class NameOrList(TyperCommand):
    """`init`, whose `--from` as the last word, without a name, is `--list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `typer.core.TyperCommand`."""
        return super().parse_args(ctx, [*args[:-1], "--list"] if args[-1:] == ["--from"] else args)


def command_line() -> Any:
    """`rung` with its verbs. Each of them takes -C as `rung` itself does."""
    app = typer.Typer(
        cls=Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )

    @app.callback(invoke_without_command=True)
    def rung(
        version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
        project: Annotated[
            list[Path] | None,
            typer.Option(
                "-C", "--project", help=_PROJECT, metavar="FOLDER", callback=after_option, is_eager=True, expose_value=False
            ),
        ] = None,
    ) -> None:
        """Prompting, RAG, fine-tuning, or both? Measured on your own documents, examples and cases."""
        del project  # `after_option` has it
        if version:
            from rung import __version__

            out(f"rung {__version__}")
            raise typer.Exit

    for verb in VERBS:
        name = f"{verb}_" if iskeyword(verb) else verb
        part = getattr(import_module(f"rung.cli.{name}"), name)
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=verb)
        else:
            app.command(verb, cls=NameOrList if verb == "init" else None)(part)
    root: Any = typer.main.get_command(app)
    option = next(param for param in root.params if param.name == "project")
    for command in _below(root):
        command.params.append(option)
        if command.callback is not None:
            command.callback = in_utf8(command.callback)
    return root


def _below(group: Any) -> Iterator[Any]:
    for command in group.commands.values():
        yield command
        if hasattr(command, "commands"):
            yield from _below(command)
