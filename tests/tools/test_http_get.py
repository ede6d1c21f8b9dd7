"""Does an address bring what stands there, and no other than an allowed one?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from rung.config.tool_settings import HttpSettings
from rung.errors import UserError
from rung.records import Json
from rung.tools.http_get import HttpGet


class _Shop(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        path, headers, body = self.path.split("?")[0], {}, b""
        if path == "/prices/tent":
            headers, body = (
                {"Content-Type": "application/json"},
                b'{"usd": 120.5, "key": "%s"}' % self.headers.get("X-Key", "").encode(),
            )
        elif path == "/prices/words":
            body = "zwölf".encode()
        elif path in ("/prices/moved", "/prices/away", "/prices/round"):
            to = {"moved": "/prices/tent", "away": "/wages/ada", "round": "/prices/round"}[path.rsplit("/", 1)[1]]
            self.send_response(302)
            self.send_header("Location", to)
            self.end_headers()
            return
        elif path == "/prices/large":
            body = b"x" * 200_000
        elif path == "/prices/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(40):
                time.sleep(0.05)
                self.wfile.write(b".")
            return
        self.send_response(503 if path == "/prices/busy" else 200 if body else 404)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def got(shop: str, path: str, **settings: object) -> Json:
    tool = HttpGet(HttpSettings.model_validate({"allow": [f"{shop}/prices/"], "bytes": 100_000, "seconds": 0.5, **settings}))
    return tool.call({"url": f"{shop}{path}"})


def test_json_comes_as_json_and_text_as_text(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "secret")
    assert got(shop, "/prices/tent", headers_env={"X-Key": "SHOP_KEY"}) == {
        "status": 200,
        "body": {"usd": 120.5, "key": "secret"},
    }
    assert got(shop, "/prices/words") == {"status": 200, "body": "zwölf"}
    assert got(shop, "/prices/moved?a=b") == {"status": 200, "body": {"usd": 120.5, "key": ""}}
    assert got(shop, "/prices/nothing") == {"status": 404, "body": ""}


@pytest.mark.parametrize(
    "path",
    [
        "/wages/ada",
        "/prices/../wages/ada",
        "/prices/%2e%2e/wages/ada",
        "/prices/%252e%252e/wages/ada",
        "/prices/..\\wages",
        "/prices",
        "/prices/away",
        "@elsewhere.example/prices/",
        ".elsewhere.example/prices/",
        "0/prices/tent",
    ],
)
def test_what_only_seems_allowed_is_never_asked(shop: str, path: str) -> None:
    _Shop.seen.clear()
    with pytest.raises(ValueError, match="is not allowed"):
        got(shop, path)
    assert [one for one in _Shop.seen if one != "/prices/away"] == []


@pytest.mark.parametrize(
    ("path", "says"),
    [("/prices/large", "more than 100,000 bytes"), ("/prices/slow", "longer than"), ("/prices/round", "redirects")],
)
def test_limits_end_it(shop: str, path: str, says: str) -> None:
    with pytest.raises((ValueError, ConnectionError), match=says):
        got(shop, path)


def test_what_may_pass_is_no_result_that_is_remembered(shop: str) -> None:
    tool = HttpGet(HttpSettings(allow=("http://127.0.0.1:1/",)))
    for call, url in (
        (tool.call, "http://127.0.0.1:1/"),
        (HttpGet(HttpSettings(allow=(shop,))).call, f"{shop}/prices/busy"),
    ):
        with pytest.raises(ConnectionError):
            call({"url": url})


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/prices/", "", "prices", "http://[", 3, None])
def test_no_address_at_all(shop: str, url: Json) -> None:
    tool = HttpGet(HttpSettings(allow=(f"{shop}/prices/",)))
    with pytest.raises(ValueError, match=r"not allowed|give a 'url'"):
        tool.call({"url": url})


def test_a_secret_that_is_not_set_is_said_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="NOT_SET_HERE"):
        HttpGet(HttpSettings(allow=("https://api.example.com/",), headers_env={"Authorization": "NOT_SET_HERE"}))


@pytest.mark.parametrize(
    "allow", [[], ["api.example.com"], ["https://user:word@api.example.com/"], ["https://api.example.com/?x=1"]]
)
def test_what_no_address_can_begin_with_is_refused(allow: list[str]) -> None:
    with pytest.raises(ValueError, match=r"allow"):
        HttpSettings.model_validate({"allow": allow})
