"""Batch interfaces: many requests handed over at once, answered within a day, at half the price.

OpenAI's and Azure's take a file, Anthropic's a list; Google's stands in `gemini_batches`. Sending is left
to `http_batches`, when to send and wait to `batched`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from rung.models.wire.shapes import count, listed, mapping, rows, text
from rung.records import Json

Phase = Literal["running", "ended", "failed", "expired", "cancelled", "absent"]
_MEGABYTE = 1_000_000
_MARK = "rung"  # the key of a batch's metadata that holds our mark
_PAGES = 50  # of a host's list that are looked through
_SHOWN = 3  # errors of a batch that are told
_UNANSWERED = ("batch_expired", "batch_cancelled")  # codes of rows that were never asked


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch is. `failed`: the host refused it whole, and `why` in its words; `absent`: the host knows no batch of
    that name for this key; `files`: where its rows are, `input`: the file that was handed over.

    `done` and `failed_rows` of `total` requests are answered, or failed. `is_too_much`: it was refused since more
    tokens would wait at the host than this key may have there.
    """

    phase: Phase
    done: int = 0
    failed_rows: int = 0
    total: int = 0
    why: str = ""
    files: tuple[str, ...] = ()
    is_too_much: bool = False
    input: str = ""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one request. `status` 200: `body` is the answer; 0: it was never asked; else `body` is the error."""

    id: str
    status: int
    body: Mapping[str, Json]


class Transport(Protocol):
    """Requests to a server, with patience."""

    def get(self, path: str) -> Mapping[str, Json]:
        """The object at a path."""
        ...

    def post(self, path: str, body: bytes, *, again: Again | None = None) -> Mapping[str, Json]:
        """The object that answers. `again`: asked before each further try, since the one before may have come to something;
        what it returns is taken for the answer."""
        ...

    def upload(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> Mapping[str, Json]:
        """The object that answers a form with a file."""
        ...

    def upload_begun(self, path: str, name: str, content: bytes) -> Mapping[str, Json]:
        """The object that answers a file of JSON Lines which is sent to where the server says, as Google has it."""
        ...

    def lines(self, path: str) -> Iterator[Mapping[str, Json]]:
        """The objects of a file of JSON Lines."""
        ...

    def delete(self, path: str) -> None:
        """Delete what is there; what cannot be deleted stays."""
        ...


class Again(Protocol):
    """What an earlier try came to."""

    def __call__(self) -> Mapping[str, Json] | None:
        """The object that it made; None: none."""
        ...


class NotTold(Exception):
    """An earlier try may have made a batch, and which of the host's it is shows when these have ended."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A batch on its way. `mark`: what it is known by here; `after`: the newest batch at the host before it."""

    mark: str
    requests: int
    after: str = ""


class BatchApi(Protocol):
    """One family's batch interface. `max_bytes`: of all requests together."""

    @property
    def max_requests(self) -> int: ...

    @property
    def max_bytes(self) -> int: ...

    @property
    def hours(self) -> int:
        """After which a batch expires."""
        ...

    @property
    def bears_marks(self) -> bool:
        """Whether a batch bears its mark, so that which one is ours is sure."""
        ...

    def line(self, id: str, path: str, body: Mapping[str, Json]) -> bytes:
        """A request as it stands in a batch; `id`: at most 64 letters and digits."""
        ...

    def newest(self, by: Transport) -> str:
        """The name of the newest batch at the host, where batches bear no mark; else ""."""
        ...

    def send(self, by: Transport, lines: Sequence[bytes], path: str, sending: Sending) -> str:
        """Hand the requests over. Returns the batch's name there; may raise `NotTold`."""
        ...

    def sent(self, by: Transport, sending: Sending) -> Sequence[str]:
        """Names of batches that may be the one that was being sent when the process died."""
        ...

    def state(self, by: Transport, name: str) -> BatchState:
        """How far it is."""
        ...

    def rows(self, by: Transport, state: BatchState) -> Iterator[BatchRow]:
        """What became of each request, in any order."""
        ...

    def cancel(self, by: Transport, name: str) -> None:
        """Have the host stop it; what is answered by then can still be read."""
        ...

    def forget(self, by: Transport, state: BatchState) -> None:
        """Delete what was handed over, where the host keeps it after the batch has ended."""
        ...


