"""`rung check`: whether everything in the project is readable and hangs together. Runs no model."""

from __future__ import annotations

from rung.cli.main import FINE, YOURS
from rung.cli.options import Folder, Json, Strict
from rung.cli.screen import out, out_line


def check(folder: Folder, json: Json = False, strict: Strict = False) -> int:
    """List every mistake in the project, with file and line. Runs no model, writes nothing."""
    from json import dumps

    from rung.commands.survey import survey
    from rung.config.project import load_project

    surveyed = survey(load_project(folder), listing=True)
    if json:
        out(dumps(surveyed.as_json(), ensure_ascii=False))
    else:
        for line in surveyed.as_lines():
            out_line(line)
    return YOURS if surveyed.obstacles or (strict and surveyed.problems) else FINE
