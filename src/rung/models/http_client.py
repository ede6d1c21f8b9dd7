"""One OpenAI-compatible server: where it is, and how a request is sent with patience and with limits.

Retries with exponential back-off and jitter on 429, 5xx, broken connections and broken JSON, honouring Retry-After; a limit
on requests a minute; time-outs. What is asked is left to `http` and `http_embedding`.
"""

from __future__ import annotations

import email.utils
import json
import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from rung.errors import ModelError, ServerError
from rung.models.protocol import Server
from rung.records import Json

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
log = logging.getLogger(__name__)
_OPENAI = "https://api.openai.com/v1"
_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_ASKED = 0.5, 30.0, 300.0
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}


class RequestFailed(Exception):
    """One request failed; others may not. `attempts` is how often it was tried."""

    def __init__(self, message: str, attempts: int) -> None:
        self.attempts = attempts
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server. The key is read from the environment when it is needed, and never kept."""

    url: str
    model: str
    key_variable: str

    @classmethod
    def named(cls, name: str) -> Endpoint:
        """From "openai:<name>" or "http://host/v1#<name>".

        Raises:
            ModelError: the model is not named, or the URL carries a password.
        """
        if name.startswith("openai:"):
            model = name.removeprefix("openai:")
            if not model:
                raise ModelError("'openai:' names no model: write openai:<name>, such as openai:gpt-4o-mini")
            return cls(_OPENAI, model, "OPENAI_API_KEY")
        url, _, model = name.partition("#")
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ModelError("a model's URL must not carry a password: set RUNG_API_KEY in the environment instead")
        if not parts.hostname or not model:
            raise ModelError(f"'{url}' names no model: write http://host:port/v1#<name>")
        return cls(url.rstrip("/"), model, "RUNG_API_KEY")

    @property
    def identity(self) -> str:
        """URL and model; nothing secret."""
        return f"http:{self.url}#{self.model}"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own server, whose parameters have other names by now."""
        return self.url == _OPENAI

    def headers(self) -> dict[str, str]:
        """The authorisation, where a key is set."""
        key = os.environ.get(self.key_variable, "")
        return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass
