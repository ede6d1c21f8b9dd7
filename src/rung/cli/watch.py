"""`rung watch`: whether what is served is still what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE, MISSED, YOURS
from rung.cli.options import Folder, Json, finite, need_serving
from rung.cli.screen import Screen, err, out, out_line

if TYPE_CHECKING:
    from rung.errors import UserError
    from rung.records import Json as JsonValue
    from rung.records.alerts import Alert, Reading
    from rung.watching.running import Looked

_MARKS = {"fine": "fine", "between": "between", "drifted": "drifted", "unknown": "not told"}


def watch(  # noqa: PLR0917 - typer reads the options from the parameters
    folder: Folder,
    every: Annotated[
        float | None,
        typer.Option(
            min=1, help="Go on, so many seconds after each look, until Ctrl-C.", callback=finite, show_default=False
        ),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Keep what is served now as what later looks compare with, and do not look.")
    ] = False,
    act: Annotated[bool, typer.Option("--act", help="Do what is harmless of what is to be done: a sync.")] = False,
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Tell this address of alerts; default: as rung.yaml says.", show_default=False)
    ] = "",
    textfile: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a .prom file for Prometheus' textfile collector.", show_default=False),
    ] = None,
    json: Json = False,
) -> int:
    """Look whether what is served is still what was measured.

    Sources, embedder, prompts, models, latency and cost are looked at. An alert fires when several looks in a row found the
    same, and ends when several found it fine.

    Exits with 0 when no alert fires, 1 when one does, 2 for what is yours to fix.
    """
    from rung.errors import UserError

    need_serving("watching")
    from rung.progress import reporting
    from rung.watching.running import Watching, WatchRequest, looks

    if baseline and (every is not None or act or webhook or textfile):
        raise UserError("--baseline keeps what is served now, and does not look: leave out the other options")
    screen = Screen(quiet=json or every is not None)
    with reporting(screen):
        if baseline:
            return _baseline(folder, json=json)
        with Watching(folder, WatchRequest(act, webhook, textfile)) as watching:
            if every is None:
                looked = watching.once()
                _show(looked, json=json, whole=True)
                return _code(looked)
            code = FINE
            try:
                for number, looked in enumerate(looks(watching, every=every, on_trouble=_complain)):
                    _show(looked, json=json, whole=number == 0)
                    code = _code(looked)
            except KeyboardInterrupt:
                err("stopped")
            return code


def _code(looked: Looked) -> int:
    if looked.report.firing:
        return MISSED
    return YOURS if looked.failed else FINE


def _complain(error: UserError | OSError) -> None:
    err(f"rung: {error}")


def _baseline(folder: Path, *, json: bool) -> int:
    from json import dumps

    from rung.config.project import load_project
    from rung.runtime.engines import open_engines
    from rung.state.database import open_state
    from rung.watching.baselines import kept

    project = load_project(folder)
    with open_state(project) as state, open_engines(project, lasting=False) as engines:
        why = kept(project, state, engines)
    if json:
        out(dumps({"baseline": {name: reason or None for name, reason in why.items()}}, ensure_ascii=False))
    else:
        for name, reason in why.items():
            out_line(f"{name}: {f'none: {reason}' if reason else 'kept'}")
    return FINE


def _show(looked: Looked, *, json: bool, whole: bool) -> None:
    from json import dumps

    if json:
        out(dumps(_as_json(looked), ensure_ascii=False))
    else:
        for line in _lines(looked) if whole else _news(looked):
            out_line(line)
    if looked.untold:
        err(f"! {looked.untold}")
    for part, why in looked.failed.items():
        err(f"! {part}: {why}")


def _as_json(looked: Looked) -> dict[str, JsonValue]:
    from rung.records import plain

    report = looked.report
    readings: dict[str, JsonValue] = {name: plain(some) for name, some in report.readings.items()}
    return {
        "look": report.look,
        "at": report.at.isoformat(timespec="seconds"),
        "firing": len(report.firing),
        "readings": readings,
        "alerts": [_alert_json(alert, report.readings) for alert in report.alerts.values()],
        "events": [plain(event) for event in report.events],
        "waiting": list(report.waiting),
        "clock": report.jumped or None,
        "acted": dict(looked.acted),
        "webhook": looked.untold or None,
        "failed": dict(looked.failed),
    }


def _alert_json(alert: Alert, readings: Mapping[str, Sequence[Reading]]) -> JsonValue:
    """An alert, whose `reading` is the last one that could tell. `now`: the reading of this look, None where its detector
    waits; `ends_after`: looks in a row that have to find it fine."""
    from dataclasses import fields

    from rung.records import plain
    from rung.watching.alerting import looks_to_clear

    _, name, subject = alert.key
    of_this_look = (one for one in readings.get(alert.detector, ()) if (one.name, one.subject) == (name, subject))
    own = {field.name: plain(getattr(alert, field.name)) for field in fields(alert)}
    return {**own, "now": plain(next(of_this_look, None)), "ends_after": looks_to_clear(alert)}


def _lines(looked: Looked) -> Iterator[str]:
    """All that a look says, what fires first."""
    report = looked.report
    yield f"look {report.look}: alerts that fire: {len(report.firing)}{f'; {report.jumped}' if report.jumped else ''}"
    for alert in report.firing:
        yield from _alert("FIRING", alert)
    for alert in report.alerts.values():
        if alert.state == "pending":
            yield from _alert("pending", alert)
    rest = {key for key, alert in report.alerts.items() if alert.state in ("firing", "pending")}
    for detector, some in report.readings.items():
        for one in some:
            if (detector, one.name, one.subject) not in rest:
                yield from _reading(detector, one)
    for name in report.waiting:
        yield f"{'waits':<9} {name}: looked at less than an hour ago"
    yield from _done(looked)


def _news(looked: Looked) -> Iterator[str]:
    """What changed with a look."""
    for event in looked.report.events:
        yield f"look {event.look}: {event.state.upper()} {event.detector}, {event.reading.name}: {event.why}"
        if event.state == "firing" and event.reading.do:
            yield f"{'':<9} → {event.reading.do}"
    yield from _done(looked)


def _alert(mark: str, alert: Alert) -> Iterator[str]:
    from rung.watching.alerting import on_the_way

    yield f"{mark:<9} {alert.detector}, {alert.title}: {alert.reading.says}"
    if alert.blind:
        yield f"{'':<9} not told for {alert.unknown} looks: {alert.blind}"
    if how := on_the_way(alert):
        yield f"{'':<9} {how}"
    if alert.reading.do:
        yield f"{'':<9} → {alert.reading.do}"


def _reading(detector: str, reading: Reading) -> Iterator[str]:
    from rung.watching.looking import COULD

    if reading.name != COULD or reading.state != "fine":
        yield f"{_MARKS[reading.state]:<9} {detector}, {reading.name}: {reading.says}"


def _done(looked: Looked) -> Iterator[str]:
    for name, result in looked.acted.items():
        yield f"{'done':<9} {name}: {result}"
