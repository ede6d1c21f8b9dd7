"""What is an artifact? A folder named by the digest of what it was made from, finished when its manifest is there.

Every manifest says `kind`, `created` and `seconds`; most also `rows`, `rows_digest`, `base`, `recipe` and `metrics`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rung.records import Json

MANIFEST = "manifest.json"
ARTIFACTS = "artifacts"  # in the project's state: <kind>/<digest>/


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact: its digest and its folder."""

    digest: str
    folder: Path

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


def is_finished(folder: Path) -> bool:
    """Whether the artifact in this folder was built to its end."""
    return (folder / MANIFEST).exists()


def seal(folder: Path, manifest: Mapping[str, Json]) -> None:
    """Write the manifest last and whole: an artifact without one is not finished."""
    part = folder / f"{MANIFEST}.part"
    told = {"created": datetime.now(UTC).isoformat(timespec="seconds"), **manifest}
    part.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
    part.replace(folder / MANIFEST)
