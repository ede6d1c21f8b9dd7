"""What goes over the line to a server, and what comes back, before anything is read in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung.records import Json


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request of any kind: to a path, as `Endpoint.address` has them, or a whole URL. `headers` None: with the key."""

    method: str
    path: str
    content: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came back; `sends_to`: where a redirection points."""

    text: str
    headers: Mapping[str, str]

    @property
    def sends_to(self) -> str:
        """Where it sends on to, "" where it does not."""
        return self.headers.get("location", "")


def form(path: str, fields: Mapping[str, str], file: tuple[str, bytes] | None = None) -> Outgoing:
    """A POST of a form. `file`: name and content of a file of JSON Lines in it."""
    import httpx

    parts: dict[str, Any] = {name: (None, value.encode()) for name, value in fields.items()}
    if file is not None:
        parts["file"] = (*file, "application/jsonl")
    written = httpx.Request("POST", "http://form", files=parts)  # only for its body
    return Outgoing("POST", path, written.read(), written.headers["Content-Type"])


def posted(path: str, body: Mapping[str, Json]) -> Outgoing:
    """A POST of JSON."""
    return Outgoing("POST", path, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
