"""Keeps a verdict where people find it: `report.html` in the project, table and JSON beside it in `.rung/verdicts/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rung.errors import UserError
from rung.project import Project
from rung.records import Json, digest

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class Published:
    """A verdict as it was shown: the table, the line of JSON, and the page."""

    table: str
    json: str
    page: Path

    @property
    def said(self) -> Mapping[str, Json]:
        """The JSON line as a value."""
        value: dict[str, Json] = json.loads(self.json)
        return value

    @property
    def clears_bar(self) -> bool:
        """Whether the winner clears the bar."""
        return bool(self.said["clears_bar"])

    @property
    def winner(self) -> str | None:
        """The label of the rung that was chosen."""
        winner = self.said["winner"]
        return winner if isinstance(winner, str) else None

    def copied(self, path: Path) -> Published:
        """The same, with a copy of the page at `path`."""
        _write(path, self.page.read_text(encoding="utf-8"))
        return replace(self, page=path)


def publish(project: Project, *, table: str, line: str, page: str) -> Published:
    """Keep a verdict, and make it the latest.

    Raises:
        UserError: a file cannot be written.
    """
    kept = project.state / "verdicts" / digest(line)[:16]
    for name, text in (("verdict.txt", table), ("verdict.json", line), (PAGE, page)):
        _write(kept / name, text)
    _write(project.root / PAGE, page)
    _write(project.state / "verdicts" / "latest", kept.name)
    return Published(table, line, project.root / PAGE)


def latest(project: Project) -> Published:
    """The last verdict.

    Raises:
        UserError: there is none yet.
    """
    pointer = project.state / "verdicts" / "latest"
    try:
        kept = pointer.parent / pointer.read_text(encoding="utf-8").strip()
        texts = [(kept / name).read_text(encoding="utf-8") for name in ("verdict.txt", "verdict.json")]
    except FileNotFoundError:
        raise UserError(f"{project.root}: there is no verdict yet; make one with: rung compare {project.root}") from None
    return Published(texts[0], texts[1], kept / PAGE)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
