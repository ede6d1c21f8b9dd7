"""An artifact: a folder named by the digest of what it was made from, finished when its manifest is there.

Every manifest says `kind`, `created` and `seconds`; most also `rows`, `rows_digest`, `base`, `recipe` and `metrics`. Which
rows taught it stands beside it, in `rows.jsonl`. What people do with artifacts is left to `registry`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rung.files.durable import SEAL, alone, damaged, files_in, require_whole, sha256, write_whole
from rung.files.durable import seal as seal_files
from rung.progress import waiting_for
from rung.records import Json, plain
from rung.training.checkpoint import CHECKPOINT
from rung.training.registry import LearntRow

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

MANIFEST = "manifest.json"
RETIRED = "retired.json"  # the manifest of what was removed to free its place
ROWS = "rows.jsonl"  # {digest, id, place} of each row that taught it
ARTIFACTS = "artifacts"  # in the project's state: <kind>/<digest>/
CHUNKED_INDEXES = "cuttings"  # in the project's state, not among the artifacts: what follows the documents is never finished


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact: its digest and its folder; `index`: the documents as it searches them, where it does."""

    digest: str
    folder: Path
    index: Knowledge | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """What kind of artifact it is: the folder that it is in."""
        return self.folder.parent.name

    @property
    def manifest(self) -> dict[str, Json]:
        """What it was made from, and how.

        Raises:
            Damaged: it cannot be read.
        """
        path = self.folder / MANIFEST
        try:
            manifest: dict[str, Json] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise damaged(path, str(error)) from error
        return manifest

    @property
    def doubt(self) -> str:
        """What speaks against it, as its manifest says: that it was not shown to be better, for one; "" if nothing does."""
        why = self.manifest.get("why")
        return why if isinstance(why, str) else ""

    @property
    def seconds(self) -> float:
        """How long it took to build when it was built."""
        seconds = self.manifest.get("seconds")
        return float(seconds) if isinstance(seconds, (int, float)) else 0.0


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is about to begin, or to go on where it was stopped (`begun`). `passes` over its `rows`."""

    kind: str
    rows: int
    passes: int = 1
    begun: bool = False


def artifact_folder(state: Path, kind: str, named: str) -> Path:
    """Where the artifact of this kind and digest is kept, in a project's state."""
    return state / ARTIFACTS / kind / named


def made_folder(state: Path, kind: str, named: str) -> Path:
    """Where what was built is kept: artifacts, and documents cut in another way."""
    return state / CHUNKED_INDEXES / named if kind == CHUNKED_INDEXES else artifact_folder(state, kind, named)


def forget_chunked_indexes(state: Path) -> None:
    """Remove the documents cut or embedded in other ways: what was deleted must not stay where nobody looks."""
    shutil.rmtree(state / CHUNKED_INDEXES, ignore_errors=True)


def is_finished(folder: Path) -> bool:
    """Whether the artifact in this folder was built to its end.

    Raises:
        Damaged: it was, and is no longer what it was.
    """
    if not (folder / MANIFEST).exists():
        return False
    require_whole(folder)
    return True


@contextmanager
def building(folder: Path, title: str) -> Iterator[bool]:
    """Whether this artifact is to be built now. One process builds it; others that want it wait, and then it is there.

    Raises:
        Damaged: as `is_finished`.
        BudgetEnded: while another process was building it.
    """
    if is_finished(folder):
        yield False
        return
    with building_alone(folder, waiting=waiting_for(f"{title}: another process is building it; waiting for that")):
        yield not is_finished(folder)


def building_alone(folder: Path, *, waiting: Callable[[], None]) -> AbstractContextManager[None]:
    """Meanwhile no other process builds this artifact; `waiting`: as `files.durable.alone`."""
    return alone(folder.with_name(f".{folder.name}.lock"), waiting=waiting)


def seal(folder: Path, manifest: Mapping[str, Json]) -> None:
    """Write the manifest last and whole: an artifact without one is not finished. All files are sealed with it."""
    entries = {"created": datetime.now(UTC).isoformat(timespec="milliseconds"), **manifest}
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / MANIFEST).exists():  # amended: killed from here on, it is whole and not sealed
        (folder / SEAL).unlink(missing_ok=True)
        write_whole(folder / MANIFEST, text)
    digests = {name: sha256(folder / name) for name in sorted(files_in(folder) - {CHECKPOINT, MANIFEST})}
    digests[MANIFEST] = hashlib.sha256(text.encode()).hexdigest()
    seal_files(folder, digests)
    if not (folder / MANIFEST).exists():
        write_whole(folder / MANIFEST, text)
        seal_files(folder, digests)  # how the manifest stands, so that nobody who only looks has to note it


def amend(folder: Path, more: Mapping[str, Json]) -> None:
    """Add to the manifest of a finished artifact what its trainer could not know; what stands there stays."""
    seal(folder, {**more, **Built(folder.name, folder).manifest})


def remember_rows(folder: Path, rows: Iterable[LearntRow]) -> None:
    """Keep which rows teach an artifact, before it is built."""
    write_whole(folder / ROWS, "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows))
