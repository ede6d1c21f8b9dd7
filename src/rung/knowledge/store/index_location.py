"""The kind of place that an index's location names: a folder, or object storage."""

from __future__ import annotations

from pathlib import Path

from rung.errors import UserError
from rung.knowledge.store.location import Folder, Keeping


def keeping(location: Path | str | Keeping, folder: Path | None = None) -> Keeping:
    """The folder, or for `s3://bucket/prefix` the bucket. `folder`: what of the project stands for it then.

    Raises:
        UserError: an address that cannot be used.
        MissingExtra: object storage needs the extra `scale`.
    """
    if not isinstance(location, (str, Path)):
        return location
    if isinstance(location, str) and location.startswith("s3://"):
        from rung.knowledge.store.bucket import Bucket

        return Bucket(location, folder)
    if isinstance(location, str) and "://" in location:
        raise UserError(f"knowledge.store: '{location}' is no place for an index; name a folder or s3://bucket/prefix")
    return Folder(Path(location))
