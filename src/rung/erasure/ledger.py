"""The record of erasures, `.rung/erasures.jsonl`, which only grows: when, by whom, why, how much, and never what.

What was forgotten stands there as HMAC-SHA256 under a key of the project's own (`erasures.key`): whoever has text and key
can tell that it was forgotten; whoever has the record alone cannot find out by trying. An erasure that was begun and has no
end was killed: the same command goes on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rung.erasure.target import Finding, Kind, folded
from rung.errors import UserError
from rung.files.durable import fsync_folder, short_sum, write_whole
from rung.records import Json, canonical, plain

LOG, KEY, LOCK = "erasures.jsonl", "erasures.key", "erasures.lock"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A line of the record. `what`: "begun", or "done"; `digest`: keyed; `erased`: how many of what, by store; `left`: how
    many places were named that Rung does not erase; `trained`: digests of artifacts that were taught by it."""

    at: str
    what: str
    kind: Kind
    digest: str
    by: str
    reason: str = ""
    erased: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    trained: tuple[str, ...] = ()
    servers: int = 0


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of what, by store."""
    return {f"{one.store}: {one.what}": one.count for one in findings}


class Ledger:
    """The record of one project, given the folder of its state."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def digest(self, name: str) -> str:
        """The keyed digest of what is forgotten; the key is made where there is none.

        Raises:
            UserError: the key cannot be read or written.
        """
        path = self._state / KEY
        if not path.exists():
            write_whole(path, secrets.token_hex(32), mode=0o600)
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is no key ({error}): put it back from a backup, or delete it for a new one") from error
        return hmac.new(key, folded(name).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def entries(self) -> tuple[Erasure, ...]:
        """All lines that can be read, oldest first.

        Raises:
            UserError: the file cannot be read.
        """
        try:
            lines = (self._state / LOG).read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UserError(f"{self._state / LOG} cannot be read ({error.strerror})") from error
        return tuple(one for line in lines if line.strip() and (one := _entry(line)) is not None)

    def last(self, name: str) -> Erasure | None:
        """The last line about this; None: there is none."""
        if not (self._state / KEY).exists():
            return None
        digest = self.digest(name)
        return next((one for one in reversed(self.entries()) if one.digest == digest), None)

    def write(self, entry: Erasure) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            UserError: it cannot be written.
        """
        row = plain(entry)
        assert isinstance(row, dict)
        line = json.dumps({**row, "sum": short_sum(canonical(row))}, ensure_ascii=False)
        path = self._state / LOG
        try:
            with path.open("a+b") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)  # a line that a crash cut
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            fsync_folder(self._state)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): nothing was erased") from error


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _entry(line: bytes) -> Erasure | None:
    try:
        row: dict[str, Json] = json.loads(line)
        total = row.pop("sum", None)
        if total != short_sum(canonical(row)):
            return None
        return Erasure(**{**row, "trained": tuple(row["trained"])})  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
