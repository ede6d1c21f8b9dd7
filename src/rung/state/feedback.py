"""What people said of answers. A remark is in the database before it is acknowledged, and is never changed afterwards.

A remark may come to another process than the one that answered, which alone has the question and the answer: that one
adds them (`complete`). `.rung/feedback.jsonl`, where an earlier Rung kept remarks, is taken over when feedback is first read
or written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from rung.files.durable import alone
from rung.records import Json
from rung.state.database import State, now_ms
from rung.state.tables import about, answers, feedback

OLD, TAKEN, LOCK = "feedback.jsonl", "feedback.taken-over.jsonl", "feedback.lock"
_COLUMNS = ("at", "answer", "caller", "rating")
_DETAILS = ("comment", "correction")
Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a caller said of an answer. `answer`: its id, or "". `details`: comment and correction. `entry`: question, answer
    and documents; without them where only the process that answered has them, or nobody any more. `at`: in ms since 1970."""

    answer: str
    caller: str
    rating: Rating
    details: Mapping[str, Json]
    entry: Mapping[str, Json] | None
    at: int = 0
    number: int = 0


def add_remark(state: State, remark: Remark, *, process: str = "") -> None:
    """Keep a remark. `process`: who has the entry, where it has none.

    Raises:
        Unavailable: the database is; nothing of it is kept.
    """
    _take_over(state)
    with state.writing() as connection:
        connection.execute(feedback.insert().values(**_row(remark), process=process))


def remarks(state: State, *, after: int = 0) -> Iterator[Remark]:
    """Those with a greater number, the oldest first.

    Raises:
        Unavailable: the database is.
    """
    _take_over(state)
    with state.reading() as connection:
        for row in connection.execute(sa.select(feedback).where(feedback.c.number > after).order_by(feedback.c.number)):
            yield Remark(row.answer, row.caller, row.rating, row.details, row.entry, row.at, row.number)


def complete(state: State, process: str, entry: Callable[[str], Mapping[str, Json] | None]) -> int:
    """Add the entries that only this process has to remarks that came to others; how many.

    Args:
        state: where they are.
        process: this one.
        entry: what it still has of an answer's id.

    Raises:
        Unavailable: the database is.
    """
    waiting = sa.select(feedback.c.number, feedback.c.answer).where(feedback.c.process == process)
    with state.reading() as connection:
        rows = connection.execute(waiting).all()
    if not rows:
        return 0
    with state.writing() as connection:
        for number, answer in rows:
            change = feedback.update().where(feedback.c.number == number)
            whole = entry(answer)
            connection.execute(change.values(process="", **({} if whole is None else {"entry": whole})))
    return len(rows)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of an answer that can be rated: who got it, under which model's name, of which strategy's digest, by which process."""

    caller: str
    model: str
    digest: str
    process: str


def who_answered(state: State, answer: str) -> Answer | None:
    """What is known of an answer by its id; None: it can be rated no more, or never was.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        row = connection.execute(sa.select(answers).where(answers.c.id == answer)).one_or_none()
    return None if row is None else Answer(row.caller, row.model, row.digest, row.process)


def forget_answers(state: State, *, before: int) -> None:
    """Answers older than this time can be rated no more.

    Raises:
        Unavailable: the database is.
    """
    with state.writing() as connection:
        connection.execute(answers.delete().where(answers.c.at < before))


def _row(remark: Remark) -> dict[str, Any]:
    row = {name: getattr(remark, name) for name in (*_COLUMNS, "details", "entry")}
    return {**row, "at": remark.at or now_ms()}


def _take_over(state: State) -> None:
    """The lines of the file that an earlier Rung wrote, once; a line that a crash cut is none."""
    path = state.folder / OLD
    if not path.exists():
        return
    with alone(state.folder / LOCK):
        if not path.exists():
            return
        content = path.read_bytes()
        mark = f"took over {OLD} {hashlib.sha256(content).hexdigest()}"
        rows = [_row(one) for line in content.splitlines() if (one := _old(line)) is not None]
        with state.alone("feedback") as connection:  # a kill before the file is renamed must not take it over twice
            if connection.scalar(sa.select(about.c.name).where(about.c.name == mark)) is None:
                connection.execute(about.insert().values(name=mark, value=str(len(rows))))
                if rows:
                    connection.execute(feedback.insert(), rows)
        path.replace(path.with_name(TAKEN))


def _old(line: bytes) -> Remark | None:
    try:
        row = json.loads(line)
        at = round(datetime.fromisoformat(row.pop("at")).timestamp() * 1000)
        details = {name: row.pop(name) for name in _DETAILS if name in row}
        return Remark(str(row.pop("id", "")), str(row.pop("caller", "")), row.pop("rating"), details, row, at)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
