"""What a page says where a form is refused: the way back to where it was sent from, and what was written in it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from rung.report.html.markup import Safe, el, join
from rung.web.forms import sent_from

# What forms carry along unseen, or as a button: nobody wrote it.
UNSEEN = frozenset(
    (
        *(
            "action",
            "at",
            "case",
            "do",
            "edited",
            "file",
            "filter",
            "following",
            "good",
            "groups",
            "id",
            "kind",
            "left",
            "location",
        ),
        *(
            "left_turns",
            "line",
            "mark",
            "name",
            "place",
            "rating",
            "right",
            "right_turns",
            "rung",
            "shown",
            "stamp",
            "subject",
        ),
        *("to", "turn", "turns", "was"),
    )
)


async def refused_form(request: Request) -> Safe:
    """Below the refusal of a form: nothing for what is none."""
    if request.method != "POST":
        return Safe("")
    parts = []
    if back := sent_from(request):
        parts.append(el("p", el("a", "Back to where it was sent from", href=back, cls="button")))
    if pairs := await _written(request):
        listed = el(
            "dl", *(join(el("dt", name), el("dd", text, dir="auto", cls="text")) for name, text in pairs), cls="facts"
        )
        parts.append(el("section", el("h2", "What you wrote, to be copied"), listed))
    return join(*parts)


async def _written(request: Request) -> list[tuple[str, str]]:
    """(field, text) of what somebody wrote, where it was read as a form."""
    try:
        form = await request.form()
    except (RuntimeError, HTTPException):  # it cannot be read, or not again
        return []
    return [
        (name.replace("_", " "), value)
        for name, value in form.multi_items()
        if name not in UNSEEN and isinstance(value, str) and value.strip()
    ]
