"""The user's own files, which Rung does not touch: those that hold it are named with their lines."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rung.config.project import Project
from rung.dataset.drafted_rows import approver
from rung.dataset.load import paths
from rung.dataset.review_log import LOG
from rung.erasure.documents import held
from rung.erasure.target import Left, Target, visible
from rung.erasure.written import files_of, is_own
from rung.errors import UserError
from rung.pipeline.publishing import PAGE
from rung.runtime.engines import has_index, index_of

MAX_BYTES = 64 << 20  # of a file that is read
_UNREAD = f"no text, or more than {MAX_BYTES >> 20} MB"
_PACKED = (
    b"PK",
    b"%PDF",
    b"\x1f\x8b",
    b"\x89PNG",
    b"\xff\xd8\xff",
)  # how files that are no text begin
MAX_LINES = 20  # of one file that are named


@dataclass(frozen=True, slots=True)
class Unread:
    """Files that were not looked through, since they are no text or too large: those that `rung.yaml` names, and others."""

    named: tuple[Left, ...] = ()
    others: tuple[str, ...] = ()


def left_in_files(project: Project, target: Target) -> tuple[list[Left], Unread]:
    """Files of the project, in its folder or named by `rung.yaml`, that hold it, line by line; and the sources of documents
    that do and are no text. Beside them what was not looked through."""
    settings = project.settings
    asked = {path.resolve() for path in named_by(project, settings.cases, "cases")}
    rows = named_by(project, settings.behaviour.examples, "behaviour", "examples")
    rows += named_by(project, settings.knowledge.pairs, "knowledge", "pairs")
    ours = asked | {path.resolve() for path in rows}
    inside = {path.resolve(): path for path in files_of(project.root)}
    outside = {path: path for path in sorted(ours) if path not in inside}
    listed, named_unread, others = list[Left](), list[Left](), list[str]()
    for resolved, path in (inside | outside).items():
        if (text := text_in(path)) is not None:
            listed += _lines(path, text, project, target.of_nobody_else if resolved in asked else target)
        elif resolved in ours:
            named_unread.append(Left(_shown(path, project), 0, f"not looked at: {_UNREAD}; look yourself"))
        else:
            others.append(_shown(path, project))
    return [*listed, *_of_documents(project, target, listed)], Unread(tuple(named_unread), tuple(others))


def _of_documents(project: Project, target: Target, lines: Sequence[Left]) -> list[Left]:
    listed = list[Left]()
    named = {one.path for one in lines}
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
    if not (target.is_of_documents and has_index(project)):
        return
    seen: set[str] = set()
    for _, document in held(index_of(project), target):
        name = document.origin or document.source or document.id
        if name not in seen and ("://" in name or _is_there(project, name)):
            seen.add(name)
            yield name


def _is_there(project: Project, name: str) -> bool:
    try:
        return (project.root / name).is_file()
    except (OSError, ValueError):
        return False


def text_in(path: Path) -> str | None:
    """What a file says, in UTF-8, UTF-16 with its mark, else Latin-1; None: it is no text, too large, or cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except ValueError:
        return None if content.startswith(_PACKED) else content.decode("latin-1")


def _shown(path: Path, project: Project) -> str:
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)


def _lines(path: Path, text: str, project: Project, target: Target) -> Iterator[Left]:
    if path == project.root / LOG:
        return
    shown, owned = _shown(path, project), is_own(path, project.root)
    lines = text.split("\n")
    numbers = [number for number, line in enumerate(lines, 1) if _is_in(line, path, target, owned=owned)]
    if not numbers and (owned or not (target.holds(text) or _is_in_whole(text, path, target))):
        return
    why = _why(path, project)
    for number in numbers[:MAX_LINES] or [0]:
        yield Left(shown, number, why)
    if len(numbers) > MAX_LINES:
        yield Left(shown, 0, f"{len(numbers) - MAX_LINES:,} more lines")


def _is_in_whole(text: str, path: Path, target: Target) -> bool:
    """Whether a file of one JSON value holds it: over several lines, with characters by their numbers."""
    try:
        return path.suffix == ".json" and target.is_in(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _is_in(line: str, path: Path, target: Target, *, owned: bool) -> bool:
    if path.suffix not in (".json", ".jsonl", ".html"):
        return target.holds(line)
    if path.suffix == ".html":
        return target.holds(visible(line))
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return target.holds(line)
    if not isinstance(row, dict):
        return target.is_in(row)
    is_drafted = owned and not approver(row)
    return not is_drafted and (str(row.get("id", "")) in target.rows or target.is_in(row))


def _why(path: Path, project: Project) -> str:
    if path == project.root / PAGE:
        return "the page of a verdict: delete it, or make it anew with 'rung compare'"
    if is_own(path, project.root):
        return "it was approved and is yours: delete the line"
    return "it is yours: change or delete it"
