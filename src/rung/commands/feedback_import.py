"""Ratings and expert answers from a file into the project's feedback: each row is taken, or listed with the reason.

A rating is an opinion of an answer; what an expert says is right is kept apart from it, and needs no answer. Who said it,
when, and of which deployment is kept with both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from rung.config.project import Project
from rung.dataset.near_duplicates import normal
from rung.dataset.row_files import ABOVE_TABLE, decoded, is_table, rows_in
from rung.errors import UserError
from rung.files.limited import name_of
from rung.pipeline.slips import nearest
from rung.pipeline.sources import Sources
from rung.records import Json, Problem, digest, plain
from rung.records.deployment import SHOWN
from rung.runtime.engines import index_of
from rung.state.database import State, now_ms, open_state
from rung.state.deployments import all_deployments
from rung.state.feedback import (
    Answer,
    Expectation,
    Rating,
    Remark,
    add_expectation,
    add_remark,
    answer_known,
    answer_name,
    imported,
)
from rung.text.parsing import Malformed, json_of
from rung.text.spreadsheet_cells import unguarded_row

KEYS = (
    *("answer", "question", "rating", "comment", "expected", "answerable", "evidence", "document", "quote"),
    *("by", "at", "deployment", "said", "groups", "messages"),
)
_ALSO = {"id": "answer", "answer_id": "answer", "correction": "expected", "author": "by", "as": "groups", "response": "said"}
_RATINGS: Mapping[str, Rating] = {
    **dict.fromkeys(
        ("up", "good", "yes", "true", "1", "+1", "positive", "thumbs up", "thumbs_up", "\N{THUMBS UP SIGN}"), "up"
    ),
    **dict.fromkeys(("down", "bad", "no", "false", "0", "-1", "negative", "thumbs down", "thumbs_down"), "down"),
    "\N{THUMBS DOWN SIGN}": "down",
}
MAX_TEXT = 100_000  # characters of one text, as over HTTP
_AHEAD = 60_000  # milliseconds by which another clock may be ahead
_MS = 100_000_000_000  # a number of seconds since 1970 is smaller than this
_FIRST, _DAY = 946_684_800_000, 86_400_000  # the year 2000; a day
_LAST = 32_503_680_000_000  # the year 3000


@dataclass(frozen=True, slots=True)
class ImportedFeedback:
    """What became of a file. `rows`: all of them, those that cannot be read too; `ratings` and `expectations`: taken;
    `again`: rows that were taken before; `left_out`: rows that were not taken, and why; `notes`: what is to be known of rows
    that were."""

    rows: int
    ratings: int
    expectations: int
    again: int
    left_out: tuple[Problem, ...]
    notes: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """A row, read. `rating` None: there is none; `expected` None: nothing was said of what is right."""

    by: str
    answer: str
    rating: Rating | None
    expected: Expectation | None
    comment: str
    entry: Mapping[str, Json]
    at: int
    key: str


@dataclass
class _Import:
    """One import under way."""

    state: State
    shown: str
    by: str
    dry_run: bool
    documents: Collection[str] | None
    taken: set[str] = field(default_factory=set)
    notes: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    ratings: int = 0
    expectations: int = 0
    again: int = 0

    def take(self, line: int, row: Mapping[str, Json]) -> None:
        """Keep a row, or list it."""
        try:
            statement = _read(row, self.by)
            if statement.key in self.taken:
                self.again += 1
                raise ValueError("was taken before, and is not counted twice")
            answered = answer_known(self.state, statement.answer) if statement.answer else None
            whose = self._whose(line, statement, answered)
        except ValueError as error:
            self.left_out.append(Problem(self.shown, line, str(error)))
            return
        self.taken.add(statement.key)
        self._note_documents(line, statement)
        self._keep(line, self._of_deployment(line, statement, answered), answered if whose else None)

    def _note_documents(self, line: int, statement: _Said) -> None:
        """Say which documents that the row names are not in the project: its evidence then bears nothing out."""
        named = () if statement.expected is None else statement.expected.evidence
        ids = dict.fromkeys(str(one["document"]) for one in named if isinstance(one, dict))
        for id in ids if self.documents is not None else ():
            if id not in (there := self.documents or ()):
                near = nearest(id, there)
                why = f"no document '{id}' is here{f', did you mean {near!r}?' if near else ''}"
                self.notes.append(Problem(self.shown, line, f"{why}: kept as it was said, and bears nothing out"))

    def _whose(self, line: int, statement: _Said, answered: Answer | None) -> bool:
        """Whether it is the word of who got the answer, which counts in a trial.

        Raises:
            ValueError: it is about an answer that nobody knows here, or that another got, and names no question.
        """
        if not statement.answer:
            return False
        if answered is None:
            why = f"no answer '{statement.answer}' is known here (any more)"
        elif statement.by in (answered.caller, answered.name, answered.caller.rpartition(":")[2]):
            return True
        else:
            why = f"'{statement.by}' did not get answer '{statement.answer}'"
        if not statement.entry.get("question"):
            raise ValueError(f"{why}, and the row has no 'question': it would be about nothing")
        self.notes.append(Problem(self.shown, line, f"{why}: kept as said of its question, and counts in no trial"))
        return False

    def _of_deployment(self, line: int, statement: _Said, answered: Answer | None) -> _Said:
        """The row with the deployment that answered, as it is known here."""
        given = str(statement.entry.get("deployment") or "")
        entry = dict(statement.entry)
        if answered is not None:
            entry |= {"model": answered.model, "digest": answered.digest, "deployment": answered.deployment or None}
            if given and not any(one.startswith(given) for one in (answered.deployment, answered.digest) if one):
                gave = answered.deployment or answered.digest[:SHOWN] or "none that was promoted"
                self.notes.append(Problem(self.shown, line, f"'{given}' did not give that answer, but {gave}: kept as that"))
        elif given:
            match = next(
                (
                    r.id
                    for r, _ in all_deployments(self.state)
                    for one in (r.id, r.digest, r.spec.digest)
                    if one.startswith(given)
                ),
                None,
            )
            entry["deployment"] = match or given
            if match is None:
                self.notes.append(Problem(self.shown, line, f"no deployment '{given}' is known here: kept as it was said"))
        return replace(statement, entry=entry)

    def _keep(self, line: int, statement: _Said, of: Answer | None) -> None:
        self.ratings += statement.rating is not None
        self.expectations += statement.expected is not None
        if statement.at > now_ms() + _AHEAD:
            self.notes.append(Problem(self.shown, line, "its time is still to come: kept as it was said"))
        if self.dry_run:
            return
        about: dict[str, Json] = {"source": f"{self.shown}:{line}", "key": statement.key}
        answer = statement.answer if of is not None else ""
        expected = statement.expected and replace(statement.expected, answer=answer, about=about, at=statement.at)
        if statement.rating is None:
            if expected is not None:
                add_expectation(self.state, replace(expected, entry=statement.entry))
            return
        details = about | ({"comment": statement.comment} if statement.comment else {})
        remark = Remark(answer, statement.by, statement.rating, details, statement.entry, statement.at)
        waits = of is not None and not statement.entry.get("question")
        add_remark(self.state, remark, process=of.process if of is not None and waits else "", expected=expected)


def import_feedback(project: Project, path: Path, *, by: str = "", dry_run: bool = False) -> ImportedFeedback:
    """Keep a file's ratings and expert answers. CSV, JSONL or a JSON array.

    Args:
        project: whose feedback.
        path: the file.
        by: who said it, where a row names nobody.
        dry_run: only say what would be kept.

    Raises:
        UserError: there is no such file, or the database cannot be used.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    shown, problems = name_of(path.name), list[Problem]()
    rows = list(rows_in(path, shown, problems))
    unread = sum(problem.line > 0 and problem.message != ABOVE_TABLE for problem in problems)
    if rows and is_table(decoded(path, shown, []) or ""):
        rows = [(line, unguarded_row(row)) for line, row in rows]
    with open_state(project) as state:
        names_some = any(_named(key) in ("document", "evidence") for _, row in rows for key in row)
        documents = _documents(project) if names_some else None
        job = _Import(state, shown, by.strip(), dry_run, documents, set(imported(state)), left_out=problems)
        job.notes += _strange_keys(rows, shown)
        for line, row in rows:
            job.take(line, row)
    left_out = tuple(sorted(job.left_out, key=lambda one: one.line))
    return ImportedFeedback(len(rows) + unread, job.ratings, job.expectations, job.again, left_out, tuple(job.notes))


