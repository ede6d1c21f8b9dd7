"""Whether anything changed among the files that sources name, told by names, sizes and times: no file is opened.

More is looked at than is read: all that lies beside a source, or above it in the project, may say who may read it.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rung.knowledge.readers.found import WEB
from rung.knowledge.readers.git import PREFIX
from rung.knowledge.readers.registry import edition
from rung.knowledge.readers.source import is_settled, stamp_of
from rung.records import digest


def listing(root: Path, patterns: Sequence[str], *, but: str) -> str | None:
    """A digest that changes whenever a file changes, comes or goes, or is read in another way; None where only reading can
    tell: web pages, what cannot be looked at, what was written a moment ago. `but`: a file in `root` that says nothing of
    them."""
    root = root.resolve()  # as what links lead to is named: each file has one name then, wherever the command is run
    if any(pattern.startswith(WEB) for pattern in patterns):
        return None
    try:
        tops = {top for pattern in patterns for top in _tops(root, pattern)}
        folders = {folder for top in tops for folder in _folders(top)}
        above = {parent for folder in folders for parent in folder.parents if parent.is_relative_to(root)}
        own = str(root / but)
        seen = sorted(path for folder in folders | above for path in _files(folder) if path != own)
        if not all(map(is_settled, seen)):
            return None
        stamps = hashlib.sha256()
        for path in seen:
            stamps.update(os.fsencode(path) + b"\0" + stamp_of(path).encode() + b"\0")
        return digest("listing", edition(), sorted(patterns), stamps.hexdigest())
    except OSError:
        return None


def _tops(root: Path, pattern: str) -> Iterator[Path]:
    """The folders that a pattern looks into, those below them not named again."""
    path = pattern.removeprefix(PREFIX)
    matches = glob.glob(path, root_dir=root, recursive=True)  # noqa: PTH207 - takes absolute ones
    for match in {root / name for name in (*matches, path)}:
        if match.is_dir():
            yield match
        elif match.exists() or match.is_symlink():
            yield match.parent
            yield match.resolve().parent


def _folders(top: Path) -> Iterator[Path]:
    """A folder and those below it, over links too, each once."""
    entered: set[Path] = set()
    for folder, inner, _ in os.walk(top, followlinks=True):
        resolved = Path(folder).resolve()
        if resolved in entered:
            inner.clear()
            continue
        entered.add(resolved)
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield Path(folder)


def _files(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.path for entry in entries if entry.is_file())
