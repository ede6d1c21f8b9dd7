"""Drafts of cases before a person: approved, mended or rejected, each with a name, in a log that only grows.

A draft is a row with `drafted_by` and without `approved_by`. It stands in the files that `cases` names, or in a file
`*.drafts.jsonl` of the project's folder. Approved, it stays where it is and counts from the next comparison on; rejected, it
leaves the file for the log, `reviews.jsonl`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rung.commands.draft_cases import rows_of, text_of
from rung.config.project import Project
from rung.dataset.load import case_of, paths
from rung.errors import UserError
from rung.files.durable import alone
from rung.files.outputs import write_output
from rung.records import Json, plain
from rung.text.parsing import json_of

LOG, DRAFTS = "reviews.jsonl", "*.drafts.jsonl"
Action = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft that waits for a person. `line` counts from 1; `read`: the row as it stood there, `row` as it is now;
    `is_named`: whether `cases` names its file."""

    path: Path
    line: int
    row: Mapping[str, Json]
    read: Mapping[str, Json]
    is_named: bool

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row.get("id", ""))

    @property
    def question(self) -> str:
        """What is asked."""
        return str(self.row.get("question", ""))

    @property
    def answers(self) -> tuple[str, ...]:
        """Accepted ones."""
        answers = self.row.get("answers")
        return tuple(map(str, answers)) if isinstance(answers, list) else ()

    def meta(self, key: str) -> Json:
        """Of the draft's `meta`."""
        meta = self.row.get("meta")
        return meta.get(key) if isinstance(meta, dict) else None

    def mended(self, *, question: str, answers: Sequence[str], answerable: bool) -> Waiting:
        """With what a person wrote in place of it."""
        return replace(self, row={**self.row, "question": question, "answers": list(answers), "answerable": answerable})


def waiting(project: Project) -> tuple[Waiting, ...]:
    """The drafts of a project that nobody has decided on, those of feedback first.

    Raises:
        UserError: a file cannot be read.
    """
    named = (
        {path.resolve() for path in paths(project, project.settings.cases, ("cases",))} if project.settings.cases else set()
    )
    files = sorted(named | {path.resolve() for path in project.root.glob(DRAFTS)})
    drafts = [one for path in files if path.suffix == ".jsonl" for one in _drafts(path, is_named=path in named)]
    return tuple(sorted(drafts, key=lambda one: one.row.get("drafted_by") != "feedback"))


def decide(project: Project, draft: Waiting, action: Action, *, by: str, reason: str = "") -> None:
    """Approve a draft as it is now, or reject it. In the log before it is in the file.

    Args:
        project: whose.
        draft: of `waiting`, mended or not.
        action: what is to be done.
        by: who decides.
        reason: why; needed for a rejection.

    Raises:
        UserError: no name, no reason, it is no case, the file was changed meanwhile, or it cannot be written.
    """
    if not by.strip():
        raise UserError("who reviews has to be said: --by NAME")
    if action == "reject" and not reason.strip():
        raise UserError("a rejection needs its reason: --reason TEXT")
    today = datetime.now(UTC).isoformat(timespec="seconds")
    after: dict[str, Json] | None = None
    if action == "approve":
        after = {**draft.row, "approved_by": by.strip()}
        try:
            case_of(after, f"{draft.path}:{draft.line}")
        except ValueError as error:
            raise UserError(f"{draft.path}:{draft.line}: {error}") from error
    with deciding(project):
        lines = text_of(draft.path).split("\n")
        index = _index_of(lines, draft)
        before = json_of(lines[index])
        event: dict[str, Json] = {"at": today, "by": by.strip(), "action": action, "reason": reason.strip()}
        shown = (
            draft.path.relative_to(project.root.resolve())
            if draft.path.is_relative_to(project.root.resolve())
            else draft.path
        )
        _log(project.root / LOG, {**event, "file": str(shown), "before": plain(before), "after": plain(after)})
        lines[index : index + 1] = [json.dumps(after, ensure_ascii=False)] if after else []
        write_output(draft.path, "\n".join(lines), force=True)


@contextmanager
def deciding(project: Project) -> Iterator[None]:
    """Alone with the files of drafts, among all processes.

    Raises:
        UserError: the lock's file cannot be written.
    """
    with alone(project.state / "reviews.lock"):
        yield


def rejected(project: Project) -> frozenset[str]:
    """Ids of the drafts that somebody rejected.

    Raises:
        UserError: the log cannot be read.
    """
    events = (event for _, event in rows_of(text_of(project.root / LOG).split("\n")))
    rows = (event.get("before") for event in events if event.get("action") == "reject")
    return frozenset(str(row.get("id", "")) for row in rows if isinstance(row, dict))


def _drafts(path: Path, *, is_named: bool) -> Iterator[Waiting]:
    for index, row in rows_of(text_of(path).split("\n")):
        if row.get("drafted_by") and not str(row.get("approved_by") or "").strip():
            yield Waiting(path, index + 1, row, row, is_named)


def _index_of(lines: Sequence[str], draft: Waiting) -> int:
    """Where the draft stands now: others may have been taken out before it."""
    for index, row in rows_of(lines):
        if row == draft.read:
            return index
    raise UserError(f"{draft.path}: '{draft.id}' was changed, or decided on, meanwhile: look at it again")


def _log(path: Path, event: Mapping[str, Json]) -> None:
    data = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    try:
        with path.open("ab", buffering=0) as file:
            file.write(data)
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): nothing was decided") from error