@dataclass(frozen=True, slots=True)
class FileBatches:
    """OpenAI's `/files` and `/batches`, which Azure has too. `prefix`: what stands before a request's path in the file."""

    max_requests: int = 50_000
    max_bytes: int = 190 * _MEGABYTE  # of 200
    prefix: str = "/v1"
    bears_marks: bool = True
    hours: int = 24

    def line(self, id: str, path: str, body: Mapping[str, Json]) -> bytes:
        """A line of the file."""
        request: Json = {"custom_id": id, "method": "POST", "url": f"{self.prefix}{path}", "body": dict(body)}
        return json_line(request)

    def newest(self, by: Transport) -> str:  # noqa: ARG002 - the protocol's
        """They bear marks."""
        return ""

    def send(self, by: Transport, lines: Sequence[bytes], path: str, sending: Sending) -> str:
        """Upload the file, and make a batch of it that bears the mark."""
        file = by.upload("/files", f"rung-{sending.mark}.jsonl", b"".join(lines), {"purpose": "batch"})
        request: Json = {
            "input_file_id": text(file.get("id")),
            "endpoint": f"{self.prefix}{path}",
            "completion_window": "24h",
            "metadata": {_MARK: sending.mark},
        }
        return text(by.post("/batches", json_line(request), again=lambda: self._marked(by, sending)).get("id"))

    def sent(self, by: Transport, sending: Sending) -> Sequence[str]:
        """The one that bears the mark."""
        batch = self._marked(by, sending)
        return [] if batch is None else [text(batch.get("id"))]

    def state(self, by: Transport, name: str) -> BatchState:
        """`/batches/{name}`."""
        batch = by.get(f"/batches/{name}")
        counts, status = mapping(batch.get("request_counts")), text(batch.get("status"))
        phases: Mapping[str, Phase] = {
            "completed": "ended",
            "failed": "failed",
            "expired": "expired",
            "cancelled": "cancelled",
        }
        files = (text(batch.get(key)) for key in ("output_file_id", "error_file_id"))
        errors = rows(mapping(batch.get("errors")).get("data"))
        return BatchState(
            phases.get(status, "running"),
            count(counts.get("completed")),
            count(counts.get("failed")),
            count(counts.get("total")),
            "; ".join(map(_words, errors[:_SHOWN])),
            tuple(f"/files/{file}/content" for file in files if file),
            any(error.get("code") == "token_limit_exceeded" for error in errors),
            text(batch.get("input_file_id")),
        )

    def rows(self, by: Transport, state: BatchState) -> Iterator[BatchRow]:
        """Those of the file of answers, and of the file of errors."""
        for file in state.files:
            for row in by.lines(file):
                response, error = mapping(row.get("response")), mapping(row.get("error"))
                unasked = text(error.get("code")) in _UNANSWERED
                status = 0 if unasked else count(response.get("status_code")) or 500
                body = mapping(response.get("body")) or {"error": dict(error)}
                yield BatchRow(text(row.get("custom_id")), status, body)

    def cancel(self, by: Transport, name: str) -> None:
        """It may take ten minutes to stop."""
        by.post(f"/batches/{name}/cancel", b"{}")

    def forget(self, by: Transport, state: BatchState) -> None:
        """Delete the file that was handed over; those of answers and errors expire by themselves."""
        if state.input:
            by.delete(f"/files/{state.input}")

    def _marked(self, by: Transport, sending: Sending) -> Mapping[str, Json] | None:
        batches = listed(by.get, "/batches", pages=_PAGES)  # the newest first
        return next((b for b in batches if mapping(b.get("metadata")).get(_MARK) == sending.mark), None)


