"""What people said of answers, and what they should have been. Each is in the database before it is acknowledged.

A remark is an opinion of an answer that was given; an expectation is what somebody says is right, whoever answered, and
rates nothing. A correction that comes with a rating is kept as both, apart. Neither is changed afterwards.

A remark may come to another process than the one that answered, which alone has the question and the answer: that one
adds them (`complete`). `.rung/feedback.jsonl`, where an earlier Rung kept remarks, is taken over when feedback is first read
or written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from rung.files.durable import alone
from rung.records import Json
from rung.state.database import State, now_ms
from rung.state.tables import about, answers, expectations, feedback, observations, traces

OLD, TAKEN, LOCK = "feedback.jsonl", "feedback.taken-over.jsonl", "feedback.lock"
_COLUMNS = ("at", "answer", "caller", "rating")
CORRECTION = "correction"  # of the details of a rating: kept as an expectation
_DETAILS = ("comment", CORRECTION)
_PREFIXES = ("chatcmpl-", "resp_", "msg_")  # of ids, by API
Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a caller said of an answer. `answer`: its id, or "". `details`: comment; with a "correction", an expectation is
    kept with it, and none is read back. `entry`: question, answer and documents; without them where only the process that
    answered has them, or nobody any more. `at`: in ms since 1970."""

    answer: str
    caller: str
    rating: Rating
    details: Mapping[str, Json]
    entry: Mapping[str, Json] | None
    at: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer should have been, by somebody's word.

    Args:
        by: whose.
        answers: accepted ones; any of them is right.
        answerable: False: saying that there is no answer is right.
        evidence: where it stands, as in a case.
        answer: the id of the answer that it is about, or "".
        entry: question, groups, deployment; the remark's, where it came with one.
        remark: number of that remark; 0: it came with none.
        about: of an import, where it stands.
        at: in ms since 1970.
    """

    by: str
    answers: tuple[str, ...]
    answerable: bool = True
    evidence: tuple[Json, ...] = ()
    answer: str = ""
    entry: Mapping[str, Json] | None = None
    remark: int = 0
    about: Mapping[str, Json] = field(default_factory=dict)
    at: int = 0
    number: int = 0


def add_remark(state: State, remark: Remark, *, process: str = "", expected: Expectation | None = None) -> None:
    """Keep a remark, and what was expected, which is the correction among its details where nothing else is given.

    Args:
        state: where.
        remark: the opinion.
        process: who has the entry, where it has none.
        expected: what the answer should have been; its `remark` is this one.

    Raises:
        Unavailable: the database is; nothing of it is kept.
    """
    _take_over(state)
    opinion = replace(remark, details={name: value for name, value in remark.details.items() if name != CORRECTION})
    if expected is None:
        expected = _correction(remark)
    with state.writing() as connection:
        done = connection.execute(feedback.insert().values(**_row(opinion), process=process))
        if expected is not None:
            (number,) = done.inserted_primary_key or (0,)
            connection.execute(expectations.insert().values(_expected_row(replace(expected, remark=number))))


def add_expectation(state: State, expected: Expectation) -> None:
    """Keep what somebody says is right, without a rating.

    Raises:
        Unavailable: the database is; nothing of it is kept.
    """
    _take_over(state)
    with state.writing() as connection:
        connection.execute(expectations.insert().values(_expected_row(expected)))


def all_expectations(state: State) -> Iterator[Expectation]:
    """The oldest first; corrections that an earlier Rung kept with their ratings come before the others, with number 0.

    Raises:
        Unavailable: the database is.
    """
    for remark in remarks(state):
        if (old := _correction(remark)) is not None:
            yield replace(old, entry=remark.entry, remark=remark.number)
    with_entry = sa.select(expectations, feedback.c.entry.label("its")).outerjoin(
        feedback, sa.and_(expectations.c.remark > 0, feedback.c.number == expectations.c.remark)
    )
    with state.reading() as connection:
        for row in connection.execute(with_entry.order_by(expectations.c.number)):
            accepted = row.expected if isinstance(row.expected, dict) else {}
            yield Expectation(
                by=row.by,
                answers=tuple(map(str, accepted.get("answers") or ())),
                answerable=accepted.get("answerable") is not False,
                evidence=tuple(accepted.get("evidence") or ()),
                answer=row.answer,
                entry=row.its if row.entry is None else row.entry,
                remark=row.remark,
                about=row.about or {},
                at=row.at,
                number=row.number,
            )


def _correction(remark: Remark) -> Expectation | None:
    text = str(remark.details.get(CORRECTION) or "").strip()
    return Expectation(remark.caller, (text,), answer=remark.answer, at=remark.at) if text else None


def _expected_row(expected: Expectation) -> dict[str, Any]:
    accepted: dict[str, Json] = {"answers": list(expected.answers), "answerable": expected.answerable}
    accepted |= {"evidence": list(expected.evidence)} if expected.evidence else {}
    row = {name: getattr(expected, name) for name in ("remark", "answer", "by", "about", "entry")}
    return {**row, "at": expected.at or now_ms(), "expected": accepted}


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
    """Of an answer that can be rated: who got it, under which model's name, of which strategy's digest, by which process.
    `name`: of who got it, and `deployment`: its id, where they are known."""

    caller: str
    model: str
    digest: str
    process: str
    name: str = ""
    deployment: str = ""


def who_answered(state: State, answer: str) -> Answer | None:
    """What is known of an answer by its id; None: it can be rated no more, or never was.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        row = connection.execute(sa.select(answers).where(answers.c.id == answer)).one_or_none()
    return None if row is None else Answer(row.caller, row.model, row.digest, row.process)


def answer_known(state: State, answer: str) -> Answer | None:
    """As `who_answered`, for an answer too that can be rated no more, as long as it has a trace.

    Raises:
        Unavailable: the database is.
    """
    answered = who_answered(state, answer)
    columns = (traces.c.caller_id, traces.c.caller, traces.c.deployment, traces.c.digest)
    with state.reading() as connection:
        trace = connection.execute(sa.select(*columns).where(traces.c.id == answer)).one_or_none()
        by = connection.scalar(sa.select(observations.c.deployment).where(observations.c.answer == answer)) or ""
    if answered is None and trace is not None:
        answered = Answer(trace.caller_id, trace.deployment, trace.digest, "")
    return None if answered is None else replace(answered, name="" if trace is None else trace.caller, deployment=by)


def answer_name(id: str) -> str:
    """The id of an answer without what an API puts before it.

    >>> answer_name("chatcmpl-a1")
    'a1'
    """
    return next((id[len(prefix) :] for prefix in _PREFIXES if id.startswith(prefix)), id)


def imported(state: State) -> frozenset[str]:
    """By what the rows of imports are known again.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        rows = [*connection.scalars(sa.select(feedback.c.details)), *connection.scalars(sa.select(expectations.c.about))]
    return frozenset(str(row["key"]) for row in rows if isinstance(row, dict) and row.get("key"))


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
