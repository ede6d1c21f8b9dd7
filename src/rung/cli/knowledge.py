"""`rung knowledge`: the versions of the index, and going back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import DryRun, Folder, Json
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rung.knowledge.protocol import Version


knowledge = typer.Typer(no_args_is_help=True, help="Show the index's versions, go back to one, forget old ones.")


@knowledge.command("list")
def list_versions(folder: Folder, json: Json = False) -> int:
    """Show the versions that are kept."""
    from rung.config.project import load_project
    from rung.runtime.engines import index_of

    return _show(index_of(load_project(folder)).versions(), json=json)


@knowledge.command()
def rollback(
    folder: Folder,
    version: Annotated[int, typer.Option(min=1, help="The version to go back to, as 'rung knowledge list' numbers it.")],
    json: Json = False,
) -> int:
    """Go back to a version. It is searched until `rung sync`."""
    from rung.config.project import load_project
    from rung.pipeline.todays_access import go_back
    from rung.progress import reporting
    from rung.runtime.engines import index_of

    project, screen = load_project(folder), Screen(quiet=json)
    with reporting(screen):
        screen.problems(go_back(project, version))
    return _show(index_of(project).versions(), json=json)


@knowledge.command()
def prune(folder: Folder, dry_run: DryRun = False, json: Json = False) -> int:
    """Forget all versions but the newest, and what was deleted."""
    from json import dumps

    from rung.commands.purge import purge
    from rung.config.project import load_project
    from rung.progress import reporting
    from rung.runtime.engines import index_of

    project, screen = load_project(folder), Screen(quiet=json)
    with reporting(screen):
        purged = purge(project, dry_run=dry_run)
        versions = index_of(project).versions()
    if dry_run:
        numbers, pages = [one.number for one in versions[1:]], [str(verdict) for verdict in purged.verdicts]
        answers = [str(verdict) for verdict in purged.answers]
        served = {"traces": len(purged.served.traces), "differences": len(purged.served.differences)}
        forgotten = (
            f"would forget {len(numbers)} versions, the pages of {len(pages)} verdicts, the answers of {len(answers)}, the "
            f"texts of {served['traces']:,} traces, {served['differences']:,} differences"
        )
        out(dumps({"forget": numbers, "pages": pages, "answers": answers, **served}) if json else forgotten)
        return FINE
    for verdict in purged.verdicts:
        screen.say(f"! {verdict}: its pages showed documents that are gone, and were removed; its numbers stay")
    for verdict in purged.answers:
        screen.say(f"! {verdict}: its stored answers had found documents that are gone, and were removed")
    if purged.served.traces or purged.served.differences:
        screen.say(
            f"! the texts of {len(purged.served.traces):,} traces showed documents that are gone, and were removed, with "
            f"{len(purged.served.differences):,} differences that cite them"
        )
    if purged.page is not None:
        screen.say(f"! {purged.page} still shows them: delete it, or make it anew with 'rung compare'")
    return _show(versions, json=json)


def _show(versions: Sequence[Version], *, json: bool) -> int:
    from json import dumps

    if json:
        out(dumps({"versions": [_version_json(one) for one in versions]}))
        return FINE
    if not versions:
        out("nothing is indexed yet")
    for index, one in enumerate(versions):
        now = "  ← searched" if index == 0 else ""
        held = ", held until 'rung sync'" if one.held and index == 0 else ""
        counts = f"{one.documents:>9,} documents  {one.passages:>10,} passages"
        out(f"{one.number:>5}  {_when(one)}  {counts}  {one.made_by}{held}{now}")
    return FINE


def _when(version: Version) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(version.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _version_json(version: Version) -> dict[str, object]:
    from dataclasses import asdict
    from datetime import UTC, datetime

    return {**asdict(version), "since": datetime.fromtimestamp(version.since, UTC).isoformat()}
