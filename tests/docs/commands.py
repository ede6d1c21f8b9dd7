"""The commands of `rung` as the code defines them, and docs/cli.md made from them.

``python -m tests.docs.commands`` writes docs/cli.md anew. It is made from the parameters that `rung VERB --help` shows, not
from that text, whose line breaks change with the terminal and with the version of the library that prints it.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from typing import Any

from rung.cli.command_line import GROUPS, command_line
from rung.errors import CODES, UserError
from tests.docs.pages import DOCS, Block

PAGE = DOCS / "cli.md"
REGENERATE = "python -m tests.docs.commands"
# Where a parameter's name is not what a reader would write.
_VALUES = {"asker": "GROUPS", "documents": "DOCS", "lowest_first": "ORDER", "output": "FILE"}
_EVERYWHERE = ("help", "project")  # what every verb takes, and the opening says
_CODES = "\n".join(f"| `{code}` | {what} |" for code, what in CODES.items())
OPENING = f"""\
# Commands

<!-- Made by `{REGENERATE}`; change the commands' own words in src/rung/cli/, not this page. -->

`rung --version` says which Rung this is; `rung VERB --help` says what stands here.

Every verb works on a project: the one in the current folder or the nearest folder above that holds a rung.yaml, or the one
after `-C FOLDER` (`--project FOLDER`), before or after the verb: `rung -C helpdesk compare`. `FOLDER` among a verb's words
says the same: `rung compare helpdesk`. Two that differ are refused. Files that you name are looked for from where you are.

Results go to stdout; progress, what was left out and errors go to stderr. With `--json`, stdout holds one line of JSON and
nothing else. After Ctrl-C the same command, run again, goes on: every answer that came is kept. Those that a server was
still giving are lost, and asked, and paid, once more. `RUNG_LOG=info` shows the log.

Exit codes: 0 all is fine, 1 the bar is missed (or no rung was chosen), 2 something is yours to fix, 130 stopped by Ctrl-C,
141 nobody reads on what is printed (as after `| head`).

With `--json` an error is that line: `{{"error": {{"code", "message", "path", "line"}}}}`, the last two null where no
place can be named. `code` is one of:

| code | what |
|---|---|
{_CODES}

"""


def parse(words: list[str]) -> None:
    """Take a command line apart as `rung` would, and run nothing.

    Raises:
        ValueError: there is no such verb or option, or an argument is missing.
    """
    command, parent, words_left = command_line(), None, list(words)
    try:
        while True:
            context = command.make_context(command.name or "rung", words_left, parent=parent)
            if not hasattr(command, "commands"):
                return
            words_left = [*context._protected_args, *context.args]
            if not words_left:
                raise ValueError("a verb is missing")
            _, command, words_left = command.resolve_command(context, words_left)
            parent = context
    except UserError:  # the project is not there, which is no matter of the command line
        return
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


def verbs(command: Any = None, name: str = "rung") -> Iterator[tuple[str, Any]]:
    """(name, command) of every verb and sub-verb, in the order of `rung --help`."""
    command = command or command_line()
    listed = [verb for group in GROUPS.values() for verb in group] if name == "rung" else list(command.commands)
    for verb in listed:
        yield f"{name} {verb}", command.commands[verb]
        if hasattr(command.commands[verb], "commands"):
            yield from verbs(command.commands[verb], f"{name} {verb}")


def page() -> str:
    """docs/cli.md."""
    return "\n".join([OPENING.rstrip("\n") + "\n", *(_verb(name, command) for name, command in verbs())])


def _verb(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name not in _EVERYWHERE]
    said = [inspect.cleandoc(command.help or ""), *([command.epilog] if command.epilog else [])]
    lines = [f"{'#' * name.count(' ')}# {name}", ""]
    if not hasattr(command, "commands"):
        names = (_named(a) if a.required else f"[{_named(a)}]" for a in arguments)
        lines += [f"`{' '.join([name, *names, '[OPTIONS]'])}`", ""]
    lines += ["\n\n".join(said)]
    if arguments or options:
        lines += ["", "| | default | |", "|---|---|---|"]
    lines += [f"| `{_named(a)}` | {'required' if a.required else '–'} | {_cell(a.help)} |" for a in arguments]
    lines += [f"| `{_spelt(o)}` | {_default(o)} | {_cell(o.help)} |" for o in options]
    return "\n".join(lines) + "\n"


def _named(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()) + ("…" if argument.nargs < 0 else "")


def _spelt(option: Any) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.metavar or _VALUES.get(option.name, option.name.upper())}"


def _default(option: Any) -> str:
    return "–" if option.is_flag or option.default is None else f"{option.default}"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
