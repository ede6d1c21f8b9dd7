"""`rung artifacts`: what was made from what, how two differ, which is promoted, and what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.command_line import ListByDefault
from rung.cli.main import FINE
from rung.cli.options import Folder, Json, Word, signed_in
from rung.cli.project_folder import chosen, words_apart
from rung.cli.screen import Screen, out

if TYPE_CHECKING:
    from rung.artifacts.registry import Registry
    from rung.config.project import Project
    from rung.training.registry import Artifact, Change, Difference


SHOWN_ROWS = 10
By = Annotated[str | None, typer.Option(help="Who does it, for the log; default: who is signed in.")]
Digest = Annotated[
    str | None, typer.Argument(help="The first four or more characters of its digest.", metavar="DIGEST", show_default=False)
]
Kind = Annotated[
    str | None, typer.Argument(help="A kind, such as adapter or retriever.", metavar="KIND", show_default=False)
]
artifacts = typer.Typer(
    cls=ListByDefault,
    context_settings={"ignore_unknown_options": True},  # those of `list`
    help="List what was made from what, promote, retire.",
    epilog="'rung artifacts [FOLDER]' alone is 'rung artifacts list'.",
)


@artifacts.callback(invoke_without_command=True)
def alone(ctx: typer.Context) -> int:
    """As `list`, where no other word stands."""
    return FINE if ctx.invoked_subcommand else list_artifacts(chosen(ctx))


@artifacts.command("list")
def list_artifacts(folder: Folder, json: Json = False) -> int:
    """List what was made, at what cost, what is promoted, what is due."""
    project, registry = _opened(folder)
    _list(project, registry, json=json)
    return _ended(registry, json=json)


@artifacts.command()
def show(ctx: typer.Context, folder: Word = None, digest: Digest = None, json: Json = False) -> int:
    """Show one artifact: its base model, recipe, metrics and rows."""
    project, registry, (digest,) = _resolved(ctx, (folder, digest), "DIGEST")
    _show(project, registry, registry.find(digest), json=json)
    return _ended(registry, json=json)


@artifacts.command()
def diff(
    ctx: typer.Context,
    folder: Word = None,
    digest: Digest = None,
    second: Digest = None,
    json: Json = False,
) -> int:
    """Compare two of one kind: what they were made from, and metrics."""
    _, registry, both = _resolved(ctx, (folder, digest, second), "DIGEST", "DIGEST")
    first, other = map(registry.find, both)
    _diff(registry, first, other, json=json)
    return _ended(registry, json=json)


@artifacts.command()
def promote(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    folder: Word = None,
    digest: Digest = None,
    by: By = None,
    force: Annotated[bool, typer.Option("--force", help="Promote also what forgot too much.")] = False,
    json: Json = False,
) -> int:
    """Let an artifact be the one of its kind that answers."""
    _, registry, (digest,) = _resolved(ctx, (folder, digest), "DIGEST")
    now = registry.promote(registry.find(digest), by=by or signed_in(), force=force)
    _tell(json, {"promoted": now.digest, "kind": now.kind}, f"{now.name} is promoted")
    return _ended(registry, json=json)


@artifacts.command()
def retire(  # noqa: PLR0917 - typer takes them by name
    ctx: typer.Context,
    folder: Word = None,
    digest: Digest = None,
    by: By = None,
    force: Annotated[
        bool, typer.Option("--force", help="Retire also what is not finished, or what a deployment answers with.")
    ] = False,
    json: Json = False,
) -> int:
    """Delete an artifact's files; what it was made from stays known."""
    from rung.commands.retiring import retire as retired

    project, registry, (digest,) = _resolved(ctx, (folder, digest), "DIGEST")
    artifact = registry.find(digest)
    done = retired(project, registry, artifact, by=by or signed_in(), force=force)
    lines = [f"{artifact.name} is retired: {_size(done.freed)} are free"]
    lines += [*(f"! {one}" for one in done.warnings), *(f"  {name}: {how}" for name, how in done.servers.items())]
    report = {"retired": artifact.digest, "bytes": done.freed, "servers": done.servers, "warnings": done.warnings}
    _tell(json, report, "\n".join(lines))
    return _ended(registry, json=json)


