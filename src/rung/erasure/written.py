"""Files that Rung writes line by line or once: drafts, the log of reviews, feedback of an earlier Rung, the state of the
last comparison, what was set aside as damaged.

Of the log of reviews the words go, and who decided what and when stays. A draft goes whole; once somebody approved it, it is
the project's own, and is named by `sources`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.config.project import Project
from rung.erasure.target import Finding, Left, Target
from rung.files.durable import SET_ASIDE, alone, write_whole
from rung.pipeline.run_record import RECORD
from rung.records import Json

REVIEWS, DRAFTS = "reviews*.jsonl", "**/*.drafts.jsonl"
FEEDBACK = "feedback*.jsonl"  # of an earlier Rung, taken over into the database or not
KEYS = "keys.json"
_LOCK = "reviews.lock"


@dataclass(frozen=True, slots=True)
class Written:
    """Such files of a project."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        listed = []
        for path, lines in self._files(target):
            if changed := sum(before != after for before, after in lines):
                action = "its words are erased" if path.match(REVIEWS) else "erased"
                listed.append(Finding(path.name, "lines", changed, action))
        if self._is_in_record(target):
            listed.append(Finding(RECORD, "state of the last comparison", 1))
        return listed

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        path = self.project.state / KEYS
        if path.is_file() and target.is_in(_value(path.read_text(encoding="utf-8", errors="replace"))):
            return (Left(str(path), 0, "a key is called so: 'rung keys revoke' takes it back, its name stays"),)
        return ()

    def erase(self, target: Target) -> None:
        """See `Place`."""
        with alone(self.project.state / _LOCK):
            for path, lines in self._files(target):
                if any(before != after for before, after in lines):
                    write_whole(path, "".join(f"{after}\n" for _, after in lines if after is not None))
        if self._is_in_record(target):
            (self.project.state / RECORD).unlink(missing_ok=True)
        for part in self.project.state.glob(f"{Path(RECORD).stem}.[0-9]*"):  # of a process that was killed
            part.unlink(missing_ok=True)
        shutil.rmtree(self.project.state / SET_ASIDE, ignore_errors=True)

    def count(self) -> int:
        """See `Place`."""
        return 0

    def _files(self, target: Target) -> Iterator[tuple[Path, list[tuple[str, str | None]]]]:
        """(file, each of its lines before and after); None: the line goes."""
        root, state = self.project.root, self.project.state
        own = [*root.glob(DRAFTS), *root.glob(REVIEWS), *state.glob(REVIEWS), *state.glob(FEEDBACK)]
        for path in sorted({one for one in own if one.is_file()}):
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            yield path, [(line, _after(line, path, target)) for line in text.removesuffix("\n").split("\n")]

    def _is_in_record(self, target: Target) -> bool:
        path = self.project.state / RECORD
        return path.is_file() and target.is_in(_value(path.read_text(encoding="utf-8", errors="replace")))


def is_own(path: Path) -> bool:
    """Whether Rung writes this file of a project's folder line by line."""
    return path.match("*.drafts.jsonl") or path.match(REVIEWS)


def _after(line: str, path: Path, target: Target) -> str | None:
    row = _value(line)
    is_row = isinstance(row, dict) and row.get("id") in target.rows
    if not (is_row or target.is_in(row)):
        return line
    if path.match(REVIEWS):
        return json.dumps(target.without(row), ensure_ascii=False) if isinstance(row, dict) else ""
    is_approved = isinstance(row, dict) and bool(str(row.get("approved_by") or "").strip())
    return line if is_approved and path.match("*.drafts.jsonl") else None


def _value(text: str) -> Json:
    """A text's JSON value, or the text."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
