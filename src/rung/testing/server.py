"""An OpenAI-compatible server on this machine that answers as it is told, also in the odd ways of real servers.

    with FakeServer({"express": "nine euros", "return": [{"status": 503}, "30 days"]}) as server:
        ...  # model: f"{server.url}#any-name"

Without a script it answers as the scripted models do: chats, `/embeddings` and `/rerank`. In a process of its own, which can
be killed: `python -m rung.testing.server --script replies.json`; it prints its URL, and reads the script anew each time.

A reply is a text, a whole body (an object), or how to misbehave, an object with some of: `status`, `headers`, `body` (text
or JSON), `seconds` (to wait before), `cut` (bytes after which the connection ends), `close` (the connection ends without a
word); null: as without a script. A list is taken one by one, its last for ever. Keys are looked for in the last user turn;
"*" is everything else.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from rung.models.scripted import ScriptedEmbedder, extract
from rung.models.scripted_engines import words
from rung.records import Json, Message
from rung.records.steps import Generate

_ODD = {"status", "headers", "body", "seconds", "cut", "close"}
_DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    path: str
    body: Mapping[str, Json]
    key: str  # the bearer token, "" without one

    @property
    def messages(self) -> list[Message]:
        """The turns of a chat."""
        turns = [turn for turn in _listed(self.body.get("messages")) if isinstance(turn, dict)]
        return [Message(str(turn.get("role")), str(turn.get("content"))) for turn in turns]

    @property
    def text(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


@dataclass
class FakeServer:
    """Listens from `with` (or `start`) to its end. `asked`: every request so far.

    Args:
        script: what to answer, by words of the last user turn; see the module. A file of that is read anew each time.
        key: the bearer token that it wants; others are refused with 401.
        models: the names that it knows, with what its list says of each (`{"m": {"max_model_len": 4096}}`); others are
            refused with 404. None: all, and it has no list.
        refuses: parameters that it refuses by name, with 400.
        holds_form: whether it holds answers to `response_format`.
        context: words of a prompt that it reads; what is before them is cut without a word.
        log: a file to which each request is appended as a line of JSON.
        port: where it listens; 0: anywhere.
    """

    script: Mapping[str, Json] | Path = field(default_factory=dict)
    key: str = ""
    models: Mapping[str, Mapping[str, Json]] | Sequence[str] | None = None
    refuses: Sequence[str] = ()
    holds_form: bool = True
    context: int | None = None
    log: Path | None = None
    port: int = 0
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._noting = threading.Lock()
        self._listening: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The address of its API, as `rung.yaml` wants it before the `#`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Listen, in threads of this process."""
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._listening = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._listening.daemon_threads = True
        self.port = self._listening.server_port
        threading.Thread(target=self._listening.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.shutdown()
            self._listening.server_close()
            self._listening = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def reply(self, asked: Asked) -> dict[str, Json]:
        """What is sent back: `status`, `body` and the rest of a reply, all of it."""
        with self._noting:
            self.asked.append(asked)
            if self.log:
                with self.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"path": asked.path, "key": bool(asked.key), "body": dict(asked.body)}) + "\n")
            scripted = self._scripted(asked.text)
        response: Json = self._refusal(asked)
        if response is None:
            response = scripted if scripted is not None else self._by_itself(asked)
        if isinstance(response, dict) and set(response) & _ODD:
            return {"status": 200, "body": {"error": {"message": "as the script says"}}, **response}
        return {"status": 200, "body": response if isinstance(response, dict) else self._turn(asked, str(response))}

    def listed(self, path: str) -> dict[str, Json]:
        """What a GET is answered with: the list of models, where there is one."""
        if self.models is None or path != "/v1/models":
            return _error(404, f"nothing at {path}", "not_found")
        details = self.models if isinstance(self.models, Mapping) else {name: {} for name in self.models}
        return {"status": 200, "body": {"object": "list", "data": [{"id": name, **details[name]} for name in details]}}

    def _scripted(self, text: str) -> Json:
        script: Mapping[str, Json] = (
            json.loads(self.script.read_text(encoding="utf-8")) if isinstance(self.script, Path) else self.script
        )
        name = next((name for name in script if name != "*" and name in text), "*")
        replies = script.get(name)
        if not isinstance(replies, list):
            return replies
        self._times[name] += 1
        return replies[min(self._times[name], len(replies)) - 1]

    def _refusal(self, asked: Asked) -> dict[str, Json] | None:
        if self.key and asked.key != self.key:
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        model = str(asked.body.get("model"))
        if self.models is not None and model not in self.models:
            return _error(404, f"The model '{model}' does not exist", "model_not_found")
        refused = next((name for name in self.refuses if name in asked.body), None)
        return None if refused is None else _error(400, f"Unsupported parameter: '{refused}'", "unsupported_parameter")

    def _by_itself(self, asked: Asked) -> Json:
        if asked.path.endswith("/embeddings"):
            texts = [str(text) for text in _listed(asked.body.get("input"))]
            rows = ScriptedEmbedder(dimensions=_DIMENSIONS).embed(texts, kind="passage")
            return {"data": [{"index": n, "embedding": row.tolist()} for n, row in enumerate(rows)]}
        if asked.path.endswith("/rerank"):
            query = words(str(asked.body.get("query")))
            shares = [len(words(str(t)) & query) / max(1, len(query)) for t in _listed(asked.body.get("documents"))]
            return {"results": [{"index": n, "relevance_score": share} for n, share in enumerate(shares)]}
        if not asked.path.endswith("/chat/completions"):
            return _error(404, f"nothing at {asked.path}", "not_found")
        return self._extracted(asked)

    def _extracted(self, asked: Asked) -> str:
        messages = tuple(Message(m.role, self._read(m.content)) for m in asked.messages)
        form = asked.body.get("response_format")
        held = form.get("json_schema") if isinstance(form, dict) and self.holds_form else None
        schema = held.get("schema") if isinstance(held, dict) else None
        return extract(Generate(messages, schema="" if schema is None else json.dumps(schema)))

    def _read(self, text: str) -> str:
        return text if self.context is None else " ".join(text.split(" ")[-self.context :])

    def _turn(self, asked: Asked, text: str) -> dict[str, Json]:
        read = sum(len(m.content.split()) + 4 for m in asked.messages)
        usage: dict[str, Json] = {
            "prompt_tokens": read if self.context is None else min(read, self.context),
            "completion_tokens": len(text.split()),
        }
        choice: Json = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {"object": "chat.completion", "model": asked.body.get("model"), "choices": [choice], "usage": usage}


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _error(status: int, message: str, code: str) -> dict[str, Json]:
    return {"status": status, "body": {"error": {"message": message, "code": code}}}