@artifacts.command()
def rollback(ctx: typer.Context, folder: Word = None, kind: Kind = None, by: By = None, json: Json = False) -> int:
    """Promote again what was promoted before, of one kind."""
    _, registry, (kind,) = _resolved(ctx, (folder, kind), "KIND")
    back = registry.rollback(kind, by=by or signed_in())
    over = f" (passed over, no longer here: {', '.join(d[:12] for d in back.passed_over)})" if back.passed_over else ""
    report = {"promoted": back.now.digest, "kind": back.now.kind, "before": back.before}
    _tell(json, report, f"{back.now.name} is promoted again, {back.before[:12]} is not{over}")
    return _ended(registry, json=json)


@artifacts.command()
def withdraw(ctx: typer.Context, folder: Word = None, kind: Kind = None, by: By = None, json: Json = False) -> int:
    """Let no artifact of a kind be promoted any more."""
    _, registry, (kind,) = _resolved(ctx, (folder, kind), "KIND")
    gone = registry.withdraw(kind, by=by or signed_in())
    _tell(json, {"withdrawn": gone, "kind": kind}, f"{kind} {gone[:12]} is not promoted any more, and none is")
    return _ended(registry, json=json)


@artifacts.command()
def due(folder: Folder, json: Json = False) -> int:
    """Say what is due to be trained again, by rung.yaml's `retrain`."""
    project, registry = _opened(folder)
    _due(project, json=json)
    return _ended(registry, json=json)


def _opened(folder: Path) -> tuple[Project, Registry]:
    from rung.artifacts.registry import Registry
    from rung.builders.forgetting_gate import judged_in
    from rung.config.project import load_project

    project = load_project(folder)
    return project, Registry(project.state, forgot=judged_in(project))


def _resolved(ctx: typer.Context, words: Sequence[str | None], *own: str) -> tuple[Project, Registry, Sequence[str]]:
    """The project and its artifacts, and what is named among the words."""
    root, given = words_apart(ctx, words, *own)
    return *_opened(root), given


def _ended(registry: Registry, *, json: bool) -> int:
    """Say what of the log cannot be read."""
    Screen(quiet=json).problems(registry.acts()[1])
    return FINE


def _tell(json: bool, report: Mapping[str, object], line: str) -> None:
    from json import dumps

    out(dumps(report) if json else line)


def _list(project: Project, registry: Registry, *, json: bool) -> None:
    from json import dumps

    from rung.commands.due import whats_due
    from rung.records import plain

    listed, due = registry.artifacts(), whats_due(project)
    price = project.settings.prices.machine_usd_per_hour
    if json:
        report = {"artifacts": [_artifact_json(a, price) for a in listed], "due": plain(due)}
        out(dumps(report, ensure_ascii=False))
        return
    if not listed:
        out("nothing was built yet")
    for line in _table(listed, price):
        out(line)
    for artifact in listed:
        if artifact.why:
            out(f"! {artifact.name}: {artifact.why}")
        elif artifact.forgot:
            out(f"! {artifact.name}: it forgot too much, and is promoted with --force only: {'; '.join(artifact.forgot)}")
    for one in due:
        out(str(one))


def _table(listed: Sequence[Artifact], price: float | None) -> Iterator[str]:
    """At most 80 columns; who decided about an artifact, and what it came after, stand in a line of their own below it."""
    from rung.report.table import wrapped

    if listed:
        yield f"{'kind':<13} {'digest':<12} {'created':<10} {'rows':>6} {'seconds':>7} {'cost':>7} {'disk':>8} state"
    for a in listed:
        rows = "-" if a.rows is None else f"{a.rows:,}"
        yield (
            f"{a.kind:<13} {a.digest[:12]:<12} {a.created[:10]:<10} {rows:>6} {_seconds(a.seconds):>7} "
            f"{_usd(a.usd(price)):>7} {_size(a.size):>8} {a.state}"
        )
        below = [_whose(a).strip(), f"after {a.parent[:12]}" if a.parent else ""]
        yield from wrapped("; ".join(part for part in below if part), indent=14)


def _whose(a: Artifact) -> str:
    return f" by {a.by}, {a.at[:16].replace('T', ' ')}" if a.by else ""


