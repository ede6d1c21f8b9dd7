"""Deployments, what happened to them, and what was seen of them, on the project's database. All of it only grows.

Events are numbered by whoever adds one, each on what was looked at before: of two that act at once, the second is refused
and looks again. So every server comes to the same standing, whatever its clock says.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from rung.errors import UserError
from rung.files.durable import damaged
from rung.records import Json, plain
from rung.records.deployment import SINCE, DeploymentEvent, DeploymentRecord, Standing, standing
from rung.state.database import State, now_ms
from rung.state.ratings import Rated
from rung.state.sessions import first_of_sessions
from rung.state.tables import about, answers, deployment_events, deployments, differences, feedback, observations

BLOCK = 1_000  # answers, and ratings, of the served deployment that its limits are looked at over
_SALT = "salt of trial "
Place = tuple[int, int]  # the numbers of the last answer and of the last rating before the blocks that are under way


class Overtaken(UserError):
    """Something happened to the deployments since they were looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a deployment. `slow`: answers that took longer than was asked about, failed ones not among them.

    `up`, `down`: the first rating of each answer. What one person asks and says hangs together, so that tests count people:
    `askers` each by their first answer (`askers_failed`: it failed or was late), `askers_up` and `askers_down` each by the
    first rating of theirs; of blocks of ratings, by the first of each session.
    """

    answers: int = 0
    failed: int = 0
    late: int = 0
    refused: int = 0
    slow: int = 0
    up: int = 0
    down: int = 0
    askers: int = 0
    askers_failed: int = 0
    askers_up: int = 0
    askers_down: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A question that two deployments answered, and what each said: None where it failed."""

    answer: str
    question: Json
    old: Json
    new: Json
    at: int


def add_event(
    state: State, event: DeploymentEvent, *, expected: int, record: DeploymentRecord | None = None
) -> DeploymentEvent:
    """Add an event, with the deployment that begins by it, where there is one. Both are kept when this returns.

    Args:
        state: where they are kept.
        event: its number and time are given here.
        expected: number of the last event that it was decided upon.
        record: what begins by it.

    Raises:
        Overtaken: another event came meanwhile.
        Unavailable: the database is; nothing of it is kept.
    """
    with state.alone("deployments") as connection:
        last = _last(connection)
        if last != expected:
            other = _events(connection, after=last - 1)[0]
            by = f" by {other.by}" if other.by else ""
            raise Overtaken(
                f"deployment {other.deployment} was {_did(other)} meanwhile{by}: look at 'rung deployments' first"
            )
        at, number = now_ms(), connection.scalar(sa.select(sa.func.max(observations.c.number))) or 0
        added = replace(event, number=last + 1, at=_iso(at), figures={**event.figures, SINCE: number})
        now = standing(_events(connection)).after(added)  # what cannot be read must not be added to
        ended = (about.c.name.startswith(_SALT), about.c.name != _SALT + now.candidate)
        connection.execute(about.delete().where(*ended))  # of trials that ended, nobody finds out any more who asked
        if record is not None:
            connection.execute(deployments.insert().values(id=record.id, at=at, record=plain(record)))
        row = {"deployment": added.deployment, "what": added.what, "by": added.by, "why": added.why}
        connection.execute(
            deployment_events.insert().values(number=added.number, at=at, figures=plain(added.figures), **row)
        )
        return added


def trial_salt(state: State, trial: str) -> str:
    """What callers are told apart by, within one trial: the same for every server, made when one first asks, and forgotten
    with the trial's end. Of one that has ended: nobody else's.

    Raises:
        Unavailable: the database is.
    """
    query, drawn = sa.select(about.c.value).where(about.c.name == _SALT + trial), secrets.token_hex(32)
    with state.reading() as connection:
        salt = connection.scalar(query)
    if salt:
        return str(salt)
    with state.alone("deployments") as connection:
        salt = connection.scalar(query)
        if not salt and standing(_events(connection)).candidate == trial:
            connection.execute(about.insert().values(name=_SALT + trial, value=drawn))
    return str(salt or drawn)


def last_event(state: State) -> int:
    """The number of the last event; 0: there is none.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        return _last(connection)


def events(state: State) -> tuple[DeploymentEvent, ...]:
    """What happened, oldest first.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        return _events(connection)


