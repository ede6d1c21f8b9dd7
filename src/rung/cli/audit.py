"""`rung audit`: one report of what a project searches, trained, served and erased."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Folder, Force, Json
from rung.cli.screen import out

PAGE, DATA = "audit.html", "audit.json"


def audit(
    folder: Folder,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The folder for audit.html and audit.json; default: the project's.", show_default=False
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> int:
    """Report what is searched, trained and erased.

    A page and JSON: sources with licences and readers, artifacts with who approved their rows, deployments with digests and
    times, gates passed over, and whether what was deleted is gone everywhere. Runs no model.
    """
    from json import dumps

    from rung.commands.audit import audit as audited
    from rung.config.project import load_project
    from rung.files.outputs import check_free, write_output
    from rung.records import plain
    from rung.report.html.audit import audit_html

    project = load_project(folder)
    target = output or project.root
    if not json:
        for name in (PAGE, DATA):
            check_free(target / name, force=force)
    facts = audited(project)
    if json:
        out(dumps(plain(facts), ensure_ascii=False))
        return FINE
    write_output(target / PAGE, audit_html(facts), force=force)
    write_output(target / DATA, dumps(plain(facts), ensure_ascii=False, indent=1) + "\n", force=force)
    held = [one for one in facts.gone if one.still_in]
    out(f"{len(facts.documents):,} documents, {len(facts.artifacts):,} artifacts, {len(facts.deployments):,} deployments")
    passed = sum(bool(one.passed_over) for one in facts.deployments)
    out(f"{passed:,} gates passed over; {len(facts.erasures):,} erasures; {len(held):,} gone documents are still named")
    out(f"report: {target / PAGE}, {target / DATA}")
    return FINE
