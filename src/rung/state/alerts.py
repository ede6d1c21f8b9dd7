"""Alerts, their events and the baselines of a watch, on the project's database; looks are counted there, too.

Each look is one transaction, in turns with those of other processes: two watches on one database count two looks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from rung.records import Json, plain
from rung.records.alerts import Alert, AlertEvent, Key, Reading
from rung.state.database import State, now_ms
from rung.state.tables import about, alert_events, alerts, baselines

_LOOK, _AT = "watch look", "watch look at"  # rows of `about`


@dataclass(frozen=True, slots=True)
class LastLook:
    """The look before. `number` 0: there was none; `at`: its time of day, in ms since 1970."""

    number: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a detector had of a deployment when it was as measured. `at`: in ms since 1970."""

    deployment: str
    detector: str
    value: Mapping[str, Json]
    at: int = 0
    look: int = 0


def last_look(state: State) -> LastLook:
    """The look before.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        return _last(connection)


Decide = Callable[[Mapping[Key, Alert], int], tuple[Mapping[Key, Alert], Sequence[AlertEvent]]]


def record_look(state: State, decide: Decide, *, at: int) -> tuple[int, dict[Key, Alert], list[AlertEvent]]:
    """Count a look, and keep what it made of the alerts. All of it is kept when this returns.

    Args:
        state: where it is kept.
        decide: alerts as they are, number of the look -> alerts as they are now, what is to be told.
        at: the time of day, in ms since 1970.

    Returns:
        Number of the look, alerts, events with their numbers.

    Raises:
        Unavailable: the database is; nothing of it is kept.
    """
    with state.alone("watch") as connection:
        number = _last(connection).number + 1
        before = _alerts(connection)
        now, events = decide(before, number)
        for key in before.keys() - now.keys():
            connection.execute(alerts.delete().where(_is(key)))
        for key, alert in now.items():
            if alert != before.get(key):
                _put(connection, key, alert, is_new=key not in before)
        numbered = [_add(connection, event) for event in events]
        _note(connection, _LOOK, number)
        _note(connection, _AT, at)
        return number, dict(now), numbered


def all_alerts(state: State) -> dict[Key, Alert]:
    """Every alert, quiet ones too.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        return _alerts(connection)


def undelivered(state: State, *, limit: int, after: int = 0) -> list[AlertEvent]:
    """Events that are still to be told of, oldest first; `after`: beyond this number.

    Raises:
        Unavailable: the database is.
    """
    which = sa.and_(alert_events.c.delivered.is_(False), alert_events.c.number > after)
    query = sa.select(alert_events).where(which).order_by(alert_events.c.number).limit(limit)
    with state.reading() as connection:
        return [_event(row) for row in connection.execute(query)]


def backlog(state: State, *, most: int) -> tuple[int, int]:
    """How many events are still to be told of, and the number of the newest that has `most` newer ones; 0: none has.

    Raises:
        Unavailable: the database is.
    """
    waits = alert_events.c.delivered.is_(False)
    beyond = sa.select(alert_events.c.number).where(waits).order_by(alert_events.c.number.desc()).offset(most).limit(1)
    with state.reading() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(alert_events).where(waits)).scalar_one()
        return int(count), int(connection.execute(beyond).scalar() or 0)


def delivered(state: State, last: int) -> None:
    """Events up to this number were told of.

    Raises:
        Unavailable: the database is.
    """
    which = sa.and_(alert_events.c.delivered.is_(False), alert_events.c.number <= last)
    with state.writing() as connection:
        connection.execute(alert_events.update().where(which).values(delivered=True))


def recent_events(state: State, *, limit: int) -> list[AlertEvent]:
    """The newest events, newest first.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        rows = connection.execute(sa.select(alert_events).order_by(alert_events.c.number.desc()).limit(limit))
        return [_event(row) for row in rows]


def keep_baseline(
    state: State, deployment: str, values: Mapping[str, Mapping[str, Json]], *, none: Collection[str] = ()
) -> None:
    """Keep what detectors have of a deployment in the place of what they had.

    Args:
        state: where it is kept.
        deployment: its id.
        values: by detector; another one keeps what it had.
        none: detectors that have nothing of it any more.

    Raises:
        Unavailable: the database is; what was there before is still there.
    """
    with state.alone("watch") as connection:
        look = _last(connection).number
        anew = sa.and_(baselines.c.deployment == deployment, baselines.c.detector.in_([*values, *none]))
        connection.execute(baselines.delete().where(anew))
        for detector, value in values.items():
            row = {"deployment": deployment, "detector": detector, "value": plain(value)}
            connection.execute(baselines.insert().values(**row, at=now_ms(), look=look))


def baselines_of(state: State, deployment: str) -> dict[str, Baseline]:
    """What detectors have of a deployment, by detector; {}: nothing was kept.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        rows = connection.execute(sa.select(baselines).where(baselines.c.deployment == deployment)).all()
    return {row.detector: Baseline(row.deployment, row.detector, row.value or {}, row.at, row.look) for row in rows}


def _last(connection: sa.Connection) -> LastLook:
    rows = connection.execute(sa.select(about.c.name, about.c.value).where(about.c.name.in_((_LOOK, _AT))))
    values = {row.name: int(row.value) for row in rows}
    return LastLook(values.get(_LOOK, 0), values.get(_AT, 0))


def _note(connection: sa.Connection, name: str, value: int) -> None:
    if not connection.execute(about.update().where(about.c.name == name).values(value=str(value))).rowcount:
        connection.execute(about.insert().values(name=name, value=str(value)))


def _is(key: Key) -> sa.ColumnElement[bool]:
    columns = alerts.c.detector, alerts.c.name, alerts.c.subject
    return sa.and_(*(column == value for column, value in zip(columns, key, strict=True)))


def _put(connection: sa.Connection, key: Key, alert: Alert, *, is_new: bool) -> None:
    values = {"state": alert.state, "record": plain(alert)}
    if is_new:
        detector, name, subject = key
        connection.execute(alerts.insert().values(detector=detector, name=name, subject=subject, **values))
    else:
        connection.execute(alerts.update().where(_is(key)).values(**values))


def _alerts(connection: sa.Connection) -> dict[Key, Alert]:
    read = [_alert(row.record) for row in connection.execute(sa.select(alerts).order_by(*alerts.primary_key.columns))]
    return {alert.key: alert for alert in read}


def _alert(value: Any) -> Alert:
    named = {name: value[name] for name in Alert.__dataclass_fields__ if name in value}
    return Alert(**{**named, "reading": Reading.of(value["reading"])})


def _add(connection: sa.Connection, event: AlertEvent) -> AlertEvent:
    row = {"at": event.at, "look": event.look, "detector": event.detector, "state": event.state, "why": event.why}
    done = connection.execute(alert_events.insert().values(**row, reading=plain(event.reading), delivered=False))
    return replace(event, number=int(done.inserted_primary_key[0]))  # type: ignore[index]


def _event(row: Any) -> AlertEvent:
    return AlertEvent(row.detector, Reading.of(row.reading), row.state, row.look, row.why, row.number, row.at)
