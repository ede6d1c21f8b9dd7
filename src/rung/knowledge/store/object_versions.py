"""What a bucket with versioning keeps of the index's objects that were deleted or written anew: ended, and counted.

Object storage without versioning has none. Keys are found as for the index itself, by `botocore` (extra `scale`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rung.files.durable import SEAL
from rung.knowledge.store.location import VERSIONS

log = logging.getLogger(__name__)

_AT_ONCE = 1_000  # versions in one request, at most


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A version of an object that is not what it is now; `is_marker`: it says that the object was deleted, no more."""

    key: str
    id: str
    is_marker: bool


@dataclass(frozen=True, slots=True)
class ObjectVersions:
    """The earlier versions of the objects of one index."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str

    def end(self) -> None:
        """Delete them: content first, then the markers, so that none comes back into sight. What the storage refuses is said
        in the log, and stays."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client()
            versions = list(self._earlier(client))
            for is_marker in (False, True):
                some = [{"Key": one.key, "VersionId": one.id} for one in versions if one.is_marker is is_marker]
                for start in range(0, len(some), _AT_ONCE):
                    batch = {"Objects": some[start : start + _AT_ONCE], "Quiet": True}
                    refused = client.delete_objects(Bucket=self.bucket, Delete=batch).get("Errors", [])
                    if refused:
                        self._warn(f"{refused[0].get('Code')}: {refused[0].get('Message')}")
                        return
        except (BotoCoreError, ClientError, ImportError) as error:
            self._warn(str(error))

    def words(self) -> str:
        """What is still kept, in words; "" where nothing is."""
        from botocore.exceptions import BotoCoreError, ClientError

        rule = "a rule of the storage ends them"
        try:
            count = sum(not one.is_marker for one in self._earlier(self._client()))
        except (BotoCoreError, ClientError) as error:
            return f"object versions that the bucket may keep, which could not be listed ({error}): {rule}"
        return f"{count:,} object versions that the bucket keeps and would not delete: {rule}" if count else ""

    def _earlier(self, client: Any) -> Iterator[EarlierVersion]:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/"):
            for kind in ("Versions", "DeleteMarkers"):
                is_marker = kind == "DeleteMarkers"
                for entry in page.get(kind, []):
                    if (is_marker or not entry["IsLatest"]) and self._is_own(entry["Key"]):
                        yield EarlierVersion(entry["Key"], entry["VersionId"], is_marker)

    def _is_own(self, key: str) -> bool:
        name = key.removeprefix(f"{self.prefix}/")
        return ".lance/" in name or name.startswith(f"{VERSIONS}/") or name == SEAL  # the lock holds no word of anybody

    def _client(self) -> Any:
        from botocore.config import Config
        from botocore.session import get_session

        style = {"addressing_style": "path" if self.endpoint else "auto"}
        config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}, s3=style)
        return get_session().create_client("s3", region_name=self.region, endpoint_url=self.endpoint, config=config)

    def _warn(self, why: str) -> None:
        log.warning(
            "s3://%s/%s: earlier versions of deleted objects stay in the bucket (%s): a rule of the storage ends them",
            *(self.bucket, self.prefix, why),
        )