def streamed(body: Mapping[str, Json]) -> str:
    """A whole answer as the events of a stream."""
    events: list[Json] = []
    for choice in _listed(body.get("choices")):
        if not isinstance(choice, dict):
            continue
        message = choice.get("message")
        for delta in _deltas(message if isinstance(message, dict) else {}):
            events.append({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        rest = {name: value for name, value in choice.items() if name != "message"}
        events.append({"choices": [{"finish_reason": None, **rest, "index": 0, "delta": {}}]})
    events.append({"choices": [], "usage": body.get("usage")})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def _deltas(message: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Text four characters at a time, so that marks are cut anywhere; what is no text in one piece."""
    deltas: list[dict[str, Json]] = []
    for name, value in message.items():
        if isinstance(value, str) and name != "role":
            deltas += [{name: value[at : at + 4]} for at in range(0, max(1, len(value)), 4)]
        else:
            deltas.append({name: value})
    return deltas


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_of: FakeServer

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server_of.reply(Asked(self.path, body, (self.headers["Authorization"] or "").removeprefix("Bearer ")))
        time.sleep(float(str(reply.get("seconds", 0))))
        try:
            self._send(reply, bool(body.get("stream")))
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer with the list of models; not among what was `asked`."""
        self._send(self.server_of.listed(self.path), False)

    def _send(self, response: Mapping[str, Json], stream: bool) -> None:
        if response.get("close"):
            self._hang_up()
            return
        body, kind = response["body"], "application/json"
        if isinstance(body, dict) and stream and "choices" in body and response["status"] == 200:
            text, kind = streamed(body), "text/event-stream"
        elif isinstance(body, str):
            text, kind = body, "text/html" if body.lstrip().startswith("<") else "text/plain"
        else:
            text = json.dumps(body)
        sent = text.encode()
        self.send_response(int(str(response["status"])))
        headers = response.get("headers")
        for name, value in {"Content-Type": kind, **(headers if isinstance(headers, dict) else {})}.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        cut = response.get("cut")
        self.wfile.write(sent if cut is None else sent[: int(str(cut))])
        if cut is not None:
            self.wfile.flush()
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""


def main() -> None:
    """Serve until killed; prints the URL first."""
    what = "An OpenAI-compatible server that answers as it is told, also in the odd ways of real servers."
    parser = argparse.ArgumentParser(prog="python -m rung.testing.server", description=what)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--script", type=Path, help="replies, a JSON object; read anew for each request")
    parser.add_argument("--log", type=Path, help="a file to which each request is appended")
    parser.add_argument("--key", default="", help="the bearer token that it wants")
    parser.add_argument("--context", type=int, help="words of a prompt that it reads; the rest is cut without a word")
    parser.add_argument(
        "--models", default="null", help="the models that it knows, as JSON: a list, or what is said of each"
    )
    parser.add_argument("--ignores-form", action="store_true", help="response_format is ignored")
    options = parser.parse_args()
    server = FakeServer(
        options.script or {},
        key=options.key,
        models=json.loads(options.models),
        holds_form=not options.ignores_form,
        context=options.context,
        log=options.log,
        port=options.port,
    )
    server.start()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
