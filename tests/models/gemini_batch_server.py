"""The server of `batch_server` with the batch interface of the Gemini API beside the others."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rung.records import Json
from rung.testing.server import Asked
from tests.models.batch_server import Batch, BatchServer, Row, _BatchHandler

_STATES = {"completed": "SUCCEEDED", "failed": "FAILED", "expired": "EXPIRED", "cancelled": "CANCELLED"}
_CODES = {400: 3, 402: 8, 429: 8, 500: 13}  # google.rpc.Code


@dataclass
class GeminiBatchServer(BatchServer):
    """Files go up in two requests; one that answers stands in a file that the batch names."""

    def start(self) -> None:
        self.handler = _GeminiHandler
        super().start()

    def generated(self, request: Mapping[str, Any]) -> dict[str, Json]:
        """What `generateContent` answers."""
        said = request.get("contents", [])
        turns: Json = [{"role": turn["role"], "content": turn["parts"][0]["text"]} for turn in said]
        turn: Any = self.chat({"model": "small", "messages": turns})
        content: Json = {"role": "model", "parts": [{"text": turn["choices"][0]["message"]["content"]}]}
        prompt, completion = turn["usage"]["prompt_tokens"], turn["usage"]["completion_tokens"]
        usage: Json = {"promptTokenCount": prompt, "candidatesTokenCount": completion}
        return {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": usage,
            "modelVersion": "small",
        }

    def operation(self, batch: Batch) -> dict[str, Json]:
        """A batch as the API has it: a long-running operation; numbers are texts."""
        answered, broken, _ = self.shares(batch)
        ended, failed = batch.has_ended, batch.has_ended and batch.ends == "failed"
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.made))
        has_rows = ended and not failed and (answered or broken)
        output: Json = {"responsesFile": f"files/out-{batch.id}"} if has_rows else {}
        stats: Json = {
            "requestCount": str(len(batch.rows)),
            **({"successfulRequestCount": str(len(answered)), "failedRequestCount": str(len(broken))} if ended else {}),
        }
        metadata: dict[str, Json] = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            **{"model": "models/small", "displayName": batch.mark, "name": f"batches/{batch.id}", "batchStats": stats},
            "inputConfig": {"fileName": f"files/in-{batch.id}"},
            "state": f"BATCH_STATE_{_STATES[batch.ends] if ended else 'RUNNING'}",
            **{"createTime": made, "updateTime": made},
            **({"output": output} if output else {}),
        }
        error: dict[str, Json] = {"error": {"code": 3, "message": batch.fate.why[1]}} if failed else {}
        response: dict[str, Json] = {"response": output} if output else {}
        return {
            "name": f"batches/{batch.id}",
            "metadata": metadata,
            **({"done": True} if ended else {}),
            **error,
            **response,
        }

    def answers(self, batch: Batch) -> list[dict[str, Json]]:
        """The lines of the file of answers. Of what was never asked there is none."""
        answered, broken, _ = self.shares(batch)
        status: Json = {"code": _CODES[batch.fate.status], "message": batch.fate.words}
        return [
            *({"key": row["custom_id"], "response": self.generated(row["request"])} for row in reversed(answered)),
            *({"key": row["custom_id"], "error": status} for row in broken),
        ]


class _GeminiHandler(_BatchHandler):
    server_of: GeminiBatchServer

    def do_POST(self) -> None:
        parts, server = urlsplit(self.path), self.server_of
        if "/v1beta/" not in parts.path and ":generateContent" not in parts.path:
            super().do_POST()
            return
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if parts.path == "/upload/v1beta/files":
            self._uploading(parts.query, content)
        elif parts.path.endswith(":cancel"):
            batch = self._named(parts.path.rpartition("/")[2].partition(":")[0])
            batch.cancelled = True
            self._answer({})
        elif parts.path.endswith(":batchGenerateContent"):
            self._made(json.loads(content)["batch"])
        else:
            server.asked.append(Asked(parts.path, json.loads(content), ""))
            self._answer(server.generated(json.loads(content)))

    def _uploading(self, query: str, content: bytes) -> None:
        server = self.server_of
        if "start" in self.headers["X-Goog-Upload-Command"]:
            assert self.headers["x-goog-api-key"]
            if int(self.headers["X-Goog-Upload-Header-Content-Length"]) > server.max_bytes:
                self._fail(413, "Request too large")
                return
            name = f"up-{len(server.files) + 1}"
            server.files[name] = b""
            headers: Json = {"X-Goog-Upload-URL": f"{server.host}/upload/v1beta/files?upload_id={name}"}
            self._send({"status": 200, "headers": headers, "body": {}}, False)
            return
        (name,) = parse_qs(query)["upload_id"]
        server.files[name] = content
        headers = {"X-Goog-Upload-Status": "final"}
        about: Json = {"name": f"files/{name}", "mimeType": "application/jsonl", "sizeBytes": str(len(content))}
        self._send({"status": 200, "headers": headers, "body": {"file": about}}, False)

    def _made(self, order: dict[str, Any]) -> None:
        server = self.server_of
        now = server.creation.pop(0) if server.creation else 200
        if isinstance(now, int) and now != 200:
            self._fail(now, "Too many batches wait" if now == 429 else "trouble")
            return
        file = server.files[order["inputConfig"]["fileName"].removeprefix("files/")]
        lines = [json.loads(line) for line in file.splitlines()]
        rows: list[Row] = [{"custom_id": line["key"], "request": line["request"]} for line in lines]
        batch = server.handed_over(rows, order["displayName"])
        if now == "cut":
            self._hang_up()
        else:
            self._answer(server.operation(batch))

    def do_GET(self) -> None:
        parts, server = urlsplit(self.path), self.server_of
        last = unquote(parts.path.rpartition("/")[2])
        if not parts.path.startswith(("/v1beta/", "/download/")):
            super().do_GET()
        elif last.endswith(":download"):
            if server.keeps:
                self._text(server.answers(self._named(last.removeprefix("out-").partition(":")[0])))
            else:
                self._fail(404, "The file has expired.")
        elif last == "batches":
            if server.batches and server.lists:
                self._fail(server.lists.pop(0), "Too many requests")
                return
            asked = parse_qs(parts.query)
            begin, size = int(asked.get("pageToken", ["0"])[0]), int(asked.get("pageSize", ["50"])[0])
            some: list[Json] = [server.operation(batch) for batch in [*reversed(server.batches)][begin : begin + size]]
            more: dict[str, Json] = {"nextPageToken": str(begin + size)} if begin + size < len(server.batches) else {}
            self._answer({"operations": some, **more})
        elif (batch := self._named(last)) is None:
            self._fail(404, f"Requested entity was not found: {last}")
        else:
            server.looks += 1
            batch.looks += 1
            self._answer(server.operation(batch))
