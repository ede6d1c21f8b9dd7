"""Carries a batch interface's requests: files up and down, and nothing made twice by a second try."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rung.models.http_calls import Outgoing, form, posted
from rung.models.http_client import Client
from rung.models.http_retries import RequestFailed
from rung.models.wire.batch_apis import Again
from rung.records import Json

LONG = 900.0  # seconds that a file of answers may take


class BatchClient:
    """A `Transport` over a server's client; each raises `RequestFailed` and `ServerError` as `Client.post` does."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, path: str) -> Mapping[str, Json]:
        """The object at a path."""
        return _object(self._text(Outgoing("GET", path)))

    def post(self, path: str, body: bytes, *, again: Again | None = None) -> Mapping[str, Json]:
        """The object that answers; see `Transport`."""
        halt, tried = threading.Event(), False

        def work() -> Mapping[str, Json]:
            nonlocal tried
            if tried and again is not None and (made_before := _looked_up(again)) is not None:
                return made_before
            tried = True
            return _object(self._client.once(Outgoing("POST", path, body), halt, seconds=LONG).text)

        return self._client.patiently(work, halt)[0]

    def upload(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> Mapping[str, Json]:
        """The object that answers a form with a file."""
        return _object(self._text(form(path, fields, (name, content))))

    def upload_begun(self, path: str, name: str, content: bytes) -> Mapping[str, Json]:
        """The object that answers a file of JSON Lines; see `Transport`. Another try begins anew."""
        halt, kind = threading.Event(), "application/jsonl"

        def work() -> Mapping[str, Json]:
            begun = posted(path, {"file": {"displayName": name}})
            address = self._client.endpoint.address(path)
            protocol = {
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(len(content)),
                "X-Goog-Upload-Header-Content-Type": kind,
            }
            headers = {**self._client.endpoint.headers("POST", address, begun.content), **protocol}
            answered = self._client.once(replace(begun, headers=headers), halt)
            where = answered.headers.get("x-goog-upload-url", "")
            if "://" not in where:
                raise RequestFailed(f"the server does not say where {name} is put: its API may have changed", 1)
            whole = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0", "Content-Type": kind}
            return _object(self._client.once(Outgoing("POST", where, content, kind, whole), halt, seconds=LONG).text)

        return self._client.patiently(work, halt)[0]

    def lines(self, path: str) -> Iterator[Mapping[str, Json]]:
        """The objects of a file of JSON Lines; one that breaks off is fetched again, as often as the project allows."""
        text = self._text(Outgoing("GET", path))
        for line in text.split("\n"):  # a text may hold other ends of lines
            if line.strip():
                yield _object(line)

    def delete(self, path: str) -> None:
        """Delete what is there; what cannot be deleted stays."""
        try:
            self._text(Outgoing("DELETE", path))
        except RequestFailed:
            return

    def _text(self, sent: Outgoing) -> str:
        return self._client.call(sent, seconds=LONG).text


def _looked_up(again: Again) -> Mapping[str, Json] | None:
    """What an earlier try came to.

    Raises:
        RequestFailed: nobody knows, so it is no refusal, whatever was said of the look-up.
    """
    try:
        return again()
    except RequestFailed as error:
        raise RequestFailed(str(error), error.attempts) from error


def _object(text: str) -> Mapping[str, Json]:
    """The object that a body holds.

    Raises:
        RequestFailed: it holds none.
    """
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RequestFailed(f"the server's answer is no JSON object: {text[:120]!r}", 1)
    return value
