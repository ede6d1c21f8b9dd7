"""What a bucket with versioning keeps of the index's objects that were deleted or written anew: ended, and counted.

Object storage without versioning has none. Keys are found as for the index itself, by `botocore` (extra `scale`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rung.files.durable import SEAL
from rung.knowledge.store.location import version_at
from rung.knowledge.store.sealing import is_of_table

log = logging.getLogger(__name__)

_AT_ONCE = 1_000  # versions in one request, at most
_REASONS = 3  # that are said, at most


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
        in the log, once and counted, and stays; the markers over it too."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client()
            versions = list(self._earlier(client))
        except (BotoCoreError, ClientError, ImportError) as error:
            self._warn("", str(error))
            return
        content = [one for one in versions if not one.is_marker]
        refused = self._ended(client, content)
        retained = {one.key for one, _ in refused}  # without its marker, what stays would come back into sight
        markers = [one for one in versions if one.is_marker and one.key not in retained]
        refused_markers = self._ended(client, markers)
        if refused or refused_markers:
            why = "; ".join(list(dict.fromkeys(why for _, why in (*refused, *refused_markers)))[:_REASONS])
            also = f"{len(refused_markers):,} of {len(markers):,} markers of deletions, and " if refused_markers else ""
            self._warn(f"{also}{len(refused):,} of {len(content):,} ", why)

    def _ended(self, client: Any, versions: Sequence[EarlierVersion]) -> list[tuple[EarlierVersion, str]]:
        """Delete them, in as many requests as it takes. Returns those that were refused, each with why."""
        from botocore.exceptions import BotoCoreError, ClientError

        refused: list[tuple[EarlierVersion, str]] = []
        for start in range(0, len(versions), _AT_ONCE):
            some = versions[start : start + _AT_ONCE]
            batch = {"Objects": [{"Key": one.key, "VersionId": one.id} for one in some], "Quiet": True}
            try:
                errors = client.delete_objects(Bucket=self.bucket, Delete=batch).get("Errors", [])
            except ClientError as error:  # of this request: the others may do
                refused += [(one, str(error)) for one in some]
                continue
            except BotoCoreError as error:  # out of reach, as are the others
                return refused + [(one, str(error)) for one in versions[start:]]
            by_key = defaultdict[str, list[EarlierVersion]](list)
            for one in some:
                by_key[one.key].append(one)
            for entry in errors:  # not every storage names the version
                of_key, id = by_key[entry.get("Key", "")], entry.get("VersionId")
                if match := next((one for one in of_key if id in (None, one.id)), None):
                    of_key.remove(match)
                    refused.append((match, f"{entry.get('Code')}: {entry.get('Message')}"))
        return refused

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
        return is_of_table(name) or version_at(name) is not None or name == SEAL  # the lock holds no word of anybody

    def _client(self) -> Any:
        from botocore.config import Config
        from botocore.session import get_session

        style = {"addressing_style": "path" if self.endpoint else "auto"}
        config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}, s3=style)
        return get_session().create_client("s3", region_name=self.region, endpoint_url=self.endpoint, config=config)

    def _warn(self, count: str, why: str) -> None:
        log.warning(
            "s3://%s/%s: %searlier versions of deleted objects stay in the bucket (%s): a rule of the storage ends them",
            *(self.bucket, self.prefix, count, why),
        )
