"""The log of reviews: who approved, rejected or divided what, and why. It only grows.

Each line names the digest of one before it, so that a line which was changed or taken out is found by those that came
after it; two people may write on the same line in two copies of a folder, and both go on when the copies are put together.
The last line that this copy wrote is kept in `.rung/`, so that its end is not cut off unseen either.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rung.config.project import Project
from rung.dataset.drafted_rows import meta_in
from rung.dataset.near_duplicates import normal
from rung.errors import UserError
from rung.files.durable import alone
from rung.files.limited import content_of
from rung.records import Json, canonical
from rung.text.parsing import Malformed, json_of

LOG, LOCK, HEAD = "reviews.jsonl", "reviews.lock", "reviews.head"
Event = Mapping[str, Json]
PREVIOUS = "previous"  # key of a line that names the digest of one before it
TABLES = ("feedback", "expectations")  # keys of the `meta` of a draft: numbers of rows of the database that it rests on
UNDO = "undo"  # the action of an event that takes another back


@contextmanager
def deciding(project: Project) -> Iterator[None]:
    """Alone with the log and the files of drafts, among all processes.

    Raises:
        UserError: the lock's file cannot be written.
    """
    with alone(project.state / LOCK):
        yield


def add_review(project: Project, event: Event) -> None:
    """Add an event, with its time; it is on the disk when this returns. Within `deciding`.

    Raises:
        UserError: the log is not what it was, or cannot be written: nothing was decided.
    """
    path = project.root / LOG
    lines = _lines(project)
    _check(project, lines)
    previous = line_digest(lines[-1]) if lines else ""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"at": at, **event, PREVIOUS: previous}, ensure_ascii=False).encode("utf-8", "replace")
    try:
        content = content_of(path) if path.exists() else b""
        with path.open("ab", buffering=0) as file:
            file.write((b"\n" if content and not content.endswith(b"\n") else b"") + line + b"\n")
            os.fsync(file.fileno())
        project.state.mkdir(parents=True, exist_ok=True)
        (project.state / HEAD).write_text(line_digest(line), "utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): nothing was decided") from error


def reviews(project: Project) -> tuple[Event, ...]:
    """What was decided, oldest first.

    Raises:
        UserError: the log cannot be read, or is not what it was.
    """
    lines = _lines(project)
    _check(project, lines)
    return tuple(event for event in map(_event, lines) if event is not None)


def decisions(project: Project) -> tuple[Event, ...]:
    """What was decided and stands: `reviews` without what was taken back.

    Raises:
        UserError: as `reviews`.
    """
    return in_force(reviews(project))


def in_force(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events that nobody took back, without those that took others back.

    An event with the action "undo" takes back the last one before it of the same person, with the action that it names in
    `undoes`, on the same subject or the same rows.
    """
    standing: list[Event] = []
    for event in events:
        if event.get("action") != UNDO:
            standing.append(event)
            continue
        undone = next((n for n in range(len(standing) - 1, -1, -1) if _undoes(event, standing[n])), None)
        if undone is not None:
            del standing[undone]
    return tuple(standing)


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are written."""
    return _as_one_person(one) == _as_one_person(other)


def _undoes(undo: Event, event: Event) -> bool:
    named = all(undo.get(key) == event.get(key) for key in ("what", "subject", "rows"))
    by_it = is_same_person(str(undo.get("by")), str(event.get("by")))
    return named and by_it and event.get("action") == undo.get("undoes")


def decided_ids(project: Project) -> frozenset[str]:
    """Ids of the drafts that somebody rejected or divided: they do not come back.

    Raises:
        UserError: as `reviews`.
    """
    return frozenset(str(row.get("id", "")) for row in _decided(project))


@dataclass(frozen=True, slots=True)
class Basis:
    """What a draft of feedback rests on. `numbers`: (one of `TABLES`, number), which another database gives to
    other words; `marks`: with their times too, none in what an earlier Rung drafted; `asked`: the questions; `setting`:
    whose documents were read, and the turns before."""

    numbers: frozenset[tuple[str, Json]]
    marks: frozenset[tuple[str, Json, Json]]
    asked: frozenset[str]
    setting: str

    def is_part_of(self, other: Basis) -> bool:
        """Whether all that it rests on is what the other rests on. Without times, the same question must be among both."""
        if not self.numbers:
            return False
        if self.marks and other.marks:
            return self.marks <= other.marks
        same = self.setting == other.setting and not self.asked.isdisjoint(other.asked)
        return same and self.numbers <= other.numbers


def decided_bases(project: Project) -> tuple[Basis, ...]:
    """What each draft of feedback rested on that somebody rejected or divided. Where some of its words were forgotten, the
    others would have another id.

    Raises:
        UserError: as `reviews`.
    """
    return tuple(basis for row in _decided(project) if (basis := basis_of(row)).numbers)


def basis_of(row: Mapping[str, Json]) -> Basis:
    """What a draft of feedback rests on."""
    meta, marks = meta_in(row), set[tuple[str, Json, Json]]()
    for name in TABLES:
        own, times = (_numbers(meta.get(key)) for key in (name, f"{name}_at"))
        marks |= {(name, *both) for both in zip(own, times, strict=False)} if len(own) == len(times) else set()
    turns = [str(turn.get("content")) for turn in _list(row.get("messages")) if isinstance(turn, dict)]
    is_case = "question" in row  # of an example, the last two turns are question and answer
    asked = str(row["question"]) if is_case else "".join(turns[-2:-1])
    before, readers = turns if is_case else turns[:-2], row.get("as", meta.get("as"))
    groups: list[Json] | None = [*sorted(map(str, readers))] if isinstance(readers, list) else None
    setting: list[Json] = [groups, *map(normal, before)]
    texts = frozenset(normal(text) for text in (asked, *map(str, _list(meta.get("asked_as")))) if text)
    return Basis(numbers_in(row), frozenset(marks), texts, canonical(setting))


def numbers_in(row: Mapping[str, Json]) -> frozenset[tuple[str, Json]]:
    """The remarks and expectations that a draft of feedback names: (one of `TABLES`, number)."""
    meta = meta_in(row)
    return frozenset((name, number) for name in TABLES for number in _numbers(meta.get(name)))


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _numbers(value: Json) -> list[Json]:
    return [one for one in _list(value) if isinstance(one, int)]


def _decided(project: Project) -> Iterator[Mapping[str, Json]]:
    for event in decisions(project):
        row = event.get("before")
        if event.get("action") in ("reject", "split") and isinstance(row, dict):
            yield row


def approvers(events: Iterable[Event], what: str, subject: str) -> tuple[str, ...]:
    """Who approved this, each person once, since it was last rejected."""
    names: list[str] = []
    for event in events:
        if (event.get("what"), event.get("subject")) != (what, subject):
            continue
        if event.get("action") == "reject":
            names.clear()
        elif event.get("action") == "approve":
            names.append(str(event.get("by")))
    return people(names)


def people(names: Iterable[str]) -> tuple[str, ...]:
    """Each person once, however the name is written: in whatever case, with whatever space, composed or not, with marks
    that nobody sees.

    >>> people(["Ada Byron", "ada  byron ", "Grace"])
    ('Ada Byron', 'Grace')
    """
    by_key = {key: name.strip() for name in reversed([*names]) if (key := _as_one_person(name))}
    return tuple(by_key.values())[::-1]


def _as_one_person(name: str) -> str:
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def _lines(project: Project) -> list[bytes]:
    path = project.root / LOG
    try:
        return [line for line in content_of(path).split(b"\n") if line.strip()] if path.exists() else []
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from error


def _check(project: Project, lines: list[bytes]) -> None:
    path, seen, chained = project.root / LOG, {""}, False
    mend = "bring the file back as it was ('git log -p' may have it)"
    for number, line in enumerate(lines, 1):
        if (event := _event(line)) is not None:  # a line that a crash cut is none, and stays
            previous = event.get(PREVIOUS)
            chained = chained or previous is not None
            if chained and (not isinstance(previous, str) or previous not in seen):
                raise UserError(
                    f"{path}:{number}: a line before this one was changed or taken out, and the log only grows: {mend}"
                )
        seen.add(line_digest(line))
    try:
        heads = (project.state / HEAD).read_text("utf-8").split()  # two while an erasure writes the log anew: either will do
    except OSError:
        return
    if seen.isdisjoint(heads):
        raise UserError(f"{path}: the last line that was written here is changed or gone, and the log only grows: {mend}")


def line_digest(line: bytes) -> str:
    """By which a line of the log is named by a later one, and as the last."""
    return hashlib.sha256(line.strip()).hexdigest()[:32]


def _event(line: bytes) -> Event | None:
    try:
        event = json_of(line.decode("utf-8"))
    except (Malformed, ValueError):
        return None
    return event if isinstance(event, dict) else None