def _documents(project: Project) -> Collection[str] | None:
    """Ids of the project's documents, as they are indexed, else as they are read; None: it names no sources.

    Raises:
        UserError: no source can be read.
    """
    if not project.settings.knowledge.sources:
        return None
    snapshot = index_of(project).snapshot()
    return {one.id for one in Sources(project, remember=False)} if snapshot is None else snapshot.state.documents


def _strange_keys(rows: Sequence[tuple[int, Mapping[str, Json]]], shown: str) -> Iterator[Problem]:
    strange: dict[str, int] = {}
    for line, row in rows:
        for key in row:
            if _named(key) not in KEYS:
                strange.setdefault(key, line)
    for key, line in strange.items():
        yield Problem(shown, line, f"'{key}' means nothing here and is not read; known: {', '.join(KEYS)}")


def _named(key: str) -> str:
    name = key.strip().casefold().replace(" ", "_")
    return _ALSO.get(name, name)


def _read(row: Mapping[str, Json], by: str) -> _Said:
    """A row as it is meant.

    Raises:
        ValueError: it is about nothing, says nothing, or nobody said it; or a value is none.
    """
    values = {_named(key): value for key, value in row.items() if value not in (None, "")}
    who = _text(values, "by") or by
    if not who:
        raise ValueError("nobody said it: give 'by', or --by NAME for the whole file")
    answer, question = answer_name(_text(values, "answer")), _text(values, "question")
    if not answer and not question:
        raise ValueError("it is about nothing: give the 'answer' (its id) or the 'question'")
    rating, expected, at = _rating(values), _expected(values, who), _time(values)
    if rating is None and expected is None:
        raise ValueError("it says nothing: give a 'rating' (up or down) or what was 'expected'")
    comment = _text(values, "comment")
    entry: dict[str, Json] = {"question": question, "answer": _text(values, "said") or None, "documents": []}
    entry = {**entry, "deployment": _text(values, "deployment") or None}
    if "groups" in values:
        entry["groups"] = [*_list(values["groups"])]
    if isinstance(turns := values.get("messages"), list):
        entry["messages"] = turns
    statement = None if expected is None else (expected.answers, expected.answerable, plain(list(expected.evidence)))
    key = digest("feedback", who.casefold(), answer, normal(question), rating, comment, statement, at)[:16]
    return _Said(who, answer, rating, expected, comment, entry, at, key)


