"""Runs `rung`: what a command ends with, and what an error looks like."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import suppress
from io import StringIO
from typing import TYPE_CHECKING

from rung.cli.screen import Logged, err, out

if TYPE_CHECKING:
    from pathlib import Path

FINE, MISSED, YOURS, OURS, STOPPED, UNREAD = 0, 1, 2, 70, 130, 141
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")  # of `RUNG_LOG`


def main() -> None:
    """Run `rung`; exits 0 when all is fine, 1 when the bar is missed, 2 for what is yours to fix, 70 for a defect
    of Rung, 130 after Ctrl-C, 141 when nobody reads on what it prints."""
    import typer

    from rung.cli.command_line import command_line
    from rung.cli.project_folder import Scope
    from rung.cli.streams import NobodyReads, stand_streams
    from rung.errors import BudgetEnded, Interrupted, UserError

    stand_streams()
    handler = logging.StreamHandler()
    handler.setFormatter(Logged("%(levelname)s %(name)s: %(message)s"))
    level = os.environ.get("RUNG_LOG", "").strip().upper() or "ERROR"
    if level not in LEVELS:
        listed = ", ".join(LEVELS).lower()
        sys.exit(_fail(f"RUNG_LOG={level.lower()} is no level of the log; there are: {listed}", YOURS, code="usage"))
    logging.basicConfig(level=level, handlers=[handler])
    scope = Scope()
    try:
        code = command_line().main(prog_name="rung", obj=scope, standalone_mode=False)
    except NobodyReads:
        sys.exit(UNREAD)
    except UserError as error:
        line = getattr(error, "line", 0)
        sys.exit(_fail(str(error), YOURS, code=error.code, path=str(getattr(error, "path", "")), line=line))
    except BudgetEnded as end:
        sys.exit(_fail(str(end), MISSED, code="budget_ended"))
    except Interrupted as stop:
        sys.exit(_fail(str(stop), STOPPED, code="stopped"))
    except KeyboardInterrupt as stop:
        sys.exit(_fail(str(stop) or "stopped", STOPPED, code="stopped"))
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except typer.Abort as end:
        sys.exit(_fail(str(end.__cause__ or "") or "stopped", STOPPED, code="stopped"))
    except Exception as error:
        sys.exit(_unforeseen(error, scope.root))
    sys.exit(code if isinstance(code, int) else FINE)


def _unforeseen(error: Exception, root: Path | None) -> int:
    """Say what no verb has said: a usage error of the command line, what the system refused, damage, or a defect of ours."""
    if show := getattr(error, "show", None):  # click's usage errors know how to show themselves
        shown = StringIO()
        show(file=shown)
        err(shown.getvalue().rstrip())
        _as_json(str(getattr(error, "message", error)), code="usage")
        return YOURS
    if message := _damaged(root):
        return _fail(message, YOURS, code="damaged")
    if isinstance(error, OSError):  # a file that cannot be read or written, wherever that was found
        return _fail(_of_system(error), YOURS, code="system", path=str(error.filename or ""))
    if isinstance(error, RuntimeError) and "Symlink loop" in str(error):  # of `Path.resolve`
        return _fail(f"a link leads to itself: {error}", YOURS, code="system")
    if isinstance(error, MemoryError):
        why = "there is not enough memory for this: give it less at a time, or a larger machine"
        return _fail(why, YOURS, code="memory")
    err("".join(traceback.format_exception(error)).rstrip())
    return _fail("this is a defect of Rung; the lines above say where", OURS, code="defect")


def _damaged(root: Path | None) -> str:
    """What is damaged in the project that the command is about, which explains its failure; or ""."""
    from rung.commands.repair import damages, state_of
    from rung.files.durable import STATE, damaged

    if root is None or not (root / STATE).exists():
        return ""
    damage = next(damages(state_of(root)), None)
    return str(damaged(damage.path, damage.why)) if damage else ""


def _of_system(error: OSError) -> str:
    """What the system would not do, and with which file; its traceback goes to the log."""
    logging.getLogger(__name__).info("the system refused", exc_info=error)
    named = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return f"{named or 'the system'}: {error.strerror or error}"


def _fail(message: str, status: int, *, code: str, path: str = "", line: int = 0) -> int:
    err(f"rung: {message}")
    _as_json(message, code=code, path=path, line=line)
    return status


def _as_json(message: str, *, code: str, path: str = "", line: int = 0) -> None:
    """With --json, the error as the one line of stdout."""
    words = sys.argv[1:]
    if "--json" not in words[: words.index("--") if "--" in words else None]:
        return
    from json import dumps

    from rung.cli.streams import NobodyReads

    error = {"code": code, "message": message, "path": path or None, "line": line or None}
    with suppress(NobodyReads):
        out(dumps({"error": error}))
