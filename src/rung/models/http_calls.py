"""What goes over the line to a server, and what comes back, before anything is read in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

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


def posted(path: str, body: Mapping[str, Json]) -> Outgoing:
    """A POST of JSON."""
    return Outgoing("POST", path, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
