"""What all pages of the board have in common: head, navigation, style, script and the headers of the response."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rung.report.html.markup import Safe, el, join
from rung.report.html.page import STYLE
from rung.web.viewer import viewer_of

PREFIX = "/board"
STATIC = f"{PREFIX}/static/"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Tab:
    """A page in the navigation. `path`: below the board's own, "" is the first; `under`: of the pages that belong to it;
    `pattern`: a regular expression of further ones, which the beginning of their path, ended by "/", matches."""

    path: str
    title: str
    under: str = ""
    pattern: str = ""

    @property
    def href(self) -> str:
        """Its address."""
        return f"{PREFIX}/{self.path}" if self.path else PREFIX

    def reach(self, here: str) -> int:
        """How many characters of a path, ended by "/", say that it is one of this tab's pages; -1: it is none."""
        above = f"{self.under or self.path}/"
        match = re.match(self.pattern, here) if self.pattern else None
        reached = len(above) - 1 if here.startswith(above) or here == f"{self.path}/" else -1
        return max(reached, match.end() if match else -1)


def page(
    request: Request, title: str, *body: str, status: int = 200, scripts: Sequence[str] = (), wide: bool = False
) -> HTMLResponse:
    """A page of the board.

    Args:
        request: whose answer it is.
        title: its heading, and in the browser's tab.
        body: its parts; what is no `Safe` is escaped.
        status: of HTTP.
        scripts: names of files in `static` that it needs beside `board.js`.
        wide: whether it takes the whole width of the window.
    """
    tabs: Sequence[Tab] = request.app.state.tabs
    here = f"{request.url.path.removeprefix(PREFIX).strip('/')}/"
    current = max((tab for tab in tabs if tab.reach(here) >= 0), key=lambda tab: tab.reach(here), default=None)
    links = [el("li", el("a", t.title, href=t.href, aria_current="page" if t is current else None)) for t in tabs]
    viewer = viewer_of(request)
    leave = el(
        "form", el("span", viewer.name, cls="quiet", dir="auto"), " ", el("button", "Leave", cls="link"),
        method="post", action=f"{PREFIX}/leave", cls="leave",
    )  # fmt: skip
    header = el(
        "header",
        el("a", "Skip to the content", href="#content", cls="skip"),
        el("div", el("p", el("a", request.app.state.project, href=PREFIX), cls="project", dir="auto"), leave, cls="top"),
        el("nav", el("ul", *links), aria_label="Board"),
    )
    main = el("main", el("h1", title, dir="auto"), *body, id="content", tabindex="-1", cls="wide" if wide else None)
    return _response(f"{title} · {request.app.state.project}", join(header, main), ("board.js", *scripts), status)


def door_page(status: int, why: str, asks_for: str, *, to: str = PREFIX) -> HTMLResponse:
    """Where a credential is asked for; `why` the one that came is not good, "" where none came."""
    form = el(
        "form",
        el("label", "Credential", el("input", type="password", name_="credential", autocomplete="off", required=True)),
        el("input", type="hidden", name_="to", value=to),
        el("button", "Enter"),
        method="post", action=f"{PREFIX}/enter", cls="stack",
    )  # fmt: skip
    refusal = el("p", why, cls="error", role="alert") if why else Safe("")
    main = el("main", el("h1", "Board"), refusal, el("p", f"It takes {asks_for}."), form, id="content")
    return _response("Board", main, (), status)


def _response(title: str, body: Safe, scripts: Sequence[str], status: int) -> HTMLResponse:
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        Safe('<link rel="icon" href="data:,">'),
        *(el_link(name) for name in ("report.css", "board.css")),
        *(el("script", src=static_url(name), defer=True) for name in scripts),
    )
    text = "<!doctype html>\n" + el("html", head, el("body", body, cls="board"), lang="en") + "\n"
    return HTMLResponse(text, status, headers=HEADERS)


def el_link(name: str) -> Safe:
    """A style sheet of `static`."""
    return Safe(f'<link rel="stylesheet" href="{static_url(name)}">')


def static_url(name: str) -> str:
    """The address of a file in `static`: another one whenever it changes."""
    return f"{STATIC}{name}?v={_static(name)[1]}"


def static_response(name: str) -> Response | None:
    """A file of `static`, to be kept for good by the browser; None where there is none."""
    if name not in _names():
        return None
    text, _ = _static(name)
    suffix = name[name.rindex(".") :]
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(text, media_type=_TYPES[suffix], headers=headers)


@cache
def _names() -> frozenset[str]:
    own = {file.name for file in (files("rung.web") / "static").iterdir() if file.name.endswith(tuple(_TYPES))}
    return frozenset({"report.css", *own})


@cache
def _static(name: str) -> tuple[str, str]:
    text = STYLE if name == "report.css" else (files("rung.web") / "static" / name).read_text("utf-8")
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


def is_below(path: str) -> bool:
    """Whether a path is one of the board."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def local(address: str) -> str:
    """Where a browser is sent to: the address where it is one of the board, else the board's first page."""
    path = address.partition("?")[0]
    return address if is_below(path) and "\\" not in path else PREFIX


def is_https(request: Request) -> bool:
    """Whether whoever asks does so over https, which a server before this one may have taken off."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def href(*parts: str | int, **query: str | int | None) -> str:
    """An address of the board: its parts and query escaped; what is None or "" in the query is left out."""
    path = "/".join((PREFIX, *(quote(str(part), safe="") for part in parts)))
    asked: Mapping[str, str | int] = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked)}" if asked else path
