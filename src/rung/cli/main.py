"""The command line: one verb a file, and what an error looks like."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib import import_module
from io import StringIO

from rung.cli.screen import Logged, err, out

FINE, MISSED, YOURS, OURS, STOPPED, UNREAD = 0, 1, 2, 70, 130, 141
VERBS = (
    "init", "advise", "check", "sync", "search", "knowledge",
    "cases", "examples", "distill",
    "ask", "train", "artifacts", "export",
    "compare", "report", "doctor",
)  # fmt: skip


def main() -> None:
    """Run `rung`; exits 0 when all is fine, 1 when the bar is missed, 2 for what is yours to fix, 70 for a defect
    of Rung, 130 after Ctrl-C, 141 when nobody reads on what it prints."""
    import typer

    from rung import __version__
    from rung.cli.options import in_utf8, spread
    from rung.cli.streams import NobodyReads, stand_streams
    from rung.errors import BudgetEnded, Interrupted, UserError

    stand_streams()
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.callback(invoke_without_command=True)
    def rung(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
        """Prompting, RAG, fine-tuning, or both? Measured on your own documents, examples and cases."""
        if version:
            out(f"rung {__version__}")
            raise typer.Exit

    for verb in VERBS:
        app.command(verb)(in_utf8(getattr(import_module(f"rung.cli.{verb}"), verb)))

    handler = logging.StreamHandler()
    handler.setFormatter(Logged("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=os.environ.get("RUNG_LOG", "ERROR").upper(), handlers=[handler])
    try:
        code = typer.main.get_command(app).main(args=spread(sys.argv[1:]), standalone_mode=False)
    except NobodyReads:
        sys.exit(UNREAD)
    except UserError as error:
        sys.exit(_said(str(error), YOURS))
    except BudgetEnded as end:
        sys.exit(_said(str(end), MISSED))
    except Interrupted as stop:
        sys.exit(_said(str(stop), STOPPED))
    except KeyboardInterrupt:
        sys.exit(_said("stopped", STOPPED))
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except typer.Abort:
        sys.exit(_said("stopped", STOPPED))
    except Exception as error:
        sys.exit(_unforeseen(error))
    sys.exit(code if isinstance(code, int) else FINE)


def _unforeseen(error: Exception) -> int:
    """Say what no verb has said: a usage error of the command line, what the system refused, damage, or a defect of ours."""
    if show := getattr(error, "show", None):  # click's usage errors know how to show themselves
        shown = StringIO()
        show(file=shown)
        err(shown.getvalue().rstrip())
        return YOURS
    if said := _damaged():
        return _said(said, YOURS)
    if isinstance(error, OSError):  # a file that cannot be read or written, wherever that was found
        return _said(_of_system(error), YOURS)
    if isinstance(error, RuntimeError) and "Symlink loop" in str(error):  # of `Path.resolve`
        return _said(f"a link leads to itself: {error}", YOURS)
    if isinstance(error, MemoryError):
        return _said("there is not enough memory for this: give it less at a time, or a larger machine", YOURS)
    err("".join(traceback.format_exception(error)).rstrip())
    return _said("this is a defect of Rung; the lines above say where", OURS)


def _damaged() -> str:
    """What is damaged in a project that the command names, or in the current one, which explains its failure; or ""."""
    from pathlib import Path

    from rung.commands.repair import damages, state_of
    from rung.files.durable import STATE, damaged

    for word in (*sys.argv[1:], "."):
        try:
            if (Path(word) / STATE).exists() and (found := next(damages(state_of(Path(word))), None)):
                return str(damaged(found.path, found.why))
        except (OSError, ValueError):  # no path at all
            continue
    return ""


def _of_system(error: OSError) -> str:
    """What the system would not do, and with which file; its traceback goes to the log."""
    logging.getLogger(__name__).info("the system refused", exc_info=error)
    named = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return f"{named or 'the system'}: {error.strerror or error}"


def _said(message: str, code: int) -> int:
    err(f"rung: {message}")
    return code