def _show(project: Project, registry: Registry, artifact: Artifact, *, json: bool) -> None:
    from json import dumps

    price = project.settings.prices.machine_usd_per_hour
    rows = registry.rows(artifact)
    if json:
        out(dumps({**_artifact_json(artifact, price), "taught_by": None if rows is None else len(rows)}, ensure_ascii=False))
        return
    entries = {
        "kind": artifact.kind,
        "digest": artifact.digest,
        "state": f"{artifact.state}{_whose(artifact)}",
        "why": artifact.why,
        "created": artifact.created or "unknown",
        "folder": str(registry.folder / artifact.kind / artifact.digest),
        "disk": _size(artifact.size),
        "base": artifact.base or "unknown",
        "parent": artifact.parent or "none",
        "rows": "unknown" if artifact.rows is None else f"{artifact.rows:,}",
        "rows digest": artifact.rows_digest or "unknown",
        "instruction": artifact.instruction,
        "seconds": _seconds(artifact.seconds),
        "cost": _usd(artifact.usd(price)),
    }
    for name, value in entries.items():
        if value:
            out(f"{name:<12} {value}")
    parts = {name: getattr(artifact, name) for name in ("recipe", "hosted", "metrics", "forgetting")}
    for title, values in parts.items():
        if values:
            out(title)
            for key, item in values.items():
                out(f"  {key:<22} {dumps(item, ensure_ascii=False)}")


def _diff(registry: Registry, first: Artifact, second: Artifact, *, json: bool) -> None:
    from json import dumps

    from rung.errors import UserError
    from rung.records import plain
    from rung.training.registry import difference

    if first.kind != second.kind:
        raise UserError(f"{first.name} and {second.name} are of two kinds: only two of one kind are compared")
    changes = difference(first, second, (registry.rows(first), registry.rows(second)))
    if json:
        same = bool(first.rows_digest) and first.rows_digest == second.rows_digest
        report = {"first": first.digest, "second": second.digest, "same_rows": same, **_mapping(plain(changes))}
        out(dumps(report, ensure_ascii=False))
        return
    out(f"{first.name} → {second.digest[:12]}")
    for change in changes.made_from:
        out(f"  {change.name:<22} {_value(change.first)} → {_value(change.second)}")
    if not changes.made_from:
        out("  base, instruction and recipe are the same")
    for line in _row_lines(changes, first, second):
        out(line)
    for change in changes.metrics:
        out(f"  {change.name:<22} {_value(change.first):>12} {_value(change.second):>12}{_more(change)}")


def _row_lines(difference: Difference, first: Artifact, second: Artifact) -> Iterator[str]:
    if difference.rows is None:
        same = first.rows_digest and first.rows_digest == second.rows_digest
        digests = "their digests are equal" if same else "their digests differ"
        yield f"  rows: {digests}; which ones is unknown (rows.jsonl is not there)"
        return
    rows = difference.rows
    yield f"  rows: {len(rows.added)} added, {len(rows.removed)} removed, {len(rows.changed)} changed, {rows.kept} kept"
    for sign, some in (("+", rows.added), ("-", rows.removed), ("~", rows.changed)):
        for row in some[:SHOWN_ROWS]:
            yield f"    {sign} {row.place or row.id}"
        if len(some) > SHOWN_ROWS:
            yield f"    {sign} … and {len(some) - SHOWN_ROWS} more"


def _due(project: Project, *, json: bool) -> None:
    from json import dumps

    from rung.commands.due import whats_due
    from rung.records import plain

    due = whats_due(project)
    if json:
        out(dumps({"due": plain(due)}, ensure_ascii=False))
        return
    if not due:
        out("nothing says when to train again: give rung.yaml a line such as 'retrain: {when: 200 new approved rows}'")
    for one in due:
        out(str(one))


def _artifact_json(artifact: Artifact, price: float | None) -> dict[str, object]:
    from rung.records import plain

    return {**_mapping(plain(artifact)), "usd": artifact.usd(price)}


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _value(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _more(change: Change) -> str:
    """The difference, where both have a number."""
    first, second = change.first, change.second
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return f"  {second - first:+.4g}"
    return ""


def _seconds(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds:,.1f}" if seconds < 1000 else f"{seconds:,.0f}"


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else f"${usd:,.2f}" if usd >= 0.01 or not usd else "<$0.01"


def _size(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:,.1f} GB"
