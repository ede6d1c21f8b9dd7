"""The commands of `rung` as the code defines them, and docs/cli.md made from them.

``python -m tests.docs.commands`` writes docs/cli.md anew. It is made from the parameters that `rung VERB --help` shows, not
from that text, whose line breaks change with the terminal and with the version of the library that prints it.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from rung.cli.main import VERBS
from tests.docs.pages import DOCS, Block

PAGE = DOCS / "cli.md"
REGENERATE = "python -m tests.docs.commands"
_VALUES = {"asker": "GROUPS", "output": "FILE"}  # where a parameter's name is not what a reader would write
OPENING = f"""\
# Commands

<!-- Made by `{REGENERATE}`; change the commands' own words in src/rung/cli/, not this page. -->

`rung --version` says which Rung this is; `rung VERB --help` says what stands here.

Results go to stdout; progress, what was left out and errors go to stderr. With `--json`, stdout holds one line of JSON and
nothing else. Ctrl-C loses nothing: the same command, run again, goes on. `RUNG_LOG=info` shows the log.

Exit codes: 0 all is fine, 1 the bar is missed (or no rung was chosen), 2 something is yours to fix, 130 stopped by Ctrl-C,
141 nobody reads on what is printed (as after `| head`).

"""


def group() -> Any:
    """`rung` with its verbs, as the library that parses the command line sees it."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    app.callback()(_nothing)
    for verb in VERBS:
        app.command(verb)(getattr(import_module(f"rung.cli.{verb}"), verb))
    return get_command(app)


def _nothing() -> None:
    """Only to make a group of it."""


def parse(words: list[str]) -> None:
    """Take a command line apart as `rung` would, and run nothing.

    Raises:
        ValueError: there is no such verb or option, or an argument is missing.
    """
    verb = words[0] if words else ""
    if verb not in VERBS:
        raise ValueError(f"'{verb}' is no verb; there are: {', '.join(VERBS)}")
    command = group().commands[verb]
    try:
        command.make_context(verb, words[1:], resilient_parsing=False)
    except Exception as error:
        said = error.format_message() if hasattr(error, "format_message") else error
        raise ValueError(f"rung {shlex.join(words)}: {said}") from error


def typed(block: Block) -> Iterator[tuple[int, str]]:
    """(line, command) of a console block: what stands after `$ `, continued lines joined."""
    lines = block.text.splitlines()
    place = 0
    while place < len(lines):
        start, line = place, lines[place]
        if line.startswith("$ "):
            while line.endswith("\\") and place + 1 < len(lines):
                place += 1
                line = f"{line[:-1]}{lines[place].strip()}"
            yield block.line + start, line[2:]
        place += 1


def calls(command: str) -> Iterator[list[str]]:
    """The `rung` commands within a line of shell, each as its words without `rung`; redirections and pipes cut off."""
    for part in re.split(r"&&|;|\|", command):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and words[0].rsplit("/", 1)[-1] == "rung":
            yield words[1 : next((n for n, word in enumerate(words) if word.startswith(">")), len(words))]


def page() -> str:
    """docs/cli.md."""
    commands = group().commands
    return OPENING + "\n".join(_verb(verb, commands[verb]) for verb in VERBS)


def _verb(verb: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    names = (a.name.upper() if a.required else f"[{a.name.upper()}]" for a in arguments)
    usage = " ".join(["rung", verb, *names, *(["[OPTIONS]"] if options else [])])
    said = inspect.cleandoc(command.help or "")
    lines = [f"## rung {verb}", "", f"`{usage}`", "", said, "", "| | default | |", "|---|---|---|"]
    lines += [f"| `{a.name.upper()}` | {'required' if a.required else '–'} | {_cell(a.help)} |" for a in arguments]
    lines += [f"| `{_spelt(o)}` | {_default(o)} | {_cell(o.help)} |" for o in options]
    return "\n".join(lines) + "\n"


def _spelt(option: Any) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {_VALUES.get(option.name, option.name.upper())}"


def _default(option: Any) -> str:
    return "–" if option.is_flag or option.default is None else f"{option.default}"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
