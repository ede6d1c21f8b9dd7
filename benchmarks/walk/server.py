"""A model server of one's own, as a newcomer has one: OpenAI's chat completions, standard library only.

    python benchmarks/walk/server.py PORT KEY.jsonl LOG.jsonl

The model behind it reads perfectly and knows nothing: it answers a question of the key with its first accepted answer
exactly when one of the accepted answers stands in the passages it was shown, and says "I don't know." otherwise. So what a
comparison must find is known beforehand. It cites the passage, streams when asked to, honours `response_format` by JSON, and
logs every request.
"""

from __future__ import annotations

import http.server
import json
import re
import sys
import threading
from pathlib import Path

PORT, KEY, LOG = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
ANSWERS = {row["question"]: row["answers"] for row in map(json.loads, KEY.read_text(encoding="utf-8").splitlines())}
PASSAGE = re.compile(r"^\[(\d+)\]([^\n]*\n.*?)(?=^\[\d+\]|^Question: |\Z)", re.M | re.S)
REFUSAL = "I don't know."
lock = threading.Lock()


def words(text: str) -> str:
    return " ".join(re.findall(r"[\w=']+", text.lower()))


def answer(messages: list[dict[str, str]]) -> str:
    """The reply to the last turn; passages count in the system prompt and in the last turn, not in worked examples."""
    shown = "\n".join(m["content"] for m in (messages[0], messages[-1]) if m["role"] in ("system", "user"))
    question = next((q for q in ANSWERS if q in messages[-1]["content"]), None)
    if question is None:
        return REFUSAL
    for number, text in PASSAGE.findall(shown):
        if any(f" {words(a)} " in f" {words(text)} " for a in ANSWERS[question]):
            return f"{ANSWERS[question][0]} [{number}]"
    return REFUSAL


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are logged as JSON instead."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with lock, LOG.open("a", encoding="utf-8") as log:
            log.write(json.dumps(body, sort_keys=True) + "\n")
        text = answer(body["messages"])
        if body.get("response_format", {}).get("type") == "json_schema":
            text = json.dumps({"answer": text})
        usage = {
            "prompt_tokens": sum(len(m["content"].split()) * 4 // 3 + 4 for m in body["messages"]),
            "completion_tokens": len(text.split()) + 1,
        }
        if body.get("stream"):
            events = [
                {"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]}
                for piece in re.findall(r"\S+\s*", text)
            ]
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            events.append({"choices": [], "usage": usage})
            raw = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
            self._send(raw.encode(), "text/event-stream")
        else:
            message = {"role": "assistant", "content": text}
            reply = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
            self._send(json.dumps(reply).encode(), "application/json")

    def do_GET(self) -> None:
        self._send(
            json.dumps({"object": "list", "data": [{"id": "reader", "object": "model"}]}).encode(), "application/json"
        )

    def _send(self, raw: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
