"""The documents that are cut or embedded in other ways, after a sync: what is gone goes from them too, the rest answers on.

Bringing them up to date is left to who needs them: `builders.chunked_index`, and a server beside answering.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts.store import CHUNKED_INDEXES
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.knowledge.protocol import Index

_PATIENCE = 10.0  # seconds in which another process may end writing one
_TRIES = 3  # while another process does the same
_log = logging.getLogger(__name__)


class _Busy(Exception):
    """It is waited for no longer."""


def keep_what_stands(state: Path, documents: Index) -> None:
    """Leave in no file of them what the documents, as they are in the project's index now, do not hold any more.

    One that another process goes on writing, or that cannot be changed, is removed as a whole: then who needs it waits.
    """
    for folder in sorted((state / CHUNKED_INDEXES).glob("*/")):
        try:
            _left_out(folder, documents)
        except (_Busy, UserError, OSError, RuntimeError) as error:
            _log.info(
                "%s is removed, and made again when it is needed: %s", folder, error or "another process is writing it"
            )
            shutil.rmtree(folder, ignore_errors=True)


def _left_out(folder: Path, documents: Index) -> None:
    from rung.knowledge.leaving_out import leave_out
    from rung.knowledge.protocol import IndexGone
    from rung.knowledge.store.lance import LanceIndex

    at = folder / "index"
    for attempt in range(_TRIES):
        try:
            return leave_out(LanceIndex(at, memory_rows=0), at, documents, _patience())
        except IndexGone:
            if attempt == _TRIES - 1:
                raise
    return None


def _patience() -> Callable[[], None]:
    until = time.monotonic() + _PATIENCE

    def waiting() -> None:
        if time.monotonic() > until:
            raise _Busy("another process is writing it")

    return waiting
