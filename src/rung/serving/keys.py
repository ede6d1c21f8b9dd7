"""API keys of a project: made, listed, revoked, and told from each other when a request comes with one.

A key is shown once and kept as a digest, in `.rung/keys.json`. Which header it comes in is left to `headers`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from rung.errors import UserError
from rung.files.durable import alone, standing, write_whole
from rung.plugins import hint
from rung.serving.callers import BOARD_SCOPES, SCOPES, Caller, Refused
from rung.serving.headers import not_good

FILE, LOCK = "keys.json", "keys.lock"
PREFIX = "rung_"
_FORM = re.compile(PREFIX + r"([0-9a-f]{12})_[A-Za-z0-9_-]{43}")  # the id, and 256 random bits in base64url
_SPAN = re.compile(r"(\d{1,6})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()  # what a key that is not there is compared with
MAX_NAME = 100
MIN_ID = 4  # characters of an id that name it

log = logging.getLogger(__name__)


def now_utc() -> datetime:
    """The time, to the second: what keys are dated with."""
    return datetime.now(UTC).replace(microsecond=0)


class Key(BaseModel):
    """What is kept of a key: never the key itself. `groups` are what its bearer may read beside public documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    name: str
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = tuple(sorted(SCOPES))
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    last_four: str
    sha256: str
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_day: int | None = Field(default=None, ge=1)

    def state(self, now: datetime) -> Literal["live", "expired", "revoked"]:
        """Whether it is good at this time."""
        return "revoked" if self.revoked else "expired" if self.expires and self.expires <= now else "live"

    @property
    def shown(self) -> str:
        """How it is known again: its beginning and its last four characters."""
        return f"{PREFIX}{self.id}_…{self.last_four}"


class _KeyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a new key is to be. `expires` None: never; a limit of None: no limit."""

    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = SCOPES
    expires: datetime | None = None
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None


class KeyStore:
    """The keys of a project, in its state's folder; written by one process at a time."""

    def __init__(self, state: Path, *, now: Callable[[], datetime] = now_utc) -> None:
        self.path = state / FILE
        self._lock, self._now = state / LOCK, now

    def listed(self) -> tuple[Key, ...]:
        """All keys, revoked and expired ones too, the oldest first.

        Raises:
            UserError: the file cannot be read, or is none of keys.
        """
        return _read(self.path).keys

    def create(self, request: KeyRequest) -> tuple[Key, str]:
        """Make a key; returned beside its record, it is nowhere else from then on.

        Raises:
            UserError: a name, group or scope that is none, or the file cannot be written.
        """
        _check(request)
        id = secrets.token_hex(6)
        text = f"{PREFIX}{id}_{secrets.token_urlsafe(32)}"
        key = Key(
            id=id,
            name=request.name.strip(),
            groups=tuple(sorted(request.groups)),
            scopes=tuple(sorted(request.scopes)),
            created=self._now(),
            expires=request.expires,
            last_four=text[-4:],
            sha256=_digest(text),
            requests_per_minute=request.requests_per_minute,
            tokens_per_day=request.tokens_per_day,
        )
        with alone(self._lock):
            self._write((*self.listed(), key))
        return key, text

    def revoke(self, word: str) -> tuple[Key, bool]:
        """End a key at once, and whether it was good until now; it stays listed.

        Args:
            word: its id, the first four or more characters of it, or the whole key.

        Raises:
            UserError: no key is called so, or several are; the file cannot be written.
        """
        id = word.strip().removeprefix(PREFIX).partition("_")[0]
        with alone(self._lock):
            keys = self.listed()
            matches = [key for key in keys if len(id) >= MIN_ID and key.id.startswith(id)]
            if len(matches) != 1:
                which = f"'{id}' begins the ids of {len(matches)} keys: write more of it" if matches else _none(id, keys)
                raise UserError(which)
            (key,) = matches
            was_live = key.state(self._now()) == "live"
            if key.revoked is None:
                key = key.model_copy(update={"revoked": self._now()})
                self._write(key if one.id == key.id else one for one in keys)
        return key, was_live

    def _write(self, keys: Iterable[Key]) -> None:
        content = _KeyFile(keys=tuple(keys)).model_dump_json(indent=1, exclude_none=True)
        write_whole(self.path, f"{content}\n", mode=0o600)


