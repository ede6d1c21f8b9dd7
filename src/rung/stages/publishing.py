"""Keeps a verdict where people find it: `report.html` in the project, everything else beside it in `.rung/verdicts/`.

Every verdict is kept, under its digest and a number that counts up, so that a later one can be held against it. A trial run
is kept and numbered too, and marked; it is never the latest, and its page stays beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rung.errors import UserError
from rung.project import Project
from rung.records import Json, digest
from rung.verdict.changes import Record, record_of
from rung.verdict.report_access import groups_in, is_marked, page_for, rows_for
from rung.workshop.artifacts import write_text

TABLE, LINE, PAGE, MARKDOWN = "verdict.txt", "verdict.json", "report.html", "report.md"
JUNIT, RAGAS, RECORD = "junit.xml", "answers.jsonl", "record.json"
FORMATS: Mapping[str, str] = {"html": PAGE, "md": MARKDOWN, "json": LINE, "junit": JUNIT, "ragas": RAGAS, "table": TABLE}
_LIST, _LATEST = "list.jsonl", "latest"


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
        if not is_marked(self._read("html")):
            raise UserError(f"the verdict in {self.folder} does not say who may read it; run 'rung compare' again")
        return narrowed(text, groups)

    def _read(self, form: str) -> str:
        try:
            return (self.folder / FORMATS[form]).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(
                f"the verdict in {self.folder} has no {form}: an earlier Rung made it, or 'rung knowledge prune' took "
                f"it away because it showed deleted documents; run 'rung compare' again to make it"
            ) from None


def publish(project: Project, texts: Mapping[str, str], *, created: str, trial: bool = False) -> Published:
    """Keep a verdict, and make it the latest unless it is a `trial`. `texts`: what to write, by file name.

    Raises:
        UserError: a file cannot be written.
    """
    folder = project.state / "verdicts"
    kept = folder / digest(texts[LINE])[:16]
    for name, text in texts.items():
        write_text(kept / name, text)
    listed = _listed(project)
    if kept.name not in [line.verdict for line in listed]:
        told = {"number": len(listed) + 1, "verdict": kept.name, "created": created}
        line = json.dumps({**told, "trial": True} if trial else told)
        known = (folder / _LIST).read_text(encoding="utf-8") if (folder / _LIST).is_file() else ""
        write_text(folder / _LIST, f"{known}{line}\n")
    if trial:
        return Published(texts[TABLE], texts[LINE], kept / PAGE, kept)
    write_text(project.root / PAGE, texts[PAGE])
    write_text(folder / _LATEST, kept.name)
    return Published(texts[TABLE], texts[LINE], project.root / PAGE, kept)


def latest(project: Project) -> Published:
    """The last verdict; trial runs are none.

    Raises:
        UserError: there is none yet.
    """
    pointer = project.state / "verdicts" / _LATEST
    try:
        kept = pointer.parent / pointer.read_text(encoding="utf-8").strip()
        texts = [(kept / name).read_text(encoding="utf-8") for name in (TABLE, LINE)]
    except FileNotFoundError:
        trials = _listed(project)
        only = f", only trial runs (rung report {project.root} --verdict {trials[-1].number} shows one)" if trials else ""
        raise UserError(
            f"{project.root}: there is no verdict yet{only}; make one with: rung compare {project.root}"
        ) from None
    return Published(texts[0], texts[1], kept / PAGE, kept)


def published(project: Project, name: str) -> Published:
    """A verdict, trial runs too; `name` as of `record`.

    Raises:
        UserError: there is no such verdict, or more than one, or it is not whole.
    """
    kept = _folder(project, name)
    try:
        texts = [(kept / part).read_text(encoding="utf-8") for part in (TABLE, LINE)]
    except OSError as error:
        raise UserError(f"{kept} holds no verdict that can be shown: {error}") from error
    return Published(texts[0], texts[1], kept / PAGE, kept)


def record(project: Project, name: str) -> Record:
    """An earlier verdict's record.

    Args:
        project: whose verdicts are looked through.
        name: its number, the beginning of its digest, `latest`, or the path of a `record.json` or of
            its folder (of another checkout, say).

    Raises:
        UserError: there is no such verdict, or more than one.
    """
    found = _folder(project, name)
    try:
        return record_of(json.loads((found / RECORD).read_text(encoding="utf-8")), f"verdict {name}")
    except (OSError, ValueError) as error:
        raise UserError(f"{found} holds no record of a comparison that this Rung can read: {error}") from error


def _folder(project: Project, name: str) -> Path:
    folder = project.state / "verdicts"
    listed = _listed(project)
    if name == _LATEST:
        found = [latest(project).folder]
    elif name.isdigit() and len(name) < 8:
        found = [folder / line.verdict for line in listed if line.number == int(name)]
    else:
        found = [folder / line.verdict for line in listed if line.verdict.startswith(name)]
    path = Path(name)
    if not found and path.exists():
        found = [path.parent if path.is_file() else path]
    if len(found) != 1:
        known = ", ".join(map(str, listed[-5:])) or "none yet"
        raise UserError(
            f"'{name}' is no verdict of {project.root}; the last are: {known}; a path of a record.json does, too"
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class _Line:
    """A verdict's number and folder."""

    number: int
    verdict: str
    trial: bool

    def __str__(self) -> str:
        return f"{self.number} ({self.verdict}{', a trial run' if self.trial else ''})"


def _listed(project: Project) -> list[_Line]:
    """Every verdict that is kept, first one first."""
    return list(_lines(project.state / "verdicts" / _LIST))


def _lines(path: Path) -> Iterator[_Line]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            value = json.loads(line)
            yield _Line(int(value["number"]), str(value["verdict"]), value.get("trial") is True)
