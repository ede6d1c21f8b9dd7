"""What every model behind a server has: its client, its key, what became of its requests, when it ends."""

from __future__ import annotations

from rung.models.endpoint import Endpoint
from rung.models.http_client import Client
from rung.models.http_retries import FIRST_WAIT
from rung.models.protocol import Server
from rung.records import Json


class Served:
    """What every model behind a server has."""

    def __init__(self, endpoint: Endpoint, server: Server, *, first_wait: float = FIRST_WAIT) -> None:
        self._endpoint, self._server = endpoint, server
        self._client = Client(endpoint, server, first_wait=first_wait)

    @property
    def has_key(self) -> bool:
        """Whether a key is set."""
        return self._endpoint.has_key

    @property
    def troubles(self) -> str:
        """How many requests were tried again so far, and why most often; "" where none was."""
        return self._client.retries.troubles

    def ending(self) -> dict[str, Json]:
        """What the server says of the model's end, as `Remote.check` reports it; {} where it says nothing."""
        listing = self._client.listing()
        return {"ends": listing.ends, "instead": listing.instead} if listing.ends else {}

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._client.close()
