"""What is said of answers, in `.rung/feedback.jsonl`: it only grows, and a line is on the disk before it is acknowledged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Literal

from rung.errors import UserError
from rung.files.durable import alone, fsync_folder
from rung.records import Json

FILE, LOCK = "feedback.jsonl", "feedback.lock"
Rating = Literal["up", "down"]


def keep_remark(state: Path, remark: Mapping[str, Json]) -> None:
    """Add a remark to a project's feedback, with the time; what a crash left of a line before goes.

    Raises:
        UserError: it cannot be written; nothing of it is there.
    """
    path = state / FILE
    row = {**remark, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    with alone(state / LOCK):
        try:
            is_new = not path.exists()
            # unbuffered: what a full disk did not take would be written after all when the file is closed
            with open(path, "a+b", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                end, left = _whole(file), memoryview(line)
                try:
                    while left:
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), end)
                    raise
            if is_new:
                fsync_folder(state)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror or error}): the feedback was not kept") from error


def _whole(file: FileIO) -> int:
    """Cut what no line end follows; the size then."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            end = file.read().rfind(b"\n") + 1
            file.truncate(end)
    file.seek(end)
    return end
