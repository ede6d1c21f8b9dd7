"""The name under which somebody changes or decides something: their key's under `rung serve`; else asked for, and kept in a
cookie."""

from __future__ import annotations

from urllib.parse import quote, unquote

from fastapi import APIRouter, Form
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.report.html.markup import Safe, el
from rung.web.forms import text_in
from rung.web.shell import PREFIX, href, is_https, local
from rung.web.viewer import Viewer, editor_of, viewer_of

router = APIRouter()
TABS = ()
NAME = "rung_name"  # the cookie with the name that was given last
MAX_NAME = 100  # characters
_YEAR = 365 * 86_400


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


def reviewer_of(request: Request) -> str:
    """The name of whoever decides; "": they have not said it yet."""
    try:
        return person(viewer_of(request).name or _given(request))
    except HTTPException:
        return ""


def named_reviewer(request: Request) -> str:
    """The same, where something is decided.

    Raises:
        HTTPException: 403, they may only look; 400, as `person`.
    """
    viewer = editor_of(request)
    return person(viewer.name or _given(request))


def by_field(request: Request) -> Safe:
    """Where the name is asked for; it is only shown where the key has it."""
    viewer = viewer_of(request)
    if viewer.name:
        return el("p", "Kept with it: ", el("b", viewer.name, dir="auto"), cls="quiet small")
    return el(
        "label",
        "Your name",
        el("input", name_="by", value=_given(request), required=True, maxlength=MAX_NAME, autocomplete="name"),
    )


def name_form(request: Request, to: str) -> Safe:
    """Who decides here: asks for the name where it is not known, and says it, to be changed, where no key does.

    Args:
        request: of the page.
        to: where to come back to.
    """
    viewer, name = viewer_of(request), reviewer_of(request)
    if viewer.name:
        return el("p", "You decide as ", el("b", name, dir="auto"), ".", cls="quiet small")
    field = el(
        "label", "Your name",
        el("input", name_="name", value=name or None, required=True, maxlength=MAX_NAME, autocomplete="name"),
    )  # fmt: skip
    form = el(
        "form", field, el("input", type="hidden", name_="to", value=to), el("button", "Keep", cls=None if name else "main"),
        method="post", action=href("reviewer"), cls="row",
    )  # fmt: skip
    if not name:
        return el("div", el("p", "Say who you are: your name is kept with each decision."), form, cls="notice")
    return el("details", el("summary", "You decide as ", el("b", name, dir="auto")), form)


def done(request: Request, address: str, by: str) -> Response:
    """After a change: to the page that shows it. The name is remembered for the next form."""
    response = RedirectResponse(address, 303)
    response.set_cookie(NAME, quote(by), max_age=_YEAR, path=PREFIX, httponly=True, samesite="lax", secure=is_https(request))
    return response


def _given(request: Request) -> str:
    """The name that was given last in this browser."""
    return unquote(request.cookies.get(NAME, ""))


@router.post("/reviewer")
def keep_name(request: Request, name: str = Form("", max_length=4 * MAX_NAME), to: str = Form("")) -> Response:
    """Keep who decides in this browser."""
    editor_of(request)
    return done(request, local(to), person(name))