@dataclass(frozen=True, slots=True)
class MessageBatches:
    """Anthropic's `/v1/messages/batches`. They bear no mark: which of them is ours is told by their requests' names."""

    max_requests: int = 100_000
    max_bytes: int = 240 * _MEGABYTE  # of 256
    bears_marks: bool = False
    hours: int = 24

    def line(self, id: str, path: str, body: Mapping[str, Json]) -> bytes:  # noqa: ARG002 - the protocol's
        """An item of the list."""
        request: Json = {"custom_id": id, "params": dict(body)}
        return json_line(request)

    def newest(self, by: Transport) -> str:
        """The first of the list."""
        return next((text(batch.get("id")) for batch in rows(by.get(f"{_MESSAGES}?limit=1").get("data"))), "")

    def send(self, by: Transport, lines: Sequence[bytes], path: str, sending: Sending) -> str:  # noqa: ARG002 - the protocol's
        """Make a batch of the list."""
        body = b'{"requests":[' + b",".join(line.rstrip() for line in lines) + b"]}"

        def again() -> None:
            if self._likely(by, sending):
                raise NotTold

        return text(by.post(_MESSAGES, body, again=again).get("id"))

    def sent(self, by: Transport, sending: Sending) -> Sequence[str]:
        """Those of as many requests that are newer than the newest was."""
        return [text(batch.get("id")) for batch in self._likely(by, sending)]

    def state(self, by: Transport, name: str) -> BatchState:
        """`/v1/messages/batches/{name}`."""
        batch = by.get(f"{_MESSAGES}/{name}")
        tally = mapping(batch.get("request_counts"))
        done, failed, expired = (count(tally.get(key)) for key in ("succeeded", "errored", "expired"))
        stopped = count(tally.get("canceled"))
        total = done + failed + expired + stopped + count(tally.get("processing"))
        phase: Phase = "expired" if expired else "cancelled" if stopped else "ended"
        ended = text(batch.get("processing_status")) == "ended"
        files = (f"{_MESSAGES}/{name}/results",) if ended else ()
        return BatchState(phase if ended else "running", done, failed, total, files=files)

    def rows(self, by: Transport, state: BatchState) -> Iterator[BatchRow]:
        """Those of the results."""
        for file in state.files:
            for row in by.lines(file):
                result, id = mapping(row.get("result")), text(row.get("custom_id"))
                kind, error = text(result.get("type")), mapping(result.get("error"))
                if kind == "succeeded":
                    yield BatchRow(id, 200, mapping(result.get("message")))
                elif kind == "errored":
                    error = mapping(error.get("error")) or error
                    yield BatchRow(id, _STATUS.get(text(error.get("type")), 400), {"error": dict(error)})
                else:
                    yield BatchRow(id, 0, {})

    def cancel(self, by: Transport, name: str) -> None:
        """It ends when the requests under way have ended."""
        by.post(f"{_MESSAGES}/{name}/cancel", b"{}")

    def forget(self, by: Transport, state: BatchState) -> None:
        """Nothing: its results are gone after 29 days by themselves."""

    def _likely(self, by: Transport, sending: Sending) -> list[Mapping[str, Json]]:
        batches = listed(by.get, _MESSAGES, after="after_id", pages=_PAGES)  # the newest first
        newer = itertools.takewhile(lambda batch: batch.get("id") != sending.after, batches)
        return [
            batch for batch in newer if sum(map(count, mapping(batch.get("request_counts")).values())) == sending.requests
        ]


_MESSAGES = "/v1/messages/batches"
_STATUS = {  # Anthropic's names of errors
    **{"authentication_error": 401, "permission_error": 403, "not_found_error": 404, "request_too_large": 413},
    **{"rate_limit_error": 429, "api_error": 500, "timeout_error": 504, "overloaded_error": 529, "billing_error": 402},
}


def _words(error: Mapping[str, Json]) -> str:
    line, message = error.get("line"), text(error.get("message")) or text(error.get("code"))
    return f"request {line}: {message}" if line else message


def json_line(value: Json) -> bytes:
    """A value as a line of a file."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
