"""`rung deployments`: what was promoted, what is served and tried, and everything that happened to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.cli.main import FINE
from rung.cli.options import Json, Word, need_serving
from rung.cli.project_folder import chosen
from rung.cli.screen import out

if TYPE_CHECKING:
    from rung.records.deployment import DeploymentEvent, DeploymentRecord, Standing
    from rung.state.database import State
    from rung.state.deployments import Pair, Seen

SHOWN = 20  # differences


def deployments(
    ctx: typer.Context,
    folder: Word = None,
    id: Annotated[
        str | None,
        typer.Argument(help="One of them in detail: four or more characters of its id.", metavar="ID", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="With ID: so many answers of the shadow that differ.")] = SHOWN,
    json: Json = False,
) -> int:
    """List what was promoted, or show one of them whole.

    Nothing is ever taken off the list.
    """
    from rung.config.project import FILE, load_project

    need_serving("showing deployments")
    from rung.state.database import open_state
    from rung.state.deployments import deployment

    words = [word for word in (folder, id) if word is not None]
    is_project = len(words) == 2 or (words and os.path.lexists(Path(words[0]) / FILE))
    root = chosen(ctx, Path(words.pop(0)) if is_project else None)
    with open_state(load_project(root)) as state:
        if words:
            _one(state, deployment(state, words[0]), limit=limit, json=json)
        else:
            _all(state, json=json)
    return FINE


def _all(state: State, *, json: bool) -> None:
    from json import dumps

    from rung.records.deployment import standing, state_of, taken_back
    from rung.state.deployments import all_deployments, events

    happened = events(state)
    now, listed = standing(happened), all_deployments(state)
    if json:
        rows = [{**_row(record, now), "promoted": _at(at)} for record, at in listed]
        out(
            dumps(
                {"current": now.current or None, "candidate": now.candidate or None, "deployments": rows}, ensure_ascii=False
            )
        )
        return
    if not listed:
        out("nothing was promoted yet: 'rung promote' has the last verdict's winner served")
        return
    out(f"{'id':<12}  {'state':<10}  {'promoted (UTC)':<16}  {'strategy':<12}  rung, by whom")
    for record, at in listed:
        over = f" (passed over: {', '.join(check.name for check in record.passed_over)})" if record.passed_over else ""
        what = state_of(record.id, now)
        out(f"{record.id:<12}  {what:<10}  {_at(at)[:16]:<16}  {record.spec.digest[:12]}  {record.label}, {record.by}{over}")
    gone = taken_back(happened)
    for event in happened[-3:]:
        out(_event(event, gone))


def _one(state: State, record: DeploymentRecord, *, limit: int, json: bool) -> None:
    from json import dumps

    from rung.records import plain
    from rung.records.deployment import standing, taken_back
    from rung.state.deployments import events, pairs, seen

    happened = events(state)
    now, gone = standing(happened), taken_back(happened)
    own = [event for event in happened if record.id in (event.deployment, gone.get(event.number))]
    by_id = seen(state, trial=record.id)
    some, count = pairs(state, record.id, limit=limit)
    if json:
        entry: dict[str, Any] = {**_row(record, now), "pins": record.pins, "index": plain(record.index)}
        entry |= {"rollout": plain(record.rollout), "checks": plain(record.checks), "events": [plain(one) for one in own]}
        entry |= {"trial": {id: plain(one) for id, one in by_id.items()}, "spec": plain(record.spec)}
        entry |= {"differences": {"count": count, "newest": [plain(one) for one in some]}}
        out(dumps(entry, ensure_ascii=False))
        return
    history = [_event(event, gone) for event in own]
    for line in (*_described(record, now), *_trial(by_id, record.id), *history, *_differences(some, count)):
        out(line)


def _row(record: DeploymentRecord, now: Standing) -> dict[str, Any]:
    from rung.records.deployment import state_of

    entry = {"id": record.id, "state": state_of(record.id, now), "rung": record.label, "digest": record.digest}
    entry |= {"strategy": record.spec.digest, "verdict": record.verdict, "by": record.by, "reason": record.reason}
    return {**entry, "passed_over": [check.name for check in record.passed_over]}


def _described(record: DeploymentRecord, now: Standing) -> Iterator[str]:
    from rung.records.deployment import state_of

    yield f"{record.id} of {record.label}: {state_of(record.id, now)}"
    yield f"promoted by {record.by} with Rung {record.rung}, measured by verdict {record.verdict}"
    if record.reason:
        yield f"reason: {record.reason}"
    yield f"strategy {record.spec.digest}"
    for name, identity in record.models.items():
        yield f"model {name}: {identity}"
    for artifact, files in record.artifacts.items():
        yield f"artifact {artifact[:12]}, files {files[:12]}"
    for name, value in record.index.items():
        yield f"index, {name}: {value}"
    for check in record.checks:
        yield f"{'ok ' if check.holds else 'NOT'} {check.name}: {check.says}"


def _trial(by_id: dict[str, Seen], own: str) -> Iterator[str]:
    for id, one in by_id.items():
        who = "it" if id == own else f"beside it {id}"
        yield (
            f"{who} gave {one.answers:,} answers: {one.failed:,} failed, {one.late:,} late, {one.refused:,} refusals; "
            f"rated up {one.up:,}, down {one.down:,}"
        )
    if by_id:
        yield "each asker counts once: " + "; ".join(_people(id, one, own) for id, one in by_id.items())


def _people(id: str, one: Seen, own: str) -> str:
    rated = one.askers_up + one.askers_down
    return f"{'it' if id == own else id} has {one.askers:,}, {rated:,} of whom rated ({one.askers_up:,} up)"


def _event(event: DeploymentEvent, gone: Mapping[int, str]) -> str:
    from rung.records.deployment import event_words

    return f"{event.at[:16].replace('T', ' ')} UTC  {event_words(event, gone.get(event.number, ''))}"


def _differences(some: Sequence[Pair], count: int) -> Iterator[str]:
    if count:
        yield f"{count:,} answers in the shadow differ from the served ones; the newest {len(some)}:"
    for pair in some:
        yield f"  {_text(pair.question)}"
        yield f"    served: {_text(pair.old)}"
        yield f"    shadow: {_text(pair.new)}"


def _text(value: Any) -> str:
    shown = str(value.get("text") or f"failed: {value.get('failure')}")
    return shown.replace("\n", " ")[:200]


def _at(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")
