"""Folders as sentence-transformers 3 to 6 save them, with the vectors that they give: see `make`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

VERSIONS = (3, 4, 5, 6)


@dataclass(frozen=True)
class Saved:
    """A saved folder: where its files are in it, and the digests of their contents."""

    version: int
    name: str
    files: dict[str, str]

    def write(self, folder: Path) -> Path:
        """The folder as it was saved."""
        for name, key in self.files.items():
            content = _read(self.version)["contents"][key]
            coded = content.startswith("base64:")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(base64.b64decode(content[7:]) if coded else content.encode())
        return folder


@dataclass(frozen=True)
class Case(Saved):
    """An encoder. `vectors` of the texts: by kind of text, as that version gives them; None where it gives none."""

    texts: list[str]
    vectors: dict[str, list[list[float]]] | None


@dataclass(frozen=True)
class Crossed(Saved):
    """A cross-encoder. `scores` of the pairs, before the activation function; None where that version gives none."""

    pairs: list[tuple[str, str]]
    scores: list[Any] | None


def crossed() -> Iterator[Crossed]:
    """Those of all versions."""
    for version in VERSIONS:
        held = _read(version)
        pairs = [(query, passage) for query, passage in held["pairs"]]
        for name, said in held["cross"].items():
            yield Crossed(version, name, said["files"], pairs, said["scores"])


def cases() -> Iterator[Case]:
    """Those of all versions."""
    for version in VERSIONS:
        held = _read(version)
        for name, said in held["cases"].items():
            yield Case(version, name, said["files"], held["texts"], said["vectors"])


@cache
def _read(version: int) -> Any:
    return json.loads((Path(__file__).parent / f"v{version}.json").read_text(encoding="utf-8"))
