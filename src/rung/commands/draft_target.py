"""Which files of a project rows may be added to, where somebody names one: files of cases, and of drafts of them.

What belongs to somebody or something else is refused before any work is done: documents, settings, logs, other folders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from rung.commands.draft_files import text_of
from rung.config.project import Project
from rung.dataset.review_log import LOG
from rung.dataset.row_files import spans_of_lines
from rung.errors import UserError
from rung.knowledge.readers.found import WEB
from rung.knowledge.readers.git import PREFIX
from rung.pipeline.judge_labels import FILE as LABELS

ENDING, DRAFTS = ".jsonl", ".drafts.jsonl"


def check_target(project: Project, path: Path) -> None:
    """Refuse a file that rows of cases are not to be added to; one that is not there yet may be made.

    Raises:
        UserError: it is not named `*.jsonl`, lies outside the project, is a source or another file that Rung keeps, or holds
            something other than rows of cases.
    """
    root, target = project.root.resolve(), path.resolve()
    if target.suffix != ENDING:
        raise UserError(f"{path} is no file of rows: name one that ends in {ENDING}")
    if not target.is_relative_to(root):
        raise UserError(f"{path} is not in the project's folder {root}: name a file in it")
    inside = target.relative_to(root)
    if inside.name in (LOG, LABELS) or target.is_relative_to(project.state.resolve()):
        raise UserError(f"{path} is a file that Rung keeps what people decided in, or its state: name another file")
    if not inside.name.endswith(DRAFTS) and (pattern := _source(project, target)):
        raise UserError(f"{path} is among the documents (knowledge.sources: '{pattern}'): name a file that is none of them")
    if target.exists():
        _check_rows(path)


def _check_rows(path: Path) -> None:
    for span in spans_of_lines(text_of(path)[1]):
        where = f"{path}:{span.line}"
        if span.error:
            raise UserError(f"{where} is no JSON row, and nothing is added to such a file: mend it, or name another")
        if "question" not in span.row:
            raise UserError(f"{where} has no 'question', so this is no file of cases: name another file")


def _source(project: Project, target: Path) -> str:
    """The pattern of `knowledge.sources` that takes a file, whether it is there or not; "": none does."""
    root = project.root.resolve()
    for pattern in project.settings.knowledge.sources:
        if pattern.startswith(WEB):
            continue
        segments = PurePath(os.path.normpath(root / pattern.removeprefix(PREFIX))).parts
        if _takes(segments, target.parts, is_plain=not any(sign in pattern for sign in "*?[")):
            return pattern
    return ""


def _takes(segments: Sequence[str], names: Sequence[str], *, is_plain: bool) -> bool:
    """Whether a pattern matches a path, part by part. `is_plain`: it has no wildcards, and a folder stands for all in it."""
    if not segments:
        return not names or is_plain
    if segments[0] == "**":
        return any(_takes(segments[1:], names[start:], is_plain=is_plain) for start in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], segments[0]) and _takes(segments[1:], names[1:], is_plain=is_plain)
