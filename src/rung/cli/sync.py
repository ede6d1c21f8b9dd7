"""`rung sync`: bring the index up to date with the documents, once or for as long as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Folder, Json, Strict
from rung.cli.screen import Screen, err, out

if TYPE_CHECKING:
    from rung.errors import UserError
    from rung.stages.intake import Indexed

Watch = Annotated[bool, typer.Option("--watch", help="Go on after every change, until Ctrl-C.")]


def sync(folder: Folder, watch: Watch = False, json: Json = False, dry_run: DryRun = False, strict: Strict = False) -> int:
    """Bring the index up to date with the documents: only what changed is embedded."""
    from rung.errors import UserError
    from rung.project import load_project
    from rung.stages.intake import up_to_date
    from rung.stages.watching import watch as follow
    from rung.workshop import Workshop

    if watch and dry_run:
        raise UserError("--watch and --dry-run exclude each other; leave one out")
    project, screen = load_project(folder), Screen(quiet=json)
    with Workshop(project, screen) as workshop:
        if watch:
            follow(workshop, on_sync=lambda done: _told(done, screen, json=json), on_error=_complain)
            return FINE
        indexed = up_to_date(workshop, dry_run=dry_run, asked=True)
        _told(indexed, screen, json=json, dry_run=dry_run)
        if not dry_run:
            with screen.phase("compact and index"):
                indexed.knowledge.maintain()
    return YOURS if strict and indexed.problems else FINE


def _told(indexed: Indexed, screen: Screen, *, json: bool, dry_run: bool = False) -> None:
    from json import dumps

    change, problems = indexed.report, indexed.problems
    screen.problems(problems, all_by="rung sync --json")
    screen.dropped(indexed.dropped)
    counts = {
        "added": change.added,
        "changed": change.changed,
        "renamed": change.renamed,
        "removed": change.removed,
        "unchanged": change.unchanged,
        "passages": change.passages,
        "problems": len(problems),
        "left_out": sum(part.count for part in indexed.dropped),
    }
    if json:
        dropped = [{"path": part.path, "what": part.what, "count": part.count} for part in indexed.dropped]
        listed = [{"path": p.path, "line": p.line, "message": p.message} for p in problems]
        more = {
            "problem_list": listed,
            "dropped": dropped,
            "version": change.version,
            "seconds": round(change.seconds, 3),
            "dry_run": dry_run,
        }
        out(dumps({**counts, **more}, ensure_ascii=False))
    else:
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        out(f"{'would be: ' if dry_run else ''}{said}")


def _complain(error: UserError) -> None:
    err(f"rung: {error}")
