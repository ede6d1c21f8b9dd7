"""`rung sync`: bring the index up to date with the documents, once or for as long as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, YOURS
from rung.cli.options import DryRun, Folder, Json, Strict
from rung.cli.screen import Screen, err, out

if TYPE_CHECKING:
    from rung.errors import UserError
    from rung.pipeline.prepare import Indexed

Watch = Annotated[bool, typer.Option("--watch", help="Go on after every change, until Ctrl-C.")]


def sync(folder: Folder, watch: Watch = False, json: Json = False, dry_run: DryRun = False, strict: Strict = False) -> int:
    """Bring the index up to date: only what changed is embedded."""
    from rung.commands.watch import watch as follow
    from rung.config.project import load_project
    from rung.errors import UserError
    from rung.pipeline.prepare import embed_the_rest, stand_ins, up_to_date
    from rung.progress import reporting
    from rung.runtime.engines import open_engines

    if watch and dry_run:
        raise UserError("--watch and --dry-run exclude each other; leave one out")
    project, screen = load_project(folder), Screen(quiet=json)
    with reporting(screen), open_engines(project) as engines:
        if watch:
            follow(engines, on_sync=lambda done: _show(done, screen, json=json), on_error=_complain)
            return FINE
        indexed = up_to_date(engines, dry_run=dry_run, asked=True, at_once=True)
        _show(indexed, screen, json=json, dry_run=dry_run)
        if words := stand_ins(indexed.knowledge):
            screen.say(f"all can be searched now; {words}" + ("" if dry_run else ", which the encoder's replace now"))
        if not dry_run:
            embed_the_rest(engines)
            with screen.phase("compact and index"):
                indexed.knowledge.maintain()
    return YOURS if strict and indexed.problems else FINE


def _show(indexed: Indexed, screen: Screen, *, json: bool, dry_run: bool = False) -> None:
    from json import dumps

    from rung.records import plain

    change, problems = indexed.report, indexed.problems
    screen.problems(problems, all_by="rung sync --json")
    screen.dropped(indexed.dropped)
    moves = dry_run and bool(change.added or change.changed or change.removed)
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
        more = {
            "problem_list": plain(problems),
            "dropped": plain(indexed.dropped),
            "version": change.version,
            "seconds": round(change.seconds, 3),
            "dry_run": dry_run,
        }
        unknown = {"passages": None} if moves else {}
        out(dumps({**counts, **more, **unknown}, ensure_ascii=False))
    else:
        changed = ("added", "changed", "renamed", "removed", "unchanged")
        documents = ", ".join(f"{counts[name]:,} {name}" for name in changed)
        passages = "how many passages is not known before" if moves else f"{change.passages:,} passages"
        parts = f"; {counts['left_out']:,} parts of documents left out" if counts["left_out"] else ""
        out(f"{'would be: ' if dry_run else ''}documents: {documents}; {passages}; {len(problems):,} problems{parts}")


def _complain(error: UserError) -> None:
    err(f"rung: {error}")