def _rating(values: Mapping[str, Json]) -> Rating | None:
    if "rating" not in values:
        return None
    given = values["rating"]
    text = str(given).strip().casefold().removesuffix(".0")
    if text not in _RATINGS:
        raise ValueError(f"'rating' must be up or down, found {given!r}: of a scale, say which marks are good")
    return _RATINGS[text]


def _expected(values: Mapping[str, Json], by: str) -> Expectation | None:
    answerable = values.get("answerable", True)
    if isinstance(answerable, str):
        answerable = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            answerable.strip().casefold(), answerable
        )
    if not isinstance(answerable, bool):
        raise ValueError(f"'answerable' must be true or false, found {answerable!r}")
    given = values.get("expected")
    answers = tuple(
        text for one in (given if isinstance(given, list) else [given]) if one is not None and (text := _said(one))
    )
    if answers and not answerable:
        raise ValueError("'answerable' is false, and 'expected' has an answer: one of the two is wrong")
    if not answers and answerable:
        return None
    if any(len(text) > MAX_TEXT for text in answers):
        raise ValueError(f"'expected' has more than {MAX_TEXT:,} characters")
    return Expectation(by, answers, answerable, _evidence(values))


def _said(value: Json) -> str:
    """Text; a JSON value is the JSON text that an answer with a schema is."""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _evidence(values: Mapping[str, Json]) -> tuple[Json, ...]:
    given = values.get("evidence")
    if isinstance(given, str):
        try:
            given = json_of(given)
        except Malformed as error:
            raise ValueError(f"'evidence' is no JSON: {error}") from error
    if given is None and "document" in values and "quote" in values:
        given = [{"document": _text(values, "document"), "quote": _text(values, "quote")}]
    if given is None:
        return ()
    for one in given if isinstance(given, list) else [None]:
        if not isinstance(one, dict) or not one.get("document"):
            raise ValueError("'evidence' must be a list of {document, quote}")
        for key in ("document",) if {"start", "end"} <= one.keys() else ("document", "quote"):
            if not isinstance(one.get(key), str):
                raise ValueError(f"'{key}' of 'evidence' must be text, found {type(one.get(key)).__name__}")
    return tuple(given) if isinstance(given, list) else ()


def _time(values: Mapping[str, Json]) -> int:
    """In ms since 1970; 0 where none is given.

    Raises:
        ValueError: it is no time.
    """
    given = values.get("at", "")
    text = str(given).strip()
    if not text:
        return 0
    try:
        number = float(text)
        at = round(number if number > _MS else number * 1000)
    except (ValueError, OverflowError):
        at, number = _of_date(text), 0
    if not 0 < at < _LAST:
        raise ValueError(f"'at' must be a time such as 2026-03-01T09:30:00+00:00, found {given!r}")
    if number and not _FIRST <= at <= now_ms() + _DAY:
        meant = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
        raise ValueError(f"'at' {text} would be {meant}, as seconds since 1970: write a date such as 2026-03-01")
    return at


def _of_date(text: str) -> int:
    """0 where it is none."""
    try:
        when = datetime.fromisoformat(text)
        return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _text(values: Mapping[str, Json], key: str) -> str:
    value = values.get(key, "")
    if isinstance(value, (dict, list)):
        raise ValueError(f"'{key}' must be text, found {type(value).__name__}")
    text = str(value).strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"'{key}' has more than {MAX_TEXT:,} characters")
    return text


def _list(value: Json) -> list[str]:
    if isinstance(value, list):
        return [str(one).strip() for one in value if str(one).strip()]
    return [one.strip() for one in str(value).split(",") if one.strip()]