def standing_now(state: State) -> Standing:
    """What is served, what is tried, and what there is to go back to.

    Raises:
        Unavailable: the database is.
        UserError: a newer Rung wrote an event.
    """
    return standing(events(state))


def deployment(state: State, id: str) -> DeploymentRecord:
    """A deployment by its id, or by four or more of its first characters.

    Raises:
        Unavailable: the database is.
        UserError: there is none, there are several, or a newer Rung wrote it.
    """
    with state.reading() as connection:
        rows = connection.execute(sa.select(deployments).where(deployments.c.id.startswith(id, autoescape=True))).all()
    exact = [row for row in rows if row.id == id] or (rows if len(id) >= 4 else [])
    if len(exact) != 1:
        what = f"several deployments begin with '{id}'" if exact else f"there is no deployment '{id}'"
        raise UserError(f"{what}: 'rung deployments' lists them")
    return _record(exact[0], state)


def promoted_now(state: State) -> DeploymentRecord | None:
    """The deployment that is served; None: nothing is promoted.

    Raises:
        Unavailable: the database is.
        UserError: a newer Rung wrote it, or an event.
    """
    current = standing_now(state).current
    return deployment(state, current) if current else None


def all_deployments(state: State) -> tuple[tuple[DeploymentRecord, int], ...]:
    """Every deployment, oldest first, and when it was promoted, in ms since 1970.

    Raises:
        Unavailable: the database is.
        UserError: a newer Rung wrote one.
    """
    begins = sa.select(deployment_events.c.deployment, sa.func.min(deployment_events.c.number).label("first"))
    first = begins.group_by(deployment_events.c.deployment).subquery()
    query = sa.select(deployments).join(first, first.c.deployment == deployments.c.id).order_by(first.c.first)
    with state.reading() as connection:
        return tuple((_record(row, state), row.at) for row in connection.execute(query))


def seen(state: State, *, trial: str, slower_than: Mapping[str, float] | None = None) -> dict[str, Seen]:
    """What was seen of each deployment while one was tried, by id. Of several ratings of an answer the first counts. Askers
    of whom an earlier Rung did not note who they were are one.

    Args:
        state: where it is kept.
        trial: id of the one that was tried.
        slower_than: by id, the seconds that make an answer slow.

    Raises:
        Unavailable: the database is.
    """
    which = observations.c.trial == trial
    with state.reading() as connection:
        names = connection.scalars(sa.select(observations.c.deployment).where(which).distinct()).all()
        limits = slower_than or {}
        return {
            id: _seen(connection, sa.and_(which, observations.c.deployment == id), limits.get(id)) for id in sorted(names)
        }


def seen_since(
    state: State, id: str, *, since: int, after: Place = (0, 0), slower_than: float | None = None
) -> tuple[tuple[Seen, ...], Place]:
    """What was seen of a deployment, in blocks of `BLOCK` answers, and of `BLOCK` first ratings in the order in which they
    came: each that was filled after a place, and the two that are under way. With it the place before these two.

    Args:
        state: where it is kept.
        id: the deployment's.
        since: number of the last answer before it was served.
        after: the place that was returned before.
        slower_than: see `Seen`.

    Raises:
        Unavailable: the database is.
    """
    blocks, (last, rating) = [], after
    last = max(last, since)
    table, earlier = observations.c, feedback.alias()
    own = sa.and_(table.deployment == id, table.number > since)
    is_first = ~sa.exists().where(earlier.c.answer == feedback.c.answer, earlier.c.number < feedback.c.number)
    who = sa.func.coalesce(answers.c.caller, feedback.c.caller).label("caller")  # names are not one person's alone
    ratings = sa.select(feedback.c.number, feedback.c.rating, who, feedback.c.at)
    ratings = ratings.join(observations, table.answer == feedback.c.answer)
    ratings = ratings.outerjoin(answers, answers.c.id == feedback.c.answer)
    with state.reading() as connection:
        while True:
            which = sa.and_(own, table.number > last)
            ordered = sa.select(table.number).where(which).order_by(table.number)
            end = connection.scalar(ordered.offset(BLOCK - 1).limit(1))
            blocks.append(_came(connection, which if end is None else sa.and_(which, table.number <= end), slower_than))
            if end is None:
                break
            last = end
        while True:
            some = ratings.where(own, is_first, feedback.c.number > rating).order_by(feedback.c.number).limit(BLOCK)
            rows = connection.execute(some).all()
            rated = [Rated(row.number, row.rating == "up", row.caller, row.at) for row in rows]
            blocks.append(_rated(Seen(), rated, first_of_sessions(rated)))
            if len(rows) < BLOCK:
                return tuple(blocks), (last, rating)
            rating = rows[-1].number


