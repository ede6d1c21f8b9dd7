"""Vectors that were computed but not committed yet: what an interrupted sync does not have to embed again.

It is a cache: whatever is missing or damaged in it is computed again. The store is left to `lance`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

log = logging.getLogger(__name__)


class Staging:
    """Files of (key, vector) in a folder, one subfolder for each embedder."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._root = folder
        self._folder = folder / hashlib.sha256(embedder.encode()).hexdigest()[:16]
        self._count = 0

    def load(self) -> dict[str, Vectors]:
        """All vectors kept so far, by key."""
        found: dict[str, Vectors] = {}
        for file in sorted(self._folder.glob("*.npz")):
            self._count = max(self._count, int(file.stem) + 1) if file.stem.isdigit() else self._count
            try:
                with np.load(file, allow_pickle=False) as saved:
                    found.update(zip(saved["keys"].tolist(), saved["vectors"], strict=True))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("%s is damaged (%s): its passages are embedded again", file, error)
        return found

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Keep these.

        Raises:
            UserError: the disk is full or may not be written.
        """
        with _clear(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / f"{self._count:06d}.npz"
            part = file.with_suffix(".part")
            with part.open("wb") as out:
                np.savez(out, keys=np.array(keys), vectors=vectors)
            os.replace(part, file)  # noqa: PTH105
            self._count += 1

    def clear(self) -> None:
        """Forget everything, of all embedders: it has been committed, or nobody will ask for it."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._count = 0


@contextmanager
def _clear(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder} could not be written ({error.strerror or error}); free space or mend the permissions and run the same"
            " command again: it goes on from here"
        ) from error
