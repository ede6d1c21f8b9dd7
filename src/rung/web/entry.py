"""The door of the board: a credential once, then a cookie; and no form that another site sends.

A browser sends no header of ours, so that the credential (a key of the project, or the token that `rung board` prints) is
given once, by the address or by a form, and held here in memory under a random name that only the cookie says. It is looked
at again with every request: what is revoked or has expired ends at once.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rung.serving.callers import Identity, Refused
from rung.web.shell import HEADERS, PREFIX, STATIC, door_page, is_below, is_https, local, static_response
from rung.web.viewer import Viewer

TOKEN = "token"  # of the address
ENTER, LEAVE = f"{PREFIX}/enter", f"{PREFIX}/leave"
MAX_SESSIONS, MAX_OF_ONE = 10_000, 100  # in all, and of one credential
AGE = 14 * 86_400.0  # seconds
MAX_ENTERING = (
    64 * 2**10
)  # bytes of the form in which a credential comes: a key has 64, a JWT with many groups some thousands
MAX_BODY = 8 * 2**20  # bytes of a form


class Door(Protocol):
    """Tells from a credential who looks."""

    @property
    def asks_for(self) -> str:
        """What is to be given, in words."""
        ...

    @property
    def in_address(self) -> bool:
        """Whether an address may carry it."""
        ...

    def redeem(self, credential: str) -> str:
        """What is held for it from now on."""
        ...

    def enter(self, credential: str, headers: Mapping[str, str], address: str) -> Viewer:
        """Who looks. May block.

        Raises:
            Refused: nobody who may.
        """
        ...


@dataclass(frozen=True, slots=True)
class OwnersDoor:
    """One token, which the owner of the folder was shown: who has it sees and may do everything."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _once: set[str] = field(default_factory=set, init=False, repr=False)
    asks_for: str = "the token that was printed when this server started"
    in_address: bool = True

    def once(self) -> str:
        """A token that is good for one entrance: other people of a machine see the words that a browser is started with."""
        token = secrets.token_urlsafe(24)
        self._once.add(token)
        return token

    def redeem(self, credential: str) -> str:
        """See `Door`."""
        if credential not in self._once:
            return credential
        self._once.discard(credential)
        return self.token

    def enter(self, credential: str, headers: Mapping[str, str], address: str) -> Viewer:
        """See `Door`."""
        del headers, address
        if not hmac.compare_digest(credential.encode(), self.token.encode()):
            raise Refused(401, "this is not the token that was printed when this server started" if credential else "")
        return Viewer("")


@dataclass(frozen=True, slots=True)
class CallersDoor:
    """The project's keys and tokens: scope `board` looks, `review` changes, groups say what may be read."""

    identity: Identity
    asks_for: str = "a key with the scope 'board' (rung keys new NAME --scopes board,review)"
    in_address: bool = False

    def redeem(self, credential: str) -> str:
        """See `Door`."""
        return credential

    def enter(self, credential: str, headers: Mapping[str, str], address: str) -> Viewer:
        """See `Door`."""
        sent = {**headers, **({"authorization": f"Bearer {credential}"} if credential else {})}
        caller = self.identity.identify(sent, address)
        if not caller.scopes & {"board", "review"}:
            raise Refused(403, f"the key of {caller.name} may not look at the board: it lacks the scope 'board'")
        return Viewer(caller.name, caller.groups, may_edit="review" in caller.scopes, caller=caller)


