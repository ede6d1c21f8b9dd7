"""Server-sent events: each a line of JSON."""

from __future__ import annotations

import json

from rung.records import Json

DONE = b"data: [DONE]\n\n"
MEDIA_TYPE = "text/event-stream"
HEADERS = {"X-Accel-Buffering": "no"}  # a proxy that waits for more would undo streaming


def event(value: Json, name: str = "") -> bytes:
    """One event; `name`: its type."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
