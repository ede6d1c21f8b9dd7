"""What is an artifact? A folder named by the digest of what it was made from, finished when its manifest is there.

Every manifest says `kind`, `created` and `seconds`; most also `rows`, `rows_digest`, `base`, `recipe` and `metrics`. Which
rows taught it stands beside it, in `rows.jsonl`. What people do with artifacts is left to `registry`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rung.errors import UserError
from rung.records import Json, plain
from rung.training.registry import LearntRow

MANIFEST = "manifest.json"
RETIRED = "retired.json"  # the manifest of what was removed to free its place
ROWS = "rows.jsonl"  # {digest, id, place} of each row that taught it
ARTIFACTS = "artifacts"  # in the project's state: <kind>/<digest>/


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact: its digest and its folder."""

    digest: str
    folder: Path

    @property
    def kind(self) -> str:
        """What kind of artifact it is: the folder that it is in."""
        return self.folder.parent.name

    @property
    def manifest(self) -> dict[str, Json]:
        """What it was made from, and how."""
        made: dict[str, Json] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return made

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


def is_finished(folder: Path) -> bool:
    """Whether the artifact in this folder was built to its end."""
    return (folder / MANIFEST).exists()


def seal(folder: Path, manifest: Mapping[str, Json]) -> None:
    """Write the manifest last and whole: an artifact without one is not finished."""
    told = {"created": datetime.now(UTC).isoformat(timespec="milliseconds"), **manifest}
    write_text(folder / MANIFEST, json.dumps(told, indent=2, ensure_ascii=False))


def amend(folder: Path, more: Mapping[str, Json]) -> None:
    """Add to the manifest of a finished artifact what its trainer could not know; what stands there stays."""
    seal(folder, {**more, **Built(folder.name, folder).manifest})


def remember_rows(folder: Path, rows: Iterable[LearntRow]) -> None:
    """Keep which rows teach an artifact, before it is built."""
    write_text(folder / ROWS, "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
