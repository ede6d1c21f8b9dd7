"""Are published keys had from a server or a file, and is a server that misbehaves an error and no open door?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rung.config.project import Project, load_project
from rung.errors import InputError, ServerError
from rung.serving.jwks import MAX_AGE, MAX_BYTES, TIMEOUT, PublishedKeys, fetcher

JWKS = b'{"keys": []}'
ONE = b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'


class _Provider(BaseHTTPRequestHandler):
    """Publishes keys, and misbehaves where its path says so."""

    def do_GET(self) -> None:
        """See `BaseHTTPRequestHandler`."""
        status = {"/moved": 302, "/broken": 500, "/gone": 404}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/jwks")
        self.end_headers()
        if self.path == "/endless":
            for _ in range(3 * MAX_BYTES // 100_000):
                self.wfile.write(b"x" * 100_000)
        elif self.path == "/dripping":
            for _ in range(30):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.5)
        else:
            self.wfile.write(JWKS)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a provider on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def project(folder: Path, jwks: str) -> Project:
    text = f"serve: {{jwt: {{issuer: x, audience: y, jwks: '{jwks}'}}}}\n"
    (folder / "rung.yaml").write_text(text, "utf-8")
    return load_project(folder)


def test_keys_are_fetched(tmp_path: Path, port: int) -> None:
    assert fetcher(project(tmp_path, f"http://127.0.0.1:{port}/jwks"))() == JWKS


@pytest.mark.parametrize(
    ("path", "why"),
    [("moved", "status 302"), ("broken", "status 500"), ("gone", "status 404"), ("endless", "sends more than")],
)
def test_a_provider_that_misbehaves_is_an_error(tmp_path: Path, port: int, path: str, why: str) -> None:
    with pytest.raises(ServerError, match=why):
        fetcher(project(tmp_path, f"http://127.0.0.1:{port}/{path}"))()


@pytest.mark.slow
def test_a_provider_that_drips_is_left(tmp_path: Path, port: int) -> None:
    began = time.monotonic()
    with pytest.raises(ServerError, match="sends more than"):
        fetcher(project(tmp_path, f"http://127.0.0.1:{port}/dripping"))()
    assert time.monotonic() - began < 2 * TIMEOUT


def test_nobody_there_is_an_error(tmp_path: Path, port: int) -> None:
    with pytest.raises(ServerError, match="cannot be reached"):
        fetcher(project(tmp_path, "http://127.0.0.1:1/jwks"))()


def test_keys_of_a_file_are_the_project_s(tmp_path: Path) -> None:
    fetch = fetcher(project(tmp_path, "keys/jwks.json"))
    with pytest.raises(InputError, match=r"jwks\.json"):
        fetch()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "jwks.json").write_bytes(JWKS)
    assert fetch() == JWKS


def test_many_threads_ask_once() -> None:
    fetches: list[float] = []

    def slowly() -> bytes:
        fetches.append(time.monotonic())
        time.sleep(0.2)
        return ONE

    keys, results = PublishedKeys(slowly), list[bool]()
    threads = [
        threading.Thread(target=lambda: results.append(keys.find("a", "EdDSA", "OKP", "Ed25519") is not None))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    assert len(fetches) == 1


def test_a_key_that_is_known_waits_for_no_provider_that_hangs() -> None:
    now, fetches, hanging, asked = [0.0], list[float](), threading.Event(), threading.Event()

    def fetch() -> bytes:
        fetches.append(now[0])
        if len(fetches) > 1:
            asked.set()
            hanging.wait(10)
        return ONE

    keys = PublishedKeys(fetch, clock=lambda: now[0])
    assert keys.find("a", "EdDSA", "OKP", "Ed25519") is not None
    now[0] = MAX_AGE  # the keys are old: who comes first looks, and hangs
    first = threading.Thread(target=keys.find, args=("a", "EdDSA", "OKP", "Ed25519"))
    first.start()
    assert asked.wait(5)
    began = time.monotonic()
    assert keys.find("a", "EdDSA", "OKP", "Ed25519") is not None
    assert time.monotonic() - began < 9
    assert first.is_alive()
    hanging.set()
    first.join()
    assert len(fetches) == 2
