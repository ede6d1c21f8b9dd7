"""One OpenAI-compatible server: where it is, and how a request is sent with patience and with limits.

Tried again is what may pass (429, 5xx, also within a body of status 200, answers that break off, broken JSON); a limit on
requests a minute; time-outs. What is asked is left to `http`, `http_embedding` and `http_reranking`, when it is tried again
to `http_retries`, what a server says instead of answering to `http_words`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from rung.errors import ServerError, UserError
from rung.models.endpoint import Endpoint
from rung.models.http_calls import Incoming, Outgoing, posted
from rung.models.http_retries import FIRST_WAIT, RequestFailed, Retries, Trouble
from rung.models.http_words import Complaint, asked_to_wait, complaint, error_within, words_of
from rung.models.protocol import Server
from rung.models.rate_limit import RateLimit
from rung.models.wire import Listing, WireFormat
from rung.models.wire.shapes import has_ended
from rung.plugins import hint
from rung.records import Json

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
_GLANCE = 5.0  # seconds that a server's list of models is waited for
_LOOKING = 0.25  # seconds after which who hears a stream may end its wait for another try


class NoModel(ServerError):
    """The server has no model of this name."""


@dataclass
class Client:
    """Sends requests to one endpoint. Thread-safe. Connections are opened when they are needed, after `close` again."""

    endpoint: Endpoint
    server: Server
    first_wait: float = FIRST_WAIT

    def __post_init__(self) -> None:
        self.retries = Retries(self.endpoint, self.server, self.first_wait)
        self._limiter = RateLimit(self.server.requests_per_minute)
        self._opening = threading.Lock()
        self._opened: httpx.Client | None = None
        self._answered = False
        self._hung = 0

    def post(
        self, path: str, body: Mapping[str, Json], *, halt: threading.Event, hasty: bool = False
    ) -> tuple[dict[str, Json], int]:
        """(the JSON object that answers, how often it was tried). `halt` ends every wait.

        `hasty`: where nobody listens or answers in time, that is said at once.

        Raises:
            RequestFailed: this request is refused, or was tried as often as allowed.
            ServerError: no request can succeed: nobody listens there, or the key, the quota or the model is refused.
        """
        return self.patiently(lambda: self._posted(path, body, halt), halt, hasty=hasty)

    def call(self, sent: Outgoing, *, once: bool = False, redirects: bool = False, seconds: float = 0.0) -> Incoming:
        """The answer to a request of any kind. `once`: it is not tried again, whatever happens; others as of `once`.

        Raises:
            RequestFailed: it is refused, there is nothing at this path, or it was tried as often as allowed; without
                `complaint` nobody knows whether it was carried out.
            ServerError: as `post`.
        """
        halt = threading.Event()
        return self.patiently(lambda: self.once(sent, halt, redirects=redirects, seconds=seconds), halt, once=once)[0]

    def tell(self, path: str, body: Mapping[str, Json]) -> None:
        """One request without patience that is answered by its status alone.

        Raises:
            RequestFailed: it is refused, or there is nothing at this path.
            ServerError: nobody listens there, or the key is refused.
        """
        halt = threading.Event()
        self.patiently(lambda: self.once(posted(path, body), halt), halt, hasty=True)

    def once(self, sent: Outgoing, halt: threading.Event, *, redirects: bool = False, seconds: float = 0.0) -> Incoming:
        """The answer to one request, in one try; for `patiently`, which tries again. `halt` ends every wait; `redirects`:
        one that sends on is an answer too; `seconds`: that the body may take, where that is more than an answer's.

        Raises:
            ServerError: nobody listens there, or the key or the quota is refused.
        """
        with self._sent(sent, halt) as response:
            text = self._read(response, seconds)
        if response.status_code in (404, 405):
            path, _, _ = sent.path.partition("?")  # a signed address has its signature behind that
            nothing = Trouble(f"HTTP {response.status_code} at {path}: {words_of(text)}", again=False)
            nothing.complaint = complaint(response.status_code, text)
            raise nothing
        if not (redirects and response.is_redirect):
            self._refuse(response, text)
        self._answered = True
        return Incoming(text, response.headers)

    def refused(self, error: Complaint) -> tuple[RequestFailed, bool]:
        """An error that came with no response of its own: as what it is raised, and whether another try may not fail.

        Raises:
            ServerError: no request can succeed: the key, the quota or the model is refused.
        """
        try:
            self._raise(error, None)
        except Trouble as trouble:
            return trouble.failed(1), trouble.again

    def events(self, path: str, body: Mapping[str, Json], wire: WireFormat) -> Iterator[Mapping[str, Json] | RequestFailed]:
        """The events of a streamed answer, as chunks of a chat completion.

        Where it breaks off, why it did is yielded before it begins anew: who cannot take back what came so far listens no
        more. While that waits empty events come, so that who listens can leave.

        A server that does not stream sends its whole answer as one. Raises as `post` does.
        """
        attempt = 1
        while True:
            begun = False
            try:
                for event in self._events(path, body, threading.Event(), wire):
                    begun = True
                    yield event
                return
            except Trouble as trouble:
                pause = self.retries.pause(trouble, attempt)
                if begun:
                    yield trouble.failed(attempt)
                self.retries.begin(trouble, attempt, pause)
            end = time.monotonic() + pause
            while (left := end - time.monotonic()) > 0:
                yield {}
                time.sleep(min(_LOOKING, left))
            attempt += 1

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def patiently(
        self, work: Callable[[], T], halt: threading.Event, *, hasty: bool = False, once: bool = False
    ) -> tuple[T, int]:
        """What `work` returns, tried as often as the project allows, and how often that was; raises as `post` does."""
        attempt = 1
        while True:
            try:
                return work(), attempt
            except Trouble as trouble:
                pause = self.retries.pause(trouble, attempt, hasty=hasty, once=once)
                self.retries.begin(trouble, attempt, pause)
                if halt.wait(pause):
                    raise RequestFailed("stopped", attempt) from trouble
                attempt += 1

    def _posted(self, path: str, body: Mapping[str, Json], halt: threading.Event) -> dict[str, Json]:
        """One try.

        Raises:
            Trouble: it did not come to an answer.
            ServerError: no request can.
        """
        with self._sent(posted(path, body), halt) as response:
            text = self._read(response)
        self._refuse(response, text)
        return self._value(text)

    def _events(
        self, path: str, body: Mapping[str, Json], halt: threading.Event, wire: WireFormat
    ) -> Iterator[Mapping[str, Json]]:
        """The events of one try; raises as `_posted` does."""
        ended, other = False, ""
        with self._sent(posted(path, body), halt) as response:
            if response.status_code != 200:
                self._refuse(response, self._read(response))
            self._answered = True
            for line in self._lines(response):
                name, _, data = ("data", "", line) if wire.lines else line.partition(":")
                if name != "data":
                    other += "" if name in ("", "event", "id", "retry") else f"{line}\n"
                    continue
                if data.strip() == "[DONE]":
                    return
                event = wire.event(self._value(data.strip()))
                if error := error_within(event):
                    self._raise(error, None)
                ended = ended or has_ended(event)
                yield event
        if other:
            yield wire.answer(self._value(other))
        elif not ended:
            raise Trouble("the server broke off its answer (the stream ended before the answer did)")

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        """Lines that hold something. A server that only keeps the connection open is not waited for."""
        end = time.monotonic() + self.server.timeout_seconds
        for line in response.iter_lines():
            if line.strip() and not line.startswith(":"):
                end = time.monotonic() + self.server.timeout_seconds
                yield line
            elif time.monotonic() > end:
                raise self._late()

    def _value(self, text: str) -> dict[str, Json]:
        """The object that a body or an event holds, if it is no error."""
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError):
            if text.lstrip().startswith(("{", "[")):
                raise Trouble(f"the server's answer breaks off, after {len(text):,} characters") from None
            raise Trouble(f"the server answered with something that is no JSON: {words_of(text)}") from None
        error = error_within(value)
        if error is not None:
            self._raise(error, None)
        if not isinstance(value, dict):
            raise Trouble("the server's answer is no JSON object")
        self._answered = True
        return value

    @contextmanager
    def _sent(self, sent: Outgoing, halt: threading.Event) -> Iterator[httpx.Response]:
        """A response, whose errors on the way are told apart: nobody there, no answer in time, an answer that breaks off."""
        import httpx

        url, key = self.endpoint.url, self.endpoint.key_variable
        if self.endpoint.wants_key and not self.endpoint.has_key:
            raise ServerError(f"{url} wants a key, and {key} is not set: set {key} to a key that may use it")
        self._limiter.wait(halt)
        address = sent.path if "://" in sent.path else self.endpoint.address(sent.path)
        headers = sent.headers
        if headers is None:
            headers = {**self.endpoint.headers(sent.method, address, sent.content), "Content-Type": sent.kind}
        try:
            with self._http().stream(sent.method, address, content=sent.content, headers=headers) as response:
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise Trouble(f"no connection to {url} ({error or 'it does not answer'})", nobody=True) from error
        except httpx.TimeoutException as error:
            raise self._time_out() from error
        except httpx.RequestError as error:
            self._answered = True  # somebody is there
            raise Trouble(f"the server broke off its answer ({error or type(error).__name__})") from error

    def _http(self) -> httpx.Client:
        import httpx

        with self._opening:
            if self._opened is None:
                seconds = self.server.timeout_seconds
                limits = httpx.Limits(max_connections=self.server.concurrency)
                timeout = httpx.Timeout(seconds, connect=min(10.0, seconds), pool=None)
                self._opened = httpx.Client(timeout=timeout, limits=limits)
            return self._opened

    def _read(self, response: httpx.Response, seconds: float = 0.0) -> str:
        """The body, in no more than the whole time-out, or `seconds` where these are more: a server that drips bytes would
        hold a request for ever."""
        import httpx

        end = time.monotonic() + max(seconds, self.server.timeout_seconds)
        parts: list[bytes] = []
        for part in response.iter_bytes():
            parts.append(part)
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the answer took too long")
        return b"".join(parts).decode("utf-8", "replace")

    def _time_out(self) -> Trouble:
        self._hung += 1
        if not self._answered and self._hung >= 2 * self.server.concurrency + self.server.retries:
            raise ServerError(
                f"{self.endpoint.url} takes requests and never answers ({self._hung} waited "
                f"{self.server.timeout_seconds:g} s): restart the server, or raise server.timeout_seconds"
            )
        return self._late()

    def _late(self) -> Trouble:
        trouble = Trouble(f"no answer within {self.server.timeout_seconds:g} s (server.timeout_seconds)")
        trouble.late = True
        return trouble

    def _refuse(self, response: httpx.Response, text: str) -> None:
        """Raise what a response says that is no answer."""
        if response.is_success:
            return
        error = complaint(response.status_code, text)
        if response.is_redirect:
            elsewhere, _, _ = response.headers.get("location", "").partition("?")  # a signature may stand behind that
            where = f"to {elsewhere}, which is not followed" if elsewhere else "without saying where to"
            raise Trouble(f"HTTP {error.status}: the server sends on {where}: mend the model's URL", again=False)
        self._raise(error, asked_to_wait(response.headers, text), response.headers.get("x-should-retry", ""))

    def _raise(self, error: Complaint, wait: float | None, again: str = "") -> NoReturn:
        """`again`: "true" or "false" where the server itself says whether to try again."""
        url, key = self.endpoint.url, self.endpoint.key_variable
        if error.is_spent:
            raise ServerError(
                f"{url} has no money or quota left for this key ({error}): add some there, or take another model"
            )
        if error.is_about_the_key and (error.status != 403 or not self._answered or error.is_expired):
            # After answers, a 403 is about this request: some servers' moderation says so.
            if self.endpoint.has_key:
                raise ServerError(f"{url} refuses the key ({error}): set {key} to a key that may use it")
            raise ServerError(f"{url} wants a key, and {key} is not set ({error}): set {key} to a key that may use it")
        if error.is_about_the_model:
            raise NoModel(self._no_model(error))
        self._answered = True
        trouble = Trouble(str(error), again={"true": True, "false": False}.get(again, error.is_transient), wait=wait)
        trouble.complaint = error
        raise trouble

    def _no_model(self, error: Complaint) -> str:
        """What is wrong with the name or the URL, as far as the server's own list tells."""
        url, model = self.endpoint.url, self.endpoint.model
        names = self.listing().names
        if names and model not in names:
            return f"{url} has no model '{model}' ({error}); {hint(model, names)}"
        if not names and not self.endpoint.vendor.name and not url.endswith("/v1") and self.look("/v1/models") is not None:
            return f"{url} has no API at this path ({error}): write {url}/v1#{model}"
        return f"{url} has no model '{model}', or no API at this path ({error}): mend the name or URL"

    def listing(self) -> Listing:
        """What the server tells of its models, as far as it does."""
        return self.endpoint.vendor.wire.listing(self.look, self.endpoint.model)

    def look(self, path: str, body: Mapping[str, Json] | None = None) -> Json:
        """One request without patience: see `wire.Look`."""
        import httpx

        address, content = self.endpoint.address(path), b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        try:
            headers = self.endpoint.headers(method, address, content)
            seconds = min(_GLANCE, self.server.timeout_seconds)
            response = self._http().request(method, address, content=content, headers=headers, timeout=seconds)
            value: Json = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError, RecursionError, UserError):
            return None
        return value
