"""The keys that an identity provider publishes (a JWKS): fetched once, and again where they may have changed."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.errors import ServerError, UserError, first_line
from rung.files.limited import content_of
from rung.records import Json
from rung.serving.callers import Refused

if TYPE_CHECKING:
    from joserfc.jwk import Key

EVERY = 60.0  # seconds between two looks for a key that is not known: anybody can name one
AGAIN = 5.0  # seconds before the next look where the last one failed
MAX_AGE = 3600.0  # seconds after which a key that was withdrawn is one no more
MAX_OUTAGE = 86_400.0  # seconds for which keys go on that could not be looked at again
MAX_BYTES = 1_000_000
TIMEOUT = 5.0  # seconds
TYPES = ("RSA", "EC", "OKP")  # of keys that come in pairs; a shared secret in a published list is none

log = logging.getLogger(__name__)


class PublishedKeys:
    """The provider's keys, for several threads at once. `fetch` gives the JWKS as it is now; `clock` never goes back."""

    def __init__(self, fetch: Callable[[], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock, self._lock = fetch, clock, threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched: float | None = None
        self._failed: float | None = None

    def find(self, kid: str, algorithm: str, type: str, curve: str) -> Key | None:
        """The key of this id that a signature by this algorithm may be checked with; None: the provider publishes none.

        Raises:
            Refused: 503, the keys cannot be had, so that nobody knows.
        """
        key = _fitting(self._keys, kid, algorithm, (type, curve))
        if key is not None and not self._is_old():
            return key
        is_usable = key is not None and self._fetched is not None and self._clock() - self._fetched < MAX_OUTAGE
        if not self._lock.acquire(blocking=not is_usable):  # one asks; who has a key goes on with it meanwhile
            return key
        try:  # the others wait and look again
            key = _fitting(self._keys, kid, algorithm, (type, curve))
            if key is not None and not self._is_old():
                return key
            if self._may_look():
                self._look()
            key = _fitting(self._keys, kid, algorithm, (type, curve))
            if key is None and self._failed is not None:
                raise Refused(503, "tokens cannot be checked now: try again later", headers={"retry-after": str(int(AGAIN))})
            return key
        finally:
            self._lock.release()

    def _is_old(self) -> bool:
        return self._fetched is None or self._clock() - self._fetched >= MAX_AGE

    def _may_look(self) -> bool:
        if self._failed is not None:
            return self._clock() - self._failed >= AGAIN
        return self._fetched is None or self._clock() - self._fetched >= EVERY

    def _look(self) -> None:
        """Take the keys as they are now. Where that fails, those of before go on for a day at most, and it is said."""
        try:
            self._keys = _parsed(self._fetch())
        except UserError as error:
            self._failed = self._clock()
            if self._fetched is None or self._failed - self._fetched >= MAX_OUTAGE:
                self._keys = ()
            log.error("the keys that tokens are checked with cannot be had: %s", error)
        else:
            self._fetched, self._failed = self._clock(), None


def fetcher(project: Project) -> Callable[[], bytes]:
    """Where a project's JWKS comes from: `serve.jwt.jwks`, an address or a file of the project."""
    where = project.settings.serve.jwt.jwks
    return partial(_from_server, where) if "://" in where else partial(_from_file, project.root / Path(where).expanduser())


def _from_file(path: Path) -> bytes:
    return content_of(path)


def _from_server(url: str) -> bytes:
    """The body of a published JWKS.

    Raises:
        ServerError: no answer, another than 200 (to be sent elsewhere too), or too long a one.
    """
    import httpx

    try:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client, client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise ServerError(f"{url} answers with status {response.status_code}")
            body, began = b"", time.monotonic()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MAX_BYTES or time.monotonic() - began > TIMEOUT:
                    raise ServerError(f"{url} sends more than {MAX_BYTES:,} bytes, or for more than {TIMEOUT:g} s")
            return body
    except httpx.HTTPError as error:
        raise ServerError(f"{url} cannot be reached: {first_line(error)}") from error


def _parsed(body: bytes) -> tuple[Key, ...]:
    """The keys of a JWKS that signatures can be checked with; what is none is passed over, as RFC 7517 has it.

    Raises:
        ServerError: it holds none.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        document: Json = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServerError(f"the JWKS is no JSON: {first_line(error)}") from error
    rows = document.get("keys") if isinstance(document, dict) else None
    keys: list[Key] = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("kty") not in TYPES or not isinstance(row.get("kid"), str):
            continue
        values = {name: value for name, value in row.items() if isinstance(value, str)}
        try:
            key = JWKRegistry.import_key({**values})
            key.check_use("sig")
            keys.append(key)
        except (JoseError, ValueError, TypeError) as error:
            log.warning("a key of the JWKS is passed over: %s", first_line(error))
    if not keys:
        raise ServerError('the JWKS holds no public key with a "kid" that signatures can be checked with')
    return tuple(keys)


def _fitting(keys: tuple[Key, ...], kid: str, algorithm: str, kind: tuple[str, str]) -> Key | None:
    for key in keys:
        curve = str(key.get("crv") or "")
        if key.kid == kid and (key.key_type, curve) == kind and key.get("alg") in (None, algorithm):
            return key
    return None
