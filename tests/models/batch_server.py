"""A server on this machine with the batch interfaces of OpenAI (and Azure) and of Anthropic, over real HTTP.

It answers as `FakeServer` does, directly and in batches, and counts: how often each request was in a batch, how often it was
asked after them. What becomes of each batch is told beforehand, one `Fate` a batch, the last for all others.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rung.records import Json
from rung.testing.server import Asked, FakeServer, _Handler

Row = dict[str, Any]


@dataclass(frozen=True)
class Fate:
    """What becomes of a batch. `looks`: how often it is asked after before it ends. `answered`: share of its rows that are;
    the others are expired or cancelled, as it `ends`. `broken`: share of the rows that fail, with `status` and `words`.
    `why`: of `ends` "failed", the code of the error and its words. `odd`: rows that stand in no file."""

    ends: str = "completed"
    looks: int = 1
    answered: float = 1.0
    broken: float = 0.0
    status: int = 500
    words: str = "The server had an error"
    why: tuple[str, str] = ("", "")
    odd: int = 0


@dataclass
class Batch:
    """One that was handed over."""

    id: str
    rows: list[Row]
    fate: Fate
    mark: str = ""
    looks: int = 0
    cancelled: bool = False
    made: float = field(default_factory=time.time)

    @property
    def has_ended(self) -> bool:
        return self.cancelled or self.looks > self.fate.looks

    @property
    def ends(self) -> str:
        return "cancelled" if self.cancelled else self.fate.ends


@dataclass
class BatchServer(FakeServer):
    """`fates`: of the batches, in turn. `creation`: replies to those that hand over, before any is taken: a status each, or
    "cut" where the batch is taken and the answer breaks off. `lists`: statuses by which lists of batches are refused, once
    there is one. `max_bytes`: of what is uploaded. `keeps`: whether it has the files of answers still."""

    fates: list[Fate] = field(default_factory=lambda: [Fate()])
    creation: list[int | str] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)
    max_bytes: int = 10**9
    keeps: bool = True
    handler: type[_BatchHandler] | None = None
    batches: list[Batch] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    looks: int = 0

    @property
    def host(self) -> str:
        """Its address without a path, as Anthropic's is named."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def times(self) -> Counter[str]:
        """How often each request was handed over."""
        return Counter(row["custom_id"] for batch in self.batches for row in batch.rows)

    def start(self) -> None:
        handler = type("Handler", (self.handler or _BatchHandler,), {"server_of": self})
        self._listening = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._listening.daemon_threads = True
        self.port = self._listening.server_port
        Thread(target=self._listening.serve_forever, args=(0.01,), daemon=True).start()

    def handed_over(self, rows: list[Row], mark: str = "") -> Batch:
        fate = self.fates[min(len(self.batches), len(self.fates) - 1)]
        batch = Batch(f"batch_{len(self.batches) + 1}", rows, fate, mark)
        self.batches.append(batch)
        return batch

    def shares(self, batch: Batch) -> tuple[list[Row], list[Row], list[Row]]:
        """Its rows: answered, broken, never asked."""
        rows = batch.rows[batch.fate.odd :]
        asked = 0 if batch.cancelled and not batch.fate.answered else round(len(rows) * batch.fate.answered)
        broken = round(asked * batch.fate.broken)
        return rows[broken:asked], rows[:broken], rows[asked:]

    def chat(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """The chat completion that answers."""
        with self._noting:
            reply = self._scripted(Asked("", body, "").text)
        asked = Asked("/v1/chat/completions", body, "")
        return self._turn(asked, str(reply if reply is not None else self._by_itself(asked)))

    def message(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """The same as Anthropic has it."""
        turn: Any = self.chat(body)
        usage = {"input_tokens": turn["usage"]["prompt_tokens"], "output_tokens": turn["usage"]["completion_tokens"]}
        content: Json = [{"type": "text", "text": turn["choices"][0]["message"]["content"]}]
        common: dict[str, Json] = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model")}
        return {**common, "content": content, "stop_reason": "end_turn", "usage": usage}

    # --- OpenAI's shape

    def batch_object(self, batch: Batch) -> dict[str, Json]:
        answered, broken, unasked = self.shares(batch)
        ended = batch.has_ended
        status = batch.ends if ended else "in_progress"
        code, words = batch.fate.why
        errors: Json = {"object": "list", "data": [{"code": code, "message": words, "line": 1, "param": None}]}
        failed = status == "failed"
        has_rows = ended and not failed
        return {
            **{"id": batch.id, "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": f"file-{batch.id}"},
            **{"status": status, "errors": errors if failed else None, "metadata": {"rung": batch.mark}},
            "output_file_id": f"out-{batch.id}" if has_rows and answered else None,
            "error_file_id": f"err-{batch.id}" if has_rows and (broken or unasked) else None,
            "completion_window": "24h",
            "created_at": int(batch.made),
            "request_counts": {"total": len(batch.rows), "completed": len(answered) if ended else 0, "failed": 0},
        }

    def lines(self, batch: Batch, file: str) -> list[dict[str, Json]]:
        answered, broken, unasked = self.shares(batch)
        if file == "out":
            bodies: list[tuple[Row, Json]] = [(row, self.chat(row["body"])) for row in reversed(answered)]
            return [_line(row, {"status_code": 200, "request_id": "r", "body": body}) for row, body in bodies]
        error: Json = {"error": {"message": batch.fate.words, "type": "x", "param": None, "code": None}}
        failed = [_line(row, {"status_code": batch.fate.status, "request_id": "r", "body": error}) for row in broken]
        code = "batch_cancelled" if batch.ends == "cancelled" else "batch_expired"
        return failed + [_line(row, None, {"code": code, "message": "not executed in time"}) for row in unasked]

    # --- Anthropic's

    def message_batch(self, batch: Batch) -> dict[str, Json]:
        answered, broken, unasked = self.shares(batch)
        ended = batch.has_ended
        odd = "canceled" if batch.ends == "cancelled" else "expired"
        counts: dict[str, Json] = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts |= {"succeeded": len(answered), "errored": len(broken), odd: len(unasked)} if ended else {}
        counts["processing"] = 0 if ended else len(batch.rows)
        made = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(batch.made)) + ".5Z"
        return {
            **{"id": batch.id, "type": "message_batch", "processing_status": "ended" if ended else "in_progress"},
            **{"request_counts": counts, "created_at": made, "expires_at": made, "ended_at": made if ended else None},
            **{"results_url": f"{self.host}/v1/messages/batches/{batch.id}/results" if ended else None},
            **{"archived_at": None, "cancel_initiated_at": None},
        }

    def results(self, batch: Batch) -> list[dict[str, Json]]:
        answered, broken, unasked = self.shares(batch)
        kinds = {429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
        kind = kinds.get(batch.fate.status, "invalid_request_error")
        error: Json = {"type": "error", "error": {"type": kind, "message": batch.fate.words}}
        results: list[tuple[Row, Json]] = [
            (row, {"type": "succeeded", "message": self.message(row["params"])}) for row in reversed(answered)
        ]
        results += [(row, {"type": "errored", "error": error}) for row in broken]
        odd = "canceled" if batch.ends == "cancelled" else "expired"
        results += [(row, {"type": odd}) for row in unasked]
        return [{"custom_id": row["custom_id"], "result": result} for row, result in results]


def _line(row: Row, response: Json, error: Json = None) -> dict[str, Json]:
    return {"id": "batch_req_1", "custom_id": row["custom_id"], "response": response, "error": error}


class _BatchHandler(_Handler):
    server_of: BatchServer

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        kinds = ("/files", "/batches", "/cancel")
        if path == "/v1/messages":
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server_of.asked.append(Asked(path, body, ""))
            self._answer(self.server_of.message(body))
        elif path.endswith(kinds):
            self._batched(path, self.rfile.read(int(self.headers["Content-Length"] or 0)))
        else:
            super().do_POST()

    def _batched(self, path: str, content: bytes) -> None:
        server = self.server_of
        if path.endswith("/cancel"):
            batch = self._named(path.split("/")[-2])
            batch.cancelled = True
            self._answer(server.message_batch(batch) if "messages" in path else server.batch_object(batch))
            return
        if len(content) > server.max_bytes:
            self._fail(413, "Request too large")
            return
        if path.endswith("/files"):
            self._uploaded(content)
            return
        now = server.creation.pop(0) if server.creation else 200
        if isinstance(now, int) and now != 200:
            self._fail(now, "Too many batches wait" if now == 429 else "trouble")
            return
        if "messages" in path:
            batch = server.handed_over(json.loads(content)["requests"])
            made = server.message_batch(batch)
        else:
            order = json.loads(content)
            assert order["completion_window"] == "24h"
            rows = [json.loads(line) for line in server.files[order["input_file_id"]].splitlines()]
            assert {row["url"] for row in rows} == {order["endpoint"]}
            batch = server.handed_over(rows, order["metadata"]["rung"])
            made = server.batch_object(batch)
        if now == "cut":
            self._hang_up()
        else:
            self._answer(made)

    def _uploaded(self, content: bytes) -> None:
        form = BytesParser(policy=HTTP).parsebytes(
            f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + content
        )
        parts: dict[str, Any] = {
            str(part.get_param("name", header="content-disposition")): part for part in form.iter_parts()
        }
        assert parts["purpose"].get_content().strip() == "batch"
        name = f"file-{len(self.server_of.files) + 1}"
        self.server_of.files[name] = parts["file"].get_payload(decode=True)
        self._answer({"id": name, "object": "file", "purpose": "batch", "status": "processed"})

    def do_GET(self) -> None:
        server, path = self.server_of, urlsplit(self.path).path
        last = path.split("/")[-1]
        if not server.keeps and (path.endswith("/content") or last == "results"):
            self._fail(404, "The file has expired.")
        elif path.endswith("/content"):
            file, _, name = path.split("/")[-2].partition("-")
            self._text(server.lines(self._named(name), file))
        elif last == "results":
            self._text(server.results(self._named(path.split("/")[-2])))
        elif last == "batches" and server.batches and server.lists:
            self._fail(server.lists.pop(0), "Too many requests")
        elif last == "batches":
            made = server.message_batch if "messages" in path else server.batch_object
            asked = parse_qs(urlsplit(self.path).query)
            newest_first = [made(batch) for batch in reversed(server.batches)]
            before = [one["id"] for one in newest_first]
            (after,) = asked.get("after_id" if "messages" in path else "after", [""])
            begin, end = before.index(after) + 1 if after else 0, int(asked.get("limit", ["20"])[0])
            page: list[Json] = [*newest_first[begin : begin + end]]
            self._answer({"data": page, "has_more": begin + end < len(newest_first)})
        elif "/batches/" in path:
            batch = self._named(last)
            if batch is None:
                self._fail(404, f"No batch found with id '{last}'.")
                return
            server.looks += 1
            batch.looks += 1
            self._answer(server.message_batch(batch) if "messages" in path else server.batch_object(batch))
        else:
            super().do_GET()

    def do_DELETE(self) -> None:
        self.server_of.deleted.append(self.path)
        self._answer({"deleted": True})

    def _named(self, id: str) -> Any:
        return next((batch for batch in self.server_of.batches if batch.id == id), None)

    def _answer(self, body: Mapping[str, Json]) -> None:
        self._send({"status": 200, "body": dict(body)}, False)

    def _fail(self, status: int, words: str) -> None:
        self._send({"status": status, "body": {"error": {"message": words, "type": "x"}}}, False)

    def _text(self, lines: list[dict[str, Json]]) -> None:
        self._send({"status": 200, "body": "".join(json.dumps(line) + "\n" for line in lines)}, False)
