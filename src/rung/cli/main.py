"""The command line: one verb a file, and what an error looks like."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib import import_module
from io import StringIO

from rung.cli.screen import Logged, err, out

FINE, MISSED, YOURS, OURS, STOPPED = 0, 1, 2, 70, 130
VERBS = (
    "init", "advise", "check", "sync", "search", "knowledge",
    "cases", "examples", "distill",
    "ask", "train", "artifacts", "export",
    "compare", "report", "doctor",
)  # fmt: skip


def main() -> None:
    """Run `rung`; exits 0 when all is fine, 1 when the bar is missed, 2 for what is yours to fix, 70 for a defect
    of Rung, 130 after Ctrl-C."""
    import typer

    from rung import __version__
    from rung.cli.options import spread
    from rung.errors import BudgetEnded, Interrupted, UserError

    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.callback(invoke_without_command=True)
    def rung(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
        """Prompting, RAG, fine-tuning, or both? Measured on your own documents, examples and cases."""
        if version:
            out(f"rung {__version__}")
            raise typer.Exit

    for verb in VERBS:
        app.command(verb)(getattr(import_module(f"rung.cli.{verb}"), verb))

    handler = logging.StreamHandler()
    handler.setFormatter(Logged("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=os.environ.get("RUNG_LOG", "ERROR").upper(), handlers=[handler])
    try:
        code = app(args=spread(sys.argv[1:]), standalone_mode=False)
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
        show = getattr(error, "show", None)  # click's usage errors know how to show themselves
        if show is None and (said := _damaged()):
            sys.exit(_said(said, YOURS))
        if show is None:
            err(traceback.format_exc().rstrip())
            sys.exit(_said("this is a defect of Rung; the lines above say where", OURS))
        shown = StringIO()
        show(file=shown)
        err(shown.getvalue().rstrip())
        sys.exit(YOURS)
    sys.exit(code if isinstance(code, int) else FINE)


def _damaged() -> str:
    """What is damaged in a project that the command names, or in the current one, which explains its failure; or ""."""
    from pathlib import Path

    from rung.durable import STATE, damaged
    from rung.stages.mending import damages, state_of

    for word in (*sys.argv[1:], "."):
        try:
            if (Path(word) / STATE).exists() and (found := next(damages(state_of(Path(word))), None)):
                return str(damaged(found.path, found.why))
        except (OSError, ValueError):  # no path at all
            continue
    return ""


def _said(message: str, code: int) -> int:
    err(f"rung: {message}")
    return code