class KeyIdentity:
    """Who comes with a key. The file is looked at before each answer, and read again where it changed."""

    def __init__(self, state: Path, *, now: Callable[[], datetime] = now_utc) -> None:
        self._path, self._now = state / FILE, now
        self._lock = threading.Lock()
        self._standing: list[int] | None = None
        self._keys: dict[str, Key] = {}

    def of(self, text: str) -> Caller:
        """The caller that this key was made for.

        Raises:
            Refused: 401 where it is unknown, revoked or expired, which only the log tells apart; 503 where the file of keys
                cannot be read.
        """
        form = _FORM.fullmatch(text)
        key = self._current().get(form[1]) if form else None
        # compared in constant time, and with something also where there is no such key: time tells nothing either
        same = hmac.compare_digest(_digest(text), key.sha256 if key else _NOBODY)
        if key is None or not same:
            raise not_good(f"unknown key{f' {PREFIX}{form[1]}' if form else ''}")
        if (state := key.state(self._now())) != "live":
            raise not_good(f"{state} key {key.shown} of {key.name!r}")
        return Caller(
            key.name,
            frozenset(key.groups),
            scopes=frozenset(key.scopes),
            key=key.id,
            requests_per_minute=key.requests_per_minute,
            tokens_per_day=key.tokens_per_day,
        )

    def _current(self) -> dict[str, Key]:
        with self._lock:
            try:
                # looked at before it is read: what is written in between shows as another standing next time
                now = standing(self._path)
            except FileNotFoundError:
                self._standing, self._keys = None, {}
                return {}
            except OSError as error:
                raise _unreadable(error) from error
            if now != self._standing:
                try:
                    self._keys = {key.id: key for key in _read(self._path).keys}
                except UserError as error:
                    self._standing = None
                    raise _unreadable(error) from error
                self._standing = now
            return self._keys


def expiry(text: str, now: datetime) -> datetime:
    """When a key ends: after a span ("12h", "30d", "8w"), or with a day ("2027-01-31": the last good one, in UTC).

    Raises:
        UserError: it is neither, or has passed.
    """
    try:
        if span := _SPAN.fullmatch(text.strip()):
            end = now + timedelta(hours=int(span[1]) * _HOURS[span[2]])
        else:
            end = datetime.combine(date.fromisoformat(text.strip()), datetime.min.time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UserError(f"--expires {text!r} is no time: write 12h, 30d, 8w, or a day such as 2027-01-31") from None
    if end <= now:
        raise UserError(f"--expires {text!r} has passed: a key must be good for a while")
    return end


def _digest(text: str) -> str:
    # A slow hash with a salt is for passwords, which can be guessed; 256 random bits cannot, however fast one may try.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> _KeyFile:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _KeyFile()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return _KeyFile.model_validate_json(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "it"
        why = f"{where}: {error.errors()[0]['msg']}"
        raise UserError(
            f"{path} is no file of keys ({why}): put a copy of it back, or delete it and make new keys"
        ) from error


def _check(request: KeyRequest) -> None:
    name = request.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UserError(f"a key's name is 1 to {MAX_NAME} characters that can be seen")
    if odd := next((group for group in sorted(request.groups) if not group.isprintable()), None):
        raise UserError(f"the group {odd!r} holds a character that nobody sees: write it anew")
    scopes = SCOPES | BOARD_SCOPES
    if unknown := sorted(request.scopes - scopes):
        raise UserError(f"'{unknown[0]}' is no scope; {hint(unknown[0], sorted(scopes))}")
    if not request.scopes:
        raise UserError(f"a key without a scope opens nothing; there are: {', '.join(sorted(scopes))}")


def _none(id: str, keys: Collection[Key]) -> str:
    if not keys:
        return "there are no keys: 'rung keys new NAME' makes one"
    if len(id) < MIN_ID:
        return f"'{id}' is too short to name a key: write {MIN_ID} or more characters of its id"
    return f"no key has the id '{id}'; {hint(id, [key.id for key in keys])}"


def _unreadable(error: Exception) -> Refused:
    log.error("nobody with a key is let in: %s", error)
    return Refused(503, "keys cannot be checked now: try again later")
