"""What was converted from a model, kept in the cache: made once, by one process at a time, verified like the download."""

from __future__ import annotations

import errno
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rung.errors import ModelError
from rung.files.durable import SEAL, alone, altered, files_in, seal, sha256

log = logging.getLogger(__name__)
_MAKING = ".making-"


def made_once(folder: Path, make: Callable[[Path], Path]) -> Path:
    """The folder, made by one process at a time where it is not there or not what it was.

    Args:
        folder: where it is kept, whole or not at all.
        make: given a scratch folder, makes the folder in it and returns it.

    Raises:
        ModelError: as `make` does, or the folder cannot be written.
    """
    if not altered(folder):
        return folder
    home = folder.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        with alone(home / ".lock"):
            why = altered(folder)
            if not why:
                return folder
            if folder.exists():
                log.warning("%s: made again", why)
                shutil.rmtree(folder)
            for left in home.glob(f"{_MAKING}*"):  # of a process that was killed: nobody else makes anything now
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=home, prefix=_MAKING) as scratch:
                result = make(Path(scratch))
                seal(result, {name: sha256(result / name) for name in sorted(files_in(result, SEAL))})
                result.rename(folder)
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise ModelError(
            f"the converted model cannot be kept in {folder}: {what}; make room, or set RUNG_CACHE to another folder"
        ) from error
    return folder
