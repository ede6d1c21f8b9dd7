"""GET of an address as a tool: only what begins as an allowed one, so many bytes and seconds, and no redirect elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from rung.config.tool_settings import HttpSettings
from rung.errors import first_line
from rung.records import Json, ToolSpec
from rung.text.parsing import json_of
from rung.tools.environment import from_environment
from rung.tools.freshness import period

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 3
_PASSING = frozenset({429, *range(500, 600)})  # of statuses: the same call may be answered later
MAX_ADDRESS = 4_000  # characters


class HttpGet:
    """The tool `http_get`: an address in, what stands there out; JSON as JSON, other text as text."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        who = f"the tool '{settings.name}'"
        headers = settings.headers_env.items()
        self._headers = {
            name: from_environment(variable, who=who, what=f"the header '{name}'") for name, variable in headers
        }
        about = settings.about or "Looks up live values."
        words = f"{about.rstrip('.')}. GET of an address that begins as one of: {', '.join(settings.allow)}"
        parameters = {
            "type": "object",
            "properties": {"url": {"type": "string", "description": f"such as {settings.allow[0]}"}},
            "required": ["url"],
        }
        self.seconds = settings.seconds + 5  # what the tool's own limits do not catch
        self.spec = ToolSpec(settings.name, words, json.dumps(parameters))

    @property
    def identity(self) -> str:
        return f"http 1 {self._settings.name} {' '.join(self._settings.allow)}{period(self._settings.fresh)}"

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """{"status": 200, "body": …}.

        Raises:
            ValueError: the address is not allowed, or it answers with too much.
            ConnectionError: nobody answers there in time, or the server has a fault of its own: what may pass.
        """
        import httpx

        url = arguments.get("url")
        if not isinstance(url, str) or not url.strip() or len(url) > MAX_ADDRESS:
            raise ValueError("give a 'url'")
        until = time.monotonic() + self._settings.seconds
        try:
            with httpx.Client(headers=self._headers, timeout=self._settings.seconds, trust_env=False) as client:
                return self._read(client, url.strip(), until)
        except httpx.InvalidURL as error:
            raise ValueError(f"{url}: {first_line(error)}") from error
        except httpx.HTTPError as error:
            raise ConnectionError(f"{url}: {first_line(error)}") from error

    def _read(self, client: httpx.Client, url: str, until: float) -> Json:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            with client.stream("GET", url) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers.get("location", ""))
                    continue
                if response.status_code in _PASSING:
                    raise ConnectionError(f"{url} answers with {response.status_code}")
                return {"status": response.status_code, "body": self._body(response, until)}
        raise ValueError(f"more than {MAX_REDIRECTS} redirects")

    def _body(self, response: httpx.Response, until: float) -> Json:
        received = bytearray()
        for piece in response.iter_bytes():
            received += piece
            if len(received) > self._settings.bytes:
                raise ValueError(f"it answers with more than {self._settings.bytes:,} bytes: ask for less")
            if time.monotonic() > until:
                raise ConnectionError(f"it took longer than {self._settings.seconds:g} s")
        text = bytes(received).decode(response.encoding or "utf-8", "replace")
        if "json" in response.headers.get("content-type", ""):
            try:
                return json_of(text)
            except ValueError:
                return text
        return text

    def _check(self, url: str) -> None:
        """Refuse an address that does not begin as an allowed one, also where it only seems to.

        Raises:
            ValueError: it does not.
        """
        if not any(_is_below(url, prefix) for prefix in self._settings.allow):
            raise ValueError(f"{url} is not allowed; addresses begin as one of: {', '.join(self._settings.allow)}")


def _is_below(url: str, prefix: str) -> bool:
    try:
        parts, allowed = urlsplit(url), urlsplit(prefix)
        same_host = _host(parts) == _host(allowed)
    except ValueError:
        return False
    path = unquote(unquote(parts.path))
    is_plain = not any(part in (".", "..") for part in path.replace("\\", "/").split("/")) and path.isprintable()
    return same_host and "@" not in parts.netloc and is_plain and (parts.path or "/").startswith(allowed.path)


def _host(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
