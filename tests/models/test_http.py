"""Models behind a URL, against a real server on this machine that can refuse, hang, be busy and talk nonsense."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from rung.errors import ServerError
from rung.models.catalog import PatientServer
from rung.models.http import Endpoint, HttpGenerator
from rung.models.http_embedding import HttpEmbedder
from rung.models.prices import lists_cached, usd
from rung.models.protocol import Embedder, Generator
from rung.models.scripted import ScriptedEmbedder
from rung.records import Failure, Message
from rung.records.steps import Generate, GenerateResult, Request, StepFailed
from rung.testing.models import EmbedderContract, GeneratorContract, asking

Reply = tuple[int, Mapping[str, str], str]


def said(text: str, reason: str = "stop", **usage: int) -> str:
    counts = {"prompt_tokens": 7, "completion_tokens": 3, **usage}
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": reason}], "usage": counts})


@dataclass
class Server:
    """Answers by `reply`; keeps what it was asked. `most` is the greatest number of requests at one time."""

    reply: Callable[[str, dict[str, Any]], Reply]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    now: int = 0
    most: int = 0

    def endpoint(self) -> Endpoint:
        return Endpoint.named(f"{self.url}#tiny")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str, dict[str, Any]], Reply]], Server]]:
    opened: list[ThreadingHTTPServer] = []

    def start(reply: Callable[[str, dict[str, Any]], Reply]) -> Server:
        server = Server(reply)
        counting = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with counting:
                    server.asked.append(body)
                    server.keys.append(self.headers["Authorization"])
                    server.now += 1
                    server.most = max(server.most, server.now)
                try:
                    status, headers, text = server.reply(self.path, body)
                finally:
                    with counting:
                        server.now -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(text.encode())
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.daemon_threads = True
        opened.append(listening)
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        server.url = f"http://127.0.0.1:{listening.server_port}/v1"
        return server

    yield start
    for listening in opened:
        listening.shutdown()
        listening.server_close()


Start = Callable[[Callable[[str, dict[str, Any]], Reply]], Server]
ONCE = PatientServer(retries=0, timeout_seconds=5)


def model(server: Server, *, how: PatientServer = PatientServer(timeout_seconds=5)) -> HttpGenerator:
    return HttpGenerator(server.endpoint(), how, first_wait=0.01)


def only(generator: HttpGenerator, request: Request) -> object:
    return dict(generator.run([request]))[0]


def chat(_path: str, body: dict[str, Any]) -> Reply:
    """A small well-behaved server: keeps limits, formats and streams."""
    prompt = " ".join(m["content"] for m in body["messages"])
    if len(prompt) > 2000:
        return 400, {}, json.dumps({"error": {"message": "context is 8,192 tokens at most"}})
    text, reason = f"You said: {prompt[:40]} and more", "stop"
    wanted = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    if wanted:
        (name, inner), *_ = wanted["properties"].items()
        text = json.dumps({name: inner["enum"][0] if "enum" in inner else True})
    elif len(text.split()) > body["max_tokens"]:
        text, reason = " ".join(text.split()[: body["max_tokens"]]), "length"
    if not body.get("stream"):
        return 200, {}, said(text, reason, completion_tokens=len(text.split()))
    events: list[dict[str, Any]] = [{"choices": [{"delta": {"content": piece}}]} for piece in (text[:5], text[5:])]
    events += [
        {"choices": [{"delta": {}, "finish_reason": reason}]},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    ]
    return 200, {}, "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


class TestHttpGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self, serve: Start) -> Generator:
        return model(serve(chat))


class TestHttpEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, serve: Start) -> Embedder:
        def reply(_path: str, body: dict[str, Any]) -> Reply:
            rows = ScriptedEmbedder(dimensions=64).embed(body["input"], kind="passage") * 3
            data = [{"index": n, "embedding": row.tolist()} for n, row in enumerate(rows)]
            return 200, {}, json.dumps({"data": data[::-1]})

        return HttpEmbedder(serve(reply).endpoint(), PatientServer())


def test_what_is_sent_is_what_the_api_wants(serve: Start) -> None:
    server = serve(lambda path, body: (200 if path == "/v1/chat/completions" else 404, {}, said("hello")))
    result = only(model(server), asking("hi", max_tokens=9))
    assert result == GenerateResult("hello", 7, 3, truncated=False, usd=None)
    assert server.asked == [
        {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "temperature": 0.0}
    ]
    only(model(server), asking("hi", temperature=0.5, seed=3))
    assert server.asked[-1]["seed"] == 3


def test_the_key_is_sent_and_nowhere_else(
    serve: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RUNG_API_KEY", "very-secret")
    replies: Iterator[Reply] = iter([(500, {}, "oops"), (200, {}, said("hello"))])
    server = serve(lambda *_: next(replies))
    generator = model(server)
    only(generator, asking("hi"))
    assert server.keys == ["Bearer very-secret"] * 2
    assert "very-secret" not in caplog.text + generator.identity + repr(vars(generator))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_servers_are_asked_again(serve: Start, status: int) -> None:
    replies: Iterator[Reply] = iter(
        [(status, {}, "busy"), (200, {}, "{broken json"), (200, {}, "[]"), (200, {}, said("hello"))]
    )
    result = only(model(serve(lambda *_: next(replies))), asking("hi"))
    assert isinstance(result, GenerateResult)
    assert result.text == "hello"


@pytest.mark.slow
def test_retry_after_is_honoured(serve: Start) -> None:
    replies: Iterator[Reply] = iter([(429, {"Retry-After": "1"}, "busy"), (200, {}, said("hello"))])
    began = time.monotonic()
    only(model(serve(lambda *_: next(replies))), asking("hi"))
    assert time.monotonic() - began >= 1


def test_a_server_that_stays_busy_fails_the_request_with_its_attempts(serve: Start) -> None:
    server = serve(lambda *_: (503, {}, '{"error": {"message": "overloaded"}}'))
    result = only(model(server, how=PatientServer(retries=2)), asking("hi"))
    assert result == Failure("HTTP 503: overloaded", step="generate", attempt=3)
    assert len(server.asked) == 3


def test_a_refused_request_is_not_repeated_and_fails_alone(serve: Start) -> None:
    server = serve(chat)
    answered = dict(model(server).run([asking("x " * 2000), asking("hi")]))
    assert isinstance(answered[0], Failure)
    assert "8,192" in answered[0].error
    assert answered[0].attempt == 1
    assert isinstance(answered[1], GenerateResult)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "say"), [(401, "set RUNG_API_KEY"), (403, "set RUNG_API_KEY"), (404, "no model 'tiny'")])
def test_what_concerns_every_request_is_raised(serve: Start, status: int, say: str) -> None:
    server = serve(lambda *_: (status, {}, "{}"))
    with pytest.raises(ServerError, match=say):
        list(model(server).run([asking(f"hi {n}") for n in range(100)]))
    assert len(server.asked) < 100, "the rest is not sent"
    with pytest.raises(ServerError, match=say):
        list(model(server).stream(asking("hi")))


def test_nobody_listening_is_said_in_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    generator = HttpGenerator(Endpoint.named(f"{url}#m"), PatientServer(retries=1), first_wait=0.01)
    with pytest.raises(ServerError, match=r"no connection to http://127.*start the server"):
        list(generator.run([asking("hi")]))


def test_a_server_that_hangs_times_out(serve: Start) -> None:
    def hang(*_: object) -> Reply:
        time.sleep(2)
        return 200, {}, said("too late")

    result = only(model(serve(hang), how=PatientServer(retries=1, timeout_seconds=0.2)), asking("hi"))
    assert result == Failure("no answer within 0.2 s (server.timeout_seconds)", step="generate", attempt=2)


def test_a_server_that_never_answers_ends_a_long_run(serve: Start) -> None:
    def hang(*_: object) -> Reply:
        time.sleep(1)
        return 200, {}, said("too late")

    how = PatientServer(retries=0, timeout_seconds=0.1, concurrency=2)
    with pytest.raises(ServerError, match="never answers"):
        list(model(serve(hang), how=how).run([asking(f"hi {n}") for n in range(50)]))


@pytest.mark.slow
def test_a_server_that_drips_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(300):
                    time.sleep(0.1)
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        endpoint = Endpoint.named(f"http://127.0.0.1:{listening.getsockname()[1]}/v1#m")
        began = time.monotonic()
        result = only(HttpGenerator(endpoint, PatientServer(retries=0, timeout_seconds=0.5)), asking("hi"))
        assert isinstance(result, Failure)
        assert time.monotonic() - began < 20


def test_no_more_at_once_than_allowed_and_not_one_after_the_other(serve: Start) -> None:
    def slow(*_: object) -> Reply:
        time.sleep(0.1)
        return 200, {}, said("hello")

    server = serve(slow)
    list(model(server, how=PatientServer(concurrency=3)).run([asking(f"hi {n}") for n in range(9)]))
    assert 2 <= server.most <= 3


@pytest.mark.slow
def test_requests_a_minute_are_limited(serve: Start) -> None:
    server = serve(chat)
    began = time.monotonic()
    list(model(server, how=PatientServer(requests_per_minute=600)).run([asking(f"hi {n}") for n in range(6)]))
    assert time.monotonic() - began >= 0.45


def test_leaving_half_way_sends_no_more(serve: Start) -> None:
    def slow(*_: object) -> Reply:
        time.sleep(0.05)
        return 200, {}, said("hello")

    server = serve(slow)
    generator = model(server, how=PatientServer(concurrency=2))
    results = generator.run([asking(f"hi {n}") for n in range(40)])
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(server.asked) < 20
    assert isinstance(only(generator, asking("hi")), GenerateResult)


@pytest.mark.slow
def test_one_run_left_half_way_does_not_disturb_another(serve: Start) -> None:
    def slow(*_: object) -> Reply:
        time.sleep(0.05)
        return 200, {}, said("hello")

    generator = model(serve(slow), how=PatientServer(concurrency=2))
    left, kept = (generator.run([asking(f"hi {n}") for n in range(10)]) for _ in range(2))
    next(left), next(kept)
    left.close()  # type: ignore[attr-defined]
    assert sum(isinstance(result, GenerateResult) for _, result in kept) == 9


@pytest.mark.slow
def test_labels_and_expressions_are_checked_here(serve: Start) -> None:
    def answering(text: str) -> HttpGenerator:
        return model(serve(lambda *_: (200, {}, said(text))), how=ONCE)

    choices = ("yes", "no")
    for text in ('{"value": "no"}', "no", ' "no"\n'):
        result = only(answering(text), asking("?", choices=choices))
        assert isinstance(result, GenerateResult)
        assert result.text == "no"
    for text in ('{"value": "maybe"}', "I think no", "{}", "[1]"):
        assert isinstance(only(answering(text), asking("?", choices=choices)), Failure)
    assert isinstance(only(answering('{"value": "2026-01-01"}'), asking("?", regex=r"\d{4}-\d\d-\d\d")), GenerateResult)
    assert isinstance(only(answering('{"value": "tomorrow"}'), asking("?", regex=r"\d{4}-\d\d-\d\d")), Failure)


@pytest.mark.parametrize(
    "body", ["{}", '{"choices": []}', '{"choices": [{"message": {"content": null}}]}', '{"choices": 3}']
)
def test_answers_without_text_are_failures(serve: Start, body: str) -> None:
    assert isinstance(only(model(serve(lambda *_: (200, {}, body)), how=ONCE), asking("hi")), Failure)


def test_parameters_that_a_model_refuses_are_left_out(serve: Start) -> None:
    def picky(path: str, body: dict[str, Any]) -> Reply:
        if "temperature" in body:
            return 400, {}, json.dumps({"error": {"message": "Unsupported value: 'temperature' does not support 0."}})
        return chat(path, body)

    server = serve(picky)
    generator = model(server)
    assert isinstance(only(generator, asking("hi")), GenerateResult)
    only(generator, asking("hi"))
    assert ["temperature" in body for body in server.asked] == [True, False, False]


@pytest.mark.parametrize("text", ["data: {broken\n\n", 'data: {"error": {"message": "boom"}}\n\n'])
def test_streams_that_break_are_failures(serve: Start, text: str) -> None:
    with pytest.raises(StepFailed):
        list(model(serve(lambda *_: (200, {}, text))).stream(asking("hi")))


def test_schemas_are_strict_where_strictness_takes_them(serve: Start) -> None:
    server = serve(chat)
    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    for schema in (closed, {**closed, "required": []}):
        only(model(server), Request(Generate((Message("user", "x"),), schema=json.dumps(schema))))
    assert [body["response_format"]["json_schema"]["strict"] for body in server.asked] == [True, False]


@pytest.mark.parametrize(
    "body", ["{}", '{"data": []}', '{"data": [{"index": 0, "embedding": ["x"]}]}', '{"data": [{"embedding": [1.0]}]}']
)
def test_answers_that_are_no_vectors_are_errors(serve: Start, body: str) -> None:
    with pytest.raises(ServerError, match="embedding model"):
        HttpEmbedder(serve(lambda *_: (200, {}, body)).endpoint(), ONCE).embed(["a"], kind="query")


def test_many_texts_keep_their_order(serve: Start) -> None:
    def reply(_path: str, body: dict[str, Any]) -> Reply:
        data = [{"index": n, "embedding": [1.0, float(text)]} for n, text in enumerate(body["input"])]
        return 200, {}, json.dumps({"data": data})

    vectors = HttpEmbedder(serve(reply).endpoint(), PatientServer()).embed([str(n) for n in range(200)], kind="passage")
    assert np.allclose(vectors[:, 1] / vectors[:, 0], np.arange(200), rtol=1e-4)


def test_prices_are_known_for_the_vendors_own_host_only() -> None:
    pytest.importorskip("genai_prices")
    known = usd("gpt-4o-mini", "https://api.openai.com/v1", prompt=1_000_000, completion=0)
    assert known is not None
    assert 0.01 < known < 10
    assert usd("gpt-4o-mini", "http://127.0.0.1:8000/v1", prompt=10, completion=10) is None
    assert usd("nonesuch", "https://api.openai.com/v1", prompt=10, completion=10) is None


def test_cached_tokens_cost_what_the_list_says_or_else_what_others_cost() -> None:
    pytest.importorskip("genai_prices")
    openai = "https://api.openai.com/v1"
    assert usd("gpt-5.1", openai, prompt=10_000, completion=10) == pytest.approx(0.0126)
    assert usd("gpt-5.1", openai, prompt=10_000, completion=10, cached=9_000) == pytest.approx(0.002475)
    assert lists_cached("gpt-5.1", openai)
    assert usd("gpt-4", openai, prompt=10_000, completion=10, cached=9_000) == pytest.approx(0.3006)
    assert not lists_cached("gpt-4", openai)
    assert not lists_cached("gpt-5.1", "http://127.0.0.1:8000/v1")