class Client:
    """Sends requests to one endpoint. Thread-safe."""

    endpoint: Endpoint
    server: Server
    first_wait: float = _FIRST_WAIT

    def __post_init__(self) -> None:
        import httpx

        seconds = self.server.timeout_seconds
        self._limiter = _Limiter(self.server.requests_per_minute)
        limits = httpx.Limits(max_connections=self.server.concurrency)
        timeout = httpx.Timeout(seconds, connect=min(10.0, seconds), pool=None)
        self._http = httpx.Client(timeout=timeout, limits=limits)
        self._answered = False
        self._hung = 0

    def post(self, path: str, body: Mapping[str, Json], *, halt: threading.Event) -> dict[str, Json]:
        """The JSON object that answers. `halt` ends every wait.

        Raises:
            RequestFailed: this request is refused, or was tried as often as allowed.
            ServerError: no request can succeed: nobody listens there, the key or the model is refused.
        """
        for attempt in range(1, self.server.retries + 2):
            again, why, wait = self._try(path, body, halt)
            if isinstance(again, dict):
                return again
            if not again or attempt > self.server.retries:
                raise RequestFailed(why, attempt)
            pause = min(_LONGEST_WAIT, self.first_wait * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
            pause = wait if wait is not None else pause
            log.info("attempt %d at %s failed (%s); again in %.1f s", attempt, self.endpoint.identity, why, pause)
            if halt.wait(pause):
                raise RequestFailed("stopped", attempt)
        raise RequestFailed("not tried", 0)

    def _try(
        self, path: str, body: Mapping[str, Json], halt: threading.Event
    ) -> tuple[dict[str, Json] | bool, str, float | None]:
        """(the answer, or whether to try again; why; seconds that the server asked to wait)."""
        import httpx

        try:
            with self._sent(path, body, halt) as response:
                text = self._read(response)
        except httpx.TimeoutException:
            return self._time_out()
        except httpx.TransportError as error:
            return self._unreachable(error)
        if response.status_code == 200:
            self._answered = True
            try:
                value = json.loads(text)
            except ValueError:
                return True, "the server answered with broken JSON", None
            return (value, "", None) if isinstance(value, dict) else (True, "the server's answer is no JSON object", None)
        why = _message(response.status_code, text)
        self._refuse_all(response.status_code, why)
        self._answered = True
        return response.status_code in _AGAIN, why, _asked_to_wait(response.headers.get("retry-after"))

    def lines(self, path: str, body: Mapping[str, Json]) -> Iterator[str]:
        """The lines of a streamed answer. Not retried: part of it may have been shown. Raises as `post` does."""
        import httpx

        try:
            with self._sent(path, body, threading.Event()) as response:
                if response.status_code != 200:
                    why = _message(response.status_code, self._read(response))
                    self._refuse_all(response.status_code, why)
                    raise RequestFailed(why, 1)
                self._answered = True
                yield from response.iter_lines()
        except httpx.TimeoutException:
            raise RequestFailed(self._time_out()[1], 1) from None
        except httpx.TransportError as error:
            raise RequestFailed(self._unreachable(error)[1], 1) from error

    @contextmanager
    def _sent(self, path: str, body: Mapping[str, Json], halt: threading.Event) -> Iterator[httpx.Response]:
        self._limiter.wait(halt)
        with self._http.stream("POST", self.endpoint.url + path, json=body, headers=self.endpoint.headers()) as response:
            yield response

    def _read(self, response: httpx.Response) -> str:
        """The body, in no more than the whole time-out: a server that drips bytes would hold a request for ever."""
        import httpx

        end = time.monotonic() + self.server.timeout_seconds
        parts: list[bytes] = []
        for part in response.iter_bytes():
            parts.append(part)
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the answer took too long")
        return b"".join(parts).decode("utf-8", "replace")

    def _time_out(self) -> tuple[bool, str, None]:
        self._hung += 1
        if not self._answered and self._hung >= 2 * self.server.concurrency + self.server.retries:
            raise ServerError(
                f"{self.endpoint.url} takes requests but never answers within {self.server.timeout_seconds:g} s: "
                "check the server, or raise server.timeout_seconds"
            )
        return True, f"no answer within {self.server.timeout_seconds:g} s", None

    def _unreachable(self, error: Exception) -> tuple[bool, str, None]:
        return True, f"no connection to {self.endpoint.url} ({error})", None

    def _refuse_all(self, status: int, why: str) -> None:
        where = self.endpoint.url
        if status in (401, 403):
            raise ServerError(f"{where} refuses the key ({why}): set {self.endpoint.key_variable} to a key that may use it")
        if status == 404:
            raise ServerError(
                f"{where} has no model '{self.endpoint.model}', or no API at this path ({why}): mend the name or URL"
            )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def spread(work: Callable[[int, threading.Event], T], count: int, *, threads: int) -> Iterator[tuple[int, T]]:
    """Yield (number, work(number, halt)) for 0 … count - 1 as each is done; what one raises is raised here.

    Left half-way, nothing new is begun and nobody waits for what hangs: `halt` is set, and the threads are daemons.
    """
    halt = threading.Event()
    todo = iter(range(count))
    taking = threading.Lock()
    done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()

    def labour() -> None:
        while not halt.is_set():
            with taking:
                number = next(todo, None)
            if number is None:
                return
            try:
                done.put((number, work(number, halt), None))
            except BaseException as error:  # carried to the caller's thread
                done.put((number, None, error))

    for _ in range(min(threads, count)):
        threading.Thread(target=labour, name="rung-http", daemon=True).start()
    try:
        for _ in range(count):
            number, result, error = done.get()
            if error is not None:
                raise error
            yield number, cast(T, result)
    except BaseException:
        halt.set()
        raise


class _Limiter:
    """Evenly spaced turns: at most so many a minute, from this process."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        if not self._gap:
            return
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._gap
        stop.wait(max(0.0, turn - time.monotonic()))


def _message(status: int, text: str) -> str:
    try:
        error = json.loads(text).get("error", text)
    except (ValueError, AttributeError):
        error = text
    said = error.get("message", "") if isinstance(error, dict) else str(error)
    return f"HTTP {status}: {said.strip()[:300]}" if said.strip() else f"HTTP {status}"


def _asked_to_wait(header: str | None) -> float | None:
    """Retry-After, in seconds or as a date (RFC 9110, 10.2.3); at most five minutes."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(0.0, seconds), _LONGEST_ASKED)
