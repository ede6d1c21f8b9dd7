"""Keeps a verdict where people find it: `report.html` in the project, everything else beside it in `.rung/verdicts/`.

Every verdict is kept, under its digest and a number that counts up, so that a later one can be held against it. A trial run
is kept and numbered too, and marked; it is never the latest, and its page stays beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from rung.config.project import Project
from rung.errors import UserError
from rung.files.durable import (
    SEAL,
    alone,
    damaged,
    files_in,
    require_whole,
    seal,
    sha256,
    short_sum,
    whole_file,
    write_whole,
)
from rung.records import Json, canonical, digest
from rung.report.access import groups_in, is_marked, page_for, rows_for
from rung.report.changes import Record, record_of

TABLE, LINE, PAGE, MARKDOWN = "verdict.txt", "verdict.json", "report.html", "report.md"
JUNIT, RAGAS, RECORD = "junit.xml", "answers.jsonl", "record.json"
FORMATS: Mapping[str, str] = {"html": PAGE, "md": MARKDOWN, "json": LINE, "junit": JUNIT, "ragas": RAGAS, "table": TABLE}
LIST, LATEST = "list.jsonl", "latest"


@dataclass(frozen=True, slots=True)
class Published:
    """A verdict as it was shown: the table, the line of JSON, the page, and the folder where all of it is kept."""

    table: str
    json: str
    page: Path
    folder: Path

    @property
    def said(self) -> Mapping[str, Json]:
        """The JSON line as a value."""
        value: dict[str, Json] = json.loads(self.json)
        return value

    @property
    def clears_bar(self) -> bool:
        """Whether the winner clears the bar, and the comparison was not cut short."""
        coverage = self.said.get("coverage")
        return bool(self.said["clears_bar"]) and not (isinstance(coverage, dict) and coverage.get("partial"))

    @property
    def winner(self) -> str | None:
        """The label of the rung that was chosen."""
        winner = self.said["winner"]
        return winner if isinstance(winner, str) else None

    @property
    def restricted_to(self) -> tuple[str, ...]:
        """The groups that texts on the page are for; () where they are all for everybody."""
        return groups_in((self.folder / PAGE).read_text(encoding="utf-8"))

    def text(self, form: str, groups: frozenset[str] | None = None) -> str:
        """The verdict in one of `FORMATS`; with `groups`, without cases that touch what an asker with these may not read.

        Raises:
            UserError: it was published by an earlier Rung, which did not write this form, or not who may read it.
        """
        text = self._read(form)
        narrowed = {"html": page_for, "ragas": rows_for}.get(form)  # the other forms hold no text of documents
        if groups is None or narrowed is None:
            return text
        self.require_marked()
        return narrowed(text, groups)

    def require_marked(self) -> None:
        """Refuse a verdict that does not say who may read what of it.

        Raises:
            UserError: it was published by an earlier Rung, or has no page.
        """
        if not is_marked(self._read("html")):
            raise UserError(f"the verdict in {self.folder} does not say who may read it; run 'rung compare' again")

    def _read(self, form: str) -> str:
        try:
            return (self.folder / FORMATS[form]).read_text(encoding="utf-8")
        except ValueError as error:
            raise damaged(self.folder / FORMATS[form], str(error)) from error
        except FileNotFoundError:
            raise UserError(
                f"the verdict in {self.folder} has no {form}: an earlier Rung made it, or 'rung knowledge prune' took "
                f"it away because it showed deleted documents; run 'rung compare' again to make it"
            ) from None


def publish(
    project: Project,
    texts: Mapping[str, str],
    streams: Mapping[str, Callable[[BinaryIO], None]] = MappingProxyType({}),
    *,
    created: str,
    trial: bool = False,
) -> Published:
    """Keep a verdict, and make it the latest unless it is a `trial`. What this returns is on the disk.

    One process at a time does so.

    Args:
        project: whose verdict it is.
        texts: what to write, by file name.
        streams: what writes the others, piece by piece.
        created: the date, ISO 8601.
        trial: whether it is a trial run.

    Raises:
        UserError: a file cannot be written.
        Damaged: the list of verdicts.
    """
    folder = verdicts_of(project)
    own = folder / digest(texts[LINE])[:16]
    with alone(folder / f"{LIST}.lock"):
        (own / SEAL).unlink(missing_ok=True)  # killed from here on, it is not sealed
        for name, text in texts.items():
            write_whole(own / name, text)
        for name, write in streams.items():
            _write_stream(own / name, write)
        listed = read_list(project)
        if own.name not in [line.verdict for line in listed]:
            line = Line(max((line.number for line in listed), default=0) + 1, own.name, created, trial)
            write_list(project, [*listed, line])
        seal(own, {name: sha256(own / name) for name in sorted(files_in(own))})  # what is sealed is listed
        if trial:
            return Published(texts[TABLE], texts[LINE], own / PAGE, own)
        write_whole(project.root / PAGE, texts[PAGE])
        write_whole(folder / LATEST, f"{own.name}\n")
    return Published(texts[TABLE], texts[LINE], project.root / PAGE, own)


def _write_stream(path: Path, write: Callable[[BinaryIO], None]) -> None:
    try:
        with whole_file(path) as file:
            write(file)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})") from error


def latest(project: Project) -> Published:
    """The last verdict; trial runs are none.

    Raises:
        UserError: there is none yet.
        Damaged: the list, the pointer to the last one, or that one.
    """
    folder = latest_folder(project)
    if folder is None:
        listed = read_list(project)
        gone = next((line.number for line in reversed(listed) if not line.trial), None)
        why = "there is no verdict yet" if gone is None else f"the folder of the last verdict, {gone}, is gone"
        if listed and gone is None:
            why += f", only trial runs (rung report {project.root} --verdict {listed[-1].number} shows one)"
        raise UserError(f"{project.root}: {why}; make one with: rung compare {project.root}", code="no_verdict")
    require_whole(folder)
    texts = [_text(folder / name) for name in (TABLE, LINE)]
    return Published(texts[0], texts[1], folder / PAGE, folder)


def latest_folder(project: Project) -> Path | None:
    """Where the last verdict is kept; None where there is none yet, or somebody took its folder away.

    Raises:
        Damaged: the pointer to it is missing, says nothing, or names none of the list.
    """
    pointer, listed = verdicts_of(project) / LATEST, read_list(project)
    real = [line.verdict for line in listed if not line.trial]
    if not pointer.exists():
        if len(real) == 1:  # a process that was killed between the two files
            return pointer.parent / real[0]
        if real:
            raise damaged(pointer, "it is missing, and there are verdicts")
        return None
    name = _text(pointer).strip()
    if name not in real:
        raise damaged(pointer, "it names no verdict of the list")
    folder = pointer.parent / name
    return folder if folder.is_dir() else None


def last_choice(project: Project) -> str:
    """The winner of the last verdict, trial runs left out; "" where there is none, or nothing was chosen.

    Raises:
        Damaged: the list, the pointer to the last one, or that one.
    """
    folder = latest_folder(project)
    if folder is None:
        return ""
    try:
        winner = json.loads(_text(folder / LINE))["winner"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(folder / LINE, str(error)) from error
    return winner if isinstance(winner, str) else ""


def published(project: Project, name: str) -> Published:
    """A verdict, trial runs too; `name` as of `record`.

    Raises:
        UserError: there is no such verdict, or more than one, or it is not whole.
    """
    folder = _folder(project, name)
    require_whole(folder)
    try:
        texts = [(folder / part).read_text(encoding="utf-8") for part in (TABLE, LINE)]
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} holds no verdict that can be shown ({error}): run 'rung compare'") from error
    return Published(texts[0], texts[1], folder / PAGE, folder)


def record(project: Project, name: str) -> Record:
    """An earlier verdict's record.

    Args:
        project: whose verdicts are looked through.
        name: its number, the beginning of its digest, `latest`, or the path of a `record.json` or of
            its folder (of another checkout, say).

    Raises:
        UserError: there is no such verdict, or more than one.
    """
    folder = _folder(project, name)
    require_whole(folder)
    try:
        return record_of(json.loads((folder / RECORD).read_text(encoding="utf-8")), f"verdict {name}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{folder} holds no record of a comparison that this Rung can read: {error}") from error


def _folder(project: Project, name: str) -> Path:
    folder = verdicts_of(project)
    listed = read_list(project)
    if name == LATEST:
        matches = [latest(project).folder]
    elif name.isdigit() and len(name) < 8:
        matches = [folder / line.verdict for line in listed if line.number == int(name)]
    else:
        matches = [folder / line.verdict for line in listed if line.verdict.startswith(name)]
    path = Path(name)
    if not matches and path.exists():
        matches = [path.parent if path.is_file() else path]
    if len(matches) != 1:
        recent = ", ".join(map(str, listed[-5:])) or "none yet"
        raise UserError(
            f"'{name}' is no verdict of {project.root}; the last are: {recent}; a path of a record.json does, too",
            code="no_verdict",
        )
    return matches[0]


@dataclass(frozen=True, slots=True)
class Line:
    """A verdict's number and folder, when it was made, and whether it was a trial run."""

    number: int
    verdict: str
    created: str = ""
    trial: bool = False

    def __str__(self) -> str:
        return f"{self.number} ({self.verdict}{', a trial run' if self.trial else ''})"

    def written(self) -> str:
        """As it stands in the list."""
        entry: dict[str, Json] = {"number": self.number, "verdict": self.verdict, "created": self.created}
        entry |= {"trial": True} if self.trial else {}
        return json.dumps({**entry, "sum": short_sum(canonical(entry))})

    @classmethod
    def read(cls, text: bytes) -> Line:
        """A line of the list.

        Raises:
            ValueError: it is none.
        """
        try:
            entry = dict(json.loads(text))
            written = {key: value for key, value in entry.items() if key != "sum"}
            if entry.get("sum", whole := short_sum(canonical(written))) != whole:
                raise ValueError("it was altered")
            return cls(
                int(entry["number"]), str(entry["verdict"]), str(entry.get("created", "")), trial=entry.get("trial") is True
            )
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(str(error)) from error


def verdicts_of(project: Project) -> Path:
    """The folder of all verdicts."""
    return project.state / "verdicts"


def read_list(project: Project) -> list[Line]:
    """Every verdict that is kept, first one first.

    Raises:
        Damaged: a line cannot be read, or was altered; verdicts are there and the list is not.
    """
    path, lines = verdicts_of(project) / LIST, list[Line]()
    for number, line in enumerate(list_lines(project), 1):
        try:
            lines.append(Line.read(line))
        except ValueError as error:
            raise damaged(path, f"line {number} is no entry: {error}") from error
    if not lines and (path.parent / LATEST).exists():
        raise damaged(path, "it is empty or missing, and there are verdicts")
    return lines


def list_lines(project: Project) -> list[bytes]:
    """The lines of the list as they stand there."""
    path = verdicts_of(project) / LIST
    try:
        return [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error


def write_list(project: Project, lines: Sequence[Line]) -> None:
    """Replace the list; for who is `alone` with it."""
    write_whole(verdicts_of(project) / LIST, "".join(f"{line.written()}\n" for line in lines))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
