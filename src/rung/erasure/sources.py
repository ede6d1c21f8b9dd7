"""The user's own files, which Rung does not touch: those that hold it are named with their lines."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from rung.config.project import Project
from rung.dataset.load import paths
from rung.dataset.review_log import LOG
from rung.erasure.documents import held
from rung.erasure.target import Left, Target
from rung.erasure.written import DRAFTS, files_of, is_own
from rung.errors import UserError
from rung.pipeline.publishing import PAGE
from rung.runtime.engines import index_of

MAX_BYTES = 64 << 20  # of a file that is read
MAX_LINES = 20  # of one file that are named
_TAG = re.compile(r"<[^<>]+>")


def left_in_files(project: Project, target: Target) -> list[Left]:
    """Files of the project's folder that hold it, line by line; and the sources of documents that do and are no text."""
    asked = {path.resolve() for path in named_by(project, project.settings.cases, "cases")}
    listed = list[Left]()
    for path in files_of(project.root):
        sought = target.of_nobody_else if path.resolve() in asked else target
        listed += _lines(path, project, sought)
    named = {one.path for one in listed}
    if target.kind == "document":
        listed += [
            Left(id, 0, _of_source(id)) for id in sorted(target.documents) if _is_there(project, id) and id not in named
        ]
    for source in _sources(project, target):
        if source not in named:
            listed.append(Left(source, 0, _of_source(source)))
            named.add(source)
    return listed


def named_by(project: Project, patterns: Sequence[str], *where: str) -> list[Path]:
    """The files that patterns of `rung.yaml` name, each once; a pattern without a file names none."""
    listed = list[Path]()
    for pattern in patterns:
        with suppress(UserError):
            listed += paths(project, [pattern], where)
    return list(dict.fromkeys(listed))


def _of_source(name: str) -> str:
    if "://" in name:
        return "the page is somebody's own: take it off 'sources', or the next sync takes it in again"
    return "it is yours: delete or change it, or the next sync takes it in again"


def _sources(project: Project, target: Target) -> Iterator[str]:
    """The files, or pages, of documents that hold it, which are still there."""
    if not (target.is_of_documents and project.settings.knowledge.sources and _has_index(project)):
        return
    seen: set[str] = set()
    for _, document in held(index_of(project), target):
        name = document.origin or document.source or document.id
        if name not in seen and ("://" in name or _is_there(project, name)):
            seen.add(name)
            yield name


def _has_index(project: Project) -> bool:
    return bool(project.settings.knowledge.store) or (project.state / "index").is_dir()


def _is_there(project: Project, name: str) -> bool:
    try:
        return (project.root / name).is_file()
    except (OSError, ValueError):
        return False


def _lines(path: Path, project: Project, target: Target) -> Iterator[Left]:
    if path == project.root / LOG or path.stat().st_size > MAX_BYTES:
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):  # no text: what it was read as is told of by its document
        return
    shown = path.relative_to(project.root).as_posix()
    lines = text.split("\n")
    numbers = [number for number, line in enumerate(lines, 1) if _is_in(line, path, target)]
    if not numbers and (is_own(path, project.root) or not target.holds(text)):
        return
    why = _why(path, project)
    for number in numbers[:MAX_LINES] or [0]:
        yield Left(shown, number, why)
    if len(numbers) > MAX_LINES:
        yield Left(shown, 0, f"{len(numbers) - MAX_LINES:,} more lines")


def _is_in(line: str, path: Path, target: Target) -> bool:
    if path.suffix not in (".json", ".jsonl", ".html"):
        return target.holds(line)
    if path.suffix == ".html":
        return target.holds(html.unescape(_TAG.sub("", line)))
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return target.holds(line)
    if not isinstance(row, dict):
        return target.is_in(row)
    is_draft = path.match(DRAFTS) and not str(row.get("approved_by") or "").strip()
    return not is_draft and (str(row.get("id", "")) in target.rows or target.is_in(row))


def _why(path: Path, project: Project) -> str:
    if path == project.root / PAGE:
        return "the page of a verdict: delete it, or make it anew with 'rung compare'"
    if is_own(path, project.root):
        return "it was approved and is yours: delete the line"
    return "it is yours: change or delete it"
