"""An index on S3-compatible object storage, where nothing can be locked: objects are only ever created.

Which address and keys: the usual `AWS_…` variables. A folder is `keeping.Folder`.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rung.errors import Damaged, MissingExtra, UserError
from rung.files.durable import SEAL, damaged
from rung.knowledge.store.location import VERSIONS, Held, file_in, is_of_place, is_of_store, reason, version_at, version_file
from rung.knowledge.store.object_versions import ObjectVersions
from rung.knowledge.store.sealing import CHANGING, is_of_table

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0  # a writer that shows no sign of life for so long has lost its place
_PATIENCE = {"timeout": "30s", "connect_timeout": "5s"}


@dataclass
class Bucket:
    """An index on S3-compatible object storage. Address and keys come from the usual `AWS_…` variables.

    The lock is an object with a beating heart: whoever finds it unchanged for `LEASE_SECONDS` takes it over, and its
    former holder stops before its next write.
    """

    url: str
    folder: Path | None = None  # what of the project stands for it: the command that mends it names the project
    lease_seconds: float = LEASE_SECONDS
    _store: Any = field(init=False, repr=False)
    _tags: dict[int, str] = field(default_factory=dict, init=False, repr=False)  # of the versions that were listed last
    _cached: dict[tuple[int, str], bytes] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise MissingExtra("scale", "an index on object storage") from error
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        if not bucket or not prefix.strip("/"):
            raise UserError(f"knowledge.store: '{self.url}' must name a bucket and a prefix, as in s3://bucket/team")
        endpoint = _endpoint()
        client: Any = {**_PATIENCE, "allow_http": _plain(endpoint)}
        config: Any = {"region": _region(), "virtual_hosted_style_request": endpoint is None}
        if endpoint:
            config["endpoint"] = endpoint
        self._store = S3Store(
            bucket, prefix=prefix.strip("/"), config=config, client_options=client, retry_config={"max_retries": 2}
        )

    @property
    def uri(self) -> str:
        """The address."""
        return self.url.rstrip("/")

    @property
    def root(self) -> str:
        """See `Keeping.root`."""
        return self.url.removeprefix("s3://").partition("/")[2].strip("/")

    @property
    def options(self) -> Mapping[str, str]:
        """See `Keeping.options`."""
        endpoint = _endpoint()
        given = {"region": _region(), "client_max_retries": "2", **_PATIENCE}
        if endpoint:
            given |= {
                "endpoint": endpoint,
                "virtual_hosted_style_request": "false",
                "allow_http": str(_plain(endpoint)).lower(),
            }
        return given

    def numbers(self) -> list[int]:
        """See `Keeping.numbers`."""
        import obstore

        with self.clear_errors():
            listed = [entry for page in obstore.list(self._store, VERSIONS) for entry in page]
        tags = ((version_at(entry["path"]), str(entry["e_tag"])) for entry in listed)
        self._tags = {number: tag for number, tag in tags if number is not None}
        return sorted(self._tags)

    def read(self, number: int) -> bytes | None:
        """See `Keeping.read`. A version never changes, so the one that was read last is not asked for again."""
        key = (number, self._tags.get(number, ""))
        if key in self._cached:
            return self._cached[key]
        with self.clear_errors():
            content, tag = self._read(version_file(number))
        if content is not None:
            self._cached = {(number, tag): content}
        return content

    def create(self, number: int, content: bytes, *, since: float) -> bool:  # noqa: ARG002 - a disk's business
        """See `Keeping.create`. Object storage has written what it has answered for."""
        with self.clear_errors():
            sealed = (self._sealed() if self.numbers() else None) or {}  # without a version, all that stands there is new
            self._seal({name: sealed.get(name, (number, tag)) for name, tag in self._files().items()})
        return self._put(version_file(number), content, "create") is not None

    def check(self, number: int) -> None:
        """See `Keeping.check`. The storage names each object's content by a tag."""
        for name, came in self.altered():
            if came <= number:
                raise self.damaged(name, "it was altered")

    def address(self, name: str) -> str:
        """See `Keeping.address`."""
        return f"{self.uri}/{name}".rstrip("/")

    def damaged(self, name: str, why: str) -> Damaged:
        """See `Keeping.damaged`."""
        return damaged(self.address(name), why, state=self.folder)

    def is_damage(self, error: BaseException) -> bool:
        """See `Keeping.is_damage`. What the storage refuses is none, nor is a bucket that is not there."""
        words = str(error).lower()
        if not is_of_store(error) or "nosuchbucket" in words:
            return False
        return "not found" in words or "lanceerror(io)" not in words

    def altered(self) -> Iterator[tuple[str, int]]:
        """See `Keeping.altered`."""
        with self.clear_errors():
            noted = self._sealed()
            tags = self._files() if noted else {}
        if noted is None:
            raise self.damaged(SEAL, "it does not say what the objects should be")
        yield from ((name, came) for name, (came, tag) in noted.items() if tags.get(name, tag) != tag)

    def delete(self, name: str) -> None:
        """See `Keeping.delete`."""
        import obstore

        with self.clear_errors(), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def forget_missing(self) -> None:
        """See `Keeping.forget_missing`."""
        with self.clear_errors():
            files = self._files()
            self._seal({name: was for name, was in (self._sealed() or {}).items() if name in files})

    def clear(self) -> None:
        """See `Keeping.clear`."""
        for number in self.numbers():
            self.remove(number)
        for name in (*self._files(changing=True), SEAL):
            self.delete(name)

    def end_earlier(self) -> None:
        """See `Keeping.end_earlier`."""
        self.earlier.end()

    @property
    def earlier(self) -> ObjectVersions:
        """What a bucket with versioning keeps of objects that were deleted."""
        bucket = self.url.removeprefix("s3://").partition("/")[0]
        return ObjectVersions(bucket, self.root, _endpoint(), _region())

    def _files(self, *, changing: bool = False) -> dict[str, str]:
        """Tag by name of every object of the tables; `changing`: also of those that are written again."""
        import obstore

        listed = [(entry["path"], str(entry["e_tag"])) for page in obstore.list(self._store) for entry in page]
        files = {name: tag for name, tag in listed if is_of_table(name)}
        return {name: tag for name, tag in files.items() if changing or not name.endswith(CHANGING)}

    def _sealed(self) -> dict[str, tuple[int, str]] | None:
        """What the objects of the tables were: version and tag by name; None where that cannot be read."""
        content, _ = self._read(SEAL)
        try:
            entries = json.loads(content or b"{}")
            return {str(name): (int(came), str(tag)) for name, (came, tag) in entries.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None

    def _seal(self, files: Mapping[str, tuple[int, str]]) -> None:
        import obstore

        obstore.put(self._store, SEAL, json.dumps(files, indent=0).encode())

    def remove(self, number: int) -> None:
        """Forget a version."""
        import obstore

        obstore.delete(self._store, version_file(number))

    @contextmanager
    def writing(self, waiting: Callable[[], None] = lambda: None) -> Iterator[Held]:
        """See `Keeping.writing`."""
        lease = _Lease(self)
        with self.clear_errors():
            lease.take(waiting)
        try:
            yield lease.held
        finally:
            lease.leave()

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """See `Keeping.clear_errors`."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, RuntimeError, ValueError) as error:
            if self.is_damage(error):
                raise self.damaged(file_in(error, self.root), reason(error)) from error
            if not is_of_place(error):
                raise
            raise UserError(
                f"the index at {self.url} cannot be reached or refuses ({reason(error)}); check the address"
                " (AWS_ENDPOINT_URL), the keys and the network, and run the same command again: nothing is lost"
            ) from error

    def _read(self, path: str) -> tuple[bytes | None, str]:
        """Content and tag of an object; (None, "") if there is none."""
        import obstore

        try:
            got = obstore.get(self._store, path)
        except FileNotFoundError:
            return None, ""
        return bytes(got.bytes()), str(got.meta["e_tag"])

    def _put(self, path: str, content: bytes, over: str) -> str | None:
        """Write an object if there is none (`over` "create") or if it still has this tag; its new tag, None if not."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if over == "create" else {"e_tag": over}
        try:
            return str(obstore.put(self._store, path, content, mode=mode)["e_tag"])
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return None


class _Lease:
    """The place of the one writer on object storage, kept by a beat every few seconds."""

    PATH = "lock.json"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket, self._name, self._beats = bucket, uuid.uuid4().hex, 0
        self._tag, self._since, self._lost = "", 0.0, False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="rung-lease", daemon=True)

    def take(self, waiting: Callable[[], None]) -> None:
        """Wait until the place is free, or its holder has shown no sign of life for the lease's time."""
        seen, since, warned = "", time.monotonic(), False
        while not self._claim("create"):
            content, tag = self._bucket._read(self.PATH)
            if content is None:
                continue
            if tag != seen:
                seen, since = tag, time.monotonic()
            elif time.monotonic() - since > self._bucket.lease_seconds:
                log.warning("whoever was writing %s has gone; going on in its place", self._bucket.url)
                if self._claim(tag):
                    break
            if not warned:
                log.warning("another process is writing %s; waiting for it", self._bucket.url)
                warned = True
            waiting()
            time.sleep(min(0.2, self._bucket.lease_seconds / 10))
        self._thread.start()

    def held(self) -> None:
        """Go on only as long as nobody can have taken over.

        Raises:
            UserError: the place was lost.
        """
        if self._lost or time.monotonic() - self._since > self._bucket.lease_seconds * 0.75:
            raise UserError(
                f"writing {self._bucket.url} took a pause of over {self._bucket.lease_seconds * 0.75:.0f} s and another"
                " process may have taken over; run the same command again: it goes on from here"
            )

    def leave(self) -> None:
        """Let the next one in."""
        import obstore
        from obstore.exceptions import BaseError

        self._over.set()
        self._thread.join()
        if not self._lost:
            try:
                obstore.delete(self._bucket._store, self.PATH)
            except (BaseError, OSError) as error:  # the lease runs out by itself
                log.warning("the lock of %s could not be given back: %s", self._bucket.url, error)

    def _claim(self, over: str) -> bool:
        self._beats += 1
        before = time.monotonic()
        content = json.dumps({"writer": self._name, "beat": self._beats}).encode()
        tag = self._bucket._put(self.PATH, content, over)
        if tag is None:
            return False
        self._tag, self._since = tag, before
        return True

    def _beat(self) -> None:
        from obstore.exceptions import BaseError

        while not self._over.wait(self._bucket.lease_seconds / 5):
            try:
                if not self._claim(self._tag):
                    self._lost = True
                    return
            except (BaseError, OSError) as error:  # `held` stops the writer if it lasts
                log.warning("%s did not answer: %s", self._bucket.url, error)


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _plain(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.startswith("http://")
