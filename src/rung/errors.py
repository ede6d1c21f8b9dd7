"""What can go wrong, in two kinds: yours to fix, and ours.

A `UserError` says in one sentence what is wrong and what to do, with file and line where there is one; the CLI prints it
without a traceback and exits with 2. Anything else keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

# What `code` may be in an error with --json, and what it says; docs/cli.md shows these.
CODES = {
    "usage": "the command line: an unknown verb or option, a value that is none",
    "no_project": "there is no `rung.yaml`",
    "bad_input": "a file is wrong, at a place that is named",
    "no_cases": "nothing to judge by",
    "review_required": "rows that would teach wait for an approval (`review: required`)",
    "not_allowed": "a job that costs money, or sends rows elsewhere, was not begun: `--yes` or `--max-cost` allows it",
    "no_file": "a file to import is not there",
    "no_verdict": "no comparison has ended yet, or there is no such verdict",
    "no_comparison": "none was begun, so that `rung status` has nothing to say",
    "exists": "something stands where a file would be written",
    "missing_extra": "libraries that are not installed; the message has the line that installs them",
    "model": "a model is unknown, cannot be fetched, or has other weights",
    "server": "a model's server refused or hung",
    "damaged": "a file of `.rung/` is not what it was; the message has the command that mends it",
    "not_worthwhile": "nothing would come of what was to be built",
    "budget_ended": "a budget ended; the same command goes on",
    "stopped": "Ctrl-C; the same command goes on",
    "system": "what the system refused",
    "memory": "too little memory",
    "user_error": "anything else that is yours to fix",
    "defect": "a defect of Rung (exit code 70); stderr has the traceback",
}


class RungError(Exception):
    """Every error that Rung raises on purpose."""


class UserError(RungError):
    """Yours to fix: the message says what to do.

    `code` tells programs which kind of mistake it is, one of `CODES`: that of its class, or a narrower one.
    """

    kind: ClassVar[str] = "user_error"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        self.code = code or self.kind
        super().__init__(message)


class InternalError(RungError):
    """Ours: a broken promise inside Rung; keeps its traceback."""


class InputError(UserError):
    """A file that Rung was given is wrong, at a place that can be named."""

    kind = "bad_input"

    def __init__(self, message: str, *, path: Path | str = "", line: int = 0, code: str = "") -> None:
        self.path, self.line, self.reason = str(path), line, message
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message, code=code)


class Damaged(UserError):
    """A file of a project's own state is not what it was; the message has the command that mends it."""

    kind = "damaged"

    def __init__(self, message: str, path: Path | str, why: str = "") -> None:
        self.path, self.why = path, why or message
        super().__init__(message)


class MissingExtra(UserError):
    """A part of Rung was asked for whose libraries are not installed."""

    kind = "missing_extra"

    def __init__(self, extra: str, what: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs the extra '{extra}': pip install 'rung[{extra}]'")


class ModelError(UserError):
    """A model is unknown, cannot be fetched, or has the wrong digest."""

    kind = "model"


class ServerError(UserError):
    """A model server refused, hung, or answered with something that is no answer."""

    kind = "server"


class NotWorthwhile(UserError):
    """What a rung was to be built of turned out to give it nothing to do; the message has the numbers."""

    kind = "not_worthwhile"


class NotAllowed(RungError):
    """Something that costs money, or sends rows elsewhere, was not begun: who gave the command did not allow it."""


class BudgetEnded(RungError):
    """A budget ended while something was under way: what was done of it is kept, and the same command goes on.

    `done` of `total`: how far it was, in units of its own; 0 of 0 where that is not known.
    """

    def __init__(self, message: str, *, done: int = 0, total: int = 0) -> None:
        self.done, self.total = done, total
        super().__init__(message)


class Interrupted(RungError):
    """Ctrl-C: what was finished is kept; the same command goes on from there."""


def first_line(error: BaseException) -> str:
    """What a library said, without the lines that tell where in its own code."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def last_line(error: BaseException) -> str:
    """What a library said, of those that tell first where in their own code."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
