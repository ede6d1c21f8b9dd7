"""Is everything told once it can be, and does a webhook that hangs hold up nothing?"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.records.alerts import AlertEvent, Reading
from rung.state.alerts import record_look, undelivered
from rung.state.database import State
from rung.watching import webhook
from rung.watching.webhook import AT_ONCE, MOST, address, tell

EVENT = AlertEvent("index", Reading("sources changed", "drifted", "3 did", do="sync them"), "firing", 1, "3 did", at=7)


class Hook:
    """Takes what is posted; `status` None: never answers; `drips`: a byte of its answer each so many seconds."""

    def __init__(self, status: int | None = 200, drips: float = 0) -> None:
        self.bodies: list[Any] = []
        self.status, self._ended = status, threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:
                """Take it."""
                hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if hook.status is None:
                    hook._ended.wait(60)
                    return
                for byte in b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % hook.status:
                    self.wfile.write(bytes([byte]))
                    if drips:
                        self.wfile.flush()
                        hook._ended.wait(drips)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/T000/secret"

    def __enter__(self) -> Hook:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path) as opened:
        record_look(opened, lambda before, look: ({}, [EVENT, replace(EVENT, state="resolved", why="it is fine")]), at=1)
        yield opened


def test_what_fired_and_ended_is_told_once(state: State) -> None:
    with Hook() as hook:
        assert tell(state, "shop", hook.url) == ""
        assert tell(state, "shop", hook.url) == ""
    (body,) = hook.bodies
    assert body["text"].splitlines() == [
        "FIRING shop: sources changed: 3 did → sync them",
        "RESOLVED shop: sources changed: it is fine",
    ]
    assert [event["number"] for event in body["events"]] == [1, 2]
    assert body["events"][0]["reading"]["name"] == "sources changed"


@pytest.mark.parametrize("given", [{"status": None}, {"drips": 0.05}, {"status": 500}])
def test_a_webhook_that_hangs_is_said_and_tried_again(state: State, given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.3)  # else the test takes as long as a watch waits
    monkeypatch.setattr(webhook, "WHOLE", 0.6)
    began = time.monotonic()
    with Hook(**given) as hook:
        why = tell(state, "shop", hook.url)
    assert time.monotonic() - began < 20
    assert "2 events wait" in why
    assert "secret" not in why
    assert len(undelivered(state, limit=9)) == 2
    with Hook() as hook:
        assert tell(state, "shop", hook.url) == ""
    assert len(hook.bodies[0]["events"]) == 2


def test_no_log_has_the_secret_of_the_address(state: State, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Hook() as hook:
        assert tell(state, "shop", hook.url) == ""
    assert "secret" not in caplog.text


def test_one_that_is_not_there_is_said(state: State) -> None:
    assert "cannot be reached" in tell(state, "shop", "http://127.0.0.1:9/x")


def test_many_events_go_in_several_posts(state: State) -> None:
    record_look(state, lambda before, look: ({}, [EVENT] * AT_ONCE), at=1)
    with Hook() as hook:
        assert tell(state, "shop", hook.url) == ""
    assert [len(body["events"]) for body in hook.bodies] == [AT_ONCE, 2]


def test_a_watch_without_a_webhook_swallows_nothing(state: State) -> None:
    assert tell(state, "shop", "") == ""
    with Hook() as hook:
        assert tell(state, "shop", hook.url) == ""
    assert len(hook.bodies[0]["events"]) == 2
    assert undelivered(state, limit=9) == []


def test_of_a_long_backlog_the_newest_are_told_and_the_rest_counted(state: State) -> None:
    record_look(state, lambda before, look: ({}, [EVENT] * (MOST + 1)), at=1)
    with Hook(status=500) as hook:
        assert f"{MOST} events wait" in tell(state, "shop", hook.url)
    with Hook() as hook:
        assert "oldest 3 events" in tell(state, "shop", hook.url)
        assert tell(state, "shop", hook.url) == ""
    assert [body["left_out"] for body in hook.bodies] == [3, 0]
    assert "3 earlier events were left out" in hook.bodies[0]["text"]
    assert [event["number"] for body in hook.bodies for event in body["events"]] == list(range(4, MOST + 4))


def test_the_address_is_the_options_else_the_environments_else_rung_yamls(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop / "rung.yaml"
    path.write_text(path.read_text("utf-8") + "watch: {webhook: https://a.example/hook}\n", encoding="utf-8")
    project = load_project(shop)
    assert address(project) == "https://a.example/hook"
    monkeypatch.setenv("RUNG_WEBHOOK", "https://b.example/hook")
    assert address(project) == "https://b.example/hook"
    assert address(project, "http://c.example") == "http://c.example"
    with pytest.raises(UserError, match="https://HOST"):
        address(project, "c.example")


@pytest.mark.parametrize("value", ["ftp://a.example", "https://ada:pw@a.example/x", "nonsense"])
def test_rung_yaml_takes_no_other_address_and_no_password(shop: Path, value: str) -> None:
    path = shop / "rung.yaml"
    path.write_text(path.read_text("utf-8") + f"watch:\n  webhook: {value}\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_project(shop)
    assert "pw" not in str(refused.value)
