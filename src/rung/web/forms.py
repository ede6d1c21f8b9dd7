"""Forms that people send: their fields, and who sends them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.report.html.markup import Safe, el
from rung.web.shell import PREFIX
from rung.web.viewer import Viewer, viewer_of

NAME = "rung_name"  # the cookie with the name that was given last
MAX_NAME = 100  # characters
_YEAR = 365 * 86_400


async def _sent(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=1000)


Sent = Annotated[FormData, Depends(_sent)]  # the fields of a form, for a handler


def text_in(form: FormData, name: str, default: str = "") -> str:
    """A field's text, its line ends as files have them."""
    value = form.get(name, default)
    return value.replace("\r\n", "\n") if isinstance(value, str) else default


def number_in(form: FormData, name: str, words: str) -> float | None:
    """A number from 0 up; None where the field is empty or not there. `words`: what it is called.

    Raises:
        HTTPException: 400, it is none.
    """
    text = text_in(form, name).strip()
    try:
        value = float(text or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise HTTPException(400, f"{words}: '{text[:40]}' is no number from 0 up")
    return value if text else None


def texts_in(form: FormData, name: str) -> list[str]:
    """All texts of a field that stands several times."""
    return [value.replace("\r\n", "\n") for value in form.getlist(name) if isinstance(value, str)]


def who(viewer: Viewer, form: FormData) -> str:
    """Who changes something: as their key has it, else as they say.

    Raises:
        HTTPException: as `person`.
    """
    return person(viewer.name or text_in(form, "by"))


def person(name: str) -> str:
    """The name of one person, as it is kept with what they change or decide.

    Raises:
        HTTPException: 400, there is none, it is too long, or it has a comma and might be of several.
    """
    named = " ".join(name.split())
    if not named:
        raise HTTPException(400, "say who you are: the name is kept with what you change")
    if "," in named or len(named) > MAX_NAME:
        why = f"one person's name is needed, without a comma, of at most {MAX_NAME} characters: each decides for themselves"
        raise HTTPException(400, why)
    return named


def remember(response: Response, name: str, *, secure: bool = False) -> Response:
    """Keep a name in the browser, for the next form. `secure`: send it over https alone."""
    response.set_cookie(NAME, quote(name), max_age=_YEAR, path=PREFIX, httponly=True, samesite="lax", secure=secure)
    return response


def by_field(request: Request) -> Safe:
    """Where the name is asked for; it is only shown where the key has it."""
    viewer = viewer_of(request)
    if viewer.name:
        return el("p", "Kept with it: ", el("b", viewer.name, dir="auto"), cls="quiet small")
    before = unquote(request.cookies.get(NAME, ""))
    return el(
        "label", "Your name", el("input", name_="by", value=before, required=True, maxlength=MAX_NAME, autocomplete="name")
    )


def done(address: str, by: str) -> Response:
    """After a change: to the page that shows it. The name is remembered for the next form."""
    return remember(RedirectResponse(address, 303), by)


def sent_from(request: Request) -> str:
    """The page of the board, with its query, that a form was sent from; "" where the browser does not say one."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    is_own = parts.netloc == request.headers.get("host") and f"{parts.path}/".startswith(f"{PREFIX}/")
    if not is_own or "\\" in parts.path:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def hidden(**values: str) -> list[Safe]:
    """Fields that a form carries unseen."""
    return [el("input", type="hidden", name_=name, value=value) for name, value in values.items()]


def choice(label: str, name: str, options: Sequence[tuple[str, str]], chosen: str) -> Safe:
    """A list to choose from; `options` as (value, words)."""
    listed = [el("option", words, value=value, selected=value == chosen) for value, words in options]
    return el("label", label, el("select", *listed, name_=name))


def pager(at: int, pages: int, link: Sequence[str]) -> Safe:
    """Links to the pages around one. `link`: addresses of the one before and the one after."""
    if pages < 2:
        return Safe("")
    before, after = link
    parts = [el("a", "Previous page", href=before, rel="prev")] if at > 1 else []
    parts.append(el("span", f"Page {at:,} of {pages:,}"))
    parts += [el("a", "Next page", href=after, rel="next")] if at < pages else []
    return el("nav", *parts, cls="pages", aria_label="Pages of the list")
