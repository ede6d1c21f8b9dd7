"""The name under which somebody decides: their key's under `rung serve`; else asked for once, and kept in a cookie."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.report.html.markup import Safe, el
from rung.web.forms import MAX_NAME, NAME, person, remember
from rung.web.shell import PREFIX, href
from rung.web.viewer import editor_of, viewer_of

router = APIRouter()
TABS = ()


def reviewer_of(request: Request) -> str:
    """The name of whoever decides; "": they have not said it yet."""
    try:
        return person(viewer_of(request).name or unquote(request.cookies.get(NAME, "")))
    except HTTPException:
        return ""


def named_reviewer(request: Request) -> str:
    """The same, where something is decided.

    Raises:
        HTTPException: 403, they may only look; 400, as `person`.
    """
    viewer = editor_of(request)
    return person(viewer.name or unquote(request.cookies.get(NAME, "")))


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


@router.post("/reviewer")
def keep_name(request: Request, name: str = Form("", max_length=4 * MAX_NAME), to: str = Form("")) -> Response:
    """Keep who decides in this browser."""
    editor_of(request)
    named = person(name)
    is_local = to.startswith(f"{PREFIX}/") and "\\" not in to
    return remember(RedirectResponse(to if is_local else PREFIX, 303), named, secure=request.url.scheme == "https")
