"""Forms that people send: what is in them, and their parts as HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rung.report.html.markup import Safe, el
from rung.web.shell import local


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


def sent_from(request: Request) -> str:
    """The page of the board, with its query, that a form was sent from; "" where the browser does not say one."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    address = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return address if parts.netloc == request.headers.get("host") and local(address) == address else ""


def hidden(**values: str) -> list[Safe]:
    """Fields that a form carries unseen."""
    return [el("input", type="hidden", name_=name, value=value) for name, value in values.items()]


def choice(label: str, name: str, options: Sequence[tuple[str, str]], chosen: str) -> Safe:
    """A list to choose from; `options` as (value, words)."""
    listed = [el("option", words, value=value, selected=value == chosen) for value, words in options]
    return el("label", label, el("select", *listed, name_=name))


def paged(total: int, at: int, per_page: int) -> tuple[int, int, slice]:
    """(page, pages, which rows) of a list; its last page where it has not as many."""
    pages = max(1, -(-total // per_page))
    at = min(at, pages)
    return at, pages, slice((at - 1) * per_page, at * per_page)


def pager(at: int, pages: int, link: Sequence[str]) -> Safe:
    """Links to the pages around one. `link`: addresses of the one before and the one after."""
    if pages < 2:
        return Safe("")
    before, after = link
    parts = [el("a", "Previous page", href=before, rel="prev")] if at > 1 else []
    parts.append(el("span", f"Page {at:,} of {pages:,}"))
    parts += [el("a", "Next page", href=after, rel="next")] if at < pages else []
    return el("nav", *parts, cls="pages", aria_label="Pages of the list")
