"""Files that Rung writes line by line or once: drafts, the log of reviews, feedback of an earlier Rung, the state of the
last comparison, what was set aside as damaged.

Of the log of reviews the words go, and who decided what and when stays. A draft goes whole; once somebody approved it, it is
the project's own, and is named by `sources`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rung.artifacts.store import ARTIFACTS, CHUNKED_INDEXES
from rung.config.project import FILE, Project
from rung.dataset.drafted_rows import approver
from rung.dataset.review_log import HEAD, LOCK, LOG, PREVIOUS, line_digest
from rung.erasure.target import FORGOTTEN, Finding, Left, Target, value_of
from rung.files.durable import SET_ASIDE, STATE, alone, write_whole
from rung.pipeline.run_control import LOG as OUTPUT
from rung.pipeline.run_record import RECORD
from rung.records import Json

DRAFTS = "*.drafts.jsonl"  # in the project's folder, but not in folders of projects of their own
FEEDBACK = "feedback*.jsonl"  # of an earlier Rung, taken over into the database or not
KEYS = "keys.json"
MAX_BYTES = 64 << 20  # of a file that is read
_FOLDERS = frozenset({"index", CHUNKED_INDEXES, "verdicts", ARTIFACTS, SET_ASIDE})  # of the state, with a place of their own
_SKIPPED = frozenset({STATE, ".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv"})
_BY, _ROWS = "by", ("before", "after")  # keys of a line of the log
_NO_WORDS = frozenset({"id", "split", "drafted_by", "approved_by", "approved_at"})  # keys of a row


@dataclass(frozen=True, slots=True)
class Written:
    """Such files of a project."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        listed = []
        for path, lines in self._files(target):
            if changed := sum(before != after for before, after in lines):
                action = "its words are erased" if self._is_log(path) else "erased"
                listed.append(Finding(path.name, "lines", changed, action))
        listed += [Finding(path.name, "state of the last comparison", 1) for path in self._records(target)]
        return listed

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        listed = []
        for number, line in enumerate(self._log(), 1):
            row = value_of(line)
            if isinstance(row, dict) and target.is_in(row.get(_BY)):
                listed.append(Left(LOG, number, "it says who decided, which is kept: who approved what is told by it"))
        for path in self._others():
            text = path.read_text(encoding="utf-8", errors="replace")
            if target.holds(text) or any(target.is_in(value_of(line)) for line in (text, *text.split("\n"))):
                why = "a key is called so: 'rung keys revoke' takes it back, its name stays"
                listed.append(
                    Left(str(path), 0, why if path.name == KEYS else "no part of Rung that erases knows this file")
                )
        return listed

    def erase(self, target: Target) -> None:
        """See `Place`."""
        with alone(self.project.state / LOCK):
            for path, lines in self._files(target):
                if any(before != after for before, after in lines):
                    changed, digests = _chained(lines)
                    text = "".join(f"{line}\n" for line in changed)
                    with self._heads(path, digests):
                        write_whole(path, text.encode("utf-8", "surrogateescape"))
        for path in self._records(target):
            path.unlink(missing_ok=True)
        for part in self.project.state.glob(f"{Path(RECORD).stem}.[0-9]*"):  # of a process that was killed
            part.unlink(missing_ok=True)
        shutil.rmtree(self.project.state / SET_ASIDE, ignore_errors=True)

    def count(self) -> int:
        """See `Place`."""
        return 0

    @contextmanager
    def _heads(self, path: Path, digests: Mapping[str, str]) -> Iterator[None]:
        """While the log of reviews is written anew, its last line is known as it was and as it will be."""
        head = self.project.state / HEAD
        if not (self._is_log(path) and head.is_file()):
            yield
            return
        before = head.read_text(encoding="utf-8").split()
        after = list(dict.fromkeys(digests.get(one, one) for one in before))
        write_whole(head, "\n".join(dict.fromkeys((*before, *after))))
        yield
        write_whole(head, "\n".join(after))

    def _others(self) -> Iterator[Path]:
        """Files of the state that no place looks after."""
        state = self.project.state
        for path in sorted(state.rglob("*")):
            parts = path.relative_to(state).parts
            looked_after = parts[0] in _FOLDERS or ".db" in path.name or path.name in (RECORD, OUTPUT)
            if path.is_file() and not (looked_after or path.match(FEEDBACK) or path.stat().st_size > MAX_BYTES):
                yield path

    def _files(self, target: Target) -> Iterator[tuple[Path, list[tuple[str, str | None]]]]:
        """(file, each of its lines before and after); None: the line goes."""
        root = self.project.root
        own = [*drafts_of(root), root / LOG, *self.project.state.glob(FEEDBACK)]
        for path in sorted({one for one in own if one.is_file()}):
            text, after = path.read_text(encoding="utf-8", errors="surrogateescape"), _said if self._is_log(path) else _kept
            yield path, [(line, after(line, target)) for line in text.removesuffix("\n").split("\n")]

    def _log(self) -> list[str]:
        path = self.project.root / LOG
        return path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if path.is_file() else []

    def _is_log(self, path: Path) -> bool:
        return path == self.project.root / LOG

    def _records(self, target: Target) -> list[Path]:
        """What the last comparison left of itself, where it holds it."""
        listed = []
        for path in (self.project.state / RECORD, self.project.state / OUTPUT):
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            if text and (target.is_in(value_of(text)) or (path.name == OUTPUT and target.holds(text))):
                listed.append(path)
        return listed


