"""`rung batches`: what of a comparison is at a host's batch interface, how to stop it, and how to give it up."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.command_line import ListByDefault
from rung.cli.main import FINE
from rung.cli.options import Folder, Json, Word
from rung.cli.project_folder import chosen, words_apart
from rung.cli.screen import Screen, out

Name = Annotated[
    str | None, typer.Argument(help="Its name, as 'rung batches' lists it.", metavar="NAME", show_default=False)
]
batches = typer.Typer(
    cls=ListByDefault,
    context_settings={"ignore_unknown_options": True},  # those of `list`
    help="List what is at batch interfaces, stop it, or give it up.",
    epilog="'rung batches [FOLDER]' alone is 'rung batches list'.",
)


@batches.callback(invoke_without_command=True)
def alone(ctx: typer.Context) -> int:
    """As `list`, where no other word stands."""
    return FINE if ctx.invoked_subcommand else list_batches(chosen(ctx))


@batches.command("list")
def list_batches(folder: Folder, json: Json = False) -> int:
    """List the batches whose answers are still to be taken up."""
    from json import dumps

    from rung.commands.batches import open_batches
    from rung.config.project import load_project
    from rung.progress import reporting

    with reporting(Screen(quiet=json)):
        listed = list(open_batches(load_project(folder)))
    if json:
        out(dumps({"batches": [one.as_json() for one in listed]}, ensure_ascii=False))
        return FINE
    for one in listed:
        out(str(one))
    if not listed:
        out("there are no batches at any host")
    return FINE


@batches.command()
def cancel(folder: Folder, json: Json = False) -> int:
    """Have the hosts stop; what is answered by then stays."""
    from json import dumps

    from rung.commands.batches import cancel_batches
    from rung.config.project import load_project
    from rung.progress import reporting

    stopped = []
    with reporting(Screen(quiet=json)):
        for one in cancel_batches(load_project(folder)):
            stopped.append(one.as_json())
            if not json:
                out(str(one))
    if json:
        out(dumps({"batches": stopped}, ensure_ascii=False))
    elif not stopped:
        out("there is no batch that runs")
    return FINE


@batches.command()
def drop(ctx: typer.Context, folder: Word = None, name: Name = None, json: Json = False) -> int:
    """Give up answers that nobody has taken; what is asked again is paid again."""
    from json import dumps

    from rung.commands.batches import drop_batch
    from rung.config.project import load_project
    from rung.progress import reporting

    root, (word,) = words_apart(ctx, (folder, name), "NAME")
    with reporting(Screen(quiet=json)):
        note = drop_batch(load_project(root), word)
    if json:
        out(dumps({"name": note.name, "model": note.model, "given_up": len(note.holds)}, ensure_ascii=False))
    else:
        many = f"{len(note.holds):,} answer{'s' if len(note.holds) != 1 else ''}"
        out(f"{note.shown} of {note.model} is given up, with {many} that nobody has taken")
    return FINE