def last_seen(state: State) -> tuple[int, int]:
    """The numbers of the last answer that was seen and of the last rating: where both are as before, nothing is new.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        numbers = [connection.scalar(sa.select(sa.func.max(one.c.number))) or 0 for one in (observations, feedback)]
    return numbers[0], numbers[1]


def pairs(state: State, id: str, *, limit: int | None = None) -> tuple[tuple[Pair, ...], int]:
    """Questions that a deployment answered otherwise than the one it was tried beside, newest first, and how many there are.

    Raises:
        Unavailable: the database is.
    """
    own = differences.c.deployment == id
    query = sa.select(differences).where(own).order_by(differences.c.number.desc())
    with state.reading() as connection:
        count = connection.scalar(sa.select(sa.func.count()).where(own)) or 0
        rows = connection.execute(query if limit is None else query.limit(limit)).all()
    return tuple(Pair(row.answer, row.question, row.old, row.new, row.at) for row in rows), count


def _came(connection: sa.Connection, which: sa.ColumnElement[bool], slower_than: float | None) -> Seen:
    """How answers came, without their ratings."""
    table = observations.c
    slow = sa.false() if slower_than is None else sa.and_(table.end == "answered", table.seconds > slower_than)
    parts = (table.end == "failed", table.end == "late", table.refused, slow)
    counted = [sa.func.coalesce(sa.func.sum(sa.case((part, 1), else_=0)), 0) for part in parts]
    answers, *numbers = connection.execute(sa.select(sa.func.count(), *counted).where(which)).one()
    return Seen(int(answers), *map(int, numbers))


def _seen(connection: sa.Connection, which: sa.ColumnElement[bool], slower_than: float | None) -> Seen:
    table = observations.c
    of_these = feedback.c.answer.in_(sa.select(table.answer).where(which))
    words = sa.select(sa.func.min(feedback.c.number).label("number")).where(of_these).group_by(feedback.c.answer).subquery()
    columns = (feedback.c.number, feedback.c.rating, table.asker, feedback.c.at)  # only who got an answer may rate it
    query = sa.select(*columns).join(words, words.c.number == feedback.c.number)
    query = query.join(observations, table.answer == feedback.c.answer).where(which).distinct().order_by(feedback.c.number)
    rated = [Rated(row.number, row.rating == "up", row.asker, row.at) for row in connection.execute(query)]
    of_people = {one.caller: one for one in reversed(rated)}.values()
    begun = sa.select(sa.func.min(table.number)).where(which).group_by(table.asker)
    people = _came(connection, table.number.in_(begun), None)
    came = _came(connection, which, slower_than)
    return _rated(replace(came, askers=people.answers, askers_failed=people.failed + people.late), rated, of_people)


def _rated(came: Seen, rated: Sequence[Rated], of_people: Collection[Rated]) -> Seen:
    """The same with ratings, and those among them that count for people."""
    up, people_up = (sum(one.is_good for one in some) for some in (rated, of_people))
    return replace(came, up=up, down=len(rated) - up, askers_up=people_up, askers_down=len(of_people) - people_up)


def _last(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.max(deployment_events.c.number))) or 0)


def _events(connection: sa.Connection, *, after: int = 0) -> tuple[DeploymentEvent, ...]:
    table = deployment_events
    rows = connection.execute(sa.select(table).where(table.c.number > after).order_by(table.c.number))
    return tuple(
        DeploymentEvent(row.number, row.deployment, row.what, row.by, row.why, row.figures or {}, _iso(row.at))
        for row in rows
    )


def _record(row: sa.Row[tuple[object, ...]], state: State) -> DeploymentRecord:
    try:
        return DeploymentRecord.of(row.record)
    except ValueError as error:
        raise damaged(state.name, f"deployment {row.id} {error}") from error


def _did(event: DeploymentEvent) -> str:
    return {"shadow": "begun in the shadow", "canary": "begun as a canary"}.get(event.what, event.what)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
