"""`rung sync`: bring the index up to date with the documents."""

from __future__ import annotations

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Folder, Json, Strict
from rung.cli.screen import Screen, out


def sync(folder: Folder, json: Json = False, dry_run: DryRun = False, strict: Strict = False) -> int:
    """Bring the index up to date with the documents: only what changed is embedded."""
    from json import dumps

    from rung.project import load_project
    from rung.stages.intake import up_to_date
    from rung.workshop import Workshop

    project, screen = load_project(folder), Screen(quiet=json)
    with Workshop(project, screen) as workshop:
        indexed = up_to_date(workshop, dry_run=dry_run)
        change, problems = indexed.report, indexed.problems
        screen.problems(problems)
        counts = {
            "added": change.added,
            "changed": change.changed,
            "removed": change.removed,
            "unchanged": change.unchanged,
            "passages": change.passages,
            "left_out": len(problems),
        }
        if json:
            out(dumps({**counts, "seconds": round(change.seconds, 3), "dry_run": dry_run}))
        else:
            said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
            out(f"{'would be: ' if dry_run else ''}{said}")
    return YOURS if strict and problems else FINE