def files_of(root: Path) -> Iterator[Path]:
    """The files of a project's folder, without its state and what tools keep there."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in _SKIPPED)
        yield from (path for name in sorted(names) if (path := Path(folder) / name).is_file())


def drafts_of(root: Path) -> Iterator[Path]:
    """The files of drafts of a project's folder."""
    return (path for path in files_of(root) if path.match(DRAFTS) and not _is_anothers(path, root))


def is_own(path: Path, root: Path) -> bool:
    """Whether Rung writes this file of a project's folder line by line."""
    return path == root / LOG or (path.match(DRAFTS) and not _is_anothers(path, root))


def _is_anothers(path: Path, root: Path) -> bool:
    """Whether a file is of a project inside of this one's folder, or of none of it."""
    folders = path.parents
    return root not in folders or any((one / FILE).is_file() for one in folders[: folders.index(root)])


def _said(line: str, target: Target) -> str:
    """A line of the log of reviews without the words; who decided stays."""
    row = value_of(line)
    if not isinstance(row, dict):
        return "" if target.is_in(row) else line
    without = {str(target.without(key)): one if key == _BY else target.without(one) for key, one in row.items()}
    if any(one.get("id") in target.rows for one in reviewed_rows(row)):
        without |= {key: _wordless(row.get(key)) for key in _ROWS if key in row}
    return line if without == row else json.dumps(without, ensure_ascii=False)


def reviewed_rows(event: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """The rows that an event of the log decided on, as they were and as they became."""
    for key in _ROWS:
        value = event.get(key)
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def _wordless(value: Json) -> Json:
    """A row, or rows, without a word: who it is, what it was for, who approved it and numbers stay."""
    if isinstance(value, str):
        return FORGOTTEN
    if isinstance(value, list):
        return [_wordless(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key in _NO_WORDS else _wordless(one) for key, one in value.items()}
    return value


def _kept(line: str, target: Target) -> str | None:
    """A line of drafts, or of feedback; None: it goes."""
    row = value_of(line)
    is_row = isinstance(row, dict) and row.get("id") in target.rows
    if not (is_row or target.is_in(row)):
        return line
    return line if isinstance(row, dict) and approver(row) else None


def _chained(lines: Sequence[tuple[str, str | None]]) -> tuple[list[str], dict[str, str]]:
    """The lines as they are now, each that names another by its digest naming it by the new one; digests before -> after."""
    changed, digests = list[str](), dict[str, str]()
    for before, after in lines:
        if after is None:
            continue
        row = value_of(after)
        if isinstance(row, dict) and (previous := digests.get(str(row.get(PREVIOUS)))) is not None:
            after = json.dumps({**row, PREVIOUS: previous}, ensure_ascii=False)  # noqa: PLW2901
        if after != before:
            digests[_digest(before)] = _digest(after)
        changed.append(after)
    return changed, digests


def _digest(line: str) -> str:
    return line_digest(line.encode("utf-8", "surrogateescape"))
