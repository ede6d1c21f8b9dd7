"""The one JSON form of a record, and its digest. Equal digest means equal thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

_WRITER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))  # made once: there are many values

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def plain(value: object) -> Json:
    """A record as JSON values: dataclasses become objects (empty fields kept), tuples and sets become lists."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return [plain(v) for v in sorted(value, key=str)]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces. Equal values have equal text."""
    return _WRITER.encode(plain(value))


def digest(*values: object) -> str:
    """SHA-256 over the canonical JSON of the values, as 64 hex characters: equal digest means equal thing."""
    return hashlib.sha256("\n".join(canonical(v) for v in values).encode()).hexdigest()