class Entry:
    """Stands before the pages of the board. `name`: of the cookie; boards on one machine do not share it."""

    def __init__(self, app: ASGIApp, *, door: Door, name: str) -> None:
        self._app, self._door, self._cookie = app, door, f"rung_{name}"
        self._sessions = Sessions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(STATIC):
            file = static_response(scope["path"].removeprefix(STATIC)) or Response(status_code=404, headers=HEADERS)
            await file(scope, receive, send)
            return
        receive = _limited(receive, MAX_ENTERING if scope["path"] in (ENTER, LEAVE) else MAX_BODY)
        request = Request(scope, receive)
        try:
            response = await self._refusal(request)
        except _TooLarge:
            response = self._too_large()
        if response is not None:
            await response(scope, receive, send)
            return
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except _TooLarge:
            if not began:
                await self._too_large()(scope, receive, send)

    def _too_large(self) -> Response:
        return door_page(413, "a form may not have as many bytes as that", self._door.asks_for)

    async def _refusal(self, request: Request) -> Response | None:
        """What is answered instead of the page; None where the request may pass."""
        if request.method not in ("GET", "HEAD") and not is_own(request.headers):
            return door_page(403, "this form was sent from another site: open the board itself", self._door.asks_for)
        if request.method == "POST" and request.url.path == ENTER:
            return await self._entering(request)
        if request.method == "POST" and request.url.path == LEAVE:
            return self._leaving(request)
        if self._door.in_address and TOKEN in request.query_params:
            return await self._entered(request, request.query_params[TOKEN], _without_token(request))
        try:
            request.state.viewer = await self._viewer(request, self._credential(request))
        except Refused as refused:
            why = "" if refused.status == 401 and not self._credential(request) else refused.message
            return door_page(refused.status, why, self._door.asks_for, to=_asked_for(request))
        return None

    async def _viewer(self, request: Request, credential: str) -> Viewer:
        address = request.client.host if request.client else ""
        return await run_in_threadpool(self._door.enter, credential, request.headers, address)

    async def _entering(self, request: Request) -> Response:
        try:
            form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
        except ValueError:
            form = {}
        credential, to = form.get("credential", [""])[0].strip(), form.get("to", [PREFIX])[0]
        return await self._entered(request, credential, local(to))

    async def _entered(self, request: Request, credential: str, to: str) -> Response:
        try:
            credential = self._door.redeem(credential)
            await self._viewer(request, credential)
        except Refused as refused:
            return door_page(refused.status, refused.message or "that is not right", self._door.asks_for, to=to)
        self._sessions.end(self._session(request))
        name = self._sessions.begin(credential)
        response = RedirectResponse(to, 303)
        response.set_cookie(self._cookie, name, path=PREFIX, httponly=True, samesite="lax", secure=is_https(request))
        return response

    def _leaving(self, request: Request) -> Response:
        self._sessions.end(self._session(request))
        response = RedirectResponse(PREFIX, 303)
        response.delete_cookie(self._cookie, path=PREFIX)
        return response

    def _credential(self, request: Request) -> str:
        return self._sessions.credential(self._session(request))

    def _session(self, request: Request) -> str:
        try:
            cookies = SimpleCookie(request.headers.get("cookie", ""))
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""


class Sessions:
    """Who has entered: random names, and the credential that each stands for. Used on the event loop alone.

    One ends after `AGE` seconds; where there are too many, of one credential or in all, the one unused for longest ends.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, credential: str) -> str:
        """The name of a new one."""
        name = secrets.token_urlsafe(32)
        self._entries[name] = (credential, time.monotonic())
        own = [one for one, (held, _) in self._entries.items() if held == credential]
        for old in own[: max(0, len(own) - MAX_OF_ONE)]:
            del self._entries[old]
        while len(self._entries) > MAX_SESSIONS:
            self._entries.popitem(last=False)
        return name

    def credential(self, name: str) -> str:
        """What a name stands for; "" where it stands for nothing any more."""
        credential, since = self._entries.get(name, ("", 0.0))
        if not credential or time.monotonic() - since > AGE:
            self._entries.pop(name, None)
            return ""
        self._entries.move_to_end(name)
        return credential

    def end(self, name: str) -> None:
        """It stands for nothing any more."""
        self._entries.pop(name, None)


class _TooLarge(BaseException):
    """A body that is over the limit: no handler of errors below is to see it."""


def _limited(receive: Receive, most: int) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _TooLarge
        return message

    return limited


def is_own(headers: Headers) -> bool:
    """Whether a form was sent from a page of this server, as browsers tell it."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:
        return False


def _without_token(request: Request) -> str:
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != TOKEN])
    return f"{_asked_for(request, query=False)}{f'?{rest}' if rest else ''}"


def _asked_for(request: Request, *, query: bool = True) -> str:
    """Where a request went to, to come back to it; the board's first page for one that is no page."""
    path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or quote(request.url.path)
    if request.method != "GET" or not is_below(path):
        return PREFIX
    return f"{path}?{request.url.query}" if query and request.url.query else path
