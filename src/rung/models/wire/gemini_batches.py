"""Google's batch interface of the Gemini API: a file goes up, a batch is made of it, a file comes down.

Read 2026-11-30: https://ai.google.dev/gemini-api/docs/batch-mode, https://ai.google.dev/api/batch-mode (half the price, 48
hours, files of 2 GB), Google's client (google-genai 3.6: paths, `metadata.output.responsesFile`, states).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rung.models.wire.batch_apis import BatchRow, BatchState, Phase, Sending, Transport, json_line
from rung.models.wire.shapes import count, listed_by_token, mapping, text
from rung.records import Json

_BATCHES = "/v1beta/batches"
_PAGES = 50  # of the list that are looked through
_PHASES: Mapping[str, Phase] = {
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
_STATUS = {  # google.rpc.Code of errors that stand in rows
    **{1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400},
    **{12: 501, 13: 500, 14: 503, 16: 401},
}


@dataclass(frozen=True, slots=True)
class GeminiBatches:
    """`/v1beta/models/NAME:batchGenerateContent`."""

    max_requests: int = 100_000
    max_bytes: int = 190_000_000  # it takes 2 GB: what goes up at once is held in memory here
    bears_marks: bool = True
    hours: int = 48

    def line(self, id: str, path: str, body: Mapping[str, Json]) -> bytes:  # noqa: ARG002 - the protocol's
        """A line of the file."""
        return json_line({"key": id, "request": dict(body)})

    def newest(self, by: Transport) -> str:  # noqa: ARG002 - the protocol's
        """They bear marks."""
        return ""

    def send(self, by: Transport, lines: Sequence[bytes], path: str, sending: Sending) -> str:
        """Upload the file, and make a batch of it that is called by the mark."""
        uploaded = by.upload_begun("/upload/v1beta/files", f"rung-{sending.mark}.jsonl", b"".join(lines))
        file = text(mapping(uploaded.get("file")).get("name"))
        batch: Json = {"batch": {"displayName": sending.mark, "inputConfig": {"fileName": file}}}
        where = f"{path.replace('/v1/', '/v1beta/', 1).rpartition(':')[0]}:batchGenerateContent"
        created = by.post(where, json_line(batch), again=lambda: self._marked(by, sending))
        return text(created.get("name")).removeprefix("batches/")

    def sent(self, by: Transport, sending: Sending) -> Sequence[str]:
        """The one that is called by the mark."""
        batch = self._marked(by, sending)
        return [] if batch is None else [text(batch.get("name")).removeprefix("batches/")]

    def state(self, by: Transport, name: str) -> BatchState:
        """`/v1beta/batches/{name}`. One that expired, or was cancelled, may have no file of answers."""
        batch = by.get(f"{_BATCHES}/{name}")
        about, error = mapping(batch.get("metadata")), mapping(batch.get("error"))
        stats, status = mapping(about.get("batchStats")), text(about.get("state")).rpartition("_STATE_")[2]
        output = mapping(about.get("output")) or mapping(batch.get("response"))
        file = text(output.get("responsesFile"))
        return BatchState(
            _PHASES.get(status, "failed" if error else "running"),
            _number(stats.get("successfulRequestCount")),
            _number(stats.get("failedRequestCount")),
            _number(stats.get("requestCount")),
            text(error.get("message")),
            (f"/v1beta/{file}:download?alt=media",) if file else (),
            input=text(mapping(about.get("inputConfig")).get("fileName")),
        )

    def rows(self, by: Transport, state: BatchState) -> Iterator[BatchRow]:
        """Those of the file of answers."""
        for file in state.files:
            for row in by.lines(file):
                id, error = text(row.get("key")), mapping(row.get("error"))
                if error:
                    code = count(error.get("code"))
                    yield BatchRow(id, code if code >= 100 else _STATUS.get(code, 500), {"error": dict(error)})
                else:
                    yield BatchRow(id, 200, mapping(row.get("response")))

    def cancel(self, by: Transport, name: str) -> None:
        """It may go on for a while, and may keep nothing of what it answered."""
        by.post(f"{_BATCHES}/{name}:cancel", b"{}")

    def forget(self, by: Transport, state: BatchState) -> None:
        """Delete the file that was handed over; that of answers goes after 48 hours by itself."""
        if state.input:
            by.delete(f"/v1beta/{state.input}")

    def _marked(self, by: Transport, sending: Sending) -> Mapping[str, Json] | None:
        batches = listed_by_token(by.get, _BATCHES, "operations", pages=_PAGES)
        return next((b for b in batches if mapping(b.get("metadata")).get("displayName") == sending.mark), None)


def _number(value: Json) -> int:
    """A count, which is a text where it has 64 bits."""
    return int(value) if isinstance(value, str) and value.isdecimal() else count(value)
